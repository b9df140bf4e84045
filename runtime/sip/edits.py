"""Edits (OpenSIPS: lumps) over a received message, applied when it is built."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from runtime.core import Listener
    from runtime.sip.message import SipMessage

__all__ = ["Edits", "Late", "edits_of"]

Late = Callable[["SipMessage", "Edits", "Listener"], str]
"""Text that is known only when the message is built: it depends on the sending socket (Record-Route) or on other edits.
Keep these objects immutable; copies of the edits share them."""


class Edits:
    """Changes of a message by offset in its received text.  Later edits never see earlier ones."""

    __slots__ = ("_count", "body", "changes", "first", "last", "late")

    def __init__(self) -> None:
        self.changes: list[tuple[int, int, int, str | Late]] = []
        """(start, order, end, new text)."""
        self.first: list[str | Late] = []
        """Header lines to stand before the first header."""
        self.last: list[str | Late] = []
        """Header lines to stand after the last header."""
        self.body: str | Late | None = None
        """The new body; None: the received one with its edits."""
        self.late = False
        """Is there any late text?"""
        self._count = 0

    def copy(self) -> Edits:
        """An independent copy (each branch of a fork has its own edits)."""
        made = Edits()
        made.changes = list(self.changes)
        made.first = list(self.first)
        made.last = list(self.last)
        made.body = self.body
        made.late = self.late
        made._count = self._count
        return made

    def settle(self, msg: SipMessage, listener: Listener) -> None:
        """Turn late text into text, for sending from this socket.  Done on the copy that is built from."""
        if not self.late:
            return
        self.first = [text if isinstance(text, str) else text(msg, self, listener) for text in self.first]
        self.last = [text if isinstance(text, str) else text(msg, self, listener) for text in self.last]
        self.changes = [
            change if isinstance(change[3], str) else (*change[:3], change[3](msg, self, listener))
            for change in self.changes
        ]
        if self.body is not None and not isinstance(self.body, str):
            self.body = self.body(msg, self, listener)
        self.late = False

    def replace(self, start: int, end: int, text: str | Late) -> None:
        """Put `text` in place of the received characters start..end."""
        if not isinstance(text, str):
            self.late = True
        self._count += 1
        self.changes.append((start, self._count, end, text))

    def remove(self, start: int, end: int) -> None:
        self.replace(start, end, "")

    def insert(self, at: int, text: str | Late) -> None:
        self.replace(at, at, text)

    def append_header(self, text: str | Late) -> None:
        """Add header lines (with their CRLF) after the last header."""
        if not isinstance(text, str):
            self.late = True
        self.last.append(text)

    def prepend_header(self, text: str | Late) -> None:
        """Add header lines (with their CRLF) before the first header."""
        if not isinstance(text, str):
            self.late = True
        self.first.append(text)

    def set_body(self, text: str | Late | None) -> None:
        """Give the message another body; "" removes it."""
        if text is not None and not isinstance(text, str):
            self.late = True
        self.body = text

    def removed(self, start: int, end: int) -> bool:
        """Was this stretch removed or replaced already?"""
        return any(s <= start and end <= e and s < e for s, _, e, _ in self.changes)

    @property
    def touches_body(self) -> bool:
        return self.body is not None

    def apply(self, text: str, start: int, end: int) -> str:
        """text[start:end] with the changes that lie in it (late text must be settled before)."""
        mine = sorted(change for change in self.changes if start <= change[0] < end or (change[0] == change[2] == end))
        if not mine:
            return text[start:end]
        out: list[str] = []
        at = start
        for begun, _, stop, new in mine:
            if begun < at:  # inside a stretch that is gone
                continue
            if begun > at:
                out.append(text[at:begun])
            if isinstance(new, str):
                out.append(new)
            at = stop
        if at < end:
            out.append(text[at:end])
        return "".join(out)

    def changes_body(self, body_start: int) -> bool:
        """Does any edit reach into the body?"""
        if self.body is not None:
            return True
        return any(end > body_start or start >= body_start for start, _, end, _ in self.changes)


def edits_of(msg: SipMessage) -> Edits:
    """The message's edits, made at first use."""
    if msg.edits is None:
        msg.edits = Edits()
    return msg.edits
