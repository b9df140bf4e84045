"""maxfwd: the Max-Forwards header (RFC 3261 sections 16.3 and 20.22)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from runtime import log
from runtime.declare import Check, Module, Routes
from runtime.sip.edits import edits_of
from runtime.sip.message import Header

if TYPE_CHECKING:
    from runtime.sip.message import SipMessage

__all__ = ["is_maxfwd_lt", "max_limit", "mf_process_maxfwd_header", "module"]

UPPER_LIMIT = 256
"""The largest value OpenSIPS lets through."""

module = Module("maxfwd", "Max-Forwards: adding, counting down and checking it.")
logger = log.engine("maxfwd")


def _limit(value: int) -> int:
    if not 1 <= value <= UPPER_LIMIT:
        raise ValueError(f"invalid max limit ({value}) [1,{UPPER_LIMIT}]")
    return value


max_limit = module.parameter(
    "max_limit", int, UPPER_LIMIT, "Larger values in outgoing requests are lowered to this (1 to 256).", hot="now",
    check=_limit,
)  # fmt: skip

_ABSENT, _BAD = -1, -2


def _in_range(value: int) -> None:
    if not 1 <= value <= UPPER_LIMIT:
        raise ValueError(f"invalid MAXFWD number <{value}> [1,{UPPER_LIMIT}]")


MaxForwards = Annotated[int, Check(_in_range)]


def _allowed(value: int) -> bool:
    """Checks of a value given by a variable, and against max_limit."""
    if not 1 <= value <= UPPER_LIMIT:
        logger.error("invalid MAXFWD number <%d> [1,%d]", value, UPPER_LIMIT)
        return False
    if value > max_limit.value:
        logger.error("default value <%d> bigger than max limit(%d)", value, max_limit.value)
        return False
    return True


def _current(msg: SipMessage) -> int:
    """Max-Forwards as counted down so far; _ABSENT or _BAD."""
    known = msg.__dict__.get("_max_forwards")
    if known is not None:
        return int(known)
    found = msg.header_index.get("max-forwards")
    if not found:
        return _ABSENT
    place = found[0]
    digits = msg.text[place[1] + 1 : place[2]].strip() if type(place) is tuple else place.value
    # A 16 bit number of at most five digits, as OpenSIPS reads it; nothing at all counts as 0.
    if digits and (not digits.isdecimal() or not digits.isascii() or len(digits) > 5):
        logger.error("unable to parse the max forwards number")
        return _BAD
    value = int(digits or "0") & 0xFFFF
    msg.__dict__["_max_forwards"] = value
    return value


@module.function(routes=Routes.REQUEST)
def mf_process_maxfwd_header(msg: SipMessage, max_value: MaxForwards) -> int:
    """Count Max-Forwards down, or add it with `max_value` when there is none.

    2: added; 1: counted down; -1: it is 0 already; -2: it is no number.  A value above `max_limit` becomes `max_limit`.
    """
    if not _allowed(max_value):
        return -1
    value = _current(msg)
    if value == _ABSENT:
        edits_of(msg).prepend_header(f"Max-Forwards: {max_value}\r\n")
        return 2
    if value == _BAD:
        return -2
    if value == 0:
        return -1
    value = min(value, max_limit.value + 1) - 1
    place = msg.header_index["max-forwards"][0]
    if type(place) is tuple:
        start, colon, end = place
        name = msg.text[start:colon].rstrip()
    else:
        start, end, name = place.start, place.end, place.name
        colon = msg.text.index(":", start)
    raw = msg.text[colon + 1 : end]
    first = colon + 1 + len(raw) - len(raw.lstrip())
    last = colon + 1 + len(raw.rstrip())
    text = f"{value:>{last - first}}"
    edits = edits_of(msg)
    if type(place) is not tuple:
        # counted down before: the new number takes the place of that edit
        edits.changes = [change for change in edits.changes if change[0] != first or change[2] != last]
    edits.replace(first, last, text)
    state = msg.__dict__
    state["_max_forwards"] = value
    # OpenSIPS counts in the receive buffer, so the script reads the new number
    msg.header_index["max-forwards"][0] = Header("max-forwards", name, str(value), start, end)
    return 1


@module.function(routes=Routes.REQUEST | Routes.FAILURE | Routes.BRANCH)
def is_maxfwd_lt(msg: SipMessage, max_value: MaxForwards) -> int:
    """Is Max-Forwards (as counted down by now) lower than `max_value`?

    1: yes; -1: no; -2: there was none; -3: it is no number.
    """
    if not _allowed(max_value):
        return -1
    value = _current(msg)
    if value < 0:
        return value - 1
    return -1 if value >= max_value else 1
