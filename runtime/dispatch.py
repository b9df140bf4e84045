"""A message arrives: parse, count, hooks, routes."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from runtime import counters, log
from runtime.core import Listener, Received, core
from runtime.declare import Routes
from runtime.forward import forward_reply, send_reply_stateless
from runtime.script.flow import Outcome, run_error_route, run_route
from runtime.sip.message import ParseError, SipMessage
from runtime.sip.parser import check_mandatory, parse_message

if TYPE_CHECKING:
    from runtime.generation import Generation

__all__ = ["dummy_message", "receive", "run_startup"]

logger = log.engine("core")
_numbers = itertools.count(1)

_DUMMY = (
    b"DUMMY sip:user@dummy.com SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1;branch=z9hG4bKdummy\r\n"
    b"From: <sip:from@dummy.com>;tag=1\r\nTo: <sip:to@dummy.com>\r\nCall-ID: dummy-1\r\nCSeq: 1 DUMMY\r\n"
    b"Content-Length: 0\r\n\r\n"
)


def dummy_message() -> SipMessage:
    """The message that startup, timer and event routes work on."""
    listener = core.listeners[0] if core.listeners else Listener("udp", "127.0.0.1", 5060)
    msg = parse_message(_DUMMY, Received("127.0.0.1", 0, listener))
    msg.generation = core.generation
    return msg


def receive(data: bytes, received: Received) -> None:
    """Handle one datagram or framed message.  Never raises for what a peer sent."""
    if len(data) < 10:
        if not data.strip(b"\r\n\0 "):
            return  # keep-alive
        counters.drop_requests.inc()
        return
    try:
        msg = parse_message(data, received)
    except ParseError as error:
        _malformed(data, received, error)
        return
    msg.__dict__["id"] = next(_numbers)
    msg.generation = core.generation
    if msg.is_request:
        _request(msg, core.generation)
    else:
        _reply(msg, core.generation)


def _malformed(data: bytes, received: Received, error: ParseError) -> None:
    """Count what cannot be parsed; nothing is answered, since there is nobody to answer to for sure."""
    counters.bad_msg_hdr.inc()
    if data[:4] == b"SIP/":
        counters.drop_replies.inc()
    else:
        counters.drop_requests.inc()
    logger.info("dropped a malformed message from %s:%d: %s", received.src_ip, received.src_port, error.reason)


def _request(msg: SipMessage, generation: Generation) -> None:
    counters.rcv_requests.inc()
    missing = check_mandatory(msg)
    if missing:
        counters.bad_msg_hdr.inc()
        counters.drop_requests.inc()
        logger.info("dropped a request from %s without %s", msg.received.src_ip, missing)
        _refuse(msg, 400, f"Missing {missing}", missing)
        return
    for hook in core.request_hooks:
        if not hook(msg):
            return
    main = generation.main
    if main is None:
        return
    run_route(main, msg, Routes.REQUEST, lambda outcome: _after(msg, outcome))


def _refuse(msg: SipMessage, code: int, reason: str, missing: str) -> None:
    """Answer a broken request where RFC 3261 says so and a reply can be built."""
    run_error_route(msg, 1, 1, code, reason)
    if missing in ("via", "call-id", "from", "cseq", "to") and (missing == "via" or msg.method == "ACK"):
        return
    try:
        send_reply_stateless(msg, code, reason)
    except ParseError:
        return


def _after(msg: SipMessage, outcome: Outcome) -> None:
    if msg.__dict__.get("suspended"):
        return
    for hook in core.post_script_hooks:
        hook(msg)


def _reply(msg: SipMessage, generation: Generation) -> None:
    counters.rcv_replies.inc()
    if check_mandatory(msg):
        counters.bad_msg_hdr.inc()
        counters.drop_replies.inc()
        return
    default = generation.route("onreply_route", "")
    if default is None:
        _deliver(msg, False)
    else:
        run_route(default, msg, Routes.ONREPLY, lambda o: _deliver(msg, o.dropped and msg.status < 200))


def _deliver(msg: SipMessage, dropped: bool) -> None:
    if dropped:
        counters.drop_replies.inc()
        return
    for hook in core.reply_hooks:
        if hook(msg):
            return
    if not core.stateless_replies:
        counters.drop_replies.inc()
        return
    if not forward_reply(msg):
        counters.drop_replies.inc()


def run_startup() -> None:
    """Run startup_route, once in the life of the server."""
    startup = core.generation.route("startup_route", "")
    if startup is not None:
        run_route(startup, dummy_message(), Routes.STARTUP)
