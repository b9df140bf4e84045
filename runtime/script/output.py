"""xlog and its prefix."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from runtime import log
from runtime.log import levels
from runtime.script.flow import _label

if TYPE_CHECKING:
    from runtime.sip.message import SipMessage

__all__ = [
    "L_ALERT", "L_CRIT", "L_DBG", "L_ERR", "L_INFO", "L_NOTICE", "L_WARN", "default_prefix", "level_of", "levels", "plain_log",
    "prefix", "xlog",
]  # fmt: skip

L_ALERT, L_CRIT, L_ERR, L_WARN, L_NOTICE, L_INFO, L_DBG = -3, -2, -1, 1, 2, 3, 4


class _Prefix:
    """What stands before each script line: `make(msg)` gives the text; None for nothing."""

    def __init__(self) -> None:
        self.make: Callable[[SipMessage], str] | None = None
        self.buffer = 4096
        """xlog_buf_size: longer lines are refused."""


prefix = _Prefix()


def default_prefix(msg: SipMessage) -> str:
    """`opensips.cfg:142 route[relay] `: file and line of the xlog statement and its route."""
    frame = log.script_frame(sys._getframe(1))
    if frame is None:
        return ""
    code = frame.f_code
    return f"{os.path.basename(code.co_filename)}:{frame.f_lineno} {_label(code, frame.f_globals)} "


def xlog(msg: SipMessage, level: int, text: str) -> bool:
    """Write one script line; the caller has compared the level.  False when it is longer than xlog_buf_size."""
    if len(text) > prefix.buffer:
        log.script_error("xlog line longer than xlog_buf_size")
        return False
    make = prefix.make
    log.xlog_line(level, make(msg) + text if make is not None else text)
    levels.log = levels.global_log
    return True


def plain_log(level: int, text: str) -> None:
    """`log()`: plain text at an engine level."""
    if levels.log >= level:
        log.xlog_line(level, text)


def level_of(value: object) -> int:
    """A level from a variable: `xlog("$var(l)", …)`."""
    return value if isinstance(value, int) else L_NOTICE
