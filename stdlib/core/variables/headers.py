"""Headers, body and status: $hdr $hdrcnt $hdr_name $ct $cT $cl $ua $rb $rm $rs $rr $mb $ml."""

from __future__ import annotations

from typing import Any

from runtime.declare import ALL, Value
from runtime.sip import fields
from runtime.sip.body import Part, mime_type, received_body
from runtime.sip.message import COMPACT, Header, ParseError, SipMessage
from stdlib.core.module import core
from stdlib.core.variables.common import pick
from stdlib.core.variables.sdp import sdp_body

__all__: list[str] = []


@core.variable("rm", null=False)
def rm(msg: SipMessage) -> str:
    """Method of the request, or of the CSeq of a reply."""
    return msg.method


@core.variable("rs", type="int")
def rs(msg: SipMessage) -> int | None:
    """Status of the reply."""
    return None if msg.is_request else msg.status


@core.variable("rr")
def rr(msg: SipMessage) -> str | None:
    """Reason phrase of the reply."""
    return None if msg.is_request else msg.reason


@core.variable("mb", null=False)
def mb(msg: SipMessage) -> str:
    """The message as received."""
    return msg.text


@core.variable("ml", type="int", null=False)
def ml(msg: SipMessage) -> int:
    """Length of the message."""
    return len(msg.text)


@core.variable("ua")
def ua(msg: SipMessage) -> str | None:
    """User-Agent."""
    return msg.value_of("user-agent")


@core.variable("cl", type="int")
def cl(msg: SipMessage) -> int | None:
    """Content-Length."""
    value = msg.value_of("content-length")
    return int(value) if value and value.isdigit() else None


_KNOWN = frozenset("vftimlkcox")
"""Compact forms that OpenSIPS knows; `s: text` is a header named s to it."""


def _headers(msg: SipMessage, name: Any) -> list[Header]:
    """The header lines of a name, whatever its case; long and compact form are one."""
    key = str(name).strip().lower()
    if len(key) == 1:
        found = msg.headers_of(COMPACT.get(key, key))
        return found if key in _KNOWN else [header for header in found if header.name.lower() == key]
    found = msg.headers_of(key)
    for header in found:
        if len(header.name) == 1 and header.name.lower() not in _KNOWN:
            return [header for header in found if len(header.name) > 1 or header.name.lower() in _KNOWN]
    return found


def _body(msg: SipMessage, header: Header) -> str:
    """The body of a header as received, foldings included."""
    text = msg.text
    if text.find("\n", header.start, header.end - 1) < 0:
        return header.value
    return text[header.start : header.end].partition(":")[2].strip(" \t\r\n")


@core.variable("hdr", named="yes", indexed=True, dynamic_name=True)
def hdr(msg: SipMessage, name: Any, index: Any = None) -> str | None:
    """Body of a header by name (compact forms are understood), as received."""
    if name is None:
        return None
    found = _headers(msg, name)
    if index is None:
        return _body(msg, found[0]) if found else None
    return pick([_body(msg, header) for header in found], index)  # type: ignore[no-any-return]


@core.variable("hdrcnt", named="yes", dynamic_name=True, type="int")
def hdrcnt(msg: SipMessage, name: Any) -> int | None:
    """How many lines of this header there are."""
    return len(_headers(msg, name)) if name is not None else None


@core.variable("hdr_name", indexed=True)
def hdr_name(msg: SipMessage, index: Any = None) -> str | None:
    """Name of the header at a position."""
    return pick([header.name for header in msg.headers], index)  # type: ignore[no-any-return]


def _contacts(msg: SipMessage) -> list[fields.NameAddr]:
    try:
        return fields.contacts(msg)
    except ParseError:
        return []


@core.variable("ct", indexed=True)
def ct(msg: SipMessage, index: Any = None) -> str | None:
    """A Contact instance, over all Contact headers."""
    return pick([contact.text for contact in _contacts(msg)], index)  # type: ignore[no-any-return]


def _known_field(name: str) -> None:
    if name not in ("name", "uri", "q", "expires", "methods", "received", "params"):
        raise ValueError("the fields are name, uri, q, expires, methods, received and params")


def _field(contact: fields.NameAddr, name: str) -> str | None:
    if contact.is_star:
        return None
    if name == "name":
        return contact.display or None
    if name == "uri":
        return contact.uri
    if name == "params":
        return contact.params_text or None
    return contact.params.get(name)


@core.variable("ct.fields", named="yes", indexed=True, check_name=_known_field)
def ct_fields(msg: SipMessage, name: str, index: Any = None) -> str | None:
    """A field of a Contact instance: name, uri, q, expires, methods, received, params."""
    values = [_field(contact, name) for contact in _contacts(msg)]
    return pick(values, index)  # type: ignore[no-any-return]


@core.variable("cT", indexed=True)
def cT(msg: SipMessage, index: Any = None) -> str | None:
    """Content-Type of the message; [n] that of a body part, [*] all of them."""
    main = msg.value_of("content-type")
    if index is None:
        return main
    parts = [part.mime for part in _parts(msg)]
    if index is not ALL:
        return pick(parts, index)  # type: ignore[no-any-return]
    return ",".join([main, *parts]) if main is not None and parts else None


def _parts(msg: SipMessage) -> tuple[Part, ...]:
    found = received_body(msg)
    return found.parts if found is not None else ()


def _known_mime(name: str) -> None:
    if mime_type(name) is None:
        raise ValueError(f"{name} is no MIME type")


@core.variable("rb", named="optional", indexed=True, check_name=_known_mime)
def rb(msg: SipMessage, mime: str | None = None, index: Any = None) -> str | None:
    """The body; with a MIME type the first part of that type, with an index one of several parts."""
    changed = sdp_body(msg)
    if changed is not None:
        text, parts = changed
    else:
        text, parts = msg.text[msg.body_start :], [(part.mime, msg.text[part.start : part.end]) for part in _parts(msg)]
    if mime is None and (index is None or index is ALL):
        return text or None
    wanted = mime_type(mime) if mime is not None else None
    bodies = [body for kind, body in parts if wanted in (None, kind)]
    return pick(bodies, 0 if index is ALL else index) or None


def _error(name: str, position: int, kind: Any) -> None:
    def get(msg: SipMessage) -> Value:
        error = msg.__dict__.get("error")
        return error[position] if error is not None else None

    get.__name__, get.__doc__ = name.replace(".", "_"), "What error_route was run for."
    core.variable(name, type=kind)(get)


for _position, (_name, _kind) in enumerate(
    (("err.class", "int"), ("err.level", "int"), ("err.info", "str"), ("err.rcode", "int"), ("err.rreason", "str"))
):
    _error(_name, _position, _kind)
