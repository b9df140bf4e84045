"""Route processing (RFC 3261 section 16.4 and 16.12) and what other modules ask about the route of a request."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

from runtime.core import core
from runtime.declare import Check, Pattern, Routes, Value
from runtime.sip.edits import edits_of
from runtime.sip.fields import from_field, to_field
from runtime.sip.message import ParseError
from runtime.sip.uri import Uri, parse_uri
from stdlib.rr.settings import append_fromtag, enable_double_rr, enable_socket_mismatch_warning, logger, module

if TYPE_CHECKING:
    from runtime.core import Listener
    from runtime.sip.message import SipMessage

__all__ = [
    "check_route_param", "get_remote_target", "get_route_param", "get_route_params", "get_route_set", "is_direction",
    "loose_route", "on_loose_route",
]  # fmt: skip

Routing = Literal["LL", "LS", "SL", "SS"]
"""From a loose or strict router, to a loose or strict one."""

_SPLIT = re.compile(r'"(?:[^"\\]|\\.)*"|<[^>]*>|,')

_callbacks: list[tuple[int, Callable[[SipMessage, str], object]]] = []


def on_loose_route(callback: Callable[[SipMessage, str], object], priority: int = 0) -> None:
    """Have `callback(msg, params)` called whenever loose_route() processed a Route; lower priorities first.

    `params` is the parameter text of the Route URI (`lr;ftag=x;did=…`).
    """
    if all(known is not callback for _, known in _callbacks):
        _callbacks.append((priority, callback))
        _callbacks.sort(key=lambda item: item[0])


def _run_callbacks(msg: SipMessage, params: str) -> None:
    for _, callback in _callbacks:
        callback(msg, params)


@dataclass(slots=True)
class _Route:
    """One entry of a Route header, with its place in the received text."""

    uri: str
    line: tuple[int, int]
    """The whole header line."""
    body: int
    """Where the value of the header begins."""
    start: int
    end: int
    next: _Route | None = None
    """The entry after it in the same header."""
    deleted: bool = False


class _RouteSet:
    """The Route headers of a message; each is looked into when it is needed, for a broken one matters only then."""

    __slots__ = ("lines", "parsed", "text")

    def __init__(self, msg: SipMessage) -> None:
        self.text = msg.text
        self.lines: list[tuple[int, int]] = [
            (place[0], place[2]) if type(place) is tuple else (place.start, place.end)
            for place in msg.header_index["route"]
        ]
        self.parsed: dict[int, list[_Route]] = {}

    def entries(self, number: int) -> list[_Route]:
        """Entries of the n-th Route header; ParseError when it is broken."""
        if number not in self.parsed:
            self.parsed[number] = self._parse(*self.lines[number])
        return self.parsed[number]

    def _parse(self, start: int, end: int) -> list[_Route]:
        text = self.text
        colon = text.index(":", start)
        body = colon + 1
        while body < end and text[body] in " \t\r\n":
            body += 1
        stop = end
        while stop > body and text[stop - 1] in " \t\r\n":
            stop -= 1
        if text[body : body + 1] == "<" and text.find(",", body, stop) < 0:  # the usual one
            close = text.find(">", body, stop)
            if close > 0:
                return [_Route(text[body + 1 : close].strip(), (start, end), body, body, stop)]
        commas = [match.start() for match in _SPLIT.finditer(text, body, stop) if match[0] == ","]
        found: list[_Route] = []
        begun = body
        for comma in [*commas, stop]:
            piece = text[begun:comma]
            at = begun + len(piece) - len(piece.lstrip())
            open_, close = text.rfind("<", at, comma), text.rfind(">", at, comma)
            if open_ < 0 or close < open_:
                raise ParseError("no < found in Route")
            found.append(_Route(text[open_ + 1 : close].strip(), (start, end), body, at, begun + len(piece.rstrip())))
            if len(found) > 1:
                found[-2].next = found[-1]
            begun = comma + 1
        return found


def _route_set(msg: SipMessage) -> _RouteSet:
    return msg.lazy("_rr_routes", _RouteSet, msg)  # type: ignore[no-any-return]


def _is_mine(uri: Uri) -> bool:
    return core.is_myself(uri.params.get("maddr") or uri.host, uri.effective_port, uri.proto)


def _is_strict(uri: Uri) -> bool:
    return "lr" not in uri.params


def _through_maddr(uri: Uri) -> str:
    """The URI to send to: of maddr when there is one."""
    maddr = uri.params.get("maddr")
    if not maddr:
        return uri.text
    if len(maddr) > 117:
        raise ParseError("too long maddr parameter")
    return f"sip:{maddr}:{uri.port}" if uri.port else f"sip:{maddr}"


def _socket_of(uri: Uri) -> Listener | None:
    host, port, proto = uri.host.strip("[]").lower(), uri.effective_port, uri.proto
    for listener in core.listeners:
        if listener.proto != proto:
            continue
        if listener.port == port and listener.ip.lower() == host:
            return listener
        if listener.advertised_ip.strip("[]").lower() == host and port in (listener.port, listener.advertised_port):
            return listener
    return None


def _force_socket(msg: SipMessage, uri: Uri, which: str) -> None:
    listener = _socket_of(uri)
    if listener is not None:
        msg.force_socket = listener
    elif enable_socket_mismatch_warning.value:
        logger.warning("no socket found to match %s [%s][%s:%d]", which, uri.proto, uri.host, uri.effective_port)


@module.function(routes=Routes.REQUEST)
def loose_route(msg: SipMessage) -> bool:
    """Route a request by its Route headers: ours are removed, the next one becomes the destination (`$du`).

    Understands strict routers before and after us.  False when there is no Route, when it cannot be used, or when a
    request outside a dialog has none but ours: then the R-URI alone decides.
    """
    state = msg.__dict__
    state["rr_routing"] = None
    if "route" not in msg.header_index:
        return False
    try:
        routes = _route_set(msg)
        routes.entries(0)
        uri = msg.ruri_parsed
        preloaded = not to_field(msg).tag
        if not preloaded and _is_mine(uri) and not uri.params.get("gr"):
            return _after_strict(msg, routes, uri)
        return _after_loose(msg, routes, preloaded)
    except ParseError as error:
        logger.error("failed to process Route: %s", error.reason)
        return False


def _next_header(routes: _RouteSet, number: int) -> _Route | None:
    """The first entry of the header after the n-th."""
    return routes.entries(number + 1)[0] if number + 1 < len(routes.lines) else None


def _after_loose(msg: SipMessage, routes: _RouteSet, preloaded: bool) -> bool:
    """The previous hop was a loose router: the top Route is ours, or that of the next hop."""
    state = msg.__dict__
    edits = edits_of(msg)
    number = 0
    route = routes.entries(0)[0]
    uri = target = parse_uri(route.uri)
    force_received = False
    if _is_mine(uri):
        state["rr_params"] = uri.params_text
        route.deleted = True
        following = route.next
        if following is None:
            edits.remove(*route.line)
            following = _next_header(routes, 0)
            number = 1
            if following is None:
                return _done(msg, uri, preloaded, True, not preloaded)
        force_received = True
        if enable_double_rr.value and uri.params.get("r2") == "on":
            force_received = False
            uri = parse_uri(following.uri)
            _force_socket(msg, uri, "2nd RR")
            following.deleted = True
            second = following
            following = second.next
            if following is None:
                edits.remove(*second.line)
                following = _next_header(routes, number)
                number += 1
                if following is None:
                    return _done(msg, uri, preloaded, False, not preloaded)
        route = following
        target = parse_uri(route.uri)
    if _is_strict(target):
        state["rr_routing"] = "LS"
        # RFC 3261 section 16.6 step 6: the R-URI goes to the end of the route, the strict router into the R-URI
        edits.append_header(f"Route: <{msg.request_uri}>\r\n")
        msg.new_uri = _through_maddr(target)
        if route.next is None:
            edits.remove(*route.line)
        else:
            edits.remove(route.body, route.next.start)
        route.deleted = True
    else:
        state["rr_routing"] = "LL"
        msg.dst_uri = _through_maddr(target)
        first = routes.entries(number)[0]
        if route is not first:
            edits.remove(route.body, route.start)
            first.deleted = True
    return _done(msg, uri, preloaded, force_received, True)


def _done(msg: SipMessage, uri: Uri, preloaded: bool, force_received: bool, result: bool) -> bool:
    if msg.__dict__["rr_routing"] is None:
        msg.__dict__["rr_routing"] = "LL"
    if force_received and not preloaded:
        msg.force_socket = msg.received.listener
    _run_callbacks(msg, uri.params_text)
    return result


def _after_strict(msg: SipMessage, routes: _RouteSet, ruri: Uri) -> bool:
    """The previous hop was a strict router: the R-URI is ours, the real one is the last Route."""
    state = msg.__dict__
    edits = edits_of(msg)
    number = 0
    route = routes.entries(0)[0]
    uri = parse_uri(route.uri)
    if enable_double_rr.value and uri.params.get("r2") == "on" and _is_mine(uri):
        _force_socket(msg, uri, "2nd RR")
        route.deleted = True
        following = route.next
        if following is None:
            edits.remove(*route.line)
            following = _next_header(routes, 0)
            number = 1
            if following is None:
                return False
        route = following
        uri = parse_uri(route.uri)
    else:
        _force_socket(msg, ruri, "RR")
    if _is_strict(uri):
        # Nothing to save: the R-URI of the request is in the Route set already, we act as a strict router
        state["rr_routing"] = "SS"
        msg.new_uri = _through_maddr(uri)
        if route.next is not None:
            edits.remove(route.body, route.next.start)
        else:
            edits.remove(*route.line)
        route.deleted = True
    else:
        state["rr_routing"] = "SL"
        msg.dst_uri = _through_maddr(uri)
        ours: _Route | None = None
        if route is not routes.entries(number)[0]:
            edits.remove(route.body, route.start)
            ours = routes.entries(number)[0]
            ours.deleted = True
        entries = routes.entries(len(routes.lines) - 1)
        last = entries[-1]
        before = entries[-2] if len(entries) > 1 else None
        msg.new_uri = _through_maddr(parse_uri(last.uri))
        last.deleted = True
        if before is not None and before is not ours:
            edits.remove(before.end, last.end)
        else:
            edits.remove(*last.line)
    params = msg.ruri_parsed.params_text
    state["rr_params"] = params
    _run_callbacks(msg, params)
    return True


# ------------------------------------------------------------------------------------- parameters of our Route URI
def get_route_params(msg: SipMessage) -> str:
    """Parameter text of the Route that loose_route() took for ours, "" when there is none."""
    return msg.__dict__.get("rr_params") or ""


def get_route_param(msg: SipMessage, name: str) -> str | None:
    """Value of one parameter of our Route ("" when it has none), None when it is not there.  Names are exact."""
    for part in get_route_params(msg).split(";"):
        key, _, value = part.partition("=")
        if key.strip() == name:
            return value.strip().strip("\"'")
    return None


@module.variable("rr_params", type="str")
def rr_params(msg: SipMessage) -> Value:
    """Parameters of our Route URI, without the first `;`; NULL before loose_route() found one."""
    return msg.__dict__.get("rr_params") or None


@module.function(routes=Routes.REQUEST)
def check_route_param(msg: SipMessage, re: Pattern) -> bool:
    """Do the parameters of our Route URI (from the first `;`) match?  To be called after loose_route()."""
    params = msg.__dict__.get("rr_params")
    return bool(params) and re.search(f";{params}") is not None


def _direction(text: str) -> None:
    if text[:10].lower() != "downstream" and text[:8].lower() != "upstream":
        raise ValueError(f"unknown direction '{text}'")


@module.function(routes=Routes.REQUEST)
def is_direction(msg: SipMessage, direction: Annotated[str, Check(_direction)]) -> bool:
    """Does the request go "downstream" (as the initial request did) or "upstream"?

    Known from the `ftag` of our Route after loose_route(); without one it counts as downstream.
    """
    if not append_fromtag.value:
        logger.error('usage of "is_direction" function requires parameter "append_fromtag" enabled!!')
        return False
    wanted = direction[:10].lower()
    if wanted != "downstream" and wanted[:8] != "upstream":
        logger.error("unknown direction '%s'", direction)
        return False
    return _is_upstream(msg) == (wanted != "downstream")


def _is_upstream(msg: SipMessage) -> bool:
    ftag = get_route_param(msg, "ftag")
    if not ftag:
        return False
    try:
        tag = from_field(msg).tag
    except ParseError:
        return False
    return bool(tag) and tag != ftag


# ------------------------------------------------------------------------------------------------ for other modules
def get_remote_target(msg: SipMessage) -> str | None:
    """URI of the far end of a request in a dialog after loose_route(); None when that is not known."""
    routing: Routing | None = msg.__dict__.get("rr_routing")
    if routing in ("LL", "LS"):
        return msg.request_uri
    if routing == "SL":
        return msg.new_uri
    if routing == "SS":
        routes = _route_set(msg)
        try:
            return _through_maddr(parse_uri(routes.entries(len(routes.lines) - 1)[-1].uri))
        except ParseError:
            return None
    return None


def get_route_set(msg: SipMessage) -> list[str]:
    """URIs of the hops still before the request after loose_route(), nearest first; [] when there are none."""
    if "route" not in msg.header_index:
        return []
    routing: Routing | None = msg.__dict__.get("rr_routing")
    found = [msg.current_uri] if routing in ("SS", "LS") else []
    routes = _route_set(msg)
    try:
        for number in range(len(routes.lines)):
            found += [route.uri for route in routes.entries(number) if not route.deleted]
    except ParseError:
        return []
    return found[:-1] if routing == "SS" else found
