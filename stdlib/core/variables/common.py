"""What the variable modules share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

from runtime import log
from runtime.declare import ALL
from runtime.sip.message import ParseError, SipMessage

__all__ = ["all_of", "or_null", "pick", "shown_q"]

T = TypeVar("T")


def shown_q(q: int) -> str:
    """A q value × 1000 as it is written: `0.5`, `1`, "" when there is none."""
    return "" if q < 0 else "1" if q >= 1000 else f"0.{q:03d}".rstrip("0").rstrip(".")


def all_of(values: Iterable[Any]) -> str | None:
    """The values of index [*]: joined by ", ", NULL as nothing; NULL (and an error line) beyond 511 bytes."""
    text = ", ".join(["" if value is None else str(value) for value in values])
    if len(text) > 511:
        log.script_error("index [*]: local buffer length exceeded")
        return None
    return text


def pick(values: Sequence[Any], index: Any) -> Any:
    """The value at an index (from 0, negative from the end), all joined by ", " for ALL, None out of range."""
    if index is ALL:
        return all_of(values) if values else None
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
