"""{sdp.…}: lines and streams of a session description (RFC 4566)."""

from __future__ import annotations

import re
from typing import Annotated

from runtime import log
from runtime.declare import Check, Value
from stdlib.core.module import core

__all__: list[str] = []

_ORIGIN = re.compile(r"(?:\A|\n)o=[^\r\n]* IN IP[46] \S")
_MEDIA = re.compile(r"(?:\A|\n)m=(?=(\S+) [0-9/]+ \S+ \S)?")


def _not_negative(index: int) -> None:
    if index < 0:
        raise ValueError("the index is negative")


@core.transformation("sdp", "line")
def sdp_line(value: str, kind: str, index: Annotated[int, Check(_not_negative)] = 0) -> Value:
    """The index-th line of a type (`c`, `m`…) without its line end; NULL when there is none or it has no CR."""
    if not value or index < 0:
        return None
    starts = [match.end() for match in re.finditer(rf"(?:\A|\n)(?={re.escape(kind[:1])}=)", value)]
    if index >= len(starts):
        return None
    end = value.find("\r", starts[index])
    if end < 0:
        log.script_error("{sdp.line}: malformed SDP body")
        return None
    return value[starts[index] : end]


def _streams(value: str) -> list[tuple[str, int, int]]:
    """(media type, start, end) of each stream; ValueError when the description is none."""
    if not _ORIGIN.search(value):
        raise ValueError("no o= with an address in session")
    found = list(_MEDIA.finditer(value))
    starts = [match.end() - 2 for match in found]
    if any(match[1] is None for match in found):
        raise ValueError("broken m= line")
    return [(match[1], *where) for match, where in zip(found, zip(starts, [*starts[1:], len(value)], strict=True), strict=True)]


def _chosen(value: str, which: str) -> list[tuple[str, int, int]]:
    """The streams meant by a type or a position; [] when there is none."""
    if not value:
        return []
    try:
        streams = _streams(value)
    except ValueError as error:
        log.script_error(f"bad SDP: {error}")
        return []
    if re.fullmatch(r"[+-]?[0-9]+", which):
        at = int(which)
        return [streams[at]] if -len(streams) <= at < len(streams) else []
    return [stream for stream in streams if stream[0].lower() == which.lower()]


@core.transformation("sdp", "stream")
def sdp_stream(value: str, which: str) -> Value:
    """The first stream of a type, or the one at a position (from the end when negative)."""
    for _, start, end in _chosen(value, str(which)):
        return value[start:end]
    return None


@core.transformation("sdp", "stream-delete")
def sdp_stream_delete(value: str, which: str) -> Value:
    """The description without the streams of a type, or without the one at a position; NULL when there is none."""
    gone = _chosen(value, str(which))
    for _, start, end in reversed(gone):
        value = value[:start] + value[end:]
    return value if gone else None
