"""Sending, sockets, Via handling, variables and events."""

from __future__ import annotations

from typing import Any

from runtime import log
from runtime.core import Destination
from runtime.core import core as services
from runtime.declare import ReadVar, Var
from runtime.forward import choose_listener, forward_request
from runtime.sip.message import ParseError, SipMessage
from runtime.sip.uri import parse_uri
from stdlib.core.module import core

__all__ = [
    "add_local_rport", "avp_print", "force_rport", "force_send_socket", "forward", "get_timestamp", "pv_printf",
    "raise_event", "send", "set_advertised_address", "set_advertised_port", "set_via_handling",
]  # fmt: skip

logger = log.engine("core")


@core.function()
def forward(msg: SipMessage, destination: str = "") -> int:
    """Send the request on without keeping state: to the next hop or to `[proto:]host[:port]`."""
    return forward_request(msg, destination)


@core.function()
def send(msg: SipMessage, destination: str, headers: str = "") -> bool:
    """Send the message as it came to a destination, with extra header lines if given."""
    try:
        uri = parse_uri(destination if destination[:3].lower() == "sip" else f"sip:{destination}")
    except ParseError as error:
        log.script_error(f"send: {error}")
        return False
    found = services.resolver.resolve_now(uri.host, uri.port, uri.proto)
    if not found:
        return False
    where = Destination(found[0].proto, found[0].ip, found[0].port)
    where.listener = choose_listener(where.proto, where.ip, msg.force_socket, msg.received.listener)
    text = msg.text
    if headers:
        at = msg.body_start - 2
        text = text[:at] + headers + text[at:]
    return where.listener is not None and services.send(text.encode("latin-1"), where)


@core.function()
def force_rport(msg: SipMessage) -> bool:
    """Answer to the source port, whether or not the request asks for it (RFC 3581)."""
    msg.__dict__["force_rport"] = True
    msg.__dict__.pop("_reply_via", None)
    return True


@core.function()
def add_local_rport(msg: SipMessage) -> bool:
    """Put rport into our own Via."""
    msg.__dict__["local_rport"] = True
    return True


_VIA = {"force-rport": "force_rport", "add-local-rport": "local_rport", "reply-to-via": "reply_to_via",
        "force-tcp-alias": "tcp_alias"}  # fmt: skip


@core.function()
def set_via_handling(msg: SipMessage, flags: str) -> bool:
    """force-rport, add-local-rport, reply-to-via, force-tcp-alias, separated by commas."""
    for word in flags.split(","):
        if word.strip() not in _VIA:
            log.script_error(f"Unknown flag: {word.strip()}")
            return False
        msg.__dict__[_VIA[word.strip()]] = True
    msg.__dict__.pop("_reply_via", None)
    return True


@core.function()
def force_send_socket(msg: SipMessage, socket: str) -> bool:
    """Send from this socket (proto:ip:port, ip:port, or a tag)."""
    text = socket.lower()
    for listener in services.listeners:
        if text in (listener.name, f"{listener.host}:{listener.port}") or (listener.tag and text == listener.tag.lower()):
            msg.force_socket = listener
            return True
    log.script_error(f"no socket matches <{socket}>")
    return False


@core.function()
def set_advertised_address(msg: SipMessage, address: str) -> bool:
    """Address in the Via and Record-Route of this request."""
    msg.__dict__["advertised_address"] = address
    return True


@core.function()
def set_advertised_port(msg: SipMessage, port: str) -> bool:
    """Port in the Via and Record-Route of this request."""
    if not port.isdigit():
        return False
    msg.__dict__["advertised_port"] = int(port)
    return True


@core.function()
def pv_printf(msg: SipMessage, result: Var, text: str) -> bool:
    """Assign a format string to a variable."""
    return result.set(msg, text)


@core.function()
def get_timestamp(msg: SipMessage, seconds: Var, microseconds: Var) -> bool:
    """The current time, in seconds and microseconds."""
    now = services.wall()
    return seconds.set(msg, int(now)) and microseconds.set(msg, int(now * 1_000_000) % 1_000_000)


@core.function()
def avp_print(msg: SipMessage) -> bool:
    """Log every AVP at level INFO."""
    for name, values in msg.avps.items():
        for value in values:
            logger.info("name=<%s> value=<%s>", name, value)
    return True


@core.function()
def raise_event(msg: SipMessage, name: str, names: ReadVar | None = None, values: ReadVar | None = None) -> bool:
    """Raise an event; attribute names and values come from two AVPs (the newest first)."""
    attributes: dict[str, Any] = {}
    keys = msg.avps.get(str(names.name), []) if names is not None else []
    found = msg.avps.get(str(values.name), []) if values is not None else keys
    if values is None:
        attributes = {str(i + 1): value for i, value in enumerate(keys)}
    else:
        attributes = {str(key): value for key, value in zip(keys, found, strict=False)}
    services.raise_event(name, attributes)
    return True
