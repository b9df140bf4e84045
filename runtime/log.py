"""Logging: engine lines with module and function, script lines as the script wrote them.

Line shapes are OpenSIPS's (plain text, json, json_cee).  Levels: -3 alert, -2 critical, -1 error, 1 warning, 2 notice,
3 info, 4 debug.  A filtered call costs one comparison.  A line is one write; when stderr cannot take it, it is counted
as lost rather than waited for.
"""

from __future__ import annotations

import json
import os
import select
import stat
import sys
import time
import traceback
from types import FrameType
from typing import Any

__all__ = [
    "NAMES", "Logger", "after_fork", "bug", "configure", "engine", "engine_line", "hooks", "level_number", "levels",
    "script_error", "script_frame", "script_place", "script_warning", "sinks", "xlog_line",
]  # fmt: skip

NAMES = {-3: "ALERT", -2: "CRITICAL", -1: "ERROR", 1: "WARNING", 2: "NOTICE", 3: "INFO", 4: "DBG"}
_BY_LETTER = {"A": -3, "C": -2, "E": -1, "W": 1, "N": 2, "I": 3, "D": 4}
_SYSLOG = {-3: 1, -2: 2, -1: 3, 1: 4, 2: 5, 3: 6, 4: 7}


def level_number(text: str) -> int | None:
    """`L_ERR` as -1: the third letter decides, as in OpenSIPS; None for an unknown one."""
    return _BY_LETTER.get(text[2:3].upper())


class Levels:
    """Thresholds of this process.  `log` and `xlog` are what the script may change with $log_level, $xlog_level."""

    __slots__ = ("global_log", "global_xlog", "log", "xlog")

    def __init__(self) -> None:
        self.log = self.global_log = 2
        self.xlog = self.global_xlog = 2

    def set_log(self, level: int) -> None:
        self.log = self.global_log = level

    def set_xlog(self, level: int) -> None:
        self.xlog = self.global_xlog = level


levels = Levels()


class _Sinks:
    """Where lines go."""

    def __init__(self) -> None:
        self.stderr = True
        self.stderr_format = "plain_text"
        self.stderr_filter = 0
        self.syslog: Any = None
        self.syslog_format = "plain_text"
        self.syslog_filter = 0
        self.prefix = ""
        self.pid = os.getpid()
        self.lost = 0
        """Lines not written since the reader stopped taking them."""
        self.poll: select.poll | None = None
        """Asked before each write when stderr is something that can be full (a pipe, a socket, a terminal)."""

    def look(self) -> None:
        """Find out what stderr is."""
        self.poll = None
        try:
            if not stat.S_ISREG(os.fstat(2).st_mode):
                self.poll = select.poll()
                self.poll.register(2, select.POLLOUT)
        except OSError:
            self.stderr = False


sinks = _Sinks()


class Hooks:
    """Who else wants to see lines: `on_line(level, module, function, text)` (event E_CORE_LOG, traces)."""

    def __init__(self) -> None:
        self.on_line: list[Any] = []


hooks = Hooks()


def configure(
    *,
    stderr: bool = True,
    stderr_format: str = "plain_text",
    stderr_filter: int = 0,
    syslog: bool = False,
    syslog_format: str = "plain_text",
    syslog_filter: int = 0,
    facility: str = "LOG_DAEMON",
    name: str = "sipc",
    prefix: str = "",
) -> None:
    """Set the sinks as the script's log parameters say."""
    sinks.stderr, sinks.stderr_format, sinks.stderr_filter = stderr, stderr_format, stderr_filter
    sinks.syslog_format, sinks.syslog_filter = syslog_format, syslog_filter
    sinks.prefix = prefix
    sinks.pid = os.getpid()
    sinks.look()
    sinks.syslog = None
    if syslog:
        import syslog as module

        number = getattr(module, facility, module.LOG_DAEMON)
        module.openlog(name, module.LOG_PID, number)
        sinks.syslog = module


def after_fork() -> None:
    """Take the process id of a new worker."""
    sinks.pid = os.getpid()


_second = -1
_second_text = ""


def _timestamp() -> str:
    global _second, _second_text
    now = int(time.time())
    if now != _second:
        _second = now
        parts = time.localtime(now)
        _second_text = f"{time.strftime('%b', parts)} {parts.tm_mday:2d} {time.strftime('%H:%M:%S', parts)}"
    return _second_text


def _render(form: str, level: int, module: str, function: str, text: str) -> str:
    if form == "plain_text":
        prefix = f"{sinks.prefix}:" if sinks.prefix else ""
        place = f"{module}:{function}: " if module else ""
        return f"{_timestamp()} [{sinks.pid}] {prefix}{NAMES.get(level, 'DBG')}:{place}{text}"
    # Bytes pass as they are: each character is one byte, so nothing but control characters is escaped.
    if form == "json_cee":
        record: dict[str, Any] = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%S%z"), "proc.id": str(sinks.pid), "pri": NAMES.get(level, "DBG"),
        }  # fmt: skip
        if module:
            record["subsys"], record["native.function"] = module, function
        if sinks.prefix:
            record["log_prefix"] = sinks.prefix
        record["msg"], record["pname"], record["hostname"] = text, "sipc", os.uname().nodename
    else:
        record = {"time": _timestamp(), "pid": sinks.pid, "level": NAMES.get(level, "DBG")}
        if module:
            record["module"], record["function"] = module, function
        if sinks.prefix:
            record["prefix"] = sinks.prefix
        record["message"] = text
    return json.dumps(record, ensure_ascii=False)


_PIPE = 4096
"""A pipe that polls as writable takes this much without blocking (PIPE_BUF)."""
_PATIENCE = 0.25
"""How long a reader that does not read may hold up a process, in seconds; once, until it reads again."""


def _put(data: bytes) -> None:
    """Write one line to stderr.  When the reader does not keep up, lines are counted instead and reported later."""
    if sinks.poll is None:
        _put_now(data)
        return
    if not sinks.poll.poll(0 if sinks.lost else _PATIENCE * 1000):
        sinks.lost += 1
        return
    if sinks.lost:
        lost, sinks.lost = sinks.lost, 0
        _put_now((_render(sinks.stderr_format, 1, "core", "log", f"{lost} log lines lost: nobody read them") + "\n").encode())
    while data and sinks.poll.poll(_PATIENCE * 1000):
        if not _put_now(data[:_PIPE]):
            return
        data = data[_PIPE:]


def _put_now(data: bytes) -> bool:
    try:
        while data:
            data = data[os.write(2, data) :]
    except BlockingIOError:
        sinks.lost += 1
        return False
    except OSError:
        sinks.stderr = False
        return False
    return True


def _write(level: int, module: str, function: str, text: str) -> None:
    if sinks.stderr and (not sinks.stderr_filter or level <= sinks.stderr_filter):
        line = _render(sinks.stderr_format, level, module, function, text)
        if not line.endswith("\n"):
            line += "\n"
        _put(line.encode("latin-1", "replace"))
    if sinks.syslog is not None and (not sinks.syslog_filter or level <= sinks.syslog_filter):
        place = f"{NAMES.get(level, 'DBG')}:{module}:{function}: " if module else f"{NAMES.get(level, 'DBG')}:"
        if sinks.syslog_format == "plain_text":
            line = f"{place}{text}"
        else:
            line = _render(sinks.syslog_format, level, module, function, text)
            if sinks.syslog_format == "json_cee":
                line = f"@cee: {line}"
        sinks.syslog.syslog(_SYSLOG.get(level, 7), line.rstrip("\n").replace("\0", ""))
    for hook in hooks.on_line:
        hook(level, module, function, text)


def engine_line(level: int, module: str, function: str, text: str) -> None:
    """One engine line as it is; the caller has checked `levels.log`."""
    _write(level, module, function, text)


def xlog_line(level: int, text: str) -> None:
    """One line of the script; the caller has checked `levels.xlog`."""
    _write(level, "", "", text)


class Logger:
    """Engine log of one module.  Arguments are formatted with % only when the line is written."""

    __slots__ = ("module",)

    def __init__(self, module: str) -> None:
        self.module = module

    @property
    def debug_on(self) -> bool:
        return levels.log >= 4

    def _log(self, level: int, text: str, arguments: tuple[Any, ...]) -> None:
        caller = sys._getframe(2).f_code.co_name
        _write(level, self.module, caller, text % arguments if arguments else text)

    def alert(self, text: str, *arguments: Any) -> None:
        if levels.log >= -3:
            self._log(-3, text, arguments)

    def critical(self, text: str, *arguments: Any) -> None:
        if levels.log >= -2:
            self._log(-2, text, arguments)

    def error(self, text: str, *arguments: Any) -> None:
        if levels.log >= -1:
            self._log(-1, text, arguments)

    def warning(self, text: str, *arguments: Any) -> None:
        if levels.log >= 1:
            self._log(1, text, arguments)

    def notice(self, text: str, *arguments: Any) -> None:
        if levels.log >= 2:
            self._log(2, text, arguments)

    def info(self, text: str, *arguments: Any) -> None:
        if levels.log >= 3:
            self._log(3, text, arguments)

    def debug(self, text: str, *arguments: Any) -> None:
        if levels.log >= 4:
            self._log(4, text, arguments)


def engine(module: str) -> Logger:
    """The engine log of a module."""
    return Logger(module)


def bug(logger: Logger, what: str, error: BaseException) -> None:
    """Log an exception that nobody expected: one critical line, then its traceback line by line."""
    logger.critical("%s: %s: %s", what, type(error).__name__, error)
    for entry in traceback.format_exception(error):
        for line in entry.rstrip("\n").split("\n"):
            logger.error("%s", line)


# --------------------------------------------------------------------------------------------------- script position
def script_frame(frame: FrameType | None) -> FrameType | None:
    """The innermost frame of generated code at or above `frame`."""
    while frame is not None:
        if "__sipc_generation__" in frame.f_globals:
            return frame
        frame = frame.f_back
    return None


def script_place() -> str:
    """`opensips.cfg:12` of the statement being run, "" outside of scripts."""
    frame = script_frame(sys._getframe(1))
    return f"{frame.f_code.co_filename}:{frame.f_lineno}" if frame is not None else ""


def _script(level: int, text: str) -> None:
    place = script_place()
    caller = sys._getframe(2).f_code.co_name
    _write(level, "core", caller, f"{text} at {place}" if place else text)


def script_error(text: str) -> None:
    """An error of the statement being run, with its file and line."""
    if levels.log >= -1:
        _script(-1, text)


def script_warning(text: str) -> None:
    """A warning about the statement being run, with its file and line."""
    if levels.log >= 1:
        _script(1, text)
