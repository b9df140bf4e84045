"""The media streams of SDP bodies with their places in the message text (RFC 8866)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from stdlib.sipmsgops.bodies import received_body
from stdlib.sipmsgops.settings import logger

if TYPE_CHECKING:
    from runtime.sip.message import SipMessage

__all__ = ["STATIC_PAYLOADS", "Payload", "Stream", "sdp_streams"]

_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n|\Z)")
_MEDIA = re.compile(r"m=([^\s]+)([ \t]+)([^\s]+)[ \t]+([^\s]+)([ \t]*)([^\r\n]*)")
_ADDRESS = re.compile(r"[co]=.*\bIN[ \t]+IP[46][ \t]+([^\s]+)", re.IGNORECASE)
_RTPMAP = re.compile(r"a=rtpmap:[ \t]*([^\s]+)[ \t]+([^/\r\n]+)/([^/\r\n]+?)(?:/[^\r\n]+)?[ \t]*", re.IGNORECASE)
_FMTP = re.compile(r"a=fmtp:[ \t]*([^\s]+)[ \t]+([^\r\n]+)", re.IGNORECASE)
_CUSTOM = re.compile(r"a=[^:\r\n]*:[ \t]*([^\s]+)[ \t]+([^\r\n]+)")
_HOLD = ("a=inactive", "a=sendonly")
_NO_ADDRESS = "0.0.0.0"

STATIC_PAYLOADS: tuple[tuple[str, str, str], ...] = (
    ("0", "PCMU", "8000"), ("3", "GSM", "8000"), ("4", "G723", "8000"), ("5", "DVI4", "8000"), ("6", "DVI4", "16000"),
    ("7", "LPC", "8000"), ("8", "PCMA", "8000"), ("9", "G722", "8000"), ("10", "L16", "44100"), ("11", "L16", "44100"),
    ("12", "QCELP", "8000"), ("13", "CN", "8000"), ("14", "MPA", "90000"), ("15", "G728", "8000"),
    ("16", "DVI4", "11025"), ("17", "DVI4", "22050"), ("18", "G729", "8000"), ("25", "CelB", "8000"),
    ("26", "JPEG", "90000"), ("28", "nv", "90000"), ("31", "H261", "90000"), ("32", "MPV", "90000"),
    ("33", "MP2T", "90000"), ("34", "H263", "90000"), ("t38", "t38", ""),
)  # fmt: skip
"""(payload, name, clock) of the static payload types, RFC 3551 section 6, and T.38."""


@dataclass(slots=True)
class Payload:
    """A payload type of a stream."""

    number: str
    name: str | None = None
    """Encoding name of its rtpmap; None when it has none."""
    clock: str | None = None
    lines: list[tuple[int, int]] = field(default_factory=list)
    """Places of its attribute lines in the message text."""
    linked: Payload | None = None
    """The payload whose fmtp refers to this one (`apt=`), such as its RTX stream."""


@dataclass(slots=True)
class Stream:
    """One `m=` section."""

    media: str
    transport: str
    start: int
    """Of its first line in the message text."""
    end: int
    port: tuple[int, int]
    """Place of the port."""
    formats: tuple[int, int]
    """Place of the payload list, with the blanks before it."""
    payloads: list[Payload] = field(default_factory=list)
    on_hold: bool = False
    """`inactive`, `sendonly` (RFC 3264 section 8.4) or the address 0.0.0.0 (RFC 2543)."""


def sdp_streams(msg: SipMessage) -> list[Stream] | None:
    """Streams of all SDP parts in order; None when there is no SDP or one is broken."""
    return msg.lazy("_sdp_streams", _parse, msg)  # type: ignore[no-any-return]


def _parse(msg: SipMessage) -> list[Stream] | None:
    body = received_body(msg)
    found: list[Stream] = []
    seen = False
    for part in body.parts if body is not None else ():
        if part.mime == "application/sdp" and part.end > part.start:
            seen = True
            streams = _session(msg.text, part.start, part.end)
            if streams is None:
                return None
            found += streams
    return found if seen else None


def _lines(text: str, start: int, end: int) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    at = start
    while at < end:
        match = _LINE.match(text, at, end)
        assert match is not None  # the expression matches anything
        found.append((at, match.end()))
        at = match.end()
    return found


def _session(text: str, start: int, end: int) -> list[Stream] | None:
    """Streams of one SDP body; None (and logged) when it is not one."""
    while start < end and text[start] in "\r\n":
        start += 1
    lines = _lines(text, start, end)
    if not text.startswith("v=", start):
        logger.error("invalid SDP start: [%s]", text[start : start + 2])
        return None
    media = [i for i, (begun, _) in enumerate(lines) if text.startswith("m=", begun)]
    if not media:
        logger.error("no m= in session")
        return None
    head = lines[: media[0]]
    origin = next((line for line in head if text.startswith("o=", line[0])), None)
    if origin is None or _ADDRESS.match(text, *origin) is None:
        logger.error("no o= in session")
        return None
    common = next((line for line in head if text.startswith("c=", line[0])), None)
    address = ""
    if common is not None:
        match = _ADDRESS.match(text, *common)
        if match is None:
            logger.error("can't extract common media IP from the message")
            return None
        address = match[1]
    found: list[Stream] = []
    for i, first in enumerate(media):
        last = media[i + 1] if i + 1 < len(media) else len(lines)
        stream = _stream(text, lines[first:last], address)
        if stream is None:
            return None
        found.append(stream)
    return found


def _stream(text: str, lines: list[tuple[int, int]], common: str) -> Stream | None:
    match = _MEDIA.match(text, *lines[0])
    if match is None:
        logger.error("can't extract media attr from the message")
        return None
    formats = match[6].rstrip()
    place = (match.start(5), match.start(6) + len(formats))
    stream = Stream(match[1], match[4], lines[0][0], lines[-1][1], match.span(3), place)
    stream.payloads = [Payload(number) for number in formats.split()]
    by_number = {payload.number: payload for payload in reversed(stream.payloads)}
    own = next((line for line in lines[1:] if text.startswith("c=", line[0])), None)
    address = common
    if own is not None:
        found = _ADDRESS.match(text, *own)
        if found is None:
            logger.error("can't extract media IP from the message")
            return None
        address = found[1]
    if not address:
        logger.error("can't find media IP in the message")
        return None
    for start, end in lines[1:]:
        if not text.startswith("a=", start) or not formats:
            continue
        if text[start : start + 10].lower() in _HOLD:
            stream.on_hold = True
        _attribute(text, start, end, by_number)
    if address == _NO_ADDRESS:
        stream.on_hold = True
    return stream


def _attribute(text: str, start: int, end: int, by_number: dict[str, Payload]) -> None:
    """Give an attribute line to the payload it is about."""
    match = _RTPMAP.match(text, start, end)
    if match is not None:
        payload = by_number.get(match[1])
        if payload is not None:
            payload.name, payload.clock = match[2], match[3]
            payload.lines.append((start, end))
        return
    match = _FMTP.match(text, start, end)
    if match is not None:
        payload = by_number.get(match[1])
        if payload is None:
            return
        payload.lines.append((start, end))
        for part in match[2].split(";"):
            name, equals, value = part.partition("=")
            if equals and name.strip() == "apt" and value.strip() in by_number:
                by_number[value.strip()].linked = payload
        return
    match = _CUSTOM.match(text, start, end)
    if match is not None and match[1] in by_number:
        by_number[match[1]].lines.append((start, end))
