"""path: Path headers in REGISTER requests on their way to the registrar (RFC 3327)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote

from runtime import log
from runtime.declare import Module, Routes
from runtime.sip.edits import edits_of
from stdlib.rr.record import listener_address, same_realm

if TYPE_CHECKING:
    from runtime.core import Listener
    from runtime.sip.edits import Edits
    from runtime.sip.message import SipMessage

__all__ = ["add_path", "add_path_received", "module", "prepend_path"]

module = Module("path", "Path headers, RFC 3327.")
logger = log.engine("path")

use_received = module.parameter(
    "use_received", int, 0, "loose_route() takes the `received` parameter of our Route as the destination.", hot="now"
)
enable_double_path = module.parameter(
    "enable_double_path", int, 1, "Insert two Paths when a request leaves by another socket than it came in on.",
    hot="now",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Path:
    """Path lines, complete once the sending socket is known."""

    user: str
    """With its @, or ""."""
    received: str
    """`;received=…` or ""."""
    double: bool

    def __call__(self, msg: SipMessage, edits: Edits, listener: Listener) -> str:
        start = f"Path: <sip:{self.user}"
        came_in = msg.received.listener
        if self.double and not same_realm(came_in, listener):
            # the source belongs to the inner Path, which names the socket it is behind
            return (
                f"{start}{listener_address(msg, listener)};r2=on;lr>\r\n"
                f"{start}{listener_address(msg, came_in)};r2=on;lr{self.received}>\r\n"
            )
        return f"{start}{listener_address(msg, listener)};lr{self.received}>\r\n"


def prepend_path(msg: SipMessage, user: str, received: bool, double: bool) -> None:
    """Put our Path in front of those of the request, else behind its headers."""
    source = ""
    if received:
        info = msg.received
        host = f"[{info.src_ip}]" if ":" in info.src_ip else info.src_ip
        transport = "" if info.proto == "udp" else f"%3btransport%3d{info.proto}"
        source = f";received=sip:{host}:{info.src_port}{transport}"
    path = _Path(f"{user}@" if user else "", source, double)
    edits = edits_of(msg)
    top = msg.header("path")
    if top is not None:
        edits.insert(top.start, path)
    else:
        edits.append_header(path)


@module.function(routes=Routes.REQUEST)
def add_path(msg: SipMessage, user: str = "") -> bool:
    """Add a Path header for our socket, with this user part."""
    prepend_path(msg, user, False, bool(enable_double_path.value))
    return True


@module.function(routes=Routes.REQUEST)
def add_path_received(msg: SipMessage, user: str = "") -> bool:
    """Add a Path header for our socket, with this user part and where the request came from as `received`."""
    prepend_path(msg, user, True, bool(enable_double_path.value))
    return True


def _follow_received(msg: SipMessage, params: str) -> None:
    """Send where the `received` parameter of our Route says (loose_route() callback)."""
    if not use_received.value:
        return
    for part in params.split(";"):
        name, _, value = part.partition("=")
        if name.strip().lower() == "received":
            uri, _, more = unquote(value.strip().strip('"'), "latin-1").partition(";")
            transport = more.partition("=")[2]
            if uri:
                msg.dst_uri = f"{uri};transport={transport}" if transport else uri
            return


@module.init
def _init() -> None:
    if use_received.value:
        from stdlib import rr

        rr.on_loose_route(_follow_received)
