"""What the variable modules share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from runtime.declare import ALL
from runtime.sip.message import ParseError, SipMessage

__all__ = ["or_null", "pick"]

T = TypeVar("T")


def pick(values: Sequence[Any], index: Any) -> Any:
    """The value at an index (from 0, negative from the end), all joined by ", " for ALL, None out of range."""
    if index is ALL:
        return ", ".join(str(v) for v in values) if values else None
    if index is None:
        index = 0
    if not isinstance(index, int) or not -len(values) <= index < len(values):
        return None
    return values[index]


def or_null(read: Callable[[SipMessage], T]) -> Callable[[SipMessage], T | None]:
    """A reader that gives NULL where the field is missing or broken."""

    def safe(msg: SipMessage) -> T | None:
        try:
            return read(msg)
        except ParseError:
            return None

    safe.__name__, safe.__doc__, safe.__module__ = read.__name__, read.__doc__, read.__module__
    safe.__annotations__ = read.__annotations__
    return safe
