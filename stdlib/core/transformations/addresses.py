"""{uri.…}, {nameaddr.…}, {via.…}, {ip.…}."""

from __future__ import annotations

import ipaddress
import socket
from typing import Any

from runtime import log
from runtime.declare import Value
from runtime.sip import fields
from runtime.sip.message import ParseError
from runtime.sip.uri import Uri, parse_uri
from stdlib.core.module import core

__all__: list[str] = []


def _uri(value: str) -> Uri | None:
    try:
        return parse_uri(value)
    except ParseError as error:
        log.script_error(f"invalid URI [{value}]: {error}")
        return None


def _uri_part(name: str, *aliases: str, kind: Any = "str") -> Any:
    def declare(read: Any) -> None:
        def part(value: str) -> Value:
            uri = _uri(value)
            return read(uri) if uri is not None else None

        part.__name__ = f"uri_{name}"
        part.__doc__ = f"{name} of a URI."
        globals()[part.__name__] = core.transformation("uri", name, *aliases, type=kind)(part)

    return declare


_uri_part("user")(lambda u: u.user)
_uri_part("host", "domain")(lambda u: u.host or None)
_uri_part("passwd")(lambda u: u.password)
_uri_part("port", kind="int")(lambda u: u.port or None)
_uri_part("params")(lambda u: u.params_text or None)
_uri_part("headers")(lambda u: u.headers_text or None)
_uri_part("transport")(lambda u: u.params.get("transport"))
_uri_part("ttl")(lambda u: u.params.get("ttl"))
_uri_part("uparam")(lambda u: u.params.get("user"))
_uri_part("maddr")(lambda u: u.params.get("maddr"))
_uri_part("method")(lambda u: u.params.get("method"))
_uri_part("lr")(lambda u: u.params.get("lr"))
_uri_part("r2")(lambda u: u.params.get("r2"))
_uri_part("schema", "scheme")(lambda u: u.scheme_text)


@core.transformation("uri", "param")
def uri_param(value: str, name: str) -> Value:
    """A parameter of a URI; "" when it has no value."""
    uri = _uri(value)
    if uri is None or name.lower() not in uri.params:
        return None
    return uri.params[name.lower()] or ""


# ---------------------------------------------------------------------------------------------------------- nameaddr
def _nameaddr(value: str, index: int | None) -> fields.NameAddr | None:
    try:
        found = fields.parse_nameaddr_list(value)
    except ParseError as error:
        log.script_error(f"invalid name-addr [{value}]: {error}")
        return None
    at = index or 0
    return found[at] if -len(found) <= at < len(found) else None


@core.transformation("nameaddr", "uri")
def nameaddr_uri(value: str, index: int = 0) -> Value:
    """URI of a name-addr."""
    found = _nameaddr(value, index)
    return found.uri if found else None


@core.transformation("nameaddr", "name")
def nameaddr_name(value: str, index: int = 0) -> Value:
    """Display name, with its quotes."""
    found = _nameaddr(value, index)
    return (found.display or None) if found else None


@core.transformation("nameaddr", "len", type="int")
def nameaddr_len(value: str, index: int = 0) -> Value:
    """Length up to the parameters."""
    found = _nameaddr(value, index)
    if found is None:
        return None
    return found.text.index(">") + 1 if ">" in found.text else len(found.uri)


@core.transformation("nameaddr", "params")
def nameaddr_params(value: str, index: int = 0) -> Value:
    """Everything after the address."""
    found = _nameaddr(value, index)
    return (found.params_text or None) if found else None


@core.transformation("nameaddr", "param")
def nameaddr_param(value: str, first: str, second: str = "") -> Value:
    """A parameter by name: {nameaddr.param,x}, or {nameaddr.1.param,x}."""
    index, name = (int(first), second) if second else (0, first)
    found = _nameaddr(value, index)
    if found is None:
        return None
    for part in fields.split_list(found.params_text, ";"):
        key, equals, text = part.partition("=")
        if key.strip() == name:
            return text.strip() if equals else ""
    return None


# --------------------------------------------------------------------------------------------------------------- via
def _via_part(name: str, *aliases: str, kind: Any = "str") -> Any:
    def declare(read: Any) -> None:
        def part(value: str) -> Value:
            try:
                return read(fields.parse_via(fields.split_list(value)[0]))  # type: ignore[no-any-return]
            except ParseError as error:
                log.script_error(f"invalid Via [{value}]: {error}")
                return None

        part.__name__ = f"via_{name}"
        part.__doc__ = f"{name} of a Via."
        globals()[part.__name__] = core.transformation("via", name, *aliases, type=kind)(part)

    return declare


_via_part("name")(lambda v: v.protocol.partition("/")[0])
_via_part("version")(lambda v: v.protocol.partition("/")[2])
_via_part("transport")(lambda v: v.transport)
_via_part("host", "domain")(lambda v: v.host)
_via_part("port", kind="int")(lambda v: v.port or None)
_via_part("params")(lambda v: v.params_text or None)
_via_part("branch")(lambda v: v.params.get("branch"))
_via_part("received")(lambda v: v.params.get("received"))
_via_part("rport")(lambda v: v.params.get("rport"))
_via_part("comment")(lambda v: None)


@core.transformation("via", "param")
def via_param(value: str, name: str) -> Value:
    """A parameter of a Via."""
    try:
        params = fields.parse_via(fields.split_list(value)[0]).params
    except ParseError as error:
        log.script_error(f"invalid Via [{value}]: {error}")
        return None
    return (params[name.lower()] or "") if name.lower() in params else None


# ---------------------------------------------------------------------------------------------------------------- ip
def _address(value: str) -> Any:
    try:
        return ipaddress.ip_address(value.strip().strip("[]"))
    except ValueError:
        return None


@core.transformation("ip", "pton")
def ip_pton(value: str) -> Value:
    """The bytes of an address."""
    address = _address(value)
    return address.packed.decode("latin-1") if address is not None else None


@core.transformation("ip", "ntop")
def ip_ntop(value: str) -> Value:
    """An address from its bytes."""
    data = value.encode("latin-1")
    return str(ipaddress.ip_address(data)) if len(data) in (4, 16) else None


@core.transformation("ip", "family")
def ip_family(value: str) -> Value:
    """INET or INET6 of the bytes of an address."""
    return {4: "INET", 16: "INET6"}.get(len(value))


@core.transformation("ip", "isip", type="int")
def ip_isip(value: str) -> Value:
    """Is it an address?"""
    return int(_address(value) is not None)


@core.transformation("ip", "isip4", type="int")
def ip_isip4(value: str) -> Value:
    """Is it an IPv4 address?"""
    address = _address(value)
    return int(address is not None and address.version == 4)


@core.transformation("ip", "isip6", type="int")
def ip_isip6(value: str) -> Value:
    """Is it an IPv6 address?"""
    address = _address(value)
    return int(address is not None and address.version == 6)


_PRIVATE = [ipaddress.ip_network(n) for n in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7")]


@core.transformation("ip", "isprivate", type="int")
def ip_isprivate(value: str) -> Value:
    """Is it a private address (RFC 1918, RFC 6598)?"""
    address = _address(value)
    return int(address is not None and any(address.version == n.version and address in n for n in _PRIVATE))


@core.transformation("ip", "matches", type="int", prefix_match=True)
def ip_matches(value: str, network: str) -> Value:
    """Is the address in the network?  NULL across families."""
    address = _address(value)
    try:
        net = ipaddress.ip_network(network, strict=False)
    except ValueError:
        return None
    if address is None or address.version != net.version:
        return None
    return int(address in net)


def _resolve(value: str, family: int) -> Value:
    try:
        return str(socket.getaddrinfo(value, None, family, socket.SOCK_DGRAM)[0][4][0])
    except OSError:
        return None


@core.transformation("ip", "resolve", pure=False)
def ip_resolve(value: str) -> Value:
    """The address of a name."""
    return _resolve(value, socket.AF_UNSPEC)


@core.transformation("ip", "resolve4", pure=False)
def ip_resolve4(value: str) -> Value:
    """The IPv4 address of a name."""
    return _resolve(value, socket.AF_INET)


@core.transformation("ip", "resolve6", pure=False)
def ip_resolve6(value: str) -> Value:
    """The IPv6 address of a name."""
    return _resolve(value, socket.AF_INET6)
