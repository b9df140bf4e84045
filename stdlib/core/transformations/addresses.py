"""{uri.…}, {nameaddr.…}, {via.…}, {ip.…}."""

from __future__ import annotations

import ipaddress
import re
import socket
import threading
from typing import Annotated, Any

from runtime import log
from runtime.core import core as services
from runtime.declare import Constant, Value
from runtime.sip import fields
from runtime.sip.message import ParseError
from runtime.sip.uri import Uri, parse_uri
from stdlib.core.module import core
from stdlib.core.transformations.syntax import Address, read_addresses, read_params

__all__: list[str] = []


_SCHEMES = ("sip", "sips", "tel", "urn")


def _uri(value: str) -> Uri | None:
    """The URI; None (and an error line) when it is none."""
    if not value:
        return None
    try:
        made = parse_uri(value)
        if made.scheme in _SCHEMES:
            return made
        error = ParseError(f"unknown scheme {made.scheme}")
    except ParseError as problem:
        error = problem
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
_uri_part("passwd")(lambda u: u.password or None)
_uri_part("port", kind="int")(lambda u: u.port or None)
_uri_part("params")(lambda u: u.params_text or None)
_uri_part("headers")(lambda u: u.headers_text or None)
_uri_part("transport")(lambda u: u.params.get("transport") or None)
_uri_part("ttl")(lambda u: u.params.get("ttl") or None)
_uri_part("uparam")(lambda u: u.params.get("user") or None)
_uri_part("maddr")(lambda u: u.params.get("maddr") or None)
_uri_part("method")(lambda u: u.params.get("method") or None)
_uri_part("lr")(lambda u: u.params.get("lr") or None)
_uri_part("r2")(lambda u: u.params.get("r2") or None)
_uri_part("schema")(lambda u: u.scheme_text)


@core.transformation("uri", "param")
def uri_param(value: str, name: str) -> Value:
    """A parameter of a URI; "" when it has no value."""
    uri = _uri(value)
    if uri is None or not uri.params_text:
        return None
    try:
        found = read_params(uri.params_text)
    except ValueError as error:
        log.script_error(f"bad parameters in URI [{value}]: {error}")
        return None
    return next((text for key, text in found if key.lower() == name.lower()), None)


# ---------------------------------------------------------------------------------------------------------- nameaddr
def _nameaddr(value: str, index: int) -> Address | None:
    if not value:
        return None
    try:
        found = read_addresses(value)
    except ValueError as error:
        log.script_error(f"invalid name-addr [{value}]: {error}")
        return None
    return found[index] if -len(found) <= index < len(found) else None


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
    """Length up to the parameters; without parameters the line end of the header counts too."""
    found = _nameaddr(value, index)
    return found.length if found else None


@core.transformation("nameaddr", "params")
def nameaddr_params(value: str, index: int = 0) -> Value:
    """The parameters behind the address."""
    found = _nameaddr(value, index)
    return (found.params_text or None) if found else None


@core.transformation("nameaddr", "param")
def nameaddr_param(value: str, name: Annotated[str, Constant()], index: int = 0) -> Value:
    """A parameter by name (its case counts); NULL when it has no value."""
    found = _nameaddr(value, index)
    return next((text or None for key, text in found.params if key == name), None) if found else None


# --------------------------------------------------------------------------------------------------------------- via
_COMMENT = re.compile(r"[ \t]*\(((?:[^()\\]|\\.|\([^()]*\))*)\)[ \t]*$", re.DOTALL)
"""What may stand behind a Via in brackets (RFC 2543 had it)."""


def _via(value: str) -> tuple[fields.Via, str] | None:
    """The first Via of a value and its comment; None (and an error line) when it is none."""
    first = fields.split_list(value)[0]
    comment = _COMMENT.search(first)
    try:
        return fields.parse_via(first[: comment.start()] if comment else first), comment[1] if comment else ""
    except ParseError as error:
        log.script_error(f"invalid Via [{value}]: {error}")
        return None


def _via_part(name: str, *aliases: str, kind: Any = "str") -> Any:
    def declare(read: Any) -> None:
        def part(value: str) -> Value:
            found = _via(value)
            return (read(found[0]) or None) if found is not None else None

        part.__name__ = f"via_{name}"
        part.__doc__ = f"{name} of a Via."
        globals()[part.__name__] = core.transformation("via", name, *aliases, type=kind)(part)

    return declare


_via_part("name")(lambda v: v.protocol.partition("/")[0])
_via_part("version")(lambda v: v.protocol.partition("/")[2])
_via_part("transport")(lambda v: v.transport)
_via_part("host", "domain")(lambda v: v.host)
_via_part("port", kind="int")(lambda v: v.port)
_via_part("params")(lambda v: v.params_text)
_via_part("branch")(lambda v: v.params.get("branch"))
_via_part("received")(lambda v: v.params.get("received"))
_via_part("rport")(lambda v: v.params.get("rport"))


@core.transformation("via", "comment")
def via_comment(value: str) -> Value:
    """The comment behind a Via, without its brackets."""
    found = _via(value)
    return (found[1] or None) if found is not None else None


@core.transformation("via", "param")
def via_param(value: str, name: str) -> Value:
    """A parameter of a Via; "" when it has no value."""
    found = _via(value)
    if found is None or name.lower() not in found[0].params:
        return None
    return found[0].params[name.lower()] or ""


# ---------------------------------------------------------------------------------------------------------------- ip
_Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def _address(value: str) -> _Address | None:
    """The address; brackets are for IPv6 only."""
    bare = value[1:-1] if value[:1] == "[" and value[-1:] == "]" else value
    try:
        address = ipaddress.ip_address(bare)
    except ValueError:
        return None
    return None if bare is not value and address.version == 4 else address


def shown(address: _Address) -> str:
    """An address as OpenSIPS prints it: IPv6 as eight groups in capitals, nothing compressed."""
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    return ":".join(f"{int(group, 16):X}" for group in address.exploded.split(":"))


@core.transformation("ip", "pton")
def ip_pton(value: str) -> Value:
    """The bytes of an address."""
    address = _address(value)
    return address.packed.decode("latin-1") if address is not None else None


@core.transformation("ip", "ntop")
def ip_ntop(value: str) -> Value:
    """An address from its bytes."""
    if len(value) not in (4, 16):
        log.script_error("{ip.ntop} takes 4 or 16 bytes")
        return None
    return shown(ipaddress.ip_address(value.encode("latin-1")))


@core.transformation("ip", "family")
def ip_family(value: str) -> Value:
    """INET or INET6 of the bytes of an address."""
    return {4: "INET", 16: "INET6"}.get(len(value))


@core.transformation("ip", "isip", type="int")
def ip_isip(value: str) -> Value:
    """Is it an address?"""
    return int(_address(value) is not None) if value else None


@core.transformation("ip", "isip4", type="int")
def ip_isip4(value: str) -> Value:
    """Is it an IPv4 address?"""
    return int(isinstance(_address(value), ipaddress.IPv4Address)) if value else None


@core.transformation("ip", "isip6", type="int")
def ip_isip6(value: str) -> Value:
    """Is it an IPv6 address?"""
    return int(isinstance(_address(value), ipaddress.IPv6Address)) if value else None


_PRIVATE = [ipaddress.IPv4Network(n) for n in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "127.0.0.0/8")]


@core.transformation("ip", "isprivate", type="int")
def ip_isprivate(value: str) -> Value:
    """Is it a private IPv4 address (RFC 1918, RFC 6598, loopback)?"""
    if not value:
        return None
    address = _address(value)
    return int(isinstance(address, ipaddress.IPv4Address) and any(address in net for net in _PRIVATE))


@core.transformation("ip", "matches", type="int", prefix_match=True)
def ip_matches(value: str, network: str) -> Value:
    """Is the address in the network `ip/length`?  NULL across families."""
    address = _address(value)
    host, slash, length = network.partition("/")
    try:
        if not slash or not length.isdigit():
            raise ValueError(network)
        net = ipaddress.ip_network(f"{host.strip('[]')}/{length}", strict=False)
    except ValueError:
        log.script_error(f"{{ip.matches}}: {network} is not of the form ip/length")
        return None
    if address is None or address.version != net.version:
        log.script_error(f"{{ip.matches}}: {value} cannot be compared with {network}")
        return None
    return int(address in net)


_WAIT = 1.0
"""Seconds that a script waits for a name at most; a worker does nothing else meanwhile."""
_KEPT = 30.0
"""Seconds that an answer (also that there is none) is kept."""
_answers: dict[tuple[str, int], tuple[float, str | None]] = {}


def _ask(name: str, family: int) -> str | None:
    try:
        found = socket.getaddrinfo(name, None, family, socket.SOCK_DGRAM)
    except (OSError, UnicodeError):
        return None
    addresses = [str(entry[4][0]).partition("%")[0] for entry in found]
    return shown(ipaddress.ip_address(min(addresses, key=lambda text: ":" in text)))


def _resolve(value: str, family: int) -> Value:
    if not value or len(value) > 253:
        return None
    known = _address(value)
    if known is not None:
        wanted = socket.AF_INET if known.version == 4 else socket.AF_INET6
        return shown(known) if family in (wanted, socket.AF_UNSPEC) else None
    key, now = (value.lower(), family), services.now()
    answer = _answers.get(key)
    if answer is None or answer[0] < now:
        if len(_answers) >= 1024:
            _answers.clear()
        found: list[str | None] = []
        thread = threading.Thread(target=lambda: found.append(_ask(value, family)), daemon=True)
        thread.start()
        thread.join(_WAIT)
        if not found:
            log.script_error(f"{{ip.resolve}}: no answer for {value} within {_WAIT:g} s")
        answer = _answers[key] = (now + _KEPT, found[0] if found else None)
    return answer[1]


@core.transformation("ip", "resolve", pure=False)
def ip_resolve(value: str) -> Value:
    """The address of a name, an IPv4 one if it has any."""
    return _resolve(value, socket.AF_UNSPEC)


@core.transformation("ip", "resolve4", pure=False)
def ip_resolve4(value: str) -> Value:
    """The IPv4 address of a name."""
    return _resolve(value, socket.AF_INET)


@core.transformation("ip", "resolve6", pure=False)
def ip_resolve6(value: str) -> Value:
    """The IPv6 address of a name."""
    return _resolve(value, socket.AF_INET6)
