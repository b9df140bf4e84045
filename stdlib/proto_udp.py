"""proto_udp: SIP over UDP.  The transport is part of the runtime; scripts load this to say they use it."""

from __future__ import annotations

from runtime.declare import Module

__all__ = ["module"]

module = Module("proto_udp", "SIP over UDP.")

udp_port = module.parameter("udp_port", int, 5060, "Port of UDP sockets that name none.")
