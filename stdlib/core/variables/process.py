"""Time, process and log levels: $time $Tf $Ts $Tsm $TS $pp $log_level $xlog_level $C."""

from __future__ import annotations

import os
import time
from typing import Any

from runtime import log
from runtime.core import core as services
from runtime.declare import StrInt, Value
from runtime.sip.message import SipMessage
from stdlib.core import parameters
from stdlib.core.module import core

__all__: list[str] = []


@core.variable("time", named="yes", attribute="time_now")
def time_now(msg: SipMessage, form: str) -> str | None:
    """The local time by a strftime format; NULL when that gives nothing or more than 126 bytes."""
    text = time.strftime(form, time.localtime(services.wall()))
    return text if 0 < len(text) < 127 else None


@core.variable("Tf", type="strint", null=False)
def Tf(msg: SipMessage) -> Value:
    """The time as ctime prints it."""
    now = services.wall()
    return StrInt(time.ctime(now), int(now))


@core.variable("Ts", type="int", null=False)
def Ts(msg: SipMessage) -> int:
    """Seconds since 1970."""
    return int(services.wall())


@core.variable("Tsm", type="int", null=False)
def Tsm(msg: SipMessage) -> int:
    """Microseconds of the current second."""
    return int(services.wall() * 1_000_000) % 1_000_000


@core.variable("TS", type="int", null=False)
def TS(msg: SipMessage) -> int:
    """When the server started, in seconds since 1970."""
    return int(services.started)


@core.variable("pp", type="int", null=False)
def pp(msg: SipMessage) -> int:
    """Process id."""
    return os.getpid()


@core.variable("mi", type="int", null=False)
def mi(msg: SipMessage) -> int:
    """Number of the message in this process."""
    return msg.__dict__.get("id", 0)  # type: ignore[no-any-return]


def _set_log(msg: SipMessage, value: Value) -> bool:
    if value is not None and not isinstance(value, int):
        return False
    log.levels.log = log.levels.global_log if value is None else value
    return True


@core.variable("log_level", type="int", null=False, set=_set_log)
def log_level(msg: SipMessage) -> int:
    """Level of engine lines in this process; NULL resets it."""
    return log.levels.log


def _set_xlog(msg: SipMessage, value: Value) -> bool:
    if value is not None and not isinstance(value, int):
        return False
    log.levels.xlog = log.levels.global_xlog if value is None else value
    return True


@core.variable("xlog_level", type="int", null=False, set=_set_xlog)
def xlog_level(msg: SipMessage) -> int:
    """Level of script lines in this process; NULL resets it."""
    return log.levels.xlog


_COLOURS = {"s": 30, "r": 31, "g": 32, "y": 33, "b": 34, "p": 35, "c": 36, "w": 37}


def _known(name: str) -> None:
    if len(name) != 2 or name[0].lower() not in (*_COLOURS, "x") or name[1] not in (*_COLOURS, "x"):
        raise ValueError("two letters: foreground and background, each one of x s r g y b p c w")


@core.variable("C", named="yes", check_name=_known)
def C(msg: SipMessage, name: str) -> str:
    """A terminal colour, when xlog_force_color is set."""
    if not parameters.xlog_force_color.value:
        return ""
    codes: list[Any] = [0]
    if name[0] != "x":
        if name[0].isupper():
            codes.append(1)
        codes.append(_COLOURS[name[0].lower()])
    if name[1] != "x":
        codes.append(_COLOURS[name[1]] + 10)
    return f"\x1b[{';'.join(map(str, codes))}m"
