"""One transaction: the request as it came in, and the branches it was sent out on."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable
from typing import Any

from runtime import log
from runtime.core import Destination, core
from runtime.declare import Routes
from runtime.forward import choose_listener, path_headers, reply_destination, via_line
from runtime.script.flow import Outcome, run_route
from runtime.sip.build import build_forwarded_reply, build_reply, build_request, new_tag
from runtime.sip.message import Branch, ParseError, SipMessage
from runtime.sip.uri import parse_uri
from runtime.timers import Timer
from runtime.transaction.client import ORIGINATOR_CANCEL, ClientBranch
from runtime.transaction.settings import settings
from runtime.transaction.table import ack_key, server_key, table

__all__ = ["MAX_BRANCHES", "Transaction"]

logger = log.engine("tm")

MAX_BRANCHES = 12
_numbers = itertools.count(int.from_bytes(os.urandom(3), "big"))
_REASONS = {
    408: "Request Timeout", 477: "Send failed", 478: "Unresolvable destination", 487: "Request Terminated",
    500: "Server Internal Error", 503: "Service Unavailable",
}  # fmt: skip


class Transaction:
    """The server side of a request and its branches."""

    def __init__(self, msg: SipMessage) -> None:
        self.request = msg
        self.key = server_key(msg)
        self.ackkey: tuple[Any, ...] | None = None
        self.is_invite = msg.method == "INVITE"
        self.mark = f"{core.worker_id:x}.{next(_numbers):x}"
        """In our Via branches: worker id, then a number."""
        self.tag = ""
        self.branches: list[ClientBranch] = []
        self.first = 0
        """Where the branches of the current step of serial forking begin: the best reply is chosen among these."""
        self.pending = 0
        """Branches waiting for DNS."""
        self.last_reply = b""
        self.replied = 0
        """Last status sent upstream."""
        self.cancelled = False
        self.destination = reply_destination(msg)
        self.reply_in_progress: SipMessage | None = None
        self.on_failure: Callable[..., Any] | None = None
        self.on_reply: Callable[..., Any] | None = None
        self.on_branch: Callable[..., Any] | None = None
        self.extra_headers = ""
        """Header lines for every request of this transaction: its branches, their CANCELs and ACKs (t_add_hdrs)."""
        self.fr_timeout = settings.fr_timeout
        self.fr_inv_timeout = settings.fr_inv_timeout
        self.state: dict[str, Any] = {}
        """What modules keep with the transaction."""
        self.watchers: dict[str, list[Callable[..., Any]]] = {}
        self.wait_timer: Timer | None = None
        self.ack_timer: Timer | None = None
        table.servers[self.key] = self
        msg.transaction = self
        own = msg.__dict__
        for armed in ("on_failure", "on_reply", "on_branch", "fr_timeout", "fr_inv_timeout", "extra_headers"):
            value = own.pop(f"tm_{armed}", None)
            if value is not None:
                setattr(self, armed, value)
        for hook in settings.created:
            hook(self, msg)

    def on(self, event: str, callback: Callable[..., Any]) -> None:
        """Have `callback(transaction, reply, code)` called at "response_in", "response_out" or "failure"."""
        self.watchers.setdefault(event, []).append(callback)

    def _tell(self, event: str, reply: SipMessage | None, code: int) -> None:
        for callback in self.watchers.get(event, ()):
            callback(self, reply, code)

    # --------------------------------------------------------------------------------------------------- upstream
    def trying(self) -> None:
        """The automatic 100."""
        if self.is_invite and settings.auto_100 and not self.last_reply:
            self._send_up(build_reply(self.request, 100, "Giving it a try").encode("latin-1"), 100)

    def reply(
        self, code: int, reason: str, body: str = "", to_tag: str = "", headers: tuple[str, ...] = ()
    ) -> bool:  # fmt: skip
        """Answer from here; cancels what is still under way.  False when a final reply went already."""
        if self.replied >= 200:
            logger.error("failed to generate %d reply when a final %d was sent out", code, self.replied)
            return False
        if code >= 200:
            for branch in self.branches:
                branch.cancel()
        self.tag = to_tag or self.tag or new_tag()
        tag = self.tag if code > 100 else ""
        text = build_reply(self.request, code, reason, to_tag=tag, headers=headers, body=body)
        self._send_up(text.encode("latin-1"), code)
        self._tell("response_out", None, code)
        return True

    def _send_up(self, data: bytes, code: int) -> None:
        repeated_2xx = self.is_invite and code < 300 and self.replied >= 200
        if not repeated_2xx:
            self.last_reply = data
        if self.replied < 200:
            self.replied = max(self.replied, code)
        core.send(data, self.destination)
        if code >= 200 and not repeated_2xx:
            self._completed(code)

    def _completed(self, code: int) -> None:
        if self.is_invite and code >= 300 and self.destination.proto == "udp":
            self._repeat(settings.t1, core.now() + 64 * settings.t1)
        elif self.is_invite:
            try:
                self.ackkey = ack_key(self.request)
                table.answered[self.ackkey] = self
            except ParseError:
                self.ackkey = None
        if self.wait_timer is None:
            self.wait_timer = core.timers.after(settings.wait, self._wait_over)

    def _repeat(self, interval: float, until: float) -> None:
        """Timer G: a negative final reply again until its ACK, or until timer H."""
        self.ack_timer = core.timers.after(interval, self._repeat_now, interval, until)

    def _repeat_now(self, interval: float, until: float) -> None:
        self.ack_timer = None
        if core.now() < until:
            core.send(self.last_reply, self.destination)
            self._repeat(min(interval * 2, settings.t2), until)

    def acknowledged(self) -> None:
        """The ACK to our negative final reply came."""
        if self.ack_timer is not None:
            self.ack_timer.cancel()
            self.ack_timer = None

    def retransmitted(self) -> None:
        """The request came again: so does the last reply (RFC 3261 section 17.2)."""
        if self.last_reply:
            core.send(self.last_reply, self.destination)

    def _wait_over(self) -> None:
        if self.ack_timer is not None or self.pending or any(branch.fr is not None for branch in self.branches):
            self.wait_timer = core.timers.after(settings.wait, self._wait_over)
            return
        self.release()

    def release(self) -> None:
        """Forget the transaction."""
        table.servers.pop(self.key, None)
        if self.ackkey is not None and table.answered.get(self.ackkey) is self:
            del table.answered[self.ackkey]
        for branch in self.branches:
            branch.stop_timers()
            branch.cancel_answered()
            table.clients.pop(branch.branch_id, None)
        for timer in (self.wait_timer, self.ack_timer):
            if timer is not None:
                timer.cancel()
        self.wait_timer = self.ack_timer = None
        self.watchers.clear()
        self.request.transaction = None
        # No cycles stay behind: what is forgotten is freed at once, and the collector has nothing to look for.
        self.branches = []
        self.reply_in_progress = None

    # -------------------------------------------------------------------------------------------------- downstream
    def relay(self, msg: SipMessage, fixed: Destination | None = None) -> int:
        """Send the request to its R-URI and its branches.  1, or a negative code when no branch could be made."""
        flags, socket = set(msg.branch_flags), msg.force_socket
        first = Branch(msg.current_uri, msg.dst_uri, msg.path_vector, msg.ruri_q, flags, socket)
        targets = [first, *msg.branches]
        msg.branches = []
        worst, made, dropped = -1, 0, 0
        saved = (msg.new_uri, msg.dst_uri, msg.path_vector, msg.force_socket, msg.branch_flags)
        for target in targets:
            code = self._add_branch(msg, target, fixed)
            if code > 0:
                made += 1
            elif code == 0:
                dropped += 1
            else:
                worst = code
        msg.new_uri, msg.dst_uri, msg.path_vector, msg.force_socket, msg.branch_flags = saved
        if made:
            return 1
        if dropped:
            self.reply(500, "Server error occurred (1/TM)")
            return 1
        known = {-478: (478, "Unresolvable destination"), -477: (477, "Send failed")}
        msg.__dict__["failure"] = known.get(worst, (500, "Server Internal Error"))
        return worst

    def _add_branch(self, msg: SipMessage, target: Branch, fixed: Destination | None) -> int:
        if len(self.branches) >= MAX_BRANCHES:
            logger.error("more than %d branches", MAX_BRANCHES)
            return -1
        branch = ClientBranch(self, len(self.branches), target.uri)
        branch.flags = target.flags
        msg.new_uri, msg.dst_uri, msg.path_vector = target.uri, target.dst_uri, target.path
        msg.force_socket, msg.branch_flags = target.socket, target.flags
        route = self.on_branch
        if route is None:
            return self._start(branch, msg, msg.edits, fixed)
        outer = msg.edits
        msg.edits = outer.copy() if outer is not None else None
        result = [1]

        def routed(outcome: Outcome) -> None:
            result[0] = 0 if outcome.dropped else self._start(branch, msg, msg.edits, fixed)

        msg.__dict__["tm_branch_index"] = branch.index
        armed = self.on_reply
        run_route(route, msg, Routes.BRANCH, routed)
        branch.on_reply = self.on_reply if self.on_reply is not armed else None
        self.on_reply = armed
        msg.__dict__.pop("tm_branch_index", None)
        msg.edits = outer
        return result[0]

    def _start(self, branch: ClientBranch, msg: SipMessage, edits: Any, fixed: Destination | None) -> int:
        """Resolve the next hop and send; when DNS must be asked the branch waits for it."""
        branch.uri = msg.current_uri
        if fixed is not None:
            return self._send(branch, msg, edits, fixed)
        try:
            uri = parse_uri(msg.dst_uri or msg.current_uri)
        except ParseError:
            return -479
        if uri.scheme not in ("sip", "sips"):
            return -479
        host = uri.params.get("maddr") or uri.host
        proto = uri.proto if uri.params.get("transport") or uri.scheme == "sips" else ""
        found = core.resolver.resolve_now(host, uri.port, proto)
        if found is None:
            self.branches.append(branch)
            self.pending += 1
            state = (msg.new_uri, msg.dst_uri, msg.path_vector, msg.force_socket)
            core.spawn(self._start_resolved(branch, msg, edits, state, (host, uri.port, proto)))
            return 1
        if not found:
            return -478
        return self._send(branch, msg, edits, found[0])

    async def _start_resolved(self, branch: ClientBranch, msg: SipMessage, edits: Any, state: Any, target: Any) -> None:
        found = await core.resolver.resolve(*target)
        self.pending -= 1
        if not found:
            branch.fail(478)
            return
        saved = (msg.new_uri, msg.dst_uri, msg.path_vector, msg.force_socket)
        msg.new_uri, msg.dst_uri, msg.path_vector, msg.force_socket = state
        code = self._send(branch, msg, edits, found[0])
        msg.new_uri, msg.dst_uri, msg.path_vector, msg.force_socket = saved
        if code < 0:
            branch.fail(477)

    def _send(self, branch: ClientBranch, msg: SipMessage, edits: Any, where: Destination) -> int:
        listener = choose_listener(where.proto, where.ip, msg.force_socket, msg.received.listener)
        if listener is None:
            logger.error("no socket for %s:%s:%d", where.proto, where.ip, where.port)
            return -7
        branch.destination = where = Destination(where.proto, where.ip, where.port, listener, where.connection)
        branch.via = via_line(listener, branch.branch_id, msg)
        path = path_headers(msg.path_vector) + self.extra_headers
        text = build_request(msg, branch.uri, branch.via, edits=edits, extra=path, listener=listener)
        branch.sent = text.encode("latin-1")
        if not core.send(branch.sent, where):
            return -477
        if branch not in self.branches:
            self.branches.append(branch)
        table.clients[branch.branch_id] = branch
        branch.start_timers()
        return 1

    # ----------------------------------------------------------------------------------------------------- replies
    def received(self, branch: ClientBranch, reply: SipMessage) -> None:
        """A reply to a branch: reply routes, then what it means."""
        reply.transaction = self
        if reply.method == "CANCEL":
            branch.cancel_answered()
            return
        if settings.shared_avps:
            reply.avps = self.request.avps
        if branch.done:
            if self.is_invite and reply.status >= 300:
                branch.acknowledge(reply)
            if not (self.is_invite and 200 <= reply.status < 300):
                return
        self._tell("response_in", reply, reply.status)
        if branch.resend is not None and (self.is_invite or reply.status >= 200):
            branch.resend.cancel()
            branch.resend = None
        if self.is_invite and reply.status >= 300:
            branch.acknowledge(reply)
        routes = [route for route in (branch.on_reply, self.on_reply) if route is not None]
        reply.__dict__["tm_branch_index"] = branch.index
        self._reply_routes(branch, reply, routes)

    def _reply_routes(self, branch: ClientBranch, reply: SipMessage, routes: list[Any]) -> None:
        if not routes:
            self._process(branch, reply)
            return

        def next_route(outcome: Outcome) -> None:
            if outcome.dropped and reply.status < 200:
                branch.status = max(branch.status, reply.status)
                return
            self._reply_routes(branch, reply, routes[1:])

        run_route(routes[0], reply, Routes.ONREPLY, next_route)

    def _process(self, branch: ClientBranch, reply: SipMessage) -> None:
        status = reply.status
        if status < 200:
            self._provisional(branch, reply)
            return
        branch.status = status
        branch.reply = reply
        branch.done = True
        branch.stop_timers()
        if status < 300:
            self._pass_up(reply)
            for other in self.branches:
                other.cancel()
            return
        if status >= 600 and settings.six_hundred_blocks:
            for other in self.branches:
                other.cancel()
        self.branch_ended(branch)

    def _provisional(self, branch: ClientBranch, reply: SipMessage) -> None:
        first = branch.status == 0
        branch.status = max(branch.status, reply.status)
        if branch.fr is not None and self.is_invite and (first or settings.restart_fr):
            branch.fr.cancel()
            branch.fr = core.timers.after(self.fr_inv_timeout, branch.timed_out)
        if branch.cancel_wanted:
            branch.cancel_wanted = False
            branch.cancel()
        if reply.status > 100 and self.replied < 200:
            self._pass_up(reply)

    def _pass_up(self, reply: SipMessage) -> None:
        """Forward a reply upstream."""
        if self.replied >= 200 and not (self.is_invite and 200 <= reply.status < 300):
            return
        text = build_forwarded_reply(reply, edits=reply.edits)
        if reply.status == 503 and settings.translate_503:
            text = text.replace("SIP/2.0 503 ", "SIP/2.0 500 ", 1)
        self._send_up(text.encode("latin-1"), reply.status)
        self._tell("response_out", reply, reply.status)

    def branch_ended(self, branch: ClientBranch) -> None:
        """A branch has its negative outcome: when it was the last, choose the best (RFC 3261 section 16.7)."""
        if self.replied >= 200 or self.pending or any(not b.done for b in self.branches):
            return
        best = self._best()
        if best is None:
            return
        self._tell("failure", best.reply, best.status)
        route = self.on_failure
        if route is None:
            self._give_up(best)
            return
        self.on_failure = None
        self.reply_in_progress = best.reply
        self.state["failure_code"] = 487 if best.status == 408 and self.cancelled else best.status
        known = self.first = len(self.branches)
        self.request.branches = []

        def routed(outcome: Outcome) -> None:
            self.reply_in_progress = None
            if self.replied < 200 and not self.pending and len(self.branches) == known:
                self._give_up(best)

        run_route(route, self.request, Routes.FAILURE, routed)

    def _best(self) -> ClientBranch | None:
        """The branch whose reply goes upstream: a 6xx, else the lowest class."""
        failed = [b for b in self.branches[self.first :] if b.done and b.status >= 300]
        return min(failed, key=_rank) if failed else None

    def _give_up(self, best: ClientBranch) -> None:
        if best.reply is not None:
            self._pass_up(best.reply)
        elif best.status == 408 and self.cancelled:
            self.reply(487, _REASONS[487])
        else:
            self.reply(best.status, _REASONS.get(best.status, "Server Internal Error"))

    def cancel(self, reason: str = ORIGINATOR_CANCEL) -> None:
        """The caller gives up (RFC 3261 section 16.10); `reason` is the Reason header line for the branches."""
        self.cancelled = True
        if self.replied >= 200:
            return
        for branch in self.branches:
            branch.cancel(reason)
        if not self.branches and not self.pending:
            self.reply(487, _REASONS[487])


def _rank(branch: ClientBranch) -> tuple[int, int]:
    """Order of preference among negative replies."""
    status = branch.status
    if status >= 600:
        return 0, status
    helpful = {401: -2, 407: -1}.get(status, 0)
    return status // 100, helpful * 1000 + status
