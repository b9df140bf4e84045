"""tm's functions."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from runtime import log, regex
from runtime.core import Destination, core
from runtime.declare import BranchRoute, FailureRoute, ReplyRoute, Routes
from runtime.forward import forward_request
from runtime.sip import fields
from runtime.sip.message import ParseError, SipMessage
from runtime.sip.uri import parse_uri
from runtime.transaction import Transaction, table
from runtime.transaction.client import ORIGINATOR_CANCEL
from runtime.transaction.local import make_request, send_request
from stdlib.tm.module import UAC_transactions, make, module

__all__ = ["t_check_trans", "t_newtran", "t_relay", "t_reply"]

logger = log.engine("tm")

_ALL = Routes.REQUEST | Routes.FAILURE | Routes.ONREPLY | Routes.BRANCH


def _arm(msg: SipMessage, name: str, route: Any) -> bool:
    """Remember a route with the transaction, or with the message until there is one."""
    if route is None:
        return False
    if msg.transaction is not None:
        setattr(msg.transaction, name, route)
    else:
        msg.__dict__[f"tm_{name}"] = route
    return True


@module.function(routes=Routes.REQUEST | Routes.FAILURE)
def t_on_failure(msg: SipMessage, route: FailureRoute) -> bool:
    """Run this failure_route when the transaction ends negatively; once."""
    return _arm(msg, "on_failure", route)


@module.function(routes=_ALL)
def t_on_reply(msg: SipMessage, route: ReplyRoute) -> bool:
    """Run this onreply_route for replies: of the transaction, or in branch_route of that branch."""
    return _arm(msg, "on_reply", route)


@module.function(routes=Routes.REQUEST | Routes.FAILURE)
def t_on_branch(msg: SipMessage, route: BranchRoute) -> bool:
    """Run this branch_route for each branch before it is sent."""
    return _arm(msg, "on_branch", route)


@module.function(routes=Routes.REQUEST)
def t_newtran(msg: SipMessage) -> int:
    """Make the transaction of the request.  0 (end of script) for a retransmission, -10 when there is one already."""
    if msg.transaction is not None:
        return -10
    if msg.method == "ACK":
        return -1
    known = table.find(msg)
    if known is not None:
        known.retransmitted()
        return 0
    try:
        make(msg)
    except ParseError as error:
        log.script_error(f"t_newtran: {error}")
        return -1
    return 1


@module.function(routes=Routes.REQUEST | Routes.FAILURE)
def t_relay(msg: SipMessage, flags: str = "", destination: str = "") -> int:
    """Send the request on statefully: to the R-URI and all branches, or to `[proto:]host[:port]`.

    flags: pass-reason-hdr hands the Reason header of a CANCEL on to the branches.

    Returns 1; 0 (end of script) for a retransmission; negative when nothing could be sent: -1, -477 send failed, -478
    unresolvable, -479 no SIP URI.  An ACK to a 2xx is forwarded statelessly; a CANCEL cancels what it belongs to.
    """
    fixed: Destination | None = None
    if destination:
        found = _fixed(destination)
        if found is None:
            return -478
        fixed = found
    transaction: Transaction | None = msg.transaction
    if transaction is None:
        known = table.find(msg)
        if msg.method == "ACK":
            if known is not None and known.replied >= 300:
                known.acknowledged()
                return 0
            return forward_request(msg, destination)
        if known is not None:
            known.retransmitted()
            return 0
        if msg.method == "CANCEL":
            return _relay_cancel(msg, destination, "pass-reason-hdr" in flags)
        try:
            transaction = make(msg)
        except ParseError as error:
            log.script_error(f"t_relay: {error}")
            return -1
    elif transaction.replied >= 200:
        logger.error("cannot relay: a final reply was sent already")
        return -1
    code = transaction.relay(msg, fixed)
    if code < 0 and not transaction.branches and not transaction.pending and msg.route_kind is Routes.REQUEST:
        msg.__dict__["relay_failed"] = code
    return code


def _relay_cancel(msg: SipMessage, destination: str, pass_reason: bool) -> int:
    """Answer a CANCEL and cancel its INVITE (RFC 3261 section 16.10)."""
    invite = table.find(msg, "INVITE")
    if invite is None:
        return forward_request(msg, destination)
    try:
        cancel = make(msg)
    except ParseError:
        return -1
    cancel.reply(200, "canceling", to_tag=invite.tag)
    received = msg.line_of("reason") if pass_reason else ""
    invite.cancel(msg.__dict__.get("tm_cancel_reason") or received or ORIGINATOR_CANCEL)
    return 1


def _fixed(text: str) -> Destination | None:
    proto, _, rest = text.partition(":")
    if proto.lower() not in ("udp", "tcp", "tls"):
        proto, rest = "udp", text
    try:
        uri = parse_uri(f"sip:{rest}")
    except ParseError:
        return None
    found = core.resolver.resolve_now(uri.host, uri.port, proto.lower())
    return found[0] if found else None


@module.function(routes=Routes.REQUEST)
def t_add_cancel_reason(msg: SipMessage, reason: str) -> bool:
    """Say why a call is cancelled: a whole Reason header line (RFC 3326) for the CANCELs that t_relay() of this CANCEL
    sends.  False when this is no CANCEL."""
    if msg.method != "CANCEL":
        log.script_error("t_add_cancel_reason: not a CANCEL")
        return False
    msg.__dict__["tm_cancel_reason"] = reason if reason.endswith("\r\n") else f"{reason}\r\n"
    return True


@module.function(routes=Routes.REQUEST | Routes.FAILURE)
def t_reply(msg: SipMessage, code: int, reason: str) -> bool:
    """Answer the request statefully; makes the transaction if need be."""
    if msg.transaction is None:
        try:
            make(msg)
        except ParseError as error:
            log.script_error(f"t_reply: {error}")
            return False
    return bool(msg.transaction.reply(code, reason))


@module.function(routes=Routes.REQUEST | Routes.FAILURE)
def t_reply_with_body(msg: SipMessage, code: int, reason: str, body: str) -> bool:
    """Answer the request statefully with a body (application/sdp)."""
    if msg.transaction is None:
        try:
            make(msg)
        except ParseError as error:
            log.script_error(f"t_reply_with_body: {error}")
            return False
    headers = () if any("content-type:" in h.lower() for h in msg.__dict__.get("_reply_headers", ())) else (
        "Content-Type: application/sdp\r\n",
    )
    return bool(msg.transaction.reply(code, reason, body=body, headers=headers))


@module.function(routes=Routes.REQUEST | Routes.BRANCH)
def t_check_trans(msg: SipMessage) -> int:
    """1 for an ACK or CANCEL with a transaction, 0 (end of script) for a retransmission, -1 otherwise."""
    if msg.method == "CANCEL":
        return 1 if table.find(msg, "INVITE") is not None else -1
    known = table.find(msg)
    if msg.method == "ACK":
        if known is not None and known.replied >= 300:
            known.acknowledged()
            return 0
        return 1 if table.find_answered(msg) is not None else -1
    if known is None:
        return -1
    known.retransmitted()
    return 0


@module.function(routes=_ALL)
def t_check_status(msg: SipMessage, expression: str) -> bool:
    """Does the status of the reply being handled match the expression?"""
    if not msg.is_request:
        status = str(msg.status)
    elif msg.transaction is None:
        return False
    elif msg.route_kind is Routes.FAILURE:
        status = str(msg.transaction.state.get("failure_code", 0))
    else:
        status = str(msg.transaction.replied)
    try:
        return _status(expression).search(status) is not None
    except ValueError as error:
        log.script_error(f"t_check_status: {error}")
        return False


@lru_cache(maxsize=256)
def _status(expression: str) -> re.Pattern[str]:
    return regex.compile(expression, newline=True)


@module.function(routes=Routes.FAILURE | Routes.ONREPLY)
def t_local_replied(msg: SipMessage, which: str) -> bool:
    """Were the replies made here?  all, branch or last."""
    transaction: Transaction | None = msg.transaction
    if transaction is None:
        return False
    if which == "all":
        return all(branch.reply is None for branch in transaction.branches)
    return bool(transaction.branches) and transaction.branches[-1].reply is None


@module.function(routes=Routes.REQUEST | Routes.FAILURE | Routes.ONREPLY | Routes.BRANCH)
def t_was_cancelled(msg: SipMessage) -> bool:
    """Did the caller cancel?"""
    return msg.transaction is not None and msg.transaction.cancelled


@module.function(routes=Routes.ONREPLY)
def t_cancel_branch(msg: SipMessage, flags: str = "") -> bool:
    """Cancel this branch, with "a" all branches, with "o" the others."""
    transaction: Transaction | None = msg.transaction
    if transaction is None:
        return False
    mine = msg.__dict__.get("tm_branch_index", -1)
    for branch in transaction.branches:
        if "a" in flags or ("o" in flags) != (branch.index == mine):
            branch.cancel()
    return True


@module.function(routes=Routes.REQUEST | Routes.FAILURE)
def t_replicate(msg: SipMessage, uri: str, flags: str = "") -> bool:
    """Send a copy of the request elsewhere; its replies are not passed on."""
    return forward_request(msg, uri) > 0


@module.function()
def t_new_request(msg: SipMessage, method: str, ruri: str, caller: str, callee: str, body: str = "", ctx: str = "") -> int:
    """Send a request of our own outside of any dialog; local_route sees it first.

    caller and callee are `[display ]uri` for From and To; body is `content-type text`; ctx is `$avp(uac_ctx)` in
    local_route.  Returns 1 when it was sent, -1 otherwise.
    """
    headers = ""
    if body:
        kind, blank, body = body.partition(" ")
        if not blank:
            log.script_error(f"t_new_request: no content type at the beginning of the body <{kind[:40]}>")
            return -1
        headers = f"Content-Type: {kind}\r\n"
    try:
        request = make_request(method, ruri, caller, callee, headers, body)
    except ParseError as error:
        log.script_error(f"t_new_request: {error}")
        return -1
    if ctx:
        request.avps["uac_ctx"] = [ctx]
    if send_request(request) < 0:
        return -1
    UAC_transactions.inc()
    return 1


@module.function(routes=Routes.REQUEST | Routes.FAILURE | Routes.BRANCH)
def t_add_hdrs(msg: SipMessage, headers: str) -> bool:
    """Add header lines (with their CRLF) to all requests of the transaction: branches to come, their CANCELs and ACKs."""
    lines = headers if headers.endswith("\n") else f"{headers}\r\n"
    if msg.transaction is not None:
        msg.transaction.extra_headers = lines
    else:
        msg.__dict__["tm_extra_headers"] = lines
    return True


@module.function(routes=Routes.REQUEST | Routes.FAILURE | Routes.BRANCH)
def t_flush_flags(msg: SipMessage) -> bool:
    """Hand the flags of the message to its transaction; they share them, so this only says whether there is one."""
    return msg.transaction is not None


@module.function(routes=Routes.REQUEST)
def t_reply_by_callid(msg: SipMessage, code: int, reason: str, callid: str = "", cseq: str = "") -> bool:
    """Answer another transaction: the one with this Call-ID and CSeq number; those of this message if not given."""
    try:
        wanted = callid or fields.call_id(msg), cseq or str(fields.cseq(msg)[0])
    except ParseError as error:
        log.script_error(f"t_reply_by_callid: {error}")
        return False
    for transaction in table.servers.values():
        request = transaction.request
        if request is not msg and (fields.call_id(request), str(fields.cseq(request)[0])) == wanted:
            return transaction.reply(code, reason)
    return False
