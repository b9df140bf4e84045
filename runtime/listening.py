"""The listening sockets of a script: which addresses are meant, and binding them before anything is forked."""

from __future__ import annotations

import fcntl
import socket
import struct
from typing import Any

from runtime import log
from runtime.core import Listener
from runtime.transport.tcp import bind_tcp
from runtime.transport.udp import bind_udp

__all__ = ["ListenError", "bind_all", "wanted_listeners"]

logger = log.engine("core")

Bound = list[tuple[Listener, socket.socket]]
_SIOCGIFADDR = 0x8915
_TRANSPORTS = ("udp", "tcp")


class ListenError(Exception):
    """A socket that cannot be had; the text begins with the script's file:line."""


def wanted_listeners(entries: list[dict[str, Any]], default_ports: dict[str, int]) -> list[tuple[Listener, str]]:
    """Listeners with the place each was asked for at; the same socket named twice is one."""
    found: dict[tuple[str, str, int], tuple[Listener, str]] = {}
    for entry in entries:
        proto, place = entry["proto"], entry["place"]
        if proto not in _TRANSPORTS:
            raise ListenError(f"{place}: transport {proto} is not available; there are {', '.join(_TRANSPORTS)}")
        for ip in _addresses(entry["host"], place):
            for port in entry["ports"] or [default_ports.get(proto, 5060)]:
                listener = Listener(
                    proto, ip, port, tag=str(entry.get("tag") or ""), anycast=bool(entry.get("anycast"))
                )
                if entry.get("as"):
                    listener.advertised_ip, listener.advertised_port = entry["as"][0], entry["as"][1] or port
                found.setdefault((proto, ip, port), (listener, place))
    return list(found.values())


def bind_all(wanted: list[tuple[Listener, str]], receive_buffer: int = 262144, backlog: int = 10) -> Bound:
    """Bind every listener; ListenError for the first that cannot be, with nothing left open."""
    bound: Bound = []
    for listener, place in wanted:
        try:
            sock = bind_udp(listener, receive_buffer) if listener.proto == "udp" else bind_tcp(listener, backlog)
        except OSError as error:
            for _, opened in bound:
                opened.close()
            raise ListenError(f"{place}: cannot bind {listener.name}: {error.strerror}") from None
        bound.append((listener, sock))
        logger.notice("Listening on %s", listener.name)
    return bound


def _addresses(host: str, place: str) -> list[str]:
    """Addresses meant by a socket's host: `*` (every interface), an interface, an address, or a name."""
    if host == "*":
        return [ip for _, name in socket.if_nameindex() if (ip := _interface_address(name))] or ["127.0.0.1"]
    bare = host.strip("[]")
    if any(bare == name for _, name in socket.if_nameindex()):
        ip = _interface_address(bare)
        if ip:
            return [ip]
    try:
        found = socket.getaddrinfo(bare, None, type=socket.SOCK_DGRAM, proto=socket.IPPROTO_UDP)
    except OSError:
        raise ListenError(f"{place}: cannot resolve {host}") from None
    return [str(found[0][4][0])]


def _interface_address(name: str) -> str | None:
    """The IPv4 address of a network interface, None when it has none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            answer = fcntl.ioctl(probe.fileno(), _SIOCGIFADDR, struct.pack("256s", name[:15].encode()))
        except OSError:
            return None
    return socket.inet_ntoa(answer[20:24])
