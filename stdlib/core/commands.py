"""Management commands of the core that a worker or the supervisor answers from what it has."""

from __future__ import annotations

import os
import time
from typing import Any

from runtime import log, statistics
from runtime.core import core as services
from runtime.declare import Module, Statistic
from runtime.mi.engine import MiError
from stdlib.core.module import core

__all__: list[str] = []

_statistics = Module("statistics", "Statistics over management.")


@core.command("uptime", where="supervisor")
def uptime() -> Any:
    """How long the server has been running."""
    now = services.wall()
    return {
        "Now": time.ctime(now),
        "Up since": time.ctime(services.started),
        "Up time": f"{int(now - services.started)} [sec]",
    }


@core.command("version", where="supervisor")
def version(revision: int = 0) -> Any:
    """The version, in the form that opensips-cli understands."""
    return {"Server": "OpenSIPS (4.1.0-dev (sipc/python))"}


@core.command("pwd", where="supervisor")
def pwd() -> Any:
    """The working directory."""
    return {"WD": os.getcwd()}


@core.command("arg", where="supervisor")
def arg() -> Any:
    """The command line."""
    return list(services.argv)


def _join_levels(parts: list[Any]) -> Any:
    if parts and "Processes" in parts[0]:
        return {"Processes": [process for part in parts for process in part["Processes"]]}
    return parts[0] if parts else None


@core.command("log_level", where="every", merge=_join_levels, recipes=((), ("level",), ("level", "pid")))
def log_level(level: int | None = None, pid: int | None = None) -> Any:
    """Level of engine lines: show it, set it, or set it in one process."""
    if level is None:
        kind = f"worker {services.worker_id}" if services.worker_id else "attendant"
        return {"Processes": [{"PID": os.getpid(), "Log level": log.levels.log, "Type": kind}]}
    if not -3 <= level <= 4:
        raise MiError(400, "Bad log level: -3 to 4")
    if pid is not None:
        if pid == os.getpid():
            log.levels.set_log(level)
        return {"Log level": level}
    log.levels.set_log(level)
    return {"New global log level": level}


@core.command("xlog_level", where="every", merge=lambda parts: parts[0], recipes=((), ("level",)))
def xlog_level(level: int | None = None) -> Any:
    """Level of script lines: show or set it."""
    if level is None:
        return {"xLog Level": log.levels.global_xlog}
    log.levels.set_xlog(level)
    return {"New xLog level": level}


# -------------------------------------------------------------------------------------------------------- statistics
def _chosen(names: list[Any]) -> list[tuple[str, Statistic]]:
    """Statistics meant by `all`, `group:` or `name`, with their full names."""
    found: dict[str, Statistic] = {}
    groups = {name: m for name, m in Module.registry.items() if name == "core" or name in services.modules}
    for wanted in map(str, names):
        for group, module in groups.items():
            for name, statistic in module.statistics.items():
                full = f"{group}:{name}"
                if wanted in ("all", full, name) or (wanted.endswith(":") and wanted[:-1] == group):
                    found[full] = statistic
    return list(found.items())


def _read(statistic: Statistic) -> int:
    return statistic.read() if statistic.read is not None else statistics.total(statistic.slot)


@_statistics.command("get", "get_statistics")
def get_statistics(statistics: list[str]) -> Any:
    """Values of statistics: names, `group:` or `all`."""
    return {full: _read(statistic) for full, statistic in _chosen(statistics)}


@_statistics.command("list", "list_statistics", recipes=((), ("statistics",)))
def list_statistics(statistics: list[str] | None = None) -> Any:
    """Kinds of statistics."""
    return {full: statistic.kind for full, statistic in _chosen(statistics or ["all"])}


@_statistics.command("reset", "reset_statistics")
def reset_statistics(statistics: list[str]) -> None:
    """Set counters to zero."""
    _reset(_chosen(statistics))


@_statistics.command("reset_all", "reset_all_statistics")
def reset_all() -> None:
    """Set all counters to zero."""
    _reset(_chosen(["all"]))


def _reset(chosen: list[tuple[str, Statistic]]) -> None:
    for _, statistic in chosen:
        if statistic.read is None:
            statistics.reset(statistic.slot)


# ------------------------------------------------------------------------------- carried out by the supervisor itself
@core.command("which", where="supervisor", recipes=((), ("command",)))
def which(command: str | None = None) -> Any:
    """Names of all commands; with a name, the parameters it takes."""
    raise MiError(500, "the supervisor answers this")


@core.command("ps", where="supervisor")
def ps() -> Any:
    """The processes of the server."""
    raise MiError(500, "the supervisor answers this")


@core.command("kill", where="supervisor")
def kill() -> Any:
    """Stop the server."""
    raise MiError(500, "the supervisor answers this")


@core.command("reload_routes", where="supervisor")
def reload_routes() -> Any:
    """Build the script anew and swap it in; on errors the running one stays and the error says where they are."""
    raise MiError(500, "the supervisor answers this")


@core.command("help", where="supervisor", recipes=((), ("mi_cmd",)))
def help(mi_cmd: str | None = None) -> Any:
    """What a command does."""
    if mi_cmd is None:
        return "help mi_cmd - describes a command; see `which`"
    for module in Module.registry.values():
        for command in module.commands.values():
            if mi_cmd in (command.name, f"{module.name}:{command.name}", *command.alias):
                return {"Help": command.doc, "Exported by": module.name}
    raise MiError(404, "unknown MI command")
