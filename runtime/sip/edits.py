"""Edits (OpenSIPS: lumps) over a received message, applied when it is built."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from runtime.sip.message import SipMessage

__all__ = ["Edits", "edits_of"]


class Edits:
    """Changes of a message by offset in its received text.  Later edits never see earlier ones."""

    __slots__ = ("_count", "body", "changes", "first", "last")

    def __init__(self) -> None:
        self.changes: list[tuple[int, int, int, str]] = []
        """(start, order, end, new text)."""
        self.first: list[str] = []
        """Header lines to stand before the first header."""
        self.last: list[str] = []
        """Header lines to stand after the last header."""
        self.body: str | None = None
        """The new body; None: the received one with its edits."""
        self._count = 0

    def copy(self) -> Edits:
        """An independent copy (each branch of a fork has its own edits)."""
        made = Edits()
        made.changes = list(self.changes)
        made.first = list(self.first)
        made.last = list(self.last)
        made.body = self.body
        made._count = self._count
        return made

    def replace(self, start: int, end: int, text: str) -> None:
        """Put `text` in place of the received characters start..end."""
        self._count += 1
        self.changes.append((start, self._count, end, text))

    def remove(self, start: int, end: int) -> None:
        self.replace(start, end, "")

    def insert(self, at: int, text: str) -> None:
        self.replace(at, at, text)

    def append_header(self, text: str) -> None:
        """Add header lines (with their CRLF) after the last header."""
        self.last.append(text)

    def prepend_header(self, text: str) -> None:
        """Add header lines (with their CRLF) before the first header."""
        self.first.append(text)

    def set_body(self, text: str | None) -> None:
        """Give the message another body; "" removes it."""
        self.body = text

    def removed(self, start: int, end: int) -> bool:
        """Was this stretch removed or replaced already?"""
        return any(s <= start and end <= e and s < e for s, _, e, _ in self.changes)

    @property
    def touches_body(self) -> bool:
        return self.body is not None

    def apply(self, text: str, start: int, end: int) -> str:
        """text[start:end] with the changes that lie in it."""
        mine = sorted(change for change in self.changes if start <= change[0] < end or (change[0] == change[2] == end))
        if not mine:
            return text[start:end]
        out: list[str] = []
        at = start
        for begun, _, stop, new in mine:
            if begun > at:
                out.append(text[at:begun])
            out.append(new)
            at = max(at, stop)
        if at < end:
            out.append(text[at:end])
        return "".join(out)

    def changes_body(self, body_start: int) -> bool:
        """Does any edit reach into the body?"""
        return self.body is not None or any(end > body_start or start >= body_start for start, _, end, _ in self.changes)


def edits_of(msg: SipMessage) -> Edits:
    """The message's edits, made at first use."""
    if msg.edits is None:
        msg.edits = Edits()
    return msg.edits
