"""A worker: one event loop that runs the script."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import hashlib
import os
import signal
import socket
import time
import weakref
from collections.abc import Callable, Coroutine
from typing import Any

from runtime import dispatch, events, log, statistics
from runtime.control import Channel, ChannelClosed
from runtime.core import Destination, Listener, core
from runtime.declare import Module, Routes
from runtime.generation import Generation, load, unpack
from runtime.mi.engine import MiError
from runtime.resolver import DnsResolver
from runtime.script.flow import run_route
from runtime.settings import apply_changes, core_value, validate
from runtime.timers import Timer, TimerWheel
from runtime.transport.tcp import TcpOptions, TcpTransport
from runtime.transport.udp import UdpTransport

__all__ = ["Worker", "run_worker"]

logger = log.engine("core")

_DRAIN = 2.0
"""Longest wait for suspended routes when the worker stops, in seconds."""
_COLLECT = (50_000, 20, 100)
"""Thresholds of the garbage collector.  Messages and transactions are freed by their reference counts; what lives long
(transactions, bindings) would be looked through over and over again at the usual thresholds."""
_FLUSH = 0.5
"""Longest wait for connections to take what is queued for them, in seconds."""


class Worker:
    """Runs in a process of its own, forked by the supervisor.

    `first` says that it is the first worker 1 of this server: the one that runs startup_route.  `load_module` makes the
    declarations of a module known.
    """

    def __init__(
        self, number: int, artefact: bytes, generation: int, sockets: list[tuple[Listener, socket.socket]],
        channel: socket.socket, *, first: bool = True, load_module: Callable[[str], object] | None = None,
    ) -> None:  # fmt: skip
        self.number = number
        self.artefact = artefact
        self.generation = generation
        self.sockets = sockets
        self.channel_socket = channel
        self.first = first
        self.load_module = load_module
        self.udp: dict[int, UdpTransport] = {}
        self.tcp: dict[int, TcpTransport] = {}
        self.tcp_options = TcpOptions()
        self.tasks: set[asyncio.Task[Any]] = set()
        self.prepared: dict[int, Generation] = {}
        self.timer_routes: list[Timer] = []
        self._wake: asyncio.TimerHandle | None = None
        self.stopping = asyncio.Event()

    async def run(self) -> None:
        """Serve until told to stop (SIGTERM, SIGINT, or the supervisor is gone)."""
        loop = self.loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.stopping.set)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM, signal.SIGINT})
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        loop.set_exception_handler(_unexpected)
        self.channel = Channel(self.channel_socket, self._asked, self.stopping.set)
        self.channel.start(loop)
        self._fill_core()
        core.generation = _watched(load(self.artefact, self.generation))
        self.artefact = b""
        self._read_settings(core.generation.settings)
        for listener, sock in self.sockets:
            if listener.proto == "udp":
                self.udp[id(listener)] = UdpTransport(listener, sock, dispatch.receive)
            else:
                self.tcp[id(listener)] = TcpTransport(listener, sock, dispatch.receive, self.tcp_options)
        for hook in self._hooks("on_worker"):
            hook()
        gc.collect()
        gc.freeze()
        gc.set_threshold(*_COLLECT)
        if self.first and self.number == 1:
            dispatch.run_startup()
        for udp in self.udp.values():
            udp.start(loop)
        for tcp in self.tcp.values():
            await tcp.start()
        self._start_timer_routes()
        self._tick()
        self._spawn(self._report_ready())
        await self.stopping.wait()
        await self._stop()

    async def _report_ready(self) -> None:
        with contextlib.suppress(ChannelClosed, TimeoutError):
            await self.channel.ask(10.0, ask="ready")

    def _fill_core(self) -> None:
        core.now, core.wall = time.monotonic, time.time
        core.worker_id, core.pid = self.number, os.getpid()
        core.timers = TimerWheel(core.now)
        core.timers.on_earlier = self._earlier
        core.listeners = [listener for listener, _ in self.sockets]
        core.send = self._send
        core.spawn = self._spawn
        core.raise_event = self._raise_event
        core.event_wanted = self._event_wanted
        core.request = self._request

    @staticmethod
    def _hooks(name: str) -> list[Callable[[], None]]:
        """Hooks of the loaded modules, in order of loading."""
        modules = [Module.registry[m] for m in ("core", *core.modules) if m in Module.registry]
        return [hook for module in modules for hook in getattr(module, name)]

    def _read_settings(self, settings: dict[str, Any]) -> None:
        """What this process keeps of the core parameters."""

        def value(name: str) -> Any:
            return core_value(settings, name)

        core.resolver = DnsResolver(
            limit=float(value("dns_retr_time")) * (value("dns_retr_no") + 1), try_naptr=bool(value("dns_try_naptr")),
            try_ipv6=bool(value("dns_try_ipv6")), search=bool(value("dns_use_search_list")), servers=value("dns_servers_no"),
        )  # fmt: skip
        options = self.tcp_options
        options.lifetime = float(value("tcp_connection_lifetime"))
        options.message_time = float(value("tcp_max_msg_time"))
        options.most = value("tcp_max_connections")
        options.accept_aliases = value("tcp_accept_aliases")
        if "tcp_connect_timeout" in settings["core"]:
            options.connect_time = value("tcp_connect_timeout") / 1000
        options.keepalive = (
            value("tcp_keepalive"), value("tcp_keepidle"), value("tcp_keepinterval"), value("tcp_keepcount")
        )  # fmt: skip
        declared = Module.registry.get("proto_tcp")
        if declared is not None:
            options.pongs = bool(declared.parameters["tcp_crlf_pingpong"].value)
        dispatch.slow.threshold = value("exec_msg_threshold") / 1_000_000
        events.start_log_events(bool(value("log_event_enabled")), value("log_event_level_filter"))

    # ------------------------------------------------------------------------------------------------------ the end
    async def _stop(self) -> None:
        """Handle what has arrived, let suspended routes finish, run the modules' exit hooks, empty the send queues."""
        for tcp in self.tcp.values():
            tcp.stop_listening()
        for udp in self.udp.values():
            udp.drain()
            udp.stop()
        waiting = {task for task in self.tasks if not task.done()}
        if waiting:
            await asyncio.wait(waiting, timeout=_DRAIN)
        for hook in self._hooks("on_exit"):
            hook()
        for tcp in self.tcp.values():
            tcp.stop()
        until = self.loop.time() + _FLUSH
        while any(tcp.connections for tcp in self.tcp.values()) and self.loop.time() < until:
            await asyncio.sleep(0.005)

    # ------------------------------------------------------------------------------------------------------- services
    def _send(self, data: bytes, where: Destination) -> bool:
        listener = where.listener or core.listener_for(where.proto, ":" in where.ip)
        if listener is None:
            logger.error("no socket to send to %s:%s:%d from", where.proto, where.ip, where.port)
            return False
        udp = self.udp.get(id(listener))
        if udp is not None:
            return udp.send(data, where)
        return self.tcp[id(listener)].send(data, where)

    def _spawn(self, coroutine: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        task = self.loop.create_task(coroutine)
        self.tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[Any]) -> None:
        self.tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            log.bug(logger, "a background task failed", error)

    async def _request(self, what: str, params: dict[str, Any]) -> Any:
        return await self.channel.ask(30.0, ask=what, **params)

    def _earlier(self, when: float) -> None:
        if self._wake is not None:
            self._wake.cancel()
        self._wake = self.loop.call_at(when, self._tick)

    def _tick(self) -> None:
        """Run due timers and ask to be woken for the next."""
        try:
            core.timers.run_due(core.now())
        except Exception as error:
            log.bug(logger, "a timer failed", error)
        due = core.timers.next_due()
        if self._wake is not None:
            self._wake.cancel()
        self._wake = self.loop.call_at(due, self._tick) if due is not None else None

    # ---------------------------------------------------------------------------------------- routes by time and event
    def _start_timer_routes(self) -> None:
        """Timer routes run in worker 1 only, the first time after their interval."""
        for timer in self.timer_routes:
            timer.cancel()
        self.timer_routes = []
        if self.number != 1:
            return
        for index, (_, interval, function) in enumerate(core.generation.timers):
            due = core.now() + max(interval, 1)
            self.timer_routes.append(core.timers.at(due, self._timer_route, index, due, max(interval, 1), function))

    def _timer_route(self, index: int, due: float, interval: int, function: Any) -> None:
        following = max(due + interval, core.now())
        self.timer_routes[index] = core.timers.at(following, self._timer_route, index, following, interval, function)
        run_route(function, dispatch.dummy_message(), Routes.TIMER)

    @staticmethod
    def _event_wanted(name: str) -> bool:
        return core.generation.route("event_route", name) is not None or bool(events.subscribers.of(name))

    def _raise_event(self, name: str, params: dict[str, Any]) -> None:
        events.subscribers.send(name, params)
        if core.generation.route("event_route", name) is not None:
            self.loop.call_soon(self._event_route, name, params)

    @staticmethod
    def _event_route(name: str, params: dict[str, Any]) -> None:
        """Event routes run after what raised the event, never inside of it."""
        function = core.generation.route("event_route", name)
        if function is None:
            return
        events.handling.busy = True
        try:
            run_route(function, dispatch.dummy_message(), Routes.EVENT, None, params)
        finally:
            events.handling.busy = False

    # ------------------------------------------------------------------------------------------- the supervisor asks
    async def _asked(self, request: dict[str, Any]) -> Any:
        what = request["ask"]
        if what == "prepare":
            return self._prepare(request["number"], request["path"], request["hash"])
        if what == "commit":
            return self._commit(request["number"])
        if what == "discard":
            made = self.prepared.pop(request["number"], None)
            if made is not None:
                made.close()
            return "ok"
        if what == "mi":
            return await _management(request["module"], request["name"], request["params"])
        raise ValueError(f"unknown question {what!r}")

    def _prepare(self, number: int, path: str, digest: str) -> str:
        """Load the next generation beside the current one; "ok", or why it cannot be."""
        with open(path, "rb") as stream:
            data = stream.read()
        if hashlib.sha256(data).hexdigest() != digest:
            return "the artefact is not the one announced"
        header, _ = unpack(data)
        settings = header["settings"]
        if self.load_module is not None:
            for name in settings["modules"]:
                if name not in Module.registry:
                    self.load_module(name)
        refusals = validate(core.generation.settings, settings)
        if refusals:
            return "; ".join(refusals)
        self.prepared[number] = load(data, number)
        return "ok"

    def _commit(self, number: int) -> str:
        """Swap; between two messages, since this is called by the event loop."""
        before, core.generation = core.generation, _watched(self.prepared.pop(number))
        apply_changes(before.settings, core.generation.settings)
        core.modules = [*core.modules, *(m for m in core.generation.settings["modules"] if m not in core.modules)]
        self._read_settings(core.generation.settings)
        self._start_timer_routes()
        return "ok"


async def _management(module: str, name: str, params: dict[str, Any]) -> dict[str, Any]:
    command = Module.registry[module].commands[name]
    try:
        result = command.call(**params)
        return {"result": await result if asyncio.iscoroutine(result) else result}
    except MiError as error:
        return {"error": [error.code, error.message, error.data]}
    except Exception as error:
        log.bug(logger, f"management command {name} failed", error)
        return {"error": [-32000, "Server error", "Failed to handle parameter"]}


def _watched(generation: Generation) -> Generation:
    """Free what a generation holds as soon as its last message is gone: its functions and their module refer to each
    other, and the collector may not look for a long time."""
    finalizer = weakref.finalize(generation, _freed, generation.module.__dict__, generation.number)
    finalizer.atexit = False
    return generation


def _freed(namespace: dict[str, Any], number: int) -> None:
    namespace.clear()
    logger.debug("generation %d is gone", number)


def _unexpected(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """What the event loop could not give to anybody."""
    error = context.get("exception")
    if error is not None:
        log.bug(logger, str(context.get("message", "event loop")), error)
    else:
        logger.error("%s", context.get("message"))


def run_worker(worker: Worker) -> int:
    """The life of a worker process; its exit status."""
    statistics.attach(worker.number)
    log.after_fork()
    events.subscribers.after_fork()
    try:
        asyncio.run(worker.run())
    except KeyboardInterrupt:
        return 0
    except Exception as error:
        log.bug(logger, f"worker {worker.number} cannot run", error)
        return 1
    return 0
