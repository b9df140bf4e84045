"""A worker: one event loop that runs the script."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import socket
import time
from collections.abc import Coroutine
from typing import Any

from runtime import dispatch, log, statistics
from runtime.control import Channel
from runtime.core import Destination, Listener, core
from runtime.declare import Module, Routes
from runtime.generation import load
from runtime.mi.engine import MiError
from runtime.resolver import DnsResolver
from runtime.script.flow import Rounds, run_route
from runtime.script.output import default_prefix, prefix
from runtime.timers import Timer, TimerWheel
from runtime.transport.tcp import TcpTransport
from runtime.transport.udp import UdpTransport

__all__ = ["Worker", "apply_core", "run_worker"]

logger = log.engine("core")


def apply_core(settings: dict[str, Any], worker: bool = True) -> None:
    """Put the core parameters of a script into force in this process."""
    given = settings["core"]

    def value(name: str) -> Any:
        if name in given:
            return given[name]
        return Module.registry["core"].parameters[name].default

    log.configure(
        stderr=bool(value("stderror_enabled")), stderr_format=value("stderror_log_format"),
        stderr_filter=value("stderror_level_filter"), syslog=bool(value("syslog_enabled")),
        syslog_format=value("syslog_log_format"), syslog_filter=value("syslog_level_filter"),
        facility=value("syslog_facility"), name=value("syslog_name"), prefix=value("log_prefix"),
    )  # fmt: skip
    log.levels.set_log(4 if value("debug_mode") else value("log_level"))
    log.levels.set_xlog(value("xlog_level"))
    Rounds.limit = value("max_while_loops")
    prefix.buffer = value("xlog_buf_size")
    core.advertised_address = str(value("advertised_address") or "")
    core.advertised_port = value("advertised_port") or 0
    stateless = value("disable_stateless_fwd")
    core.stateless_replies = stateless == 0 or (stateless == -1 and bool(settings.get("forwards")))
    from runtime.sip import build

    build.settings.server_signature = bool(value("server_signature"))
    if value("server_header"):
        build.settings.server_header = value("server_header")
    _set_prefix(settings)


def _set_prefix(settings: dict[str, Any]) -> None:
    """The prefix of script lines: the command line's, else the script's, else file, line and route."""
    wanted = settings.get("xlog_prefix")
    if wanted is None:
        wanted = settings["core"].get("xlog_prefix")
    if wanted is None:
        prefix.make = default_prefix
    elif wanted == "":
        prefix.make = None
    else:
        from runtime.format import expand
        from runtime.script.flow import route_place

        def make(msg: Any, text: str = wanted) -> str:
            file, line, route = route_place()
            for name, shown in (("cfg_file", file), ("cfg_line", str(line)), ("route", route)):
                text = text.replace(f"${name}", shown).replace(f"$({name})", shown)
            return expand(msg, text)

        prefix.make = make


class Worker:
    """Runs in a process of its own, forked by the supervisor."""

    def __init__(self, number: int, artefact: bytes, generation: int, sockets: list[tuple[Listener, socket.socket]],
                 channel: socket.socket) -> None:  # fmt: skip
        self.number = number
        self.artefact = artefact
        self.generation = generation
        self.sockets = sockets
        self.channel_socket = channel
        self.transports: dict[int, UdpTransport | TcpTransport] = {}
        self.tasks: set[asyncio.Task[Any]] = set()
        self.prepared: dict[int, Any] = {}
        self.timer_routes: list[Timer] = []
        self._wake: asyncio.TimerHandle | None = None
        self.stopping = asyncio.Event()

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        self.loop = loop
        core.now, core.wall = time.monotonic, time.time
        core.worker_id, core.pid = self.number, os.getpid()
        core.timers = TimerWheel(core.now)
        core.timers.on_earlier = self._earlier
        core.resolver = DnsResolver()
        core.listeners = [listener for listener, _ in self.sockets]
        core.send = self._send
        core.spawn = self._spawn
        core.raise_event = self._raise_event
        core.event_wanted = self._event_wanted
        core.generation = load(self.artefact, self.generation)
        self.artefact = b""
        for listener, sock in self.sockets:
            if listener.proto == "udp":
                udp = UdpTransport(listener, sock, dispatch.receive)
                self.transports[id(listener)] = udp
            else:
                self.transports[id(listener)] = TcpTransport(listener, sock, dispatch.receive)
        for name in ["core", *core.modules]:
            if name in Module.registry:
                for hook in Module.registry[name].on_worker:
                    hook()
        self.channel = Channel(self.channel_socket, self._asked)
        self.channel.start(loop)
        gc.collect()
        gc.freeze()
        if self.number == 1:
            dispatch.run_startup()
        for transport in self.transports.values():
            if isinstance(transport, UdpTransport):
                transport.start(loop)
            else:
                await transport.start()
        self._start_timer_routes()
        self._tick()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.stopping.set)
        loop.add_signal_handler(signal.SIGHUP, lambda: None)
        await self.stopping.wait()
        for transport in self.transports.values():
            transport.stop()
        for name in core.modules:
            if name in Module.registry:
                for hook in Module.registry[name].on_exit:
                    hook()

    # -------------------------------------------------------------------------------------------------- services
    def _send(self, data: bytes, where: Destination) -> bool:
        listener = where.listener or core.listener_for(where.proto, ":" in where.ip)
        if listener is None:
            logger.error("no socket to send to %s:%s:%d from", where.proto, where.ip, where.port)
            return False
        return self.transports[id(listener)].send(data, where)

    def _spawn(self, coroutine: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        task = self.loop.create_task(coroutine)
        self.tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[Any]) -> None:
        self.tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            logger.critical("a background task failed: %r", task.exception())

    def _earlier(self, when: float) -> None:
        if self._wake is not None:
            self._wake.cancel()
        self._wake = self.loop.call_at(when, self._tick)

    def _tick(self) -> None:
        """Run due timers and ask to be woken for the next."""
        try:
            core.timers.run_due(core.now())
        except Exception as error:
            logger.critical("a timer failed: %r", error)
        due = core.timers.next_due()
        if self._wake is not None:
            self._wake.cancel()
        self._wake = self.loop.call_at(due, self._tick) if due is not None else None

    # --------------------------------------------------------------------------------------------- routes by time
    def _start_timer_routes(self) -> None:
        for timer in self.timer_routes:
            timer.cancel()
        self.timer_routes = [
            core.timers.after(max(interval, 1), self._timer_route, index, interval, function)
            for index, (_, interval, function) in enumerate(core.generation.timers)
        ]

    def _timer_route(self, index: int, interval: int, function: Any) -> None:
        if index < len(self.timer_routes):
            self.timer_routes[index] = core.timers.after(max(interval, 1), self._timer_route, index, interval, function)
        run_route(function, dispatch.dummy_message(), Routes.TIMER)

    def _event_wanted(self, name: str) -> bool:
        return core.generation.route("event_route", name) is not None

    def _raise_event(self, name: str, params: dict[str, Any]) -> None:
        function = core.generation.route("event_route", name)
        if function is not None:
            self.loop.call_soon(run_route, function, dispatch.dummy_message(), Routes.EVENT, None, params)

    # ------------------------------------------------------------------------------------------- the supervisor asks
    async def _asked(self, request: dict[str, Any]) -> Any:
        what = request["ask"]
        if what == "prepare":
            return self._prepare(request["number"], request["path"])
        if what == "commit":
            return self._commit(request["number"], request["settings"])
        if what == "discard":
            made = self.prepared.pop(request["number"], None)
            if made is not None:
                made.close()
            return "ok"
        if what == "mi":
            command = Module.registry[request["module"]].commands[request["name"]]
            try:
                result = command.call(**request["params"])
                return {"result": await result if asyncio.iscoroutine(result) else result}
            except MiError as error:
                return {"error": [error.code, error.message, error.data]}
            except Exception as error:
                logger.critical("management command %s failed: %r", command.name, error)
                return {"error": [500, "Server Internal Error", None]}
        return None

    def _prepare(self, number: int, path: str) -> str:
        with open(path, "rb") as stream:
            data = stream.read()
        self.prepared[number] = load(data, number)
        return "ok"

    def _commit(self, number: int, settings: dict[str, Any]) -> str:
        core.generation = self.prepared.pop(number)
        _set_prefix(core.generation.settings)
        self._start_timer_routes()
        return "ok"


def run_worker(worker: Worker) -> int:
    """The life of a worker process; its exit status."""
    statistics.attach(worker.number)
    log.after_fork()
    try:
        asyncio.run(worker.run())
    except KeyboardInterrupt:
        return 0
    return 0
