"""Where a message came from and goes out: $si $sp $socket_in $socket_out."""

from __future__ import annotations

from runtime import log
from runtime.core import Listener
from runtime.core import core as services
from runtime.declare import Value
from runtime.sip.message import SipMessage
from stdlib.core.module import core

__all__: list[str] = []


@core.variable("si", "src_ip", null=False)
def si(msg: SipMessage) -> str:
    """Source address."""
    return msg.received.src_ip


@core.variable("sp", type="int", null=False)
def sp(msg: SipMessage) -> int:
    """Source port."""
    return msg.received.src_port


def _known(name: str) -> None:
    if name not in ("ip", "port", "proto", "advertised_ip", "advertised_port", "tag", "anycast", "af", "forced"):
        raise ValueError("the fields are ip, port, proto, advertised_ip, advertised_port, tag, anycast and af")


def _field(listener: Listener, name: str | None) -> Value:
    if name is None:
        return listener.name
    if name == "ip":
        return listener.host
    if name == "port":
        return listener.port
    if name == "proto":
        return listener.proto
    if name == "advertised_ip":
        return listener.advertised_ip or None
    if name == "advertised_port":
        return listener.advertised_port or None
    if name == "tag":
        return listener.tag or None
    if name == "anycast":
        return int(listener.anycast)
    return "INET6" if ":" in listener.ip else "INET"


@core.variable("socket_in", named="optional", type="any", check_name=_known)
def socket_in(msg: SipMessage, name: str | None = None) -> Value:
    """The socket the message arrived on, or a field of it."""
    return _field(msg.received.listener, name)


def _set_out(msg: SipMessage, value: Value, name: str | None = None) -> bool:
    if value is None:
        msg.force_socket = None
        return True
    text = str(value).lower()
    for listener in services.listeners:
        if text in (listener.name, f"{listener.host}:{listener.port}") or (listener.tag and text == listener.tag.lower()):
            msg.force_socket = listener
            return True
    log.script_warning(f"no socket matches <{value}>")
    return True


@core.variable("socket_out", named="optional", type="any", check_name=_known, set=_set_out)
def socket_out(msg: SipMessage, name: str | None = None) -> Value:
    """The socket the message will be sent from, or a field of it; `forced` only when it was set."""
    if name == "forced":
        return msg.force_socket.name if msg.force_socket else None
    return _field(msg.force_socket or msg.received.listener, name)
