"""Bodies of one or several parts (RFC 3261 section 7.4, RFC 2046 section 5.1): look into, remove and add parts."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated

from runtime.declare import Check, Var
from runtime.sip.body import Part, ReceivedBody, mime_type, received_body
from runtime.sip.edits import edits_of
from stdlib.sipmsgops.settings import ANY_MESSAGE, logger, module

if TYPE_CHECKING:
    from runtime.core import Listener
    from runtime.sip.edits import Edits
    from runtime.sip.message import SipMessage

__all__ = [
    "BOUNDARY", "Part", "ReceivedBody", "add_body_part", "get_updated_body_part", "has_body", "has_body_part",
    "mime_type", "received_body", "remove_body_part",
]  # fmt: skip

BOUNDARY = "OSS-unique-boundary-42"
"""Boundary of the multipart bodies that we make; OpenSIPS's own."""


def _check_mime(text: str) -> None:
    if text and (mime_type(text) is None or "," in text):
        raise ValueError(f"unsupported mime <{text}>")


Mime = Annotated[str, Check(_check_mime)]


@dataclass(frozen=True, slots=True)
class _Parts:
    """The body that will be sent, as a list of kept, deleted and new parts (late text of the edits)."""

    received: int
    """How many of them were received."""
    boundary: str | None
    parts: tuple[Part, ...]

    @property
    def kept(self) -> list[Part]:
        return [part for part in self.parts if not part.deleted]

    def _text(self, msg: SipMessage, edits: Edits, part: Part) -> str:
        return part.text if part.text is not None else edits.apply(msg.text, part.start, part.end)

    def __call__(self, msg: SipMessage, edits: Edits, listener: Listener) -> str:
        kept = self.kept
        if not kept:
            return ""
        if len(kept) == 1:
            part = kept[0]
            if part.text is None and self.received == 1 and self.boundary is not None:
                return edits.apply(msg.text, msg.body_start, len(msg.text))
            return self._text(msg, edits, part)
        if self.received < 2:
            out = ""
            for part in kept:
                headers = part.headers if part.text is not None else ""
                out += f"--{BOUNDARY}\r\nContent-Type: {part.mime_text}\r\n{headers}\r\n"
                out += f"{self._text(msg, edits, part)}\r\n"
            return f"{out}--{BOUNDARY}--\r\n"
        return self._remade(msg, edits)

    def _remade(self, msg: SipMessage, edits: Edits) -> str:
        """Multipart to multipart: what is kept stays as it was, delimiters included."""
        out = ""
        at = msg.body_start
        for part in self.parts:
            if part.text is not None:
                if not part.deleted:
                    out += f"--{self.boundary}\r\nContent-Type: {part.mime_text}\r\n{part.headers}\r\n{part.text}\r\n"
                continue
            if not part.deleted:
                out += edits.apply(msg.text, at, part.next_start)
            at = part.next_start
        return out + edits.apply(msg.text, at, len(msg.text))


def _content_type(msg: SipMessage, edits: Edits, listener: Listener) -> str:
    """The Content-Type line (and other headers) that fit the body to be sent."""
    header = msg.header("content-type")
    own = msg.text[header.start : header.end] if header is not None else ""
    parts = edits.body if isinstance(edits.body, _Parts) else None
    if parts is None:
        return own
    kept = parts.kept
    if not kept:
        return ""
    if len(kept) == 1:
        part = kept[0]
        if part.text is not None:
            return f"Content-Type: {part.mime_text}\r\n{part.headers}"
        if parts.received > 1:
            lines = re.split(r"(?<=\r\n)(?![ \t])", part.headers)
            return "".join(line for line in lines if line and not re.match(r"(?i)(content-length|l)\s*:", line))
        return own
    if parts.received < 2:
        return f"Content-Type: multipart/mixed;boundary={BOUNDARY}\r\n"
    return own


def _current(msg: SipMessage, edits: Edits) -> _Parts:
    if isinstance(edits.body, _Parts):
        return edits.body
    received = received_body(msg)
    if received is None:
        return _Parts(0, None, ())
    return _Parts(len(received.parts), received.boundary, received.parts)


def _store(msg: SipMessage, edits: Edits, parts: _Parts) -> None:
    if not isinstance(edits.body, _Parts):
        header = msg.header("content-type")
        if header is not None:
            edits.replace(header.start, header.end, _content_type)
        else:
            edits.append_header(_content_type)
    edits.set_body(parts)


# -------------------------------------------------------------------------------------------------------- functions
def _has_body(msg: SipMessage, mime: str) -> bool:
    if msg.received.proto != "udp":
        length = msg.value_of("content-length")
        if length is None or not length.strip().isdigit() or int(length) == 0:
            return False
    wanted = mime_type(mime) if mime else None
    if wanted is None:
        # OpenSIPS does not look whether there is one on UDP
        return not mime
    if wanted.startswith("multipart/"):
        value = msg.value_of("content-type")
        return value is not None and mime_type(value) == wanted
    parts = _current(msg, msg.edits) if msg.edits is not None else None
    if parts is None:
        received = received_body(msg)
        return received is not None and any(part.mime == wanted for part in received.parts)
    return any(part.mime == wanted for part in parts.parts)


@module.function(routes=ANY_MESSAGE)
def has_body(msg: SipMessage, mime: Mime = "") -> bool:
    """Is there a body, or a part of one, of this content type?

    Without a type: true unless a stream transport says Content-Length 0 (on UDP always, as in OpenSIPS).
    """
    return _has_body(msg, mime)


@module.function(routes=ANY_MESSAGE)
def has_body_part(msg: SipMessage, mime: Mime = "") -> bool:
    """Is there a body part of this content type?  The same as has_body()."""
    return _has_body(msg, mime)


@module.function(routes=ANY_MESSAGE)
def remove_body_part(msg: SipMessage, mime: Mime = "", revert: str = "") -> bool:
    """Remove the body parts of this content type (all without one), or with `"revert"` those of any other.

    False when there is nothing to remove.  Content-Type and Content-Length follow.
    """
    edits = edits_of(msg)
    parts = _current(msg, edits)
    wanted = mime_type(mime) if mime else None
    others = revert == "revert"
    chosen = [not part.deleted and (not mime or (part.mime == wanted) is not others) for part in parts.parts]
    if not any(chosen):
        return False
    made = tuple(
        replace(part, deleted=True) if gone else part for part, gone in zip(parts.parts, chosen, strict=True)
    )
    _store(msg, edits, replace(parts, parts=made))
    return True


@module.function(routes=ANY_MESSAGE)
def add_body_part(msg: SipMessage, body: str, mime: str, headers: str = "") -> bool:
    """Add a body part with its content type and more header lines (with their line ends) for it."""
    if not body:
        logger.error("null body parameter")
        return False
    found = mime_type(mime)
    if found is None:
        logger.error("empty mime value" if not mime else "failed to add new body part <%s>", *([mime] if mime else []))
        return False
    edits = edits_of(msg)
    parts = _current(msg, edits)
    _store(msg, edits, replace(parts, parts=(*parts.parts, Part(found, mime, headers, text=body))))
    return True


def _get_updated_body_part(msg: SipMessage, mime: Mime = "", result: Var = None) -> int:  # type: ignore[assignment]
    """Write the body as it will be sent, or its part of a content type, into a variable.

    1: done; -1: there is no body; -2: no such part.
    """
    edits = edits_of(msg)
    parts = _current(msg, edits)
    if not parts.parts:
        return -1
    if mime:
        wanted = mime_type(mime)
        part = next((part for part in parts.kept if part.mime == wanted), None)
        if part is None:
            return -2
        parts = replace(parts, parts=tuple(one if one is part else replace(one, deleted=True) for one in parts.parts))
    work = edits.copy()
    work.set_body(None)
    work.settle(msg, msg.received.listener)
    if not result.set(msg, parts(msg, work, msg.received.listener)):
        logger.error("failed to set the result to script var")
        return -1
    return 1


# The content type may be left out although the variable may not: the declaration is corrected after Python's rules.
get_updated_body_part = module.function("get_updated_body_part", routes=ANY_MESSAGE)(_get_updated_body_part)
_declared = module.functions["get_updated_body_part"]
module.functions["get_updated_body_part"] = replace(
    _declared, params=(_declared.params[0], replace(_declared.params[1], optional=False))
)
