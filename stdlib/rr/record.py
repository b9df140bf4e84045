"""Inserting Record-Route (RFC 3261 section 16.6, step 4)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from runtime.core import core
from runtime.declare import Routes
from runtime.sip.edits import edits_of
from runtime.sip.fields import from_field
from runtime.sip.message import ParseError
from runtime.sip.uri import parse_uri
from stdlib.rr.settings import add_username, append_fromtag, enable_double_rr, logger, module

if TYPE_CHECKING:
    from runtime.core import Listener
    from runtime.sip.edits import Edits
    from runtime.sip.message import SipMessage

__all__ = ["RecordRoute", "add_rr_param", "listener_address", "record_route", "record_route_preset", "same_realm"]

_ROUTES = Routes.REQUEST | Routes.BRANCH | Routes.FAILURE


def listener_address(msg: SipMessage, listener: Listener) -> str:
    """`host[:port][;transport=x]` by which a socket goes into Record-Route and Path: advertised values first."""
    state = msg.__dict__
    host = listener.advertised_ip or state.get("advertised_address") or core.advertised_address or listener.host
    port = listener.advertised_port or state.get("advertised_port") or core.advertised_port
    if ":" in host and not host.startswith("["):
        host = f"[{host}]"
    text = f"{host}:{port or listener.port}" if port or listener.port != 5060 else str(host)
    return text if listener.proto == "udp" else f"{text};transport={listener.proto}"


def same_realm(one: Listener, other: Listener) -> bool:
    """Do two sockets have one address, port and transport?"""
    return one is other or (one.port == other.port and one.proto == other.proto and one.ip == other.ip)


class RecordRoute:
    """Record-Route lines of a request, complete once the sending socket is known.

    Never changed: add_rr_param puts another one in its place, so that branches do not see each other's parameters.
    """

    __slots__ = ("double", "params", "preset", "tail", "user")

    def __init__(self, user: str, tail: str, params: str, double: bool, preset: str | None = None) -> None:
        self.user = user
        """With its @, or ""."""
        self.tail = tail
        """`;lr;ftag=…` and the parameters of record_route()."""
        self.params = params
        """From add_rr_param."""
        self.double = double
        self.preset = preset
        """Address given by the script instead of the socket's."""

    def with_param(self, param: str) -> RecordRoute:
        """A copy with one more parameter in front of those added before."""
        return RecordRoute(self.user, self.tail, param + self.params, self.double, self.preset)

    def __call__(self, msg: SipMessage, edits: Edits, listener: Listener) -> str:
        start = f"Record-Route: <sip:{self.user}"
        end = f"{self.tail}{self.params}>\r\n"
        if self.preset is not None:
            return f"{start}{self.preset}{end}"
        received = msg.received.listener
        if self.double and not same_realm(received, listener):
            end = f";r2=on{end}"
            return f"{start}{listener_address(msg, listener)}{end}{start}{listener_address(msg, received)}{end}"
        return f"{start}{listener_address(msg, listener)}{end}"


@dataclass(frozen=True, slots=True)
class PendingParams:
    """Parameters that wait for record_route(); no text of their own."""

    params: str

    def __call__(self, msg: SipMessage, edits: Edits, listener: Listener) -> str:
        return ""


def _recorded(edits: Edits) -> bool:
    return any(type(line) is RecordRoute for line in edits.first)


def _take_pending(edits: Edits) -> str:
    for i, line in enumerate(edits.first):
        if isinstance(line, PendingParams):
            del edits.first[i]
            return line.params
    return ""


def _user(msg: SipMessage) -> str | None:
    """User part for the URI with its @, "" when there is none or none is wanted; None: the R-URI is broken."""
    if not add_username.value:
        return ""
    try:
        user = parse_uri(msg.request_uri).user
        if not user and msg.new_uri is not None:
            user = parse_uri(msg.new_uri).user
    except ParseError:
        logger.error("failed to extract username")
        return None
    return f"{user}@" if user else ""


def _fromtag(msg: SipMessage) -> str | None:
    """`;ftag=…`, "" when not wanted or there is no tag; None: From is broken."""
    if not append_fromtag.value:
        return ""
    try:
        tag = from_field(msg).tag
    except ParseError:
        logger.error("From parsing failed")
        return None
    return f";ftag={tag}" if tag else ""


@module.function(routes=_ROUTES)
def record_route(msg: SipMessage, params: str = "") -> bool:
    """Add a Record-Route for our socket in front of all others; `params` (`;name=value`) go into its URI.

    Two of them (`;r2=on`) when the request leaves by another socket than it came in on.  False when done before, or
    From is broken.
    """
    edits = edits_of(msg)
    if edits.late and _recorded(edits):
        logger.error("Double attempt to record-route")
        return False
    user = _user(msg)
    tag = _fromtag(msg)
    if user is None or tag is None:
        return False
    pending = _take_pending(edits) if edits.late else ""
    edits.prepend_header(RecordRoute(user, f";lr{tag}{params}", pending, bool(enable_double_rr.value)))
    return True


@module.function(routes=_ROUTES)
def record_route_preset(msg: SipMessage, address: str, inbound: str = "") -> bool:
    """Add a Record-Route with this `host[:port]` (and parameters), and a second one below it for the inbound side."""
    edits = edits_of(msg)
    if edits.late and _recorded(edits):
        logger.error("Double attempt to record-route")
        return False
    if inbound and not enable_double_rr.value:
        logger.error("Attempt to double record-route while 'enable_double_rr' param is disabled")
        return False
    user = _user(msg)
    tag = _fromtag(msg)
    if user is None or tag is None:
        return False
    pending = _take_pending(edits) if edits.late else ""
    edits.prepend_header(RecordRoute(user, f"{tag};lr", pending, False, address))
    if inbound:
        edits.prepend_header(RecordRoute(user, f"{tag};lr", "", False, inbound))
    return True


@module.function(routes=_ROUTES)
def add_rr_param(msg: SipMessage, param: str) -> bool:
    """Add a parameter (`;name=value`) to our Record-Route, whether record_route() was called or will be.

    After record_route() the newest parameter stands first, before it they keep their order, as in OpenSIPS.
    """
    edits = edits_of(msg)
    found = False
    for i, line in enumerate(edits.first):
        if isinstance(line, RecordRoute):
            edits.first[i] = line.with_param(param)
            if not enable_double_rr.value:
                return True
            found = True
        elif isinstance(line, PendingParams) and not found:
            edits.first[i] = PendingParams(line.params + param)
            return True
    if not found:
        edits.prepend_header(PendingParams(param))
    return True
