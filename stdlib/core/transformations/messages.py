"""{sdp.…}: lines and streams of a session description."""

from __future__ import annotations

from runtime.declare import Value
from stdlib.core.module import core

__all__: list[str] = []


@core.transformation("sdp", "line")
def sdp_line(value: str, kind: str, index: int = 0) -> Value:
    """The index-th line of a type (`c`, `m`…), without its line end."""
    found = [line for line in value.split("\r\n") if line.startswith(f"{kind[:1]}=")]
    return found[index] if -len(found) <= index < len(found) else None


def _streams(value: str) -> tuple[str, list[str]]:
    """(session part, streams) of a description."""
    parts = value.split("\r\nm=")
    return parts[0] + ("\r\n" if len(parts) > 1 else ""), [
        f"m={part}" + ("\r\n" if i + 2 < len(parts) else "") for i, part in enumerate(parts[1:])
    ]


def _chosen(streams: list[str], which: str) -> list[int]:
    """Positions of the streams meant by a type or a number."""
    if which.lstrip("-").isdigit():
        at = int(which)
        return [at % len(streams)] if streams and -len(streams) <= at < len(streams) else []
    return [i for i, s in enumerate(streams) if s[2:].split(" ", 1)[0].lower() == which.lower()]


@core.transformation("sdp", "stream")
def sdp_stream(value: str, which: str) -> Value:
    """The streams of a type, or the one at a position."""
    if "o=" not in value:
        return None
    _, streams = _streams(value)
    found = _chosen(streams, str(which))
    return "".join(streams[i] for i in found) if found else None


@core.transformation("sdp", "stream-delete")
def sdp_stream_delete(value: str, which: str) -> Value:
    """The description without the streams of a type, or without the one at a position."""
    if "o=" not in value:
        return None
    head, streams = _streams(value)
    gone = _chosen(streams, str(which))
    return head + "".join(stream for i, stream in enumerate(streams) if i not in gone)
