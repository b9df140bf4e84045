"""Where messages go, and the stateless ways to send them (RFC 3261 sections 16 and 18)."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

from runtime import counters
from runtime.core import Destination, core
from runtime.sip import fields
from runtime.sip.build import build_forwarded_reply, build_reply, build_request, stateless_branch, stateless_tag
from runtime.sip.message import ParseError
from runtime.sip.uri import DEFAULT_PORTS, parse_uri

if TYPE_CHECKING:
    from runtime.core import Listener
    from runtime.sip.message import SipMessage

__all__ = [
    "choose_listener", "forward_reply", "forward_request", "is_numeric", "next_hop", "path_headers", "reply_destination",
    "send_reply_stateless", "via_line",
]  # fmt: skip


def is_numeric(host: str) -> bool:
    """Is the host an address rather than a name?"""
    if not host:
        return False
    if host[0] == "[" or host[-1].isdigit():
        try:
            ipaddress.ip_address(host.strip("[]"))
        except ValueError:
            return False
        return True
    return False


def choose_listener(proto: str, ip: str, preferred: Listener | None, received: Listener | None) -> Listener | None:
    """The socket to send from: the forced one if it fits, the receiving one if it fits, else the first that fits."""
    family6 = ":" in ip
    for listener in (preferred, received):
        if listener is not None and listener.proto == proto and (":" in listener.ip) == family6:
            return listener
    return core.listener_for(proto, family6)


def next_hop(msg: SipMessage) -> tuple[str, int, str]:
    """(host, port or 0, proto) of the next hop: `$du`, else the R-URI.  ParseError when that is no SIP URI."""
    uri = parse_uri(msg.dst_uri or msg.current_uri)
    if uri.scheme not in ("sip", "sips"):
        raise ParseError("no SIP URI to send to", 416)
    host = uri.params.get("maddr") or uri.host
    return host, uri.port, uri.proto if uri.params.get("transport") or uri.scheme == "sips" else ""


def via_line(listener: Listener, branch: str, msg: SipMessage) -> str:
    """Our Via header line for a request sent from this socket."""
    state = msg.__dict__
    host = state.get("advertised_address") or listener.via_host
    port = state.get("advertised_port") or listener.via_port
    if ":" in host and not host.startswith("["):
        host = f"[{host}]"
    rport = ";rport" if "local_rport" in state else ""
    return f"Via: SIP/2.0/{listener.proto.upper()} {host}:{port};branch={branch}{rport}\r\n"


def path_headers(path: str | None) -> str:
    """The Route header that carries a Path vector (RFC 3327 section 5.3)."""
    return f"Route: {path}\r\n" if path else ""


def forward_request(msg: SipMessage, destination: str = "") -> int:
    """Send a request on without keeping state.  1 when it went, or will when DNS answers; negative otherwise.

    `destination` is `[proto:]host[:port]` or a URI and overrides the next hop.
    """
    try:
        if destination:
            host, port, proto = _parse_destination(destination)
        else:
            host, port, proto = next_hop(msg)
    except ParseError:
        counters.bad_URIs_rcvd.inc()
        return -477
    found = core.resolver.resolve_now(host, port, proto)
    if found is None:
        core.spawn(_forward_when_resolved(msg, host, port, proto))
        return 1
    if not found:
        counters.err_requests.inc()
        return -478
    return _forward_to(msg, found[0])


async def _forward_when_resolved(msg: SipMessage, host: str, port: int, proto: str) -> None:
    found = await core.resolver.resolve(host, port, proto)
    if found:
        _forward_to(msg, found[0])
    else:
        counters.err_requests.inc()


def _parse_destination(text: str) -> tuple[str, int, str]:
    if text[:4].lower() == "sip:" or text[:5].lower() == "sips:":
        uri = parse_uri(text)
        return uri.params.get("maddr") or uri.host, uri.port, uri.proto
    proto = ""
    head, colon, rest = text.partition(":")
    if colon and head.lower() in DEFAULT_PORTS:
        proto, text = head.lower(), rest
    uri = parse_uri(f"sip:{text}")
    return uri.host, uri.port, proto


def _forward_to(msg: SipMessage, where: Destination) -> int:
    listener = choose_listener(where.proto, where.ip, msg.force_socket, msg.received.listener)
    if listener is None:
        counters.err_requests.inc()
        return -7
    where.listener = listener
    text = build_request(
        msg, msg.current_uri, via_line(listener, stateless_branch(msg), msg), edits=msg.edits,
        extra=path_headers(msg.path_vector), listener=listener,
    )  # fmt: skip
    if not core.send(text.encode("latin-1"), where):
        counters.err_requests.inc()
        return -477
    counters.fwd_requests.inc()
    return 1


# ---------------------------------------------------------------------------------------------------------- replies
def reply_destination(msg: SipMessage) -> Destination:
    """Where replies to this request go (RFC 3261 section 18.2.2, RFC 3581 section 4)."""
    via = fields.top_via(msg)
    source = msg.received
    listener = source.listener
    if source.connection is not None:
        return Destination(listener.proto, source.src_ip, source.src_port, listener, source.connection)
    state = msg.__dict__
    maddr = via.params.get("maddr")
    if maddr and is_numeric(maddr):
        return Destination(listener.proto, maddr.strip("[]"), via.port or 5060, listener)
    if via.rport is not None or "force_rport" in state:
        return Destination(listener.proto, source.src_ip, source.src_port, listener)
    if "reply_to_via" in state and is_numeric(via.host):
        return Destination(listener.proto, via.host.strip("[]"), via.port or 5060, listener)
    return Destination(listener.proto, source.src_ip, via.port or 5060, listener)


def send_reply_stateless(msg: SipMessage, code: int, reason: str, *, body: str = "") -> bool:
    """Answer a request without a transaction (RFC 3261 section 8.2.7); False when it could not be sent.

    An ACK is never answered.
    """
    if msg.method == "ACK":
        return False
    tag = stateless_tag(msg) if code != 100 else ""
    text = build_reply(msg, code, reason, to_tag=tag, body=body)
    return core.send(text.encode("latin-1"), reply_destination(msg))


def forward_reply(msg: SipMessage) -> bool:
    """Send a reply on by its second Via (RFC 3261 section 16.11); False when there is none or it went nowhere."""
    try:
        below = fields.vias(msg)[1]
    except (ParseError, IndexError):
        return False
    proto = below.transport.lower()
    host = (below.received or below.host).strip("[]")
    port = below.port or DEFAULT_PORTS.get(proto, 5060)
    if below.rport and below.rport.isdigit():
        port = int(below.rport)
    if not is_numeric(host):
        found = core.resolver.resolve_now(host, port, proto)
        if not found:
            counters.err_replies.inc()
            return False
        host = found[0].ip
    listener = choose_listener(proto, host, msg.force_socket, msg.received.listener)
    if listener is None:
        counters.err_replies.inc()
        return False
    text = build_forwarded_reply(msg, edits=msg.edits)
    if not core.send(text.encode("latin-1"), Destination(proto, host, port, listener)):
        counters.err_replies.inc()
        return False
    counters.fwd_replies.inc()
    return True
