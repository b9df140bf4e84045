"""Bodies of one or several parts (RFC 3261 section 7.4, RFC 2046 section 5.1), found in the received text."""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from runtime import log
from runtime.sip.fields import parse_params

if TYPE_CHECKING:
    from runtime.sip.message import SipMessage

__all__ = ["Part", "ReceivedBody", "mime_type", "parse_body", "received_body"]

logger = log.engine("core")

_MIME = re.compile(r"\s*([A-Za-z0-9!#$&^_.+*-]+)\s*/\s*([A-Za-z0-9!#$&^_.+*-]+)\s*(?:;.*)?", re.DOTALL)


def mime_type(text: str) -> str | None:
    """`application/sdp` of a Content-Type value, in lower case; None when it is none."""
    match = _MIME.fullmatch(text)
    if match is None or (match[1] == "*" and match[2] != "*"):
        return None
    return f"{match[1]}/{match[2]}".lower()


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a body: a stretch of the received text, or a new one with its own text."""

    mime: str
    """Lower case, without parameters."""
    mime_text: str
    """The Content-Type value as written."""
    headers: str = ""
    """Header lines of the part; of a new one without its Content-Type."""
    start: int = 0
    end: int = 0
    """Place of its content in the message text."""
    next_start: int = 0
    """Where the next delimiter line begins."""
    text: str | None = None
    """Content of a new part."""
    deleted: bool = False


@dataclass(frozen=True, slots=True)
class ReceivedBody:
    """The body as it came in."""

    parts: tuple[Part, ...]
    boundary: str | None
    """None: not multipart."""


def parse_body(text: str, start: int, end: int, value: str | None) -> ReceivedBody | None:
    """Parse the body text[start:end] of Content-Type `value`; None when there is none or it cannot be used."""
    mime = mime_type(value) if value is not None else None
    if start >= end or value is None or mime is None:
        return None
    if not mime.startswith("multipart/"):
        return ReceivedBody((Part(mime, value, "", start, end, end),), None)
    boundary = (parse_params(value.partition(";")[2]).get("boundary") or "").strip('"')
    if not boundary:
        return None
    delimiter = f"--{boundary}"
    places = [match.start() for match in re.finditer(f"(?:^|(?<=\n)){re.escape(delimiter)}", text[start:])]
    parts: list[Part] = []
    for here, there in itertools.pairwise(places):
        part = _parse_part(text, start + here + len(delimiter), start + there)
        if part is None:
            logger.error("Unable to parse part")
            return None
        parts.append(part)
    return ReceivedBody(tuple(parts), boundary) if parts else None


def _parse_part(text: str, start: int, next_start: int) -> Part | None:
    """The part between two delimiters; None when it is broken."""
    if text.startswith("\r\n", start):
        start += 2
    elif text[start : start + 1] in ("\r", "\n"):
        start += 1
    else:
        return None
    end = next_start
    if end > start and text[end - 1] == "\n":
        end -= 2 if text[end - 2 : end - 1] == "\r" else 1
    mime, mime_text = "text/plain", ""
    at = start
    while at < end:
        stop = text.find("\r\n", at, end)
        stop = end if stop < 0 else stop
        if stop == at:
            return Part(mime, mime_text, text[start:at], min(at + 2, end), end, next_start)
        name, colon, value = text[at:stop].partition(":")
        if not colon:
            return None
        if name.strip().lower() in ("content-type", "c"):
            mime_text = value.strip()
            found = mime_type(mime_text)
            if found is None:
                return None
            mime = found
        at = stop + 2
    return Part(mime, mime_text, text[start:end], end, end, next_start)


def received_body(msg: SipMessage) -> ReceivedBody | None:
    """The parsed body of a message; None when there is none or it cannot be used."""
    return msg.lazy("_body_parts", parse_body, msg.text, msg.body_start, len(msg.text), msg.value_of("content-type"))  # type: ignore[no-any-return]
