"""The session description as variables: $sdp $sdp.line $sdp.stream $sdp.stream.idx $sdp.session.

A name says which line is meant: `prefix[n]/token[n]`, for streams `media[n]/prefix[n]/token[n]`.  A prefix counts
whatever its case, an empty one means any line; `\\/` is a slash that separates nothing.  What is written replaces the
body of the message; later reads see it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from runtime import log
from runtime.declare import Value
from runtime.sip.body import Part, parse_body
from runtime.sip.edits import edits_of
from runtime.sip.message import SipMessage
from stdlib.core.module import core

__all__ = ["sdp_body"]

MAX_LINES = 500
_SDP = "application/sdp"
_SEPARATOR = re.compile(r"\r\n|\r|\n")
_ORIGIN = re.compile(r"(?:\A|[\r\n])o=[^\r\n]* IN IP[46] \S", re.IGNORECASE)


class _Rebuilt(str):
    """A body that these variables made."""

    __slots__ = ()


# ------------------------------------------------------------------------------------------------------- the body
def _body(msg: SipMessage) -> tuple[str, list[Part]]:
    """The body as it is now and its parts (places in that text)."""
    changed = msg.edits.body if msg.edits is not None else None
    text, start = (changed, 0) if isinstance(changed, _Rebuilt) else (msg.text, msg.body_start)
    value = msg.value_of("content-type")
    if value is None and start == 0 and text:
        value = _SDP
    found = parse_body(text, start, len(text), value)
    return text[start:], [] if found is None else [_moved(part, start) for part in found.parts]


def _moved(part: Part, start: int) -> Part:
    return Part(part.mime, part.mime_text, part.headers, part.start - start, part.end - start, part.next_start - start)


def sdp_body(msg: SipMessage) -> tuple[str, list[tuple[str, str]]] | None:
    """The body that was made here and its parts as (MIME type, content); None when the body is as received."""
    if msg.edits is None or not isinstance(msg.edits.body, _Rebuilt):
        return None
    text, parts = _body(msg)
    return text, [(part.mime, text[part.start : part.end]) for part in parts]


def _description(msg: SipMessage, quiet: bool = False) -> tuple[str, Part] | None:
    """The body and its SDP part; None (and an error line) when there is none."""
    text, parts = _body(msg)
    for part in parts:
        if part.mime == _SDP:
            return text, part
    if not quiet:
        log.script_error("current SIP message has a body, but no SDP part!" if text else "current SIP message has no SDP body!")
    return None


@lru_cache(maxsize=64)
def _lines(text: str) -> tuple[str, tuple[str, ...]]:
    """(line separator, lines without it) of a description."""
    match = _SEPARATOR.search(text)
    separator = match[0] if match is not None else "\r\n"
    lines = text.split(separator)
    if lines and not lines[-1]:
        lines.pop()
    return separator, tuple(lines)


def _store(msg: SipMessage, text: str, part: Part, separator: str, lines: list[str]) -> None:
    made = "".join([line + separator for line in lines])
    edits_of(msg).set_body(_Rebuilt(text[: part.start] + made + text[part.end :]))


# ----------------------------------------------------------------------------------------------------------- names
@dataclass(frozen=True, slots=True)
class _Step:
    """One part of a name: `prefix[index]`."""

    prefix: str = ""
    index: int | str = 0
    """A number, or the variable that gives it."""

    def number(self, msg: SipMessage) -> int:
        """The index; -1 when its variable has none."""
        if isinstance(self.index, int):
            return self.index
        from runtime.format import FormatError, read

        try:
            value = read(msg, self.index)
        except FormatError as error:
            log.script_error(str(error))
            return -1
        if isinstance(value, int):
            return value
        log.script_error(f"SDP index {self.index} is no number: {value!r}")
        return -1


_INDEX = re.compile(r"\[\s*(-?[0-9]+|\$.*?)\s*\]", re.DOTALL)


def _split(name: str, count: int) -> list[str]:
    """The name at its slashes (not those behind a backslash), `count` parts at most."""
    found: list[str] = []
    current, at = "", 0
    while at < len(name):
        if name[at] == "\\" and name[at + 1 : at + 2] in ("\\", "/"):
            current += name[at + 1]
            at += 2
            continue
        if name[at] == "/" and len(found) < count:
            found.append(current)
            current = ""
        else:
            current += name[at]
        at += 1
    return [*found, current][:count]


@lru_cache(maxsize=512)
def _steps(name: str, count: int) -> tuple[_Step | None, ...]:
    """The steps of a name, None for those it does not have; ValueError when an index is broken."""
    steps: list[_Step | None] = []
    for part in _split(name, count):
        prefix, bracket, rest = part.partition("[")
        index: int | str = 0
        if bracket:
            match = _INDEX.match(part, len(prefix))
            if match is None:
                raise ValueError(f"failed to parse index [{rest}")
            index = match[1] if match[1].startswith("$") else int(match[1])
        steps.append(_Step(prefix.lstrip().lower(), index))
    return tuple(steps + [None] * (count - len(steps)))


def _checked(count: int) -> Any:
    def check(name: str) -> None:
        if name.startswith(("$", "@")):
            raise ValueError("no support for dynamic names")
        _steps(name, count)

    return check


# ----------------------------------------------------------------------------------------------------- finding lines
def _find(msg: SipMessage, lines: tuple[str, ...], step: _Step, token: bool, start: int, end: int, extra: int = 0) -> int | None:
    """The line of lines[start:end] that is meant; `end` itself only where a line can be put."""
    index = step.number(msg) + extra
    if index < 0 or start + index > end or start + index >= MAX_LINES or (token and start + index == end):
        return None
    if not step.prefix:
        return start + index
    for at in range(start, end):
        if lines[at][: len(step.prefix)].lower() == step.prefix:
            if index == 0:
                return at
            index -= 1
    return None


def _media(lines: tuple[str, ...], start: int = 0) -> int:
    """Where the next m= line from `start` on is; the number of lines when there is none."""
    return next((at for at in range(start, len(lines)) if lines[at][:2].lower() == "m="), len(lines))


def _stream(msg: SipMessage, lines: tuple[str, ...], step: _Step) -> tuple[int, int] | None:
    """(first line, line behind it) of the stream that is meant."""
    index = step.number(msg)
    at = _media(lines)
    while at < len(lines):
        if lines[at][2 : 2 + len(step.prefix)].lower() == step.prefix:
            if index <= 0:
                return at, _media(lines, at + 1)
            index -= 1
        at = _media(lines, at + 1)
    return None


def _token(msg: SipMessage, line: str, step: _Step) -> str | None:
    """The blank-separated token of a line that is meant."""
    index = step.number(msg)
    for token in line.split():
        if token[: len(step.prefix)].lower() == step.prefix:
            if index <= 0:
                return token
            index -= 1
    return None


class _Scope:
    """One of the three variables: which lines it looks at and what its names are made of."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.count = 3 if kind == "stream" else 2

    def place(self, msg: SipMessage, lines: tuple[str, ...], name: str, extra: int = 0) -> tuple[int, _Step | None, int] | None:
        """(line, step of the token, line behind the scope) of a name; None when there is no such line."""
        steps = _steps(name, self.count)
        token = steps[-1]
        line = steps[-2] or _Step()
        start, end = 0, len(lines)
        if self.kind == "session":
            end = _media(lines)
        elif self.kind == "stream":
            assert steps[0] is not None
            found = _stream(msg, lines, steps[0])
            if found is None:
                return None
            start, end = found
        at = _find(msg, lines, line, token is not None, start, end, extra)
        return None if at is None else (at, token, end)

    def get(self, msg: SipMessage, name: str, index: Any = None) -> str | None:
        """The line (or token) of a name."""
        found = _description(msg)
        if found is None:
            return None
        text, part = found
        _, lines = _lines(text[part.start : part.end])
        place = self.place(msg, lines, name)
        if place is None or place[0] >= len(lines) or (self.kind == "session" and place[0] >= place[2]):
            return None
        line, token = lines[place[0]], place[1]
        return line if token is None else _token(msg, line, token)

    def set(self, msg: SipMessage, value: Value, name: str, index: Any = None) -> bool:
        """Write, insert (index words) or with NULL remove a line; tokens cannot be written."""
        found = _description(msg)
        if found is None:
            return False
        text, part = found
        separator, known = _lines(text[part.start : part.end])
        place = self.place(msg, known, name, int(index == "insertAfter"))
        lines = list(known)
        if place is None or (place[0] >= len(lines) and (value is None or index is None)):
            log.script_error(f"failed to locate SDP line {name}")
            return False
        at, token, _ = place
        if token is not None:
            log.script_error(f"$sdp.{self.kind}({name}): a token cannot be written")
            return False
        if value is None:
            del lines[at]
        else:
            line = str(value).removesuffix("\n").removesuffix("\r")
            if index is not None:
                lines.insert(at, line)
            else:
                lines[at] = line
        if len(lines) > MAX_LINES:
            log.script_error(f"SDP body exceeds maximum line count ({MAX_LINES})")
            return False
        _store(msg, text, part, separator, lines)
        return True


def _declare(kind: str, doc: str) -> _Scope:
    scope = _Scope(kind)

    def get(msg: SipMessage, name: str, index: Any = None) -> str | None:
        return scope.get(msg, name, index)

    def put(msg: SipMessage, value: Value, name: str, index: Any = None) -> bool:
        return scope.set(msg, value, name, index)

    get.__name__, get.__doc__ = f"sdp_{kind}", doc
    core.variable(
        f"sdp.{kind}", named="yes", indexed=True, index_words=("insert", "insertAfter"), check_name=_checked(scope.count),
        set=put,
    )(get)  # fmt: skip
    return scope


_declare("line", "A line of the SDP by its first characters; NULL removes it, [insert] and [insertAfter] put one there.")
_declare("session", "A line of the session part of the SDP, before the first m= line.")
_STREAM = _declare("stream", "A line of a media stream of the SDP; without a line its m= line.")


@core.variable("sdp.stream.idx", named="yes", type="int", check_name=_checked(3))
def sdp_stream_idx(msg: SipMessage, name: str) -> int | None:
    """Number of a stream's line in the whole SDP, the first line being 0."""
    found = _description(msg)
    if found is None:
        return None
    text, part = found
    _, lines = _lines(text[part.start : part.end])
    place = _STREAM.place(msg, lines, name)
    return place[0] if place is not None and place[0] < len(lines) else None


def _set_sdp(msg: SipMessage, value: Value, name: str | None = None) -> bool:
    if value is None:
        edits_of(msg).set_body(_Rebuilt(""))
        return True
    text = str(value)
    if not _ORIGIN.search(text):
        log.script_error(f"bad SDP provided ({text[:40]} ...), refusing to set in SIP msg")
        return False
    found = _description(msg, quiet=True)
    if found is not None:
        body, part = found
        text = body[: part.start] + text + body[part.end :]
    edits_of(msg).set_body(_Rebuilt(text))
    return True


@core.variable("sdp", named="optional", set=_set_sdp)
def sdp(msg: SipMessage, name: str | None = None) -> str | None:
    """The session description of the body; NULL removes the body."""
    found = _description(msg, quiet=True)
    if found is None:
        return None
    text, part = found
    return text[part.start : part.end] or None
