"""Headers, body and status: $hdr $hdrcnt $hdr_name $ct $cT $cl $ua $rb $rm $rs $rr $mb $ml."""

from __future__ import annotations

from typing import Any

from runtime.declare import Value
from runtime.sip import fields
from runtime.sip.message import COMPACT, ParseError, SipMessage
from stdlib.core.module import core
from stdlib.core.variables.common import pick

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


def _key(name: Any) -> str:
    key = str(name).strip().lower()
    return COMPACT.get(key, key)


@core.variable("hdr", named="yes", indexed=True, dynamic_name=True)
def hdr(msg: SipMessage, name: Any, index: Any = None) -> str | None:
    """Body of a header by name (compact forms are understood)."""
    if name is None:
        return None
    found = msg.headers_of(_key(name))
    if index is None:
        return found[0].value if found else None
    return pick([header.value for header in found], index)  # type: ignore[no-any-return]


@core.variable("hdrcnt", named="yes", dynamic_name=True, type="int")
def hdrcnt(msg: SipMessage, name: Any) -> int | None:
    """How many lines of this header there are."""
    return len(msg.headers_of(_key(name))) if name is not None else None


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
    if index is not None and not isinstance(index, int):
        return pick([value for value in values if value is not None], index)  # type: ignore[no-any-return]
    return pick(values, index)  # type: ignore[no-any-return]


@core.variable("cT", indexed=True)
def cT(msg: SipMessage, index: Any = None) -> str | None:
    """Content-Type of the message."""
    return msg.value_of("content-type")


@core.variable("rb", named="optional", indexed=True)
def rb(msg: SipMessage, mime: str | None = None, index: Any = None) -> str | None:
    """The body; with a MIME type the body part of that type."""
    body = msg.body
    if not body:
        return None
    kind = (msg.value_of("content-type") or "").lower()
    if not kind.startswith("multipart/"):
        if mime is not None and not kind.startswith(mime.lower()):
            return None
        return body if index in (None, 0) else None
    if mime is None and index is None:
        return body
    parts = _parts(body, kind, msg.value_of("content-type") or "")
    if mime is not None:
        parts = [part for part in parts if part[0].startswith(mime.lower())]
    return pick([part[1] for part in parts], index)  # type: ignore[no-any-return]


def _parts(body: str, kind: str, header: str) -> list[tuple[str, str]]:
    """(type, content) of the parts of a multipart body."""
    boundary = fields.parse_params(header.partition(";")[2]).get("boundary") or ""
    found = []
    for piece in body.split(f"--{boundary.strip(chr(34))}")[1:]:
        if piece.startswith("--"):
            break
        head, _, content = piece.lstrip("\r\n").partition("\r\n\r\n")
        lines = [line.partition(":") for line in head.split("\r\n")]
        own = next((value.strip().lower() for name, _, value in lines if name.strip().lower() == "content-type"), "")
        found.append((own, content.removesuffix("\r\n")))
    return found


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
