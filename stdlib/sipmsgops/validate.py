"""sipmsg_validate(): does a message follow RFC 3261?"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from runtime.declare import Routes, Var
from runtime.sip.fields import (
    NameAddr,
    contacts,
    cseq,
    from_field,
    parse_credentials,
    parse_nameaddr,
    parse_nameaddr_list,
    parse_via,
    split_list,
    to_field,
)
from runtime.sip.message import ParseError
from runtime.sip.uri import Uri, parse_uri
from stdlib.sipmsgops.bodies import mime_type
from stdlib.sipmsgops.checks import privacy_values
from stdlib.sipmsgops.media import sdp_streams
from stdlib.sipmsgops.settings import logger, module

if TYPE_CHECKING:
    from runtime.sip.message import Header, SipMessage

__all__ = ["sipmsg_validate"]

_WITH_CONTACT = frozenset(("INVITE", "REGISTER", "UPDATE", "SUBSCRIBE", "REFER"))
_REPLY_HEADERS = {405: ("allow", -16), 407: ("proxy-authenticate", -18), 420: ("unsupported", -19),
                  401: ("www-authenticate", -20)}  # fmt: skip
"""What a reply of this status must have (RFC 3261 section 21.4), and the code when it has not."""

_USER = re.compile(r"(?:[!$&'()*+,\-./0-9;=?A-Z_a-z~]|%[0-9A-Fa-f]{2})*")
_HOST = re.compile(r"[A-Za-z0-9\[](?:[A-Za-z0-9:-]|\.(?!\.))*[A-Za-z0-9.\]]|[A-Za-z0-9]")
_TOKENS = re.compile(r"\s*[A-Za-z0-9\-.!%*_+`'~]+\s*(?:,\s*[A-Za-z0-9\-.!%*_+`'~]+\s*)*")
_NUMBER = re.compile(r"\s*[0-9]{1,10}\s*(?:[;(].*)?", re.DOTALL)
_DATE = re.compile(r"\s*(?:[0-9]+|[A-Za-z]{3},? .*)\s*(?:;.*)?", re.DOTALL)


class _Failure(Exception):
    """Why a message is refused."""

    def __init__(self, code: int, reason: str = "") -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


def _need(msg: SipMessage, key: str, code: int) -> None:
    if key not in msg.header_index:
        raise _Failure(code)


def _check_uri(where: str, codes: tuple[int, int, int], get: Callable[[], Uri]) -> None:
    """Parse a URI, check its domain (of SIP ones) and its user part."""
    parse_code, domain_code, user_code = codes
    name = where if where == "R-URI" else f"'{where}' header"
    try:
        uri = get()
    except ParseError:
        raise _Failure(parse_code, f"failed to parse {name}") from None
    if (uri.scheme in ("sip", "sips") or where == "R-URI") and not _HOST.fullmatch(uri.host):
        raise _Failure(domain_code, f"invalid domain for {name}")
    if not _USER.fullmatch(uri.user or ""):
        raise _Failure(user_code, f"invalid username for {name}")


def _check_contacts(msg: SipMessage, method: str) -> None:
    if method not in _WITH_CONTACT:
        return
    if "contact" not in msg.header_index:
        raise _Failure(-14, "SIP message doesn't have 'Contact' header")
    try:
        found = contacts(msg)
        for contact in found:
            if not contact.is_star:
                parse_uri(contact.uri)
    except ParseError:
        raise _Failure(-26, "failed to parse 'Contact' header") from None
    if not any(contact.is_star for contact in found):
        return
    if method != "REGISTER":
        raise _Failure(-30, "'Contact' header for SIP message contains '*' only valid for REGISTER request")
    if not msg.is_request:
        raise _Failure(
            -30, "'Contact' header for REGISTER reply contains '*' only valid for REGISTER request"
        )  # fmt: skip
    expires = (msg.value_of("expires") or "").strip()
    if not expires.isdigit():
        raise _Failure(-30, "failed to parse 'Expires' header")
    if int(expires):
        raise _Failure(-30, "'Expires' header greater than 0 for REGISTER 'Contact' header with '*' value")


def _check_request(msg: SipMessage, flags: str) -> str:
    if "r" in flags:
        _check_uri("R-URI", (-11, -12, -27), lambda: msg.ruri_parsed)
    if "m" not in flags:
        _need(msg, "max-forwards", -13)
    if "c" in flags:
        _check_contacts(msg, msg.method)
    if msg.method != "REGISTER" and "path" in msg.header_index:
        raise _Failure(-15, "PATH header supported only for REGISTERs")
    return msg.method


def _check_reply(msg: SipMessage, flags: str) -> str:
    try:
        method = cseq(msg)[1].upper()
    except ParseError:
        raise _Failure(-7, "cseq not parsed properly") from None
    if method != "CANCEL":
        if msg.status in _REPLY_HEADERS:
            _need(msg, *_REPLY_HEADERS[msg.status])
        elif msg.status == 423 and method == "REGISTER":
            _need(msg, "min-expires", -17)
    if "c" in flags and 200 <= msg.status < 400:
        _check_contacts(msg, method)
    return method


def _content_length(msg: SipMessage) -> int:
    value = (msg.value_of("content-length") or "").strip()
    return int(value) if value.isdigit() else 0


def _is_sdp(msg: SipMessage) -> bool:
    value = msg.value_of("content-type")
    return value is not None and mime_type(value) == "application/sdp"


def _check(msg: SipMessage, flags: str) -> None:
    """Raise _Failure with OpenSIPS's code and text for the first thing that is wrong."""
    if "call-id" not in msg.header_index:
        raise _Failure(-3, "message doesn't have callid")
    if msg.received.proto != "udp" and "content-length" not in msg.header_index:
        raise _Failure(-4, f"message doesn't have Content Length header for proto {msg.received.proto}")
    body = msg.body
    if not (msg.is_request and msg.method == "CANCEL"):
        if _content_length(msg) != len(body):
            _wrong_length(msg)
        if body and "s" in flags and _is_sdp(msg) and not sdp_streams(msg):
            raise _Failure(-6, "failed to parse SDP message")
    for key, code in (("cseq", -7), ("from", -8), ("to", -9), ("via", -10)):
        _need(msg, key, code)
    if "t" in flags:
        _check_uri("To", (-22, -23, -29), lambda: parse_uri(to_field(msg).uri))
    if "f" in flags:
        _check_uri("From", (-24, -25, -28), lambda: parse_uri(from_field(msg).uri))
    method = _check_request(msg, flags) if msg.is_request else _check_reply(msg, flags)
    if method != "CANCEL":
        if _content_length(msg) != len(body):
            _wrong_length(msg)
        if body:
            _need(msg, "content-type", -21)
    if "h" in flags and not _headers_valid(msg):
        raise _Failure(-2, "failed to parse headers")


def _wrong_length(msg: SipMessage) -> None:
    length, actual = _content_length(msg), len(msg.body)
    raise _Failure(-5, f"invalid body - content length {length} different than actual body {actual}")


# ------------------------------------------------------------------------------------------------- single headers
def _no_wildcard(value: str) -> bool:
    mime = mime_type(value)
    return mime is not None and not mime.endswith("/*")


def _parses(parse: Callable[[str], object]) -> Callable[[str], bool]:
    def check(value: str) -> bool:
        try:
            parse(value)
        except ParseError:
            return False
        return True

    return check


def _bracketed(value: str) -> bool:
    return all("<" in part for part in split_list(value)) and _parses(parse_nameaddr_list)(value)


def _names(value: str) -> list[NameAddr]:
    return parse_nameaddr_list(value)


def _credentials(value: str) -> bool:
    scheme = value.strip().partition(" ")
    return bool(scheme[2].strip()) and _parses(parse_credentials)(value)


_filled = bool
_CHECKS: dict[str, Callable[[str], bool]] = {
    "content-type": _no_wildcard,
    "via": lambda value: all(_parses(parse_via)(part) for part in split_list(value)),
    "content-disposition": lambda value: _TOKENS.fullmatch(value.partition(";")[0]) is not None,
    "from": _parses(parse_nameaddr), "to": _parses(parse_nameaddr), "refer-to": _parses(parse_nameaddr),
    "remote-party-id": _parses(parse_nameaddr), "diversion": _parses(_names), "p-asserted-identity": _parses(_names),
    "p-preferred-identity": _parses(_names),
    "max-forwards": lambda value: value.isdigit() and len(value) <= 5,
    "supported": lambda value: not value or _TOKENS.fullmatch(value) is not None,
    "accept": lambda value: not value or all(mime_type(part) for part in split_list(value)),
    "contact": lambda value: value == "*" or _parses(parse_nameaddr_list)(value),
    "path": _bracketed, "route": _bracketed, "record-route": _bracketed,
    "authorization": _credentials, "proxy-authorization": _credentials, "www-authenticate": _credentials,
    "proxy-authenticate": _credentials,
    "expires": lambda value: _DATE.fullmatch(value) is not None,
    "allow": lambda value: not value or _TOKENS.fullmatch(value) is not None,
    "event": lambda value: _TOKENS.fullmatch(value.partition(";")[0]) is not None,
    "session-expires": lambda value: _NUMBER.fullmatch(value) is not None,
    "min-se": lambda value: _NUMBER.fullmatch(value) is not None,
    "min-expires": lambda value: _NUMBER.fullmatch(value) is not None,
    "call-info": lambda value: all(part.startswith("<") and ">" in part for part in split_list(value)),
    "call-id": _filled, "proxy-require": _filled, "unsupported": _filled, "accept-language": _filled,
    "organization": _filled, "priority": _filled, "subject": _filled, "user-agent": _filled,
    "accept-disposition": _filled, "retry-after": _filled,
}  # fmt: skip
"""What the value of a header must be; those not named are not looked into."""


def _headers_valid(msg: SipMessage) -> bool:
    for key, check in _CHECKS.items():
        for header in msg.headers_of(key):
            if not check(header.value):
                logger.debug("cannot parse '%s' header", header.name)
                return False
    if "privacy" in msg.header_index and privacy_values(msg) is None:
        return False
    return all(_identities_valid(msg.headers_of(key)) for key in ("p-asserted-identity", "p-preferred-identity"))


def _identities_valid(headers: list[Header]) -> bool:
    """RFC 3325 section 9.1: one value, or one SIP and one tel URI."""
    try:
        schemes = [
            parse_uri(address.uri).scheme for header in headers for address in parse_nameaddr_list(header.value)
        ]
    except ParseError:
        return False
    kinds = ["tel" if scheme == "tel" else "sip" if scheme in ("sip", "sips") else scheme for scheme in schemes]
    return len(kinds) < 2 or sorted(kinds) == ["sip", "tel"]


@module.function(routes=Routes.REQUEST | Routes.ONREPLY | Routes.FAILURE | Routes.BRANCH)
def sipmsg_validate(msg: SipMessage, flags: str = "", reason: Var | None = None) -> int:
    """Does the message follow RFC 3261?  1 when it does, else a negative code; `reason` receives a text.

    Flags: `s` parse the SDP, `h` every header, `r` the R-URI, `t` To, `f` From, `c` Contact; `m`: Max-Forwards may be
    missing.

    -2 header parse error, -3 no Call-ID, -4 no Content-Length on a stream, -5 wrong Content-Length, -6 SDP, -7 no
    CSeq, -8 no From, -9 no To, -10 no Via, -11 R-URI, -12 host of the R-URI, -13 no Max-Forwards, -14 no Contact, -15
    Path outside REGISTER, -16 to -20 a 405, 423, 407, 420 or 401 without Allow, Min-Expires, Proxy-Authenticate,
    Unsupported or WWW-Authenticate, -21 no Content-Type, -22/-23/-29 To: syntax, host, user, -24/-25/-28 From likewise,
    -26 Contact, -27 user of the R-URI, -30 Contact `*` where it may not be, -255 any other failure.
    """
    try:
        _check(msg, flags.lower())
    except _Failure as failure:
        logger.debug("message does not comply with SIP RFC3261 : (%s)", failure.reason)
        if reason is not None and not reason.set(msg, failure.reason):
            logger.error("cannot populate parameter")
            return -255
        return failure.code
    return 1
