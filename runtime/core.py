"""What a worker gives to whatever runs in it: clock, timers, sockets, sending, the current generation.

One process runs one script, so this is one object, `core`, filled in by the worker at start and by tests with a virtual
clock and a recording transport.  Nothing in stdlib or in the sans-IO cores opens a socket, reads a clock or looks for an
event loop by itself.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from runtime.generation import Generation
    from runtime.sip.message import SipMessage
    from runtime.timers import TimerWheel

__all__ = ["Core", "Destination", "Listener", "Received", "Resolver", "core"]


@dataclass(slots=True, eq=False)
class Listener:
    """A listening socket of the script (`socket=proto:ip:port`).  Compared by identity."""

    proto: str
    """Lower case: udp, tcp, tls, ws, wss."""
    ip: str
    """Bare address; IPv6 without brackets."""
    port: int
    advertised_ip: str = ""
    advertised_port: int = 0
    tag: str = ""
    anycast: bool = False
    fd: int = -1

    @property
    def host(self) -> str:
        """The address as it stands in SIP text: IPv6 in brackets."""
        return f"[{self.ip}]" if ":" in self.ip else self.ip

    @property
    def name(self) -> str:
        """As scripts and `$socket_in` print it: `udp:127.0.0.1:5060`."""
        return f"{self.proto}:{self.host}:{self.port}"

    @property
    def via_host(self) -> str:
        """Host for Via and Record-Route: the advertised one if set (RFC 3261 section 18.1.1)."""
        return self.advertised_ip or core.advertised_address or self.host

    @property
    def via_port(self) -> int:
        return self.advertised_port or core.advertised_port or self.port


@dataclass(slots=True)
class Received:
    """Where a message came from and on which socket it arrived (OpenSIPS's receive_info)."""

    src_ip: str
    src_port: int
    listener: Listener
    connection: Any = None
    """The stream connection it came over (TCP), None for datagrams."""
    time: float = 0.0

    @property
    def proto(self) -> str:
        return self.listener.proto


@dataclass(slots=True)
class Destination:
    """Where bytes go: a numeric address, a transport, and the socket to send from."""

    proto: str
    ip: str
    port: int
    listener: Listener | None = None
    connection: Any = None
    """Reuse this stream connection while it lives (replies, RFC 3261 section 18.2.2)."""


class Resolver(Protocol):
    """RFC 3263 look-up of the next hop."""

    def resolve_now(self, host: str, port: int, proto: str) -> list[Destination] | None:
        """Destinations in order of preference when known without waiting (numeric, own cache); None: must wait."""

    async def resolve(self, host: str, port: int, proto: str) -> list[Destination]:
        """Like resolve_now, waiting for DNS within its time limit; [] when there is none."""


def _not_started(*_: Any, **__: Any) -> Any:
    raise RuntimeError("the worker is not running")


@dataclass(slots=True)
class Core:
    """The services of the running worker."""

    now: Callable[[], float] = time.monotonic
    """Seconds, monotonic; virtual in tests.  Timers and transactions use only this."""
    wall: Callable[[], float] = time.time
    timers: TimerWheel = None  # type: ignore[assignment]
    send: Callable[[bytes, Destination], bool] = _not_started
    """Send one message; False when it cannot be sent (no socket, connect refused at once).  Never waits."""
    spawn: Callable[[Coroutine[Any, Any, Any]], Any] = _not_started
    """Run a coroutine as a task, kept and its error logged."""
    resolver: Resolver = None  # type: ignore[assignment]
    listeners: list[Listener] = field(default_factory=list)
    aliases: set[tuple[str, str, int]] = field(default_factory=set)
    """(proto or "", lower-case host, port or 0) of `alias=`."""
    advertised_address: str = ""
    advertised_port: int = 0
    generation: Generation = None  # type: ignore[assignment]
    """The committed generation; a message takes it at the start and keeps it."""
    worker_id: int = 0
    pid: int = 0
    started: float = 0.0
    """Wall-clock time of the start."""
    argv: list[str] = field(default_factory=list)
    script_arguments: dict[str, str] = field(default_factory=dict)
    """`-o name=value`, read as `$argv(name)`."""
    script_path: str = ""
    modules: list[str] = field(default_factory=list)
    """Loaded modules in order."""
    request_hooks: list[Callable[[SipMessage], bool]] = field(default_factory=list)
    """Run before the request route for every request; False: the message was consumed (options_reply-like modules)."""
    reply_hooks: list[Callable[[SipMessage], bool]] = field(default_factory=list)
    """Run for each reply after onreply_route: tm's matching; True: consumed, else it is forwarded statelessly."""
    stateless_replies: bool = True
    """Forward replies that match no transaction (disable_stateless_fwd)."""
    post_script_hooks: list[Callable[[SipMessage], object]] = field(default_factory=list)
    """Run after the request route ended (tm drops or completes what was created)."""
    on_script_bug: Callable[[SipMessage], object] | None = None
    """Answers the request in whose route a bug happened."""
    ensure_transaction: Callable[[SipMessage], bool] | None = None
    """Makes the transaction that async() needs (set by tm); False when there can be none."""
    raise_event: Callable[[str, dict[str, Any]], object] = _not_started
    """Publish an event: event_route of that name, MI subscribers."""
    event_wanted: Callable[[str], bool] = lambda name: False
    """Does anybody listen to this event?  Spares building its parameters on the hot path."""
    request: Callable[[str, dict[str, Any]], Awaitable[Any]] = _not_started
    """Ask the supervisor (control channel): MI commands that span workers, reload."""

    def listener_for(self, proto: str, family6: bool = False) -> Listener | None:
        """The first socket of that transport and address family."""
        for listener in self.listeners:
            if listener.proto == proto and (":" in listener.ip) == family6:
                return listener
        return None

    def is_myself(self, host: str, port: int = 0, proto: str = "") -> bool:
        """Is host[:port] one of our sockets or aliases?  Port 0 and proto "" match any (OpenSIPS check_self)."""
        host = host.strip("[]").lower()
        for listener in self.listeners:
            if port and listener.port != port and listener.advertised_port != port:
                continue
            if proto and listener.proto != proto:
                continue
            if host in (listener.ip.lower(), listener.advertised_ip.strip("[]").lower() or None):
                return True
        for alias_proto, alias_host, alias_port in self.aliases:
            if alias_host == host and port in (0, alias_port or port) and proto in ("", alias_proto or proto):
                return True
        return False


core = Core()
