"""A message arrives: parse, count, hooks, routes."""

from __future__ import annotations

import itertools
import time
from typing import TYPE_CHECKING

from runtime import counters, log
from runtime.core import Listener, Received, core
from runtime.declare import Routes
from runtime.forward import forward_reply, send_reply_stateless
from runtime.script.flow import Exit, Outcome, run_error_route, run_route
from runtime.sip.fields import top_via
from runtime.sip.message import ParseError, SipMessage
from runtime.sip.parser import check_mandatory, parse_message

if TYPE_CHECKING:
    from runtime.generation import Generation

__all__ = ["dummy_message", "receive", "run_startup", "slow"]

logger = log.engine("core")
_numbers = itertools.count(1)


class _Slow:
    """exec_msg_threshold."""

    threshold = 0.0
    """Seconds a message may take; 0: no limit."""


slow = _Slow()

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
    if len(data) < 20:  # shorter than any first line: keep-alives and probes
        if data.strip(b"\r\n\0 "):
            counters.drop_requests.inc()
        return
    begun = time.perf_counter() if slow.threshold else 0.0
    try:
        _take(data, received)
    except Exception as error:  # a bug of ours must not stop the worker
        log.bug(logger, f"handling {first_line(data)!r} from {received.src_ip}:{received.src_port} failed", error)
    if begun and time.perf_counter() - begun > slow.threshold:
        counters.slow_messages.inc()
        logger.warning("message processing took %d us: %s", (time.perf_counter() - begun) * 1_000_000, first_line(data))


def _take(data: bytes, received: Received) -> None:
    try:
        msg = parse_message(data, received)
        if "via" not in msg.header_index:
            raise ParseError("no Via")
        top_via(msg)
    except ParseError as error:
        _malformed(data, received, error)
        return
    msg.__dict__["id"] = next(_numbers)
    generation = msg.generation = core.generation
    if msg.is_request:
        _request(msg, generation)
    else:
        _reply(msg, generation)


def first_line(data: bytes) -> str:
    """The beginning of a message, fit for a log line."""
    line = data[:120].split(b"\n", 1)[0].strip().decode("latin-1")
    return "".join(char if " " <= char <= "~" else "." for char in line)


def _malformed(data: bytes, received: Received, error: ParseError) -> None:
    """Count what cannot be taken in.

    A request whose first line and Via are readable is answered 400 (RFC 3261 section 18.3, 16.3); anything else is
    dropped in silence, as there is nobody to answer for sure.
    """
    if error.reason == "no Via" or "header" in error.reason:
        counters.bad_msg_hdr.inc()
    if data[:4] == b"SIP/":
        counters.drop_replies.inc()
    else:
        counters.drop_requests.inc()
        _refuse(data, received, error)
    if log.levels.log >= 3:
        logger.info(
            "dropped a message of %d bytes from %s:%d: %s: %s",
            len(data), received.src_ip, received.src_port, error.reason, first_line(data),
        )  # fmt: skip


def _refuse(data: bytes, received: Received, error: ParseError) -> None:
    """Answer a broken request, if its beginning can be read after all; run error_route first, as OpenSIPS does."""
    headers = data.split(b"\r\n\r\n", 1)[0]
    wanted = (b"via", b"v", b"from", b"f", b"to", b"t", b"call-id", b"i", b"cseq")
    first, *lines = headers.split(b"\r\n")
    kept = [line for line in lines if line.partition(b":")[0].strip().lower() in wanted]
    try:
        msg = parse_message(b"\r\n".join([first, *kept, b"", b""]), received)
        if check_mandatory(msg) or not msg.is_request or msg.method == "ACK":
            return
        top_via(msg)
        msg.generation = core.generation
        if core.generation.route("error_route", "") is not None:
            run_error_route(msg, 1, 1, 400, error.reason)  # what to answer is the script's choice then
        else:
            send_reply_stateless(msg, 400, "Bad Request")
    except (ParseError, Exit):
        return


def _request(msg: SipMessage, generation: Generation) -> None:
    counters.rcv_requests.inc()
    if check_mandatory(msg):  # the script may look into it: sipmsg_validate() is there for that
        counters.bad_msg_hdr.inc()
    for hook in core.request_hooks:
        if not hook(msg):
            return
    main = generation.main
    if main is None:
        return
    run_route(main, msg, Routes.REQUEST, lambda outcome: _after(msg, outcome))


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
    if not core.stateless_replies or not forward_reply(msg):
        counters.drop_replies.inc()


def run_startup() -> None:
    """Run startup_route, once in the life of the server."""
    startup = core.generation.route("startup_route", "")
    if startup is not None:
        run_route(startup, dummy_message(), Routes.STARTUP)
