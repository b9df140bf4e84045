"""Message and branch flags."""

from __future__ import annotations

from runtime.declare import Static
from runtime.sip.message import SipMessage
from stdlib.core.module import core

__all__ = ["isbflagset", "isflagset", "resetbflag", "resetflag", "setbflag", "setflag", "shown"]

_order: dict[str, int] = {}
"""Flags in the order in which this process first used them."""


def use(flag: str) -> str:
    """The flag, known from now on to `shown`."""
    if flag not in _order:
        _order[flag] = len(_order)
    return flag


def shown(flags: set[str]) -> str:
    """Names of flags as `$mf` and `$bf` print them: the one first used stands last."""
    return " ".join(sorted(flags, key=lambda flag: (-_order.get(flag, -1), flag)))


@core.function()
def setflag(msg: SipMessage, flag: Static) -> bool:
    """Set a message flag."""
    msg.flags.add(use(flag))
    return True


@core.function()
def resetflag(msg: SipMessage, flag: Static) -> bool:
    """Clear a message flag."""
    msg.flags.discard(flag)
    return True


@core.function()
def isflagset(msg: SipMessage, flag: Static) -> bool:
    """Is the message flag set?"""
    return flag in msg.flags


def _flags(msg: SipMessage, index: int) -> set[str] | None:
    if index == 0:
        return msg.branch_flags
    return msg.branches[index - 1].flags if 0 < index <= len(msg.branches) else None


@core.function()
def setbflag(msg: SipMessage, flag: Static, branch: int = 0) -> bool:
    """Set a branch flag; 0 is the request URI."""
    flags = _flags(msg, branch)
    if flags is None:
        return False
    flags.add(use(flag))
    return True


@core.function()
def resetbflag(msg: SipMessage, flag: Static, branch: int = 0) -> bool:
    """Clear a branch flag."""
    flags = _flags(msg, branch)
    if flags is None:
        return False
    flags.discard(flag)
    return True


@core.function()
def isbflagset(msg: SipMessage, flag: Static, branch: int = 0) -> bool:
    """Is the branch flag set?"""
    return flag in (_flags(msg, branch) or ())
