"""Requests that this server sends of its own accord (OpenSIPS: t_uac): a transaction without anybody upstream."""

from __future__ import annotations

from collections.abc import Callable

from runtime.core import Destination, Listener, Received, core
from runtime.declare import Routes
from runtime.script.flow import Outcome, run_route
from runtime.sip import fields
from runtime.sip.build import MAGIC, new_tag
from runtime.sip.message import ParseError, SipMessage
from runtime.sip.parser import parse_message
from runtime.transaction.client import ClientBranch
from runtime.transaction.settings import settings
from runtime.transaction.transaction import Transaction

__all__ = ["CSEQ", "LocalTransaction", "make_request", "send_request"]

CSEQ = 10
"""CSeq number of a request outside of dialogs, as OpenSIPS begins."""

Done = Callable[[int, SipMessage | None], object]
"""Called with the final status and the reply, None for one made here (408…)."""


class LocalTransaction(Transaction):
    """The client side alone: what would go upstream ends here."""

    def __init__(self, msg: SipMessage, done: Done | None = None) -> None:
        super().__init__(msg)
        self._done = done
        self._final: SipMessage | None = None

    def _pass_up(self, reply: SipMessage) -> None:
        if reply.status >= 200:
            self._final = reply
            if self.is_invite and reply.status < 300:
                self._confirm(reply)
        self._send_up(b"", reply.status)

    def _send_up(self, data: bytes, code: int) -> None:
        if self.replied >= 200:
            return
        self.replied = max(self.replied, code)
        if code < 200:
            return
        if self.wait_timer is None:
            self.wait_timer = core.timers.after(settings.wait, self._wait_over)
        self._tell("response_out", self._final, code)
        if self._done is not None:
            self._done(code, self._final)

    def _confirm(self, reply: SipMessage) -> None:
        """ACK a 2xx (RFC 3261 section 13.2.2.4), each time it comes."""
        branch = next((b for b in self.branches if b.reply is reply), None)
        if branch is not None and branch.destination is not None:
            core.send(_ack(self.request, branch, reply).encode("latin-1"), branch.destination)


def _ack(request: SipMessage, branch: ClientBranch, reply: SipMessage) -> str:
    try:
        target = fields.contacts(reply)[0].uri
    except (ParseError, IndexError):
        target = branch.uri
    routes = "".join(f"Route: {hop.text}\r\n" for hop in reversed(fields.record_routes(reply)))
    via = branch.via.replace(branch.branch_id, f"{branch.branch_id}a")
    return (
        f"ACK {target} SIP/2.0\r\n{via}{routes}From: {request.value_of('from')}\r\nTo: {reply.value_of('to')}\r\n"
        f"Call-ID: {request.value_of('call-id')}\r\nCSeq: {fields.cseq(request)[0]} ACK\r\nMax-Forwards: 70\r\n"
        "Content-Length: 0\r\n\r\n"
    )


def make_request(
    method: str, uri: str, caller: str, callee: str, headers: str = "", body: str = "", call_id: str = ""
) -> SipMessage:
    """A request of our own.  `caller` and `callee` are `[display ]uri`; `headers` are lines with their CRLF.

    ParseError when what was given makes no message.
    """
    listener = core.listeners[0] if core.listeners else Listener("udp", "127.0.0.1", 5060)
    text = (
        f"{method} {uri} SIP/2.0\r\nVia: SIP/2.0/{listener.proto.upper()} {listener.via_host}:{listener.via_port}"
        f";branch={MAGIC}{new_tag()}\r\nTo: {_nameaddr(callee)}\r\nFrom: {_nameaddr(caller)};tag={new_tag()}\r\n"
        f"CSeq: {CSEQ} {method}\r\nCall-ID: {call_id or new_tag()}\r\nMax-Forwards: 70\r\n{headers}"
        f"Content-Length: {len(body)}\r\n\r\n{body}"
    )
    msg = parse_message(text.encode("latin-1", "replace"), Received(listener.ip, listener.port, listener))
    fields.from_field(msg)
    fields.to_field(msg)
    msg.generation = core.generation
    msg.__dict__["local_request"] = True
    return msg


def _nameaddr(text: str) -> str:
    display, _, uri = text.rpartition(" ")
    return f"{display} <{uri}>" if display else f"<{uri}>"


def send_request(msg: SipMessage, done: Done | None = None, fixed: Destination | None = None) -> int:
    """Run local_route over the request and send it.  1 when it went; negative when not (dropped, no destination)."""
    transaction = LocalTransaction(msg, done)
    generation = msg.generation
    route = generation.route("local_route", "") if generation is not None else None
    result = [-1]

    def routed(outcome: Outcome) -> None:
        if not outcome.dropped:
            result[0] = transaction.relay(msg, fixed)

    if route is None:
        routed(Outcome())
    else:
        run_route(route, msg, Routes.LOCAL, routed)
    if result[0] < 0:
        transaction.release()
    return result[0]
