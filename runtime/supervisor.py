"""The supervisor: owns sockets, forks workers, swaps generations in two phases, serves management.

It never starts a thread, so that forking is safe at any time.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from runtime import log, statistics
from runtime.control import Channel, ChannelClosed
from runtime.core import Listener, core
from runtime.declare import Command, Module
from runtime.generation import unpack
from runtime.mi.engine import Engine, MiError
from runtime.transport.tcp import bind_tcp
from runtime.transport.udp import bind_udp
from runtime.worker import Worker, apply_core, run_worker

__all__ = ["Built", "StartError", "Supervisor"]

logger = log.engine("core")

Build = Callable[[], Awaitable["Built"]]
_LIMIT = 20.0
"""Longest wait for a worker's vote, in seconds."""


class StartError(Exception):
    """The server cannot start; the text says why."""


@dataclass(slots=True)
class Built:
    """What a build gave: the artefact, or the findings as text lines."""

    artefact: bytes | None
    report: str = ""


@dataclass(slots=True)
class _Process:
    """A worker as the supervisor sees it."""

    number: int
    pid: int
    channel: Channel


class Supervisor:
    """Runs the server until it is told to stop.  `build` makes the next artefact when a reload is asked for."""

    def __init__(self, artefact: bytes, build: Build, extra_sockets: list[dict[str, Any]]) -> None:
        self.header, _ = unpack(artefact)
        self.artefact = artefact
        self.build = build
        self.number = 1
        self.extra_sockets = extra_sockets
        self.sockets: list[tuple[Listener, socket.socket]] = []
        self.processes: dict[int, _Process] = {}
        self.services: list[Any] = []
        """Transports of management: objects with start(loop) and stop()."""
        self.reloading = False
        self.stopping = False
        self._deaths: list[float] = []

    # ------------------------------------------------------------------------------------------------------- start
    def prepare(self) -> None:
        """Apply settings, run module initialisation, bind sockets.  StartError says what is wrong and where."""
        settings = self.header["settings"]
        apply_core(settings)
        core.started = time.time()
        core.modules = list(settings["modules"])
        core.script_path = self.header["title"]
        self._apply_modparams(settings)
        self._bind(settings)
        self._aliases(settings)
        core.listeners = [listener for listener, _ in self.sockets]
        for name in core.modules:
            if name not in Module.registry:
                continue
            for hook in Module.registry[name].on_init:
                try:
                    hook()
                except ValueError as error:
                    raise StartError(f"module {name}: {error}") from None

    @staticmethod
    def _apply_modparams(settings: dict[str, Any]) -> None:
        for module in Module.registry.values():
            for parameter in module.parameters.values():
                parameter.reset()
        for module_name, name, value, place in settings["modparams"]:
            try:
                Module.registry[module_name].parameters[name].apply(value)
            except ValueError as error:
                raise StartError(f"{place}: {module_name}: {name}: {error}") from None
        for name, value in settings["core"].items():
            found = Module.registry["core"].parameters.get(name)
            if found is not None and not found.repeat:
                found.value = value

    def _bind(self, settings: dict[str, Any]) -> None:
        seen: set[tuple[str, str, int]] = set()
        wanted = [*settings["sockets"], *self.extra_sockets]
        if not wanted:
            raise StartError("no socket to listen on: add socket=udp:127.0.0.1:5060, or -l udp:127.0.0.1:5060")
        for entry in wanted:
            proto = entry["proto"]
            if proto not in ("udp", "tcp"):
                raise StartError(f"{entry['place']}: transport {proto} is not available")
            for ip in _addresses(entry["host"], entry["place"]):
                for port in entry["ports"] or [5060]:
                    if (proto, ip, port) in seen:
                        continue
                    seen.add((proto, ip, port))
                    listener = Listener(proto, ip, port, tag=str(entry.get("tag", "")), anycast=bool(entry.get("anycast")))
                    if "as" in entry:
                        listener.advertised_ip, listener.advertised_port = entry["as"][0], entry["as"][1] or port
                    try:
                        sock = bind_udp(listener) if proto == "udp" else bind_tcp(listener)
                    except OSError as error:
                        raise StartError(f"{entry['place']}: cannot bind {listener.name}: {error.strerror}") from None
                    self.sockets.append((listener, sock))
                    logger.info("listening on %s", listener.name)

    @staticmethod
    def _aliases(settings: dict[str, Any]) -> None:
        for text, _ in settings["aliases"]:
            for entry in text.split():
                parts = entry.strip("\"'").split(":")
                proto = parts.pop(0).lower() if parts[0].lower() in ("udp", "tcp", "tls", "any") else ""
                port = int(parts.pop()) if len(parts) > 1 and parts[-1].isdigit() else 0
                core.aliases.add(("" if proto == "any" else proto, ":".join(parts).strip("\"'[]").lower(), port))

    # --------------------------------------------------------------------------------------------------------- run
    def run(self) -> int:
        """Serve until SIGTERM or SIGINT; the exit status."""
        statistics.share(2 + 32)
        parent, child = self._fork(1)
        if child is not None:
            return child
        assert parent is not None
        return asyncio.run(self._serve())

    def _fork(self, number: int) -> tuple[_Process | None, int | None]:
        """Start worker `number`: (process, None) in the supervisor, (None, exit status) in the worker."""
        ours, theirs = socket.socketpair()
        sys.stderr.flush()
        pid = os.fork()
        if pid == 0:
            ours.close()
            for process in self.processes.values():
                process.channel.socket.close()
            status = run_worker(Worker(number, self.artefact, self.number, self.sockets, theirs))
            return None, status
        theirs.close()
        channel = Channel(ours, self._asked)
        self.processes[number] = _Process(number, pid, channel)
        return self.processes[number], None

    async def _asked(self, request: dict[str, Any]) -> Any:
        """A worker's question."""
        if request["ask"] == "reload":
            return await self.reload()
        return None

    async def _serve(self) -> int:
        loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop.set)
        loop.add_signal_handler(signal.SIGHUP, lambda: self._later(self.reload()))
        loop.add_signal_handler(signal.SIGCHLD, self._reap)
        self._tasks: set[asyncio.Task[Any]] = set()
        core.spawn = self._later
        for process in self.processes.values():
            process.channel.start(loop)
        self.engine = Engine(self._execute)
        for name in core.modules:
            for make in getattr(Module.registry.get(name), "management", ()):
                self.services.append(make(self))
        for service in self.services:
            service.start(loop)
        self._reap()
        await self._stop.wait()
        self.stopping = True
        for service in self.services:
            service.stop()
        for process in list(self.processes.values()):
            _signal(process.pid, signal.SIGTERM)
        until = loop.time() + 4.0
        while self.processes and loop.time() < until:
            self._reap()
            await asyncio.sleep(0.005)
        for process in self.processes.values():
            _signal(process.pid, signal.SIGKILL)
        return 0

    def _later(self, coroutine: Any) -> asyncio.Task[Any]:
        task = asyncio.get_running_loop().create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def _reap(self) -> None:
        """Notice ended workers; replace them unless the server stops."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            process = next((p for p in self.processes.values() if p.pid == pid), None)
            if process is None:
                continue
            del self.processes[process.number]
            process.channel.close()
            if not self.stopping and not self._stop.is_set():
                code = os.waitstatus_to_exitcode(status)
                logger.critical("worker %d (pid %d) ended with status %d, starting another", process.number, pid, code)
                self._replace(process.number)

    def _replace(self, number: int) -> None:
        now = time.monotonic()
        self._deaths = [when for when in self._deaths if now - when < 10] + [now]
        if len(self._deaths) > 20:
            logger.alert("workers end again and again: giving up")
            self._stop.set()
            return
        loop = asyncio.get_running_loop()
        ours, theirs = socket.socketpair()
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                asyncio.events._set_running_loop(None)
                for which in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD):
                    signal.signal(which, signal.SIG_DFL)
                signal.set_wakeup_fd(-1)
                ours.close()
                status = run_worker(Worker(number, self.artefact, self.number, self.sockets, theirs))
            finally:
                os._exit(status)
        theirs.close()
        channel = Channel(ours, self._asked)
        channel.start(loop)
        self.processes[number] = _Process(number, pid, channel)

    # ------------------------------------------------------------------------------------------------------ reload
    async def reload(self) -> str:
        """Build, have every worker prepare, commit.  "OK", or why the old generation stays."""
        if self.reloading:
            return "a reload is under way already"
        self.reloading = True
        try:
            return await self._reload()
        except Exception as error:
            logger.error("reload failed: %r", error)
            return f"reload failed: {error}"
        finally:
            self.reloading = False

    async def _reload(self) -> str:
        built = await self.build()
        if built.artefact is None:
            logger.error("the edited script has errors; generation %d stays\n%s", self.number, built.report.rstrip())
            return built.report
        header, _ = unpack(built.artefact)
        if built.artefact == self.artefact:
            logger.notice("nothing changed; generation %d stays", self.number)
            return "OK"
        number = self.number + 1
        handle, path = tempfile.mkstemp(prefix="sipc-generation-")
        try:
            with os.fdopen(handle, "wb") as stream:
                stream.write(built.artefact)
            refusals = await self._ask_all(ask="prepare", number=number, path=path)
            if refusals:
                await self._ask_all(ask="discard", number=number)
                logger.error("generation %d refused, generation %d stays: %s", number, self.number, "; ".join(refusals))
                return "; ".join(refusals)
            await self._ask_all(ask="commit", number=number, settings={})
        finally:
            os.unlink(path)
        changes = _differences(self.header["settings"], header["settings"])
        self.header, self.artefact, self.number = header, built.artefact, number
        for change in changes:
            logger.warning("%s", change)
        logger.notice("generation %d of %s is in force", number, header["title"])
        return "OK"

    async def _ask_all(self, **request: Any) -> list[str]:
        """Ask every worker at once; the reasons of those that did not answer ok."""
        processes = list(self.processes.values())
        answers = await asyncio.gather(*[p.channel.ask(_LIMIT, **request) for p in processes], return_exceptions=True)
        return [f"worker {p.number}: {a}" for p, a in zip(processes, answers, strict=True) if a != "ok"]

    # -------------------------------------------------------------------------------------------------- management
    async def _execute(self, command: Command, params: dict[str, Any]) -> Any:
        if command.where == "supervisor":
            special = {"which": self._which, "ps": self._ps, "reload_routes": self._reload_routes, "kill": self._kill}
            if command.module == "core" and command.name in special:
                return await special[command.name](**params)
            return command.call(**params)
        processes = list(self.processes.values())
        if command.where == "worker":
            processes = processes[:1]
        request = {"module": command.module, "name": command.name, "params": params}
        parts = []
        for process in processes:
            try:
                answer = await process.channel.ask(5.0, ask="mi", **request)
            except (TimeoutError, ChannelClosed):
                raise MiError(500, "a worker did not answer") from None
            if "error" in answer:
                raise MiError(*answer["error"])
            parts.append(answer["result"])
        if not parts:
            raise MiError(500, "no worker")
        return command.merge(parts) if command.merge is not None else parts[0]

    async def _which(self, command: str | None = None) -> Any:
        if command is None:
            return self.engine.which(core.modules)
        try:
            return [list(recipe) for recipe in self.engine.find(command, core.modules).recipes]
        except MiError:
            raise MiError(404, "unknown MI command") from None

    async def _ps(self) -> Any:
        rows = [{"ID": 0, "PID": os.getpid(), "Type": "attendant"}]
        for process in sorted(self.processes.values(), key=lambda p: p.number):
            names = " ".join(listener.name for listener, _ in self.sockets)
            rows.append({"ID": process.number, "PID": process.pid, "Type": f"SIP receiver {names}"})
        return {"Processes": rows}

    async def _reload_routes(self) -> Any:
        outcome = await self.reload()
        if outcome != "OK":
            raise MiError(500, "reload failed", outcome)
        return None

    async def _kill(self) -> Any:
        asyncio.get_running_loop().call_later(0.2, self._stop.set)
        return None


def _signal(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


def _addresses(host: str, place: str) -> list[str]:
    """Addresses of a socket's host: `*`, an address, or a name."""
    if host == "*":
        return ["0.0.0.0"]
    bare = host.strip("[]")
    try:
        found = socket.getaddrinfo(bare, None, type=socket.SOCK_DGRAM, proto=socket.IPPROTO_UDP)
    except OSError:
        raise StartError(f"{place}: cannot resolve {host}") from None
    return [str(found[0][4][0])]


def _differences(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """What changed outside the routes, and that it takes a restart."""
    changes = []
    if [s | {"place": ""} for s in old["sockets"]] != [s | {"place": ""} for s in new["sockets"]]:
        changes.append("the sockets changed: this needs a restart")
    if old["modules"] != new["modules"]:
        changes.append("the loaded modules changed: this needs a restart")
    for name in sorted({*old["core"], *new["core"]}):
        if old["core"].get(name) != new["core"].get(name) and name != "xlog_prefix":
            changes.append(f"core parameter {name} changed: this needs a restart")
    before = {(m, n, str(v)) for m, n, v, _ in old["modparams"]}
    after = {(m, n, str(v)) for m, n, v, _ in new["modparams"]}
    for module, name in sorted({(m, n) for m, n, _ in before ^ after}):
        changes.append(f"parameter {name} of module {module} changed: this needs a restart")
    return changes
