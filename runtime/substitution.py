"""Substitution expressions `/re/replacement/flags` (OpenSIPS's, after sed and Perl)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from runtime import log, regex

if TYPE_CHECKING:
    from runtime.sip.message import SipMessage

__all__ = ["Substitution", "find", "parse_substitution"]

logger = log.engine("core")

MAX_ESCAPES = 100
MAX_REPLACEMENT = 1023
"""Longest replacement of one match, in bytes."""

Span = tuple[int, int]
_SPEC = re.compile(r"\$[A-Za-z0-9_.]+")
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t"}


def find(pattern: re.Pattern[str], text: str, at: int, line_start: bool = True) -> list[Span] | None:
    """Places of the match and its groups searching from `at` on; (-1, -1) for a group that took no part.

    As regexec() called again behind a match: `^` matches at `at` at the very start, and behind a line end if
    `line_start`.
    """
    if at == 0 or (line_start and text[at - 1] in "\r\n"):
        match, shift = pattern.search(text[at:]), at
    else:
        # something before it that is neither a word nor a line end
        match, shift = pattern.search(" " + text[at:], 1), at - 1
    if match is None:
        return None
    spans = map(match.span, range(pattern.groups + 1))
    return [(begun + shift, end + shift) if begun >= 0 else (-1, -1) for begun, end in spans]


@dataclass(frozen=True, slots=True)
class _Group:
    number: int


@dataclass(frozen=True, slots=True)
class _Variable:
    spec: str


class _Uri:
    """The R-URI."""


_URI = _Uri()
Piece = str | _Group | _Variable | _Uri


@dataclass(frozen=True, slots=True)
class Substitution:
    """A parsed substitution."""

    pattern: re.Pattern[str]
    pieces: tuple[Piece, ...]
    everywhere: bool
    """Flag g."""

    def run(self, msg: SipMessage, text: str) -> list[tuple[int, int, str]]:
        """(start, end, replacement) of each match to replace; ValueError when a match is empty or grows too long."""
        found: list[tuple[int, int, str]] = []
        at = 0
        while True:
            spans = find(self.pattern, text, at)
            if spans is None:
                return found
            start, end = spans[0]
            if start == end:
                raise ValueError("matched string is empty... invalid regexp?")
            found.append((start, end, self._replacement(msg, text, spans)))
            at = end
            if not self.everywhere:
                return found

    def apply(self, msg: SipMessage, text: str) -> str | None:
        """The text with its matches replaced; None when nothing matches."""
        try:
            changes = self.run(msg, text)
        except ValueError as error:
            logger.error("%s", error)
            return None
        return self.changed(text, changes) if changes else None

    @staticmethod
    def changed(text: str, changes: list[tuple[int, int, str]]) -> str:
        """The text with what `run` found in it."""
        out: list[str] = []
        at = 0
        for start, end, new in changes:
            out += (text[at:start], new)
            at = end
        out.append(text[at:])
        return "".join(out)

    def _replacement(self, msg: SipMessage, text: str, spans: list[Span]) -> str:
        out: list[str] = []
        for piece in self.pieces:
            if isinstance(piece, str):
                out.append(piece)
            elif isinstance(piece, _Group):
                if piece.number < len(spans) and spans[piece.number][0] >= 0:
                    start, end = spans[piece.number]
                    out.append(text[start:end])
            elif isinstance(piece, _Variable):
                out.append(_value(msg, piece.spec))
            elif msg.is_request:
                out.append(msg.current_uri)
            else:
                logger.critical("uri substitution on a reply")
        made = "".join(out)
        if len(made) > MAX_REPLACEMENT:
            raise ValueError("overflow")
        return made


def _value(msg: SipMessage, spec: str) -> str:
    """What a variable prints; NULL as nothing."""
    from runtime.format import expand

    text = expand(msg, spec)
    return "" if text == "<null>" else text


def _spec_end(text: str, at: int) -> int:
    """Where the variable that begins at text[at] == "$" ends; ValueError when it is none."""
    if text.startswith("$(", at):
        return _closing(text, at + 1)
    match = _SPEC.match(text, at)
    if match is None:
        raise ValueError("bad specifier in replace part")
    return _closing(text, match.end()) if text.startswith("(", match.end()) else match.end()


def _closing(text: str, at: int) -> int:
    """After the parenthesis that closes the one at `at`."""
    depth = 0
    for i in range(at, len(text)):
        if text[i] == "(":
            depth += 1
        elif text[i] == ")":
            depth -= 1
            if not depth:
                return i + 1
    raise ValueError("bad specifier in replace part")


def _parse_replacement(text: str, at: int, separator: str) -> tuple[tuple[Piece, ...], int]:
    """Pieces of the replacement that begins at text[at], and where its separator is."""
    pieces: list[Piece] = []
    literal = ""
    special = 0
    while at < len(text):
        char = text[at]
        piece: Piece | None = None
        if char == "\\":
            if at + 1 >= len(text):
                break
            code = text[at + 1]
            at += 2
            special += 1
            if code == "u":
                piece = _URI
            elif code in "0123456789":
                piece = _Group(int(code))
            else:
                literal += _ESCAPES.get(code, code)
        elif char == "$":
            end = _spec_end(text, at)
            piece = _Variable(text[at:end])
            special += 1
            at = end
        elif char == separator:
            if literal:
                pieces.append(literal)
            return tuple(pieces), at
        else:
            literal += char
            at += 1
        if piece is not None:
            if literal:
                pieces.append(literal)
                literal = ""
            pieces.append(piece)
        if special >= MAX_ESCAPES:
            raise ValueError("too many escapes in the replace part")
    raise ValueError("missing separator")


@lru_cache(maxsize=512)
def parse_substitution(text: str) -> Substitution:
    """Parse `/re/replacement/flags`; ValueError with the reason when it is none.  Results are kept."""
    if len(text) < 3:
        raise ValueError("expression is too short")
    separator = text[0]
    if separator == "\\":
        raise ValueError("invalid separator char <\\>")
    at = 1
    while at < len(text) and (text[at] != separator or text[at - 1] == "\\"):
        at += 1
    if at >= len(text):
        raise ValueError("no separator found")
    pattern = text[1:at]
    if at + 2 > len(text):
        raise ValueError("string too short")
    pieces, end = _parse_replacement(text, at + 1, separator)
    flags = text[end + 1 :]
    for flag in flags:
        if flag not in "igs":
            raise ValueError(f"unknown flag {flag}")
    compiled = regex.compile(pattern, icase="i" in flags, newline="s" not in flags, longest=True)
    return Substitution(compiled, pieces, "g" in flags)
