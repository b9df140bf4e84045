"""Cheap questions about a message (method, To tag, privacy) and the R-URI functions."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Annotated

from runtime.declare import Check, Routes
from runtime.sip.fields import from_field, to_field
from runtime.sip.message import ParseError
from runtime.sip.uri import parse_uri
from stdlib.sipmsgops.settings import ANY_MESSAGE, logger, module

if TYPE_CHECKING:
    from runtime.sip.message import SipMessage

__all__ = [
    "has_totag", "is_method", "is_privacy", "is_uri_user_e164", "privacy_values", "ruri_add_param", "ruri_del_param",
    "ruri_has_param", "ruri_tel2sip",
]  # fmt: skip

KNOWN_METHODS = frozenset(
    ("INVITE", "CANCEL", "ACK", "BYE", "INFO", "REGISTER", "SUBSCRIBE", "NOTIFY", "MESSAGE", "OPTIONS", "PRACK",
     "UPDATE", "REFER", "PUBLISH")
)  # fmt: skip
MAX_URI = 1024
"""Longest R-URI that OpenSIPS makes, in bytes."""

_METHOD = re.compile(r"[A-Za-z0-9\-.!%*_+`'~]+")


@lru_cache(maxsize=512)
def _methods(text: str) -> frozenset[str]:
    """The methods of `INVITE|ACK`; ValueError when they are none.  A list may name known methods only."""
    if not text:
        raise ValueError("empty method name")
    names = [name.strip().upper() for name in text.replace("|", ",").split(",")]
    if any(not _METHOD.fullmatch(name) for name in names):
        raise ValueError("bad method names")
    if "|" in text and not KNOWN_METHODS.issuperset(names):
        raise ValueError(f"unknown method in list [{text}] - must be only defined methods")
    return frozenset(names)


@module.function(routes=ANY_MESSAGE)
def is_method(msg: SipMessage, methods: Annotated[str, Check(_methods)]) -> bool:
    """Is the method (of a reply: that of its CSeq) one of these?  Several are separated by `|`."""
    try:
        wanted = _methods(methods)
    except ValueError as error:
        logger.error("%s", error)
        return False
    return msg.method in wanted or msg.method.upper() in wanted


@module.function(routes=ANY_MESSAGE)
def has_totag(msg: SipMessage) -> bool:
    """Does the To header have a tag: is the message part of a dialog?"""
    try:
        return bool(to_field(msg).tag)
    except ParseError:
        return False


# ---------------------------------------------------------------------------------------------------------- privacy
_PRIVACY = frozenset(("user", "header", "session", "none", "critical", "id", "history"))


def _privacy(text: str) -> None:
    if text.lower() not in _PRIVACY:
        raise ValueError("invalid privacy value" if text else "empty privacy value")


def privacy_values(msg: SipMessage) -> frozenset[str] | None:
    """Values of the Privacy header in lower case (RFC 3323); None when there is none or it is broken."""
    value = msg.value_of("privacy")
    if value is None:
        return None
    found = frozenset(part.strip().lower() for part in value.split(";"))
    if not found <= _PRIVACY or ("none" in found and len(found) > 1):
        logger.error("invalid privacy value")
        return None
    return found


@module.function(routes=ANY_MESSAGE)
def is_privacy(msg: SipMessage, privacy_type: Annotated[str, Check(_privacy)]) -> bool:
    """Does the Privacy header ask for this kind (user, header, session, critical, id, history, none)?"""
    found = privacy_values(msg)
    return found is not None and privacy_type.lower() in found


# ------------------------------------------------------------------------------------------------------------ R-URI
@module.function(routes=Routes.REQUEST | Routes.FAILURE | Routes.BRANCH | Routes.LOCAL)
def ruri_has_param(msg: SipMessage, param: str, value: str | None = None) -> bool:
    """Has the R-URI this parameter, with this value?  Without `value` the parameter must have none."""
    try:
        text = msg.ruri_parsed.params_text
    except ParseError:
        logger.error("ruri parsing failed")
        return False
    for part in text.split(";"):
        name, _, found = part.partition("=")
        if name.strip() == param:
            return found.strip() == (value or "")
    return False


@module.function(routes=Routes.REQUEST | Routes.FAILURE | Routes.BRANCH | Routes.LOCAL)
def ruri_add_param(msg: SipMessage, param: str) -> bool:
    """Add a parameter (`name` or `name=value`) to the R-URI."""
    if not param:
        return True
    try:
        uri = msg.ruri_parsed
    except ParseError:
        logger.error("ruri parsing failed")
        return False
    text, question, headers = uri.text, "", ""
    if uri.headers_text:
        at = len(uri.text) - len(uri.headers_text) - 1
        text, question, headers = uri.text[:at], "?", uri.headers_text
    made = f"{text};{param}{question}{headers}"
    if len(made) > MAX_URI:
        logger.error("new ruri too long")
        return False
    msg.new_uri = made
    return True


@module.function(routes=Routes.REQUEST | Routes.FAILURE | Routes.BRANCH | Routes.LOCAL)
def ruri_del_param(msg: SipMessage, param: str) -> bool:
    """Remove a parameter with its value from the R-URI; false when it is not there."""
    if not param:
        return True
    try:
        uri = msg.ruri_parsed
    except ParseError:
        logger.error("ruri parsing failed")
        return False
    if not uri.params_text:
        return False
    parts = uri.params_text.split(";")
    for i, part in enumerate(parts):
        if part.partition("=")[0] == param:
            kept = "".join(f";{other}" for j, other in enumerate(parts) if j != i)
            tail = f"?{uri.headers_text}" if uri.headers_text else ""
            head = uri.text[: len(uri.text) - len(tail) - len(uri.params_text) - 1]
            msg.new_uri = f"{head}{kept}{tail}"
            return True
    return False


@module.function(routes=Routes.REQUEST | Routes.FAILURE | Routes.BRANCH | Routes.LOCAL)
def ruri_tel2sip(msg: SipMessage) -> bool:
    """Make a tel R-URI a SIP one in the domain of From, with `user=phone` (RFC 3261 section 19.1.6); others stay."""
    uri = msg.current_uri
    if uri[:4].lower() != "tel:":
        return True
    try:
        host = parse_uri(from_field(msg).uri).host
    except ParseError:
        logger.error("parsing From header failed")
        return False
    msg.new_uri = f"sip:{uri[4:]}@{host};user=phone"
    return True


_E164 = re.compile(r"\+[0-9]{2,15}")


@module.function(routes=Routes.REQUEST | Routes.FAILURE | Routes.LOCAL)
def is_uri_user_e164(msg: SipMessage, uri: str) -> bool:
    """Is the user part of the URI a global number: `+` and 2 to 15 digits?"""
    try:
        user = parse_uri(uri).user if uri else None
    except ParseError:
        logger.error("parsing URI failed")
        return False
    return user is not None and _E164.fullmatch(user) is not None
