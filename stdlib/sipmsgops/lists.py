"""Headers that are lists of tokens (Supported, Allow, Require…): look for, add and remove one."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from runtime.sip.edits import edits_of
from stdlib.sipmsgops.settings import ANY_MESSAGE, headers_named, logger, module

if TYPE_CHECKING:
    from runtime.sip.edits import Edits
    from runtime.sip.message import Header, SipMessage

__all__ = ["list_hdr_add_option", "list_hdr_has_option", "list_hdr_remove_option"]

_TOKEN = re.compile(r"\s*([A-Za-z0-9\-.!%*_+`'~]+)\s*(,?)")


class _ListLine(str):
    """A header line as changed by these functions, which they may change again."""

    __slots__ = ()


def _tokens(text: str, start: int, end: int) -> list[tuple[int, int]] | None:
    """Places of the tokens of a comma-separated list; None when it is none."""
    found: list[tuple[int, int]] = []
    at = start
    while at < end:
        match = _TOKEN.match(text, at, end)
        if match is None:
            logger.error("parse error in list hdr body [%s] around position %d", text[start:end], at - start)
            return None
        at = match.end()
        if match[2] or at == end:
            found.append(match.span(1))
    return found


class _Line:
    """A header line as it is now, with the place of its value."""

    def __init__(self, msg: SipMessage, edits: Edits | None, header: Header) -> None:
        original = msg.text[header.start : header.end]
        value = original.index(":") + 1
        self.header = header
        self.original = original
        end = len(original.rstrip())
        self.start = min(value + len(original[value:]) - len(original[value:].lstrip()), end)
        self.tail = len(original) - end
        self.change: int | None = None
        self.text = original
        if edits is not None:
            for i, (start, _, _, text) in enumerate(edits.changes):
                if start == header.start and isinstance(text, _ListLine):
                    self.change, self.text = i, text

    @property
    def end(self) -> int:
        return len(self.text) - self.tail

    def save(self, edits: Edits, text: str) -> None:
        """Put the new line in place."""
        if self.change is None:
            edits.replace(self.header.start, self.header.end, _ListLine(text))
        else:
            start, order, end, _ = edits.changes[self.change]
            edits.changes[self.change] = (start, order, end, _ListLine(text))


@module.function(routes=ANY_MESSAGE)
def list_hdr_has_option(msg: SipMessage, header: str, option: str) -> bool:
    """Does a list header of the received message contain this token (in any case)?"""
    for found in headers_named(msg, header):
        tokens = _tokens(found.value, 0, len(found.value))
        if tokens is None:
            return False
        if any(found.value[start:end].lower() == option.lower() for start, end in tokens):
            return True
    return False


@module.function(routes=ANY_MESSAGE)
def list_hdr_add_option(msg: SipMessage, header: str, option: str) -> bool:
    """Add a token to the first list header of this name; false when there is none or it is no list."""
    found = headers_named(msg, header)
    if not found:
        return False
    edits = edits_of(msg)
    line = _Line(msg, edits, found[0])
    if not line.text:  # its last token was removed
        line.save(edits, line.original[: line.start] + option + line.original[len(line.original) - line.tail :])
        return True
    tokens = _tokens(line.text, line.start, line.end)
    if tokens is None:
        return False
    at = tokens[-1][1] if tokens else line.end
    line.save(edits, f"{line.text[:at]}{',' if tokens else ' '}{option}{line.text[at:]}")
    return True


@module.function(routes=ANY_MESSAGE)
def list_hdr_remove_option(msg: SipMessage, header: str, option: str) -> bool:
    """Remove a token, once from each list header of this name; a header that was nothing else goes entirely."""
    removed = False
    edits = edits_of(msg)
    for found in headers_named(msg, header):
        line = _Line(msg, edits, found)
        if not line.text:
            continue
        tokens = _tokens(line.text, line.start, line.end)
        if tokens is None:
            return False
        # OpenSIPS looks from the end of the list
        for i in range(len(tokens) - 1, -1, -1):
            start, end = tokens[i]
            if line.text[start:end].lower() != option.lower():
                continue
            if len(tokens) == 1:
                line.save(edits, "")
            elif i + 1 < len(tokens):
                line.save(edits, line.text[:start] + line.text[tokens[i + 1][0] :])
            else:
                line.save(edits, line.text[: tokens[i - 1][1]] + line.text[end:])
            removed = True
            break
    return removed
