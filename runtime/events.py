"""Events: raised by modules and scripts, delivered to event routes and to subscribers outside.

A subscriber is a datagram socket, `udp:IP:PORT` or `unix:/path`, that gets a JSON-RPC notification for each event, as
OpenSIPS's event_datagram sends it.  Every process keeps the same subscribers; whoever raises an event sends it.
"""

from __future__ import annotations

import ipaddress
import json
import socket
from dataclasses import dataclass
from typing import Any

from runtime import log
from runtime.core import core
from runtime.declare import Event, Module
from runtime.mi.engine import MiError

__all__ = ["CORE_LOG", "Subscribers", "handling", "notification", "start_log_events", "subscribers"]

logger = log.engine("evi")

_MOST = 1000
"""Subscriptions there can be."""
_DEFAULT_EXPIRE = 3600

module = Module("evi", "Events over management.")
CORE_LOG = module.event(
    "E_CORE_LOG", "time", "pid", "level", "module", "function", "prefix", "message", doc="A log line (log_event_enabled)."
)


def notification(name: str, params: dict[str, Any]) -> bytes:
    """The JSON-RPC notification of an event."""
    return json.dumps({"jsonrpc": "2.0", "method": name, "params": params}, separators=(",", ":")).encode()


@dataclass(slots=True)
class _Subscription:
    """One socket that wants one event."""

    address: Any
    family: socket.AddressFamily
    until: float
    """Clock of core.wall, 0 for ever."""


class Subscribers:
    """Who wants which event, and sending it to them."""

    def __init__(self) -> None:
        self._table: dict[str, dict[str, _Subscription]] = {}
        self._sockets: dict[socket.AddressFamily, socket.socket] = {}

    def subscribe(self, event: str, where: str, expire: int) -> None:
        """Add or renew; an expire of 0 ends it.  ValueError for a socket that is none."""
        family, address = _address(where)
        known = self._table.setdefault(event, {})
        if expire <= 0:
            known.pop(where, None)
            return
        if where not in known and sum(map(len, self._table.values())) >= _MOST:
            raise ValueError("too many subscriptions")
        known[where] = _Subscription(address, family, core.wall() + expire)

    def of(self, event: str) -> dict[str, _Subscription]:
        """Subscriptions of an event that have not expired."""
        known = self._table.get(event)
        if not known:
            return {}
        now = core.wall()
        for where in [where for where, each in known.items() if each.until < now]:
            del known[where]
        return known

    def everything(self) -> list[tuple[str, str, int]]:
        """(event, socket, seconds left) of every subscription: what a new worker must be told."""
        now = core.wall()
        return [(e, where, int(s.until - now) + 1) for e in list(self._table) for where, s in self.of(e).items()]

    def send(self, event: str, params: dict[str, Any]) -> None:
        """Tell the subscribers; one that cannot be reached misses the event."""
        known = self.of(event)
        if not known:
            return
        data = notification(event, params)
        for each in known.values():
            try:
                self._socket(each.family).sendto(data, each.address)
            except OSError as error:
                logger.debug("event %s not sent to %s: %s", event, each.address, error)

    def _socket(self, family: socket.AddressFamily) -> socket.socket:
        made = self._sockets.get(family)
        if made is None:
            made = self._sockets[family] = socket.socket(family, socket.SOCK_DGRAM)
            made.setblocking(False)
        return made

    def after_fork(self) -> None:
        """Make own sockets in a new process."""
        self._sockets.clear()


def _address(where: str) -> tuple[socket.AddressFamily, Any]:
    proto, _, rest = where.partition(":")
    if proto == "unix" and 0 < len(rest) < 108 and "\0" not in rest:
        return socket.AF_UNIX, rest
    host, _, port = rest.rpartition(":")
    if proto == "udp" and port.isdigit() and 0 < int(port) < 65536:
        ip = ipaddress.ip_address(host.strip("[]"))
        return (socket.AF_INET6 if ip.version == 6 else socket.AF_INET), (str(ip), int(port))
    raise ValueError("write udp:IP:PORT or unix:/path")


subscribers = Subscribers()
"""This process's copy."""


# ---------------------------------------------------------------------------------------------------------- management
def _events() -> list[Event]:
    """Every event of the loaded modules; its place is its id."""
    names = ["core", "evi", *core.modules]
    return [event for name in names if name in Module.registry for event in Module.registry[name].events.values()]


@module.command("subscribe", "event_subscribe", where="every", merge=lambda parts: None)
def subscribe(event: str, socket: str, expire: int = _DEFAULT_EXPIRE) -> None:
    """Send an event to a socket (udp:IP:PORT, unix:/path) for `expire` seconds; 0 ends it."""
    try:
        subscribers.subscribe(event, socket, expire)
    except ValueError as error:
        raise MiError(400, "Bad subscriber socket", str(error)) from None


@module.command("list", "events_list", where="supervisor")
def list_events() -> Any:
    """The events there are."""
    return {"Events": [{"name": event.name, "id": number} for number, event in enumerate(_events())]}


@module.command("subscribers", "subscribers_list", where="supervisor", recipes=((), ("event",), ("event", "socket")))
def list_subscribers(event: str | None = None, socket: str | None = None) -> Any:
    """Who is subscribed: to all events, to one, or one socket."""
    numbers = {each.name: number for number, each in enumerate(_events())}
    names = [event] if event is not None else list(dict.fromkeys(each[0] for each in subscribers.everything()))
    shown = []
    for name in names:
        if name not in numbers and not subscribers.of(name):
            raise MiError(404, "Event not published")
        entries = [
            {"socket": where, "expire": _DEFAULT_EXPIRE, "ttl": max(0, int(each.until - core.wall()))}
            for where, each in subscribers.of(name).items()
            if socket is None or where == socket
        ]
        shown.append({"name": name, "id": numbers.get(name, -1), "Subscribers": entries})
    return {"Event": shown[0]} if event is not None else {"Events": shown}


@module.command("raise", "raise_event", recipes=(("event",), ("event", "params")))
def raise_from_management(event: str, params: dict[str, Any] | None = None) -> None:
    """Raise an event; params is an object, or an array of values."""
    given: dict[str, Any] = {}
    if isinstance(params, list):
        given.update({str(number): value for number, value in enumerate(params, 1)})
    else:
        given.update(params or {})
    core.raise_event(event, {name: value if isinstance(value, int) else str(value) for name, value in given.items()})


# ---------------------------------------------------------------------------------------------------------- E_CORE_LOG
class _Handling:
    """Is an event route running, or a log event being made?"""

    busy = False


handling = _Handling()


class _LogEvents:
    """Raises E_CORE_LOG for log lines, but not for those written while an event is being handled."""

    def __init__(self, level: int) -> None:
        self.level = level

    def line(self, level: int, module: str, function: str, text: str) -> None:
        if handling.busy or (self.level and level > self.level) or not core.event_wanted(CORE_LOG.name):
            return
        handling.busy = True
        try:
            core.raise_event(CORE_LOG.name, {
                "time": int(core.wall()), "pid": core.pid, "level": log.NAMES.get(level, "DBG"), "module": module,
                "function": function, "prefix": log.sinks.prefix, "message": text.rstrip("\n"),
            })  # fmt: skip
        finally:
            handling.busy = False


def start_log_events(enabled: bool, level: int) -> _LogEvents | None:
    """Raise E_CORE_LOG in this process from now on (log_event_enabled, log_event_level_filter), or no longer."""
    log.hooks.on_line[:] = [hook for hook in log.hooks.on_line if not isinstance(getattr(hook, "__self__", None), _LogEvents)]
    if not enabled:
        return None
    made = _LogEvents(level)
    log.hooks.on_line.append(made.line)
    return made
