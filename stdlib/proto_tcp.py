"""proto_tcp: SIP over TCP.  The transport is part of the runtime; scripts load this to say they use it."""

from __future__ import annotations

from runtime.declare import Module

__all__ = ["module"]

module = Module("proto_tcp", "SIP over TCP.")

tcp_port = module.parameter("tcp_port", int, 5060, "Port of TCP sockets that name none.")
tcp_max_msg_chunks = module.parameter("tcp_max_msg_chunks", int, 32, "Accepted; pieces are limited by time instead.")
tcp_crlf_pingpong = module.parameter("tcp_crlf_pingpong", int, 1, "Answer keep-alive pings.")
