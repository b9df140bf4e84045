"""Edits of the request URI and the next hop."""

from __future__ import annotations

from runtime import log
from runtime.core import core as services
from runtime.declare import Value, Var
from runtime.sip.message import ParseError, SipMessage
from runtime.sip.uri import Uri, parse_uri
from stdlib.core.module import core

__all__ = [
    "construct_uri", "is_myself", "isdsturiset", "prefix", "resetdsturi", "revert_uri", "setdsturi", "sethost",
    "sethostport", "setport", "seturi", "setuser", "setuserpass", "strip", "strip_tail",
]  # fmt: skip


def _uri(msg: SipMessage) -> Uri | None:
    try:
        return msg.ruri_parsed
    except ParseError:
        return None


def _split(text: str) -> tuple[str, int]:
    """(host, port) of host[:port]; IPv6 in brackets."""
    host, colon, port = text.rpartition(":")
    if colon and port.isdigit() and not host.endswith(":"):
        return host, int(port)
    return text, 0


def _with_host(uri: Uri, host: str, port: int | None) -> str:
    """The URI with another host; maddr goes, since it would win over the host (RFC 3261 section 19.1.1)."""
    made = uri.replace(host=host, port=port)
    if "maddr" in uri.params:
        kept = ";".join(part for part in uri.params_text.split(";") if part.partition("=")[0].strip().lower() != "maddr")
        made = made.replace(f";{uri.params_text}", f";{kept}" if kept else "", 1)
    return made


def change_host(msg: SipMessage, host: str, port: int | None = None) -> bool:
    """Put another host (and port; None keeps it) into the request URI; False when that is no URI."""
    uri = _uri(msg)
    if uri is None:
        log.script_error(f"bad uri <{msg.current_uri}>")
        return False
    msg.new_uri = _with_host(uri, host, port)
    return True


@core.function()
def sethost(msg: SipMessage, host: str) -> bool:
    """Replace the host of the request URI; the port stays, a maddr parameter goes."""
    return bool(host) and change_host(msg, host)


@core.function()
def sethostport(msg: SipMessage, hostport: str) -> bool:
    """Replace host and port of the request URI; a maddr parameter goes."""
    host, port = _split(hostport)
    return bool(host) and change_host(msg, host, port)


@core.function()
def setport(msg: SipMessage, port: str) -> bool:
    """Replace the port of the request URI."""
    uri = _uri(msg)
    if uri is None or not port.isdigit() or int(port) > 65535:
        return False
    msg.new_uri = uri.replace(port=int(port))
    return True


@core.function()
def setuser(msg: SipMessage, user: str) -> bool:
    """Replace the user part of the request URI; the password stays."""
    uri = _uri(msg)
    if uri is None:
        return False
    msg.new_uri = uri.replace(user=user or None)
    return True


@core.function()
def setuserpass(msg: SipMessage, userpass: str) -> bool:
    """Replace user part and password of the request URI by `user[:password]`."""
    uri = _uri(msg)
    if uri is None:
        return False
    msg.new_uri = uri.replace(user=userpass or None, password=None)
    return True


@core.function()
def seturi(msg: SipMessage, uri: str) -> int:
    """Replace the request URI; -2 when it is none."""
    if not uri:
        return -2
    msg.new_uri = uri
    return 1


@core.function()
def prefix(msg: SipMessage, text: str) -> bool:
    """Put text before the user part of the request URI."""
    uri = _uri(msg)
    if uri is None:
        return False
    msg.new_uri = uri.replace(user=text + (uri.user or ""))
    return True


@core.function()
def strip(msg: SipMessage, count: int) -> bool:
    """Take characters off the front of the user part; a negative count takes in what stands before it."""
    uri = _uri(msg)
    if uri is None:
        return False
    user = uri.user or ""
    msg.new_uri = uri.replace(user=(user[count:] if count >= 0 else f"{uri.scheme_text}:"[count:] + user) or None)
    return True


@core.function()
def strip_tail(msg: SipMessage, count: int) -> bool:
    """Take characters off the end of the user part."""
    uri = _uri(msg)
    if uri is None:
        return False
    user = uri.user or ""
    if count < 0:
        log.script_error(f"strip_tail: {count} is negative")
        return False
    msg.new_uri = uri.replace(user=user[: max(0, len(user) - count)] or None)
    return True


@core.function()
def revert_uri(msg: SipMessage) -> bool:
    """Back to the request URI as received."""
    msg.new_uri = None
    return True


@core.function()
def setdsturi(msg: SipMessage, uri: str) -> bool:
    """Set the next hop."""
    if not uri:
        return False
    msg.dst_uri = uri
    return True


@core.function()
def resetdsturi(msg: SipMessage) -> bool:
    """Forget the next hop."""
    msg.dst_uri = None
    return True


@core.function()
def isdsturiset(msg: SipMessage) -> bool:
    """Is a next hop set?"""
    return msg.dst_uri is not None


@core.function()
def is_myself(msg: SipMessage, host: str, port: int = 0) -> bool:
    """Is this host (and port) one of our sockets or aliases?  A URI counts by its host and port."""
    if host[:4].lower() in ("sip:", "sips"):
        try:
            uri = parse_uri(host)
        except ParseError:
            return False
        host, port = uri.host, port or uri.port
    return services.is_myself(host, port)


@core.function()
def construct_uri(
    msg: SipMessage, proto: str, user: str = "", domain: str = "", port: str = "", extra: str = "", result: Var | None = None
) -> bool:  # fmt: skip
    """Build a URI from its parts into a variable."""
    if not proto or not domain or result is None:
        return False
    text = f"{proto}:{f'{user}@' if user else ''}{domain}{f':{port}' if port else ''}{f';{extra}' if extra else ''}"
    value: Value = text
    return result.set(msg, value)
