"""sl: answering without keeping state (RFC 3261 section 8.2.7)."""

from __future__ import annotations

from runtime import log
from runtime.core import core
from runtime.declare import Module, Routes
from runtime.forward import send_reply_stateless
from runtime.sip import fields
from runtime.sip.build import stateless_tag
from runtime.sip.message import ParseError, SipMessage

__all__ = ["module", "sl_reply_error", "sl_send_reply"]

module = Module("sl", "Stateless replies.")
logger = log.engine("sl")

enable_stats = module.parameter("enable_stats", int, 1, "Count replies.")

_classes = {n: module.statistic(f"{n}xx_replies", f"{n}xx replies sent.") for n in range(1, 7)}
_by_code = {
    code: module.statistic(f"{code}_replies", f"{code} replies sent.")
    for code in (200, 202, 300, 301, 302, 400, 401, 403, 404, 407, 408, 483, 500)
}
sent_replies = module.statistic("sent_replies", "Replies sent.")
sent_err_replies = module.statistic("sent_err_replies", "Replies sent for errors.")
received_acks = module.statistic("received_ACKs", "ACKs to our own negative replies.")

_ROUTES = Routes.REQUEST | Routes.ERROR


def _count(code: int) -> None:
    sent_replies.inc()
    if code in _by_code:
        _by_code[code].inc()
    _classes[min(max(code // 100, 1), 6)].inc()


@module.function(routes=_ROUTES)
def sl_send_reply(msg: SipMessage, code: int, reason: str) -> bool:
    """Answer the request with a status and reason, without a transaction.  An ACK is not answered."""
    try:
        sent = send_reply_stateless(msg, code, reason)
    except ParseError as error:
        log.script_error(f"sl_send_reply: {error}")
        return False
    if sent:
        _count(code)
    return sent


@module.function(routes=_ROUTES)
def sl_reply_error(msg: SipMessage) -> bool:
    """Answer with the error that came up while processing the request."""
    code, reason = msg.__dict__.get("failure", (400, "Bad Request (400/SL)"))
    sent_err_replies.inc()
    return sl_send_reply(msg, code, f"{reason} (1/SL)" if "/" not in reason else reason)


def _absorb_ack(msg: SipMessage) -> bool:
    """An ACK to a negative reply of ours ends here."""
    if msg.method != "ACK":
        return True
    try:
        if fields.to_field(msg).tag == stateless_tag(msg):
            received_acks.inc()
            return False
    except ParseError:
        return True
    return True


@module.worker
def start() -> None:
    """Look at ACKs before the script does."""
    core.request_hooks.append(_absorb_ack)
