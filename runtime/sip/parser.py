"""Bytes to SipMessage: first line and header index (RFC 3261 section 7), tolerant where OpenSIPS is."""

from __future__ import annotations

import itertools
import re
from typing import TYPE_CHECKING

from runtime.sip.message import COMPACT, ParseError, SipMessage

if TYPE_CHECKING:
    from runtime.core import Received

__all__ = ["MAX_HEADERS", "MAX_MESSAGE", "check_mandatory", "parse_message"]

MAX_MESSAGE = 65535
"""Longest message accepted, in bytes."""
MAX_HEADERS = 256
"""Most header lines accepted."""

_REQUEST_LINE = re.compile(r"([A-Za-z0-9.!%*_+`'~-]+) +(\S*) +SIP/\d\.\d *", re.IGNORECASE)
_STATUS_LINE = re.compile(r"SIP/2\.0 +([0-9]{3})(?: +(.*))?", re.IGNORECASE)
_NAME = re.compile(r"[A-Za-z0-9.!%*_+`'~-]+[ \t]*\Z")

_KEYS: dict[str, str] = {}
"""Spellings seen so far, with their colon, to keys; bounded, so that a sender of random names cannot grow it."""
_KEYS_MAX = 4096

_MANDATORY = ("via", "from", "to", "call-id", "cseq")


def _key(name: str) -> str:
    """Lower-case long name of a header as written."""
    if not _NAME.match(name):
        raise ParseError("bad header name")
    key = name.rstrip().lower()
    key = COMPACT.get(key, key)
    if len(_KEYS) < _KEYS_MAX:
        _KEYS[f"{name}:"] = key
    return key


def parse_message(data: bytes, received: Received) -> SipMessage:
    """Index one message.  Raises ParseError when there is no usable first line or the header lines are broken.

    Header fields are not looked into; use `check_mandatory` for what every message needs.
    """
    if len(data) > MAX_MESSAGE:
        raise ParseError("message too large", 513)
    text = data.decode("latin-1")
    start = 0
    if text[:2] == "\r\n" or text[:1] == "\n":
        start = len(text) - len(text.lstrip("\r\n"))
        text = text[start:]
    end = text.find("\r\n\r\n")
    if end < 0:
        if ("\r\n" not in text and "\n" in text) or "\n\n" in text:
            text = text.replace("\r\n", "\n").replace("\n", "\r\n")
            end = text.find("\r\n\r\n")
        if end < 0:
            # No empty line: OpenSIPS takes what is there if it ends with a complete header line.
            if not text.endswith("\r\n"):
                raise ParseError("no end of headers")
            text += "\r\n"
            end = len(text) - 4
    head = text[:end]
    lines = head.split("\r\n")
    if len(lines) > MAX_HEADERS:
        raise ParseError("too many headers", 400)
    msg = SipMessage()
    msg.text = text
    msg.received = received
    msg.body_start = end + 4
    first = lines[0]
    _first_line(msg, first)
    index: dict[str, list[tuple[int, int, int]]] = {}
    position = len(first) + 2
    keys = _KEYS
    previous: list[tuple[int, int, int]] | None = None
    for line in itertools.islice(lines, 1, None):
        colon = line.find(":")
        after = position + len(line) + 2
        try:
            key = keys[line[: colon + 1]]
        except KeyError:
            if line[:1] in " \t":  # folding, or an empty line that cannot be here
                if previous is None or not line:
                    raise ParseError("continuation without a header") from None
                begun, colon, _ = previous[-1]
                previous[-1] = (begun, colon, after)
                position = after
                continue
            if colon <= 0:
                raise ParseError("header without a colon") from None
            key = _key(line[:colon])
        if key in index:
            previous = index[key]
            previous.append((position, position + colon, after))
        else:
            previous = index[key] = [(position, position + colon, after)]
        position = after
    msg.header_index = index
    if not msg.is_request:
        place = index.get("cseq")
        if place:
            msg.method = text[place[0][1] + 1 : place[0][2]].split()[-1] if place[0][2] - place[0][1] > 3 else ""
    length = index.get("content-length")
    if length is not None:
        _check_length(msg, text[length[0][1] + 1 : length[0][2]].strip())
    return msg


def _first_line(msg: SipMessage, line: str) -> None:
    if line[:4].upper() == "SIP/":
        match = _STATUS_LINE.fullmatch(line)
        if match is None:
            raise ParseError("bad status line")
        msg.is_request = False
        msg.status = int(match[1])
        msg.reason = match[2] or ""
        return
    parts = line.split(" ")
    if len(parts) == 3 and parts[2] == "SIP/2.0" and parts[0].isalpha():
        msg.method, msg.request_uri = parts[0], parts[1]
        return
    match = _REQUEST_LINE.fullmatch(line)
    if match is None:
        raise ParseError("bad request line")
    msg.method, msg.request_uri = match[1], match[2]


def _check_length(msg: SipMessage, value: str) -> None:
    """Cut the body at Content-Length (RFC 3261 section 18.3); a shorter body is left as it is, as OpenSIPS does."""
    if not value.isdigit() or len(value) > 9:
        raise ParseError("bad Content-Length")
    length = int(value)
    available = len(msg.text) - msg.body_start
    if length < available:
        msg.text = msg.text[: msg.body_start + length]


def check_mandatory(msg: SipMessage) -> str:
    """The name of a mandatory header that is missing (RFC 3261 section 8.1.1), "" when all are there."""
    index = msg.header_index
    for key in _MANDATORY:
        if key not in index:
            return key
    return ""
