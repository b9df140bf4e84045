"""The supervisor: owns sockets, forks workers, swaps generations in two phases, serves management.

It never starts a thread, so that forking is safe at any time.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from runtime import events, log, statistics
from runtime.control import Channel, ChannelClosed
from runtime.core import core
from runtime.declare import Command, Module
from runtime.generation import unpack
from runtime.listening import Bound, ListenError, bind_all, wanted_listeners
from runtime.mi.engine import Engine, MiError
from runtime.settings import (
    SettingsError,
    apply_changes,
    apply_core,
    apply_modparams,
    core_value,
    differences,
    read_aliases,
    validate,
)
from runtime.worker import Worker, run_worker

__all__ = ["Build", "Built", "StartError", "Supervisor"]

logger = log.engine("core")

_VOTE = 20.0
"""Longest wait for a worker's vote, in seconds."""
_COMMAND = 5.0
"""Longest wait for a worker's answer to a management command, in seconds."""
_STOP = 4.0
"""Time that workers have to stop by themselves, in seconds."""
_DEATHS = 20
"""Workers that may end within ten seconds before the server gives up."""

_SIGNALS = {signal.SIGTERM, signal.SIGINT}


class StartError(Exception):
    """The server cannot start; the text says why, with file:line where there is one."""


@dataclass(slots=True)
class Built:
    """What a build gave."""

    artefact: bytes | None
    report: str = ""
    """Findings as the command line prints them."""
    findings: list[str] = field(default_factory=list)
    """One `file:line:col: code message` each."""


Build = Callable[[], Awaitable[Built]]


@dataclass(slots=True)
class _Process:
    """A worker as the supervisor sees it."""

    number: int
    pid: int
    channel: Channel
    ready: bool = False


class Supervisor:
    """Runs the server until it is told to stop.

    `build` makes the next artefact when a reload is asked for; `load_module` makes the declarations of a script module
    known (both come from above, since the runtime knows neither the compiler nor the modules); `sockets` are those of
    the command line.
    """

    def __init__(
        self, artefact: bytes, build: Build, sockets: list[dict[str, Any]], *, load_module: Callable[[str], object] | None = None,
        workers: int = 1,
    ) -> None:  # fmt: skip
        self.header, _ = unpack(artefact)
        self.artefact = artefact
        self.build = build
        self.load_module = load_module
        self.number = 1
        self.workers = workers
        self.extra_sockets = sockets
        self.sockets: Bound = []
        self.processes: dict[int, _Process] = {}
        self.services: list[Any] = []
        """Transports of management and the like: objects with start(loop), stop() and, if they want it, hangup()."""
        self.stopping = False
        self.status = 0
        self._deaths: list[float] = []
        self._reloads = asyncio.Lock()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._early_stop = False

    # ------------------------------------------------------------------------------------------------------- start
    def prepare(self) -> None:
        """Apply settings, bind sockets, run module initialisation.  StartError says what is wrong and where."""
        signal.signal(signal.SIGTERM, self._stop_early)
        signal.signal(signal.SIGINT, self._stop_early)
        settings = self.header["settings"]
        statistics.share(1 + self.workers)
        try:
            apply_core(settings)
            apply_modparams(settings)
            core.started = time.time()
            core.pid = os.getpid()
            core.modules = list(settings["modules"])
            core.script_path = self.header["title"]
            logger.notice("sipc: %s, generation %d (%s)", self.header["title"], self.number, self.header["hash"])
            wanted = wanted_listeners([*settings["sockets"], *self.extra_sockets], self._default_ports())
            if not wanted:
                raise StartError("no socket to listen on: add socket=udp:127.0.0.1:5060, or -l udp:127.0.0.1:5060")
            buffer, backlog = core_value(settings, "maxbuffer"), core_value(settings, "tcp_socket_backlog")
            self.sockets = bind_all(wanted, buffer, backlog)
        except (SettingsError, ListenError) as error:
            raise StartError(str(error)) from None
        core.aliases.update(read_aliases(settings))
        core.listeners = [listener for listener, _ in self.sockets]
        asked = max(core_value(settings, name) for name in ("udp_workers", "tcp_workers"))
        if asked > self.workers:
            logger.info("the script asks for %d workers; %d is started", asked, self.workers)
        for name in ["core", *core.modules]:
            for hook in Module.registry[name].on_init if name in Module.registry else ():
                try:
                    hook()
                except ValueError as error:
                    raise StartError(f"module {name}: {error}") from None

    @staticmethod
    def _default_ports() -> dict[str, int]:
        """Ports of sockets that name none: modparams udp_port and tcp_port."""
        found = {}
        for proto in ("udp", "tcp"):
            module = Module.registry.get(f"proto_{proto}")
            if module is not None and f"{proto}_port" in module.parameters:
                found[proto] = int(module.parameters[f"{proto}_port"].value)
        return found

    def _stop_early(self, number: int, frame: object) -> None:
        self._early_stop = True

    # --------------------------------------------------------------------------------------------------------- run
    def run(self) -> int:
        """Serve until SIGTERM or SIGINT; the exit status."""
        for number in range(1, self.workers + 1):
            self._fork(number, first=True)
        return asyncio.run(self._serve())

    def _fork(self, number: int, first: bool = False) -> _Process:
        """Start worker `number` on the committed generation."""
        ours, theirs = socket.socketpair()
        sys.stdout.flush()
        sys.stderr.flush()
        signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)  # until the worker has its own handlers
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                ours.close()
                status = self._child(number, theirs, first)
            finally:
                os._exit(status)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
        theirs.close()
        channel = Channel(ours, lambda request: self._asked(number, request))
        made = self.processes[number] = _Process(number, pid, channel)
        return made

    def _child(self, number: int, channel: socket.socket, first: bool) -> int:
        """In the new process: forget what was the supervisor's, be a worker."""
        asyncio.events._set_running_loop(None)
        signal.set_wakeup_fd(-1)
        for which in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD):
            signal.signal(which, signal.SIG_DFL)
        for process in self.processes.values():
            process.channel.socket.close()
        return run_worker(
            Worker(number, self.artefact, self.number, self.sockets, channel, first=first, load_module=self.load_module)
        )

    async def _serve(self) -> int:
        loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop.set)
        if self._early_stop:
            self._stop.set()
        loop.add_signal_handler(signal.SIGHUP, self._hangup)
        loop.add_signal_handler(signal.SIGCHLD, self._reap)
        core.spawn = self.later
        core.raise_event = events.subscribers.send
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
        until = loop.time() + _STOP
        while self.processes and loop.time() < until:
            self._reap()
            await asyncio.sleep(0.002)
        for process in self.processes.values():
            logger.error("worker %d (pid %d) did not stop in time", process.number, process.pid)
            _signal(process.pid, signal.SIGKILL)
        logger.notice("stopped")
        return self.status

    def later(self, coroutine: Any) -> asyncio.Task[Any]:
        """Run a coroutine as a task of the supervisor; its error is logged."""
        task = asyncio.get_running_loop().create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            log.bug(logger, "a task of the supervisor failed", error)

    def _hangup(self) -> None:
        """SIGHUP: reload, and let services look after their files."""
        for service in self.services:
            if hasattr(service, "hangup"):
                service.hangup()
        self.later(self.reload())

    # ------------------------------------------------------------------------------------------------------- workers
    async def _asked(self, number: int, request: dict[str, Any]) -> Any:
        """A worker's question."""
        what = request["ask"]
        if what == "ready":
            process = self.processes[number]
            process.ready = True
            for event, where, seconds in events.subscribers.everything():
                await self._command(process, "evi", "subscribe", {"event": event, "socket": where, "expire": seconds})
            return "ok"
        if what == "reload":
            return (await self.reload()) or "OK"
        raise ValueError(f"unknown question {what!r}")

    def _reap(self) -> None:
        """Notice ended workers; replace them unless the server stops."""
        for process in list(self.processes.values()):
            try:
                pid, status = os.waitpid(process.pid, os.WNOHANG)
            except ChildProcessError:
                pid, status = process.pid, 0
            if pid == 0:
                continue
            del self.processes[process.number]
            process.channel.close()
            code = os.waitstatus_to_exitcode(status)
            if code == 0 and process.ready:
                # A signal to the whole process group reaches the workers too: wait for our own copy of it.
                asyncio.get_running_loop().call_later(0.1, self._replace, process, code)
            else:
                self._replace(process, code)

    def _replace(self, process: _Process, status: int) -> None:
        if self.stopping or self._stop.is_set():
            return
        how = f"was killed by signal {-status}" if status < 0 else f"ended with status {status}"
        now = time.monotonic()
        self._deaths = [when for when in self._deaths if now - when < 10] + [now]
        if not process.ready or len(self._deaths) > _DEATHS:
            logger.alert("worker %d (pid %d) %s; giving up", process.number, process.pid, how)
            self.status = 1
            self._stop.set()
            return
        logger.critical("worker %d (pid %d) %s; starting another", process.number, process.pid, how)
        self._fork(process.number).channel.start(asyncio.get_running_loop())

    # ------------------------------------------------------------------------------------------------------ reload
    async def reload(self) -> list[str]:
        """Build, have every worker prepare, commit.  [] when it is done, else the reasons why the old generation stays.

        Reloads asked for at the same time run one after the other.
        """
        async with self._reloads:
            try:
                return await self._reload()
            except Exception as error:
                log.bug(logger, "reload failed", error)
                return [f"reload failed: {error}"]

    async def _reload(self) -> list[str]:
        built = await self.build()
        if built.artefact is None:
            logger.error("the script has errors; generation %d stays\n%s", self.number, built.report.rstrip())
            return built.findings or [built.report]
        if built.artefact == self.artefact:
            logger.notice("nothing changed; generation %d stays", self.number)
            return []
        header, _ = unpack(built.artefact)
        number = self.number + 1
        reasons = await self._two_phases(number, built.artefact, header)
        if reasons:
            logger.error("generation %d refused, generation %d stays: %s", number, self.number, "; ".join(reasons))
            return reasons
        for change in differences(self.header["settings"], header["settings"]):
            (logger.warning if change.hot == "restart" else logger.notice)("%s", change)
        apply_changes(self.header["settings"], header["settings"])
        core.modules = [*core.modules, *(m for m in header["settings"]["modules"] if m not in core.modules)]
        self.header = header
        logger.notice("generation %d of %s (%s) is in force", number, header["title"], header["hash"])
        return []

    async def _two_phases(self, number: int, artefact: bytes, header: dict[str, Any]) -> list[str]:
        """Every worker prepares and votes; if all agree, all commit.  Reasons of those that do not agree."""
        if self.load_module is not None:
            for name in header["settings"]["modules"]:
                self.load_module(name)
        reasons = validate(self.header["settings"], header["settings"])
        if reasons:
            return reasons
        handle, path = tempfile.mkstemp(prefix="sipc-generation-")
        try:
            with os.fdopen(handle, "wb") as stream:
                stream.write(artefact)
            digest = hashlib.sha256(artefact).hexdigest()
            refusals = await self._ask_all(ask="prepare", number=number, path=path, hash=digest)
        finally:
            os.unlink(path)
        if refusals:
            await self._ask_all(ask="discard", number=number)
            return refusals
        # From here a worker that has to be replaced starts on the new generation.
        self.artefact, self.number = artefact, number
        for failure in await self._ask_all(ask="commit", number=number):
            logger.error("commit of generation %d: %s", number, failure)
        return []

    async def _ask_all(self, **request: Any) -> list[str]:
        """Ask every worker at once; the reasons of those that did not answer ok."""
        processes = list(self.processes.values())
        answers = await asyncio.gather(*[p.channel.ask(_VOTE, **request) for p in processes], return_exceptions=True)
        return [f"worker {p.number}: {_said(a)}" for p, a in zip(processes, answers, strict=True) if a != "ok"]

    # -------------------------------------------------------------------------------------------------- management
    async def _execute(self, command: Command, params: dict[str, Any]) -> Any:
        """Run a management command where it belongs."""
        name = f"{command.module}:{command.name}"
        own = {
            "core:which": self._which, "core:ps": self._ps, "core:reload_routes": self._reload_routes, "core:kill": self._kill,
        }  # fmt: skip
        if name in own:
            return await own[name](**params)
        if command.where == "supervisor":
            return command.call(**params)
        if "pid" in params and name == "core:log_level":
            self._check_pid(params["pid"])
        parts = []
        if name in ("core:log_level", "core:xlog_level", "evi:subscribe"):  # what new workers inherit
            parts.append(command.call(**params))
        processes = sorted(self.processes.values(), key=lambda p: p.number)
        if command.where == "worker":
            processes = processes[:1]
        if not processes:
            raise MiError(500, "no worker")
        parts += await asyncio.gather(*[self._command(p, command.module, command.name, params) for p in processes])
        return command.merge(parts) if command.merge is not None else parts[0]

    @staticmethod
    async def _command(process: _Process, module: str, name: str, params: dict[str, Any]) -> Any:
        """A worker's result of a command; MiError when it failed or did not come."""
        try:
            answer = await process.channel.ask(_COMMAND, ask="mi", module=module, name=name, params=params)
        except (TimeoutError, ChannelClosed):
            raise MiError(500, f"worker {process.number} did not answer") from None
        if "error" in answer:
            raise MiError(*answer["error"])
        return answer["result"]

    def _check_pid(self, pid: int) -> None:
        if pid != os.getpid() and all(process.pid != pid for process in self.processes.values()):
            raise MiError(-32602, "Bad PID")

    async def _which(self, command: str | None = None) -> Any:
        if command is None:
            return self.engine.which(core.modules)
        try:
            return [list(recipe) for recipe in self.engine.find(command, core.modules).recipes]
        except MiError:
            if command in Module.registry and Module.registry[command].commands:
                return [f"{command}:{name}" for name in Module.registry[command].commands]
            raise MiError(404, "unknown MI command") from None

    async def _ps(self) -> Any:
        names = " ".join(listener.name for listener, _ in self.sockets)
        kind = "SIP receiver" if any(listener.proto == "udp" for listener, _ in self.sockets) else "TCP receiver"
        rows = [{"ID": 0, "PID": os.getpid(), "Type": "attendant"}]
        for process in sorted(self.processes.values(), key=lambda p: p.number):
            rows.append({"ID": process.number, "PID": process.pid, "Type": f"{kind} {names}"})
        return {"Processes": rows}

    async def _reload_routes(self) -> Any:
        reasons = await self.reload()
        if reasons:
            raise MiError(500, "reload failed", reasons)
        return None

    async def _kill(self) -> Any:
        asyncio.get_running_loop().call_later(0.1, self._stop.set)
        return None


def _said(answer: Any) -> str:
    """A worker's refusal in words."""
    if isinstance(answer, TimeoutError):
        return f"no answer within {_VOTE:g} s"
    return str(answer) if not isinstance(answer, BaseException) else f"{type(answer).__name__}: {answer}"


def _signal(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return
