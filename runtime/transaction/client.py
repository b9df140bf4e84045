"""One branch of a transaction: the client side (RFC 3261 section 17.1)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from runtime.core import Destination, core
from runtime.sip import fields
from runtime.sip.build import MAGIC
from runtime.transaction.settings import settings

if TYPE_CHECKING:
    from runtime.sip.message import SipMessage
    from runtime.timers import Timer
    from runtime.transaction.transaction import Transaction

__all__ = ["ELSEWHERE", "NO_ANSWER", "ORIGINATOR_CANCEL", "ClientBranch"]

# Why a CANCEL is sent (RFC 3326), as OpenSIPS writes it.
ORIGINATOR_CANCEL = 'Reason: SIP;cause=487;text="ORIGINATOR_CANCEL"\r\n'
NO_ANSWER = 'Reason: SIP;cause=480;text="NO_ANSWER"\r\n'
ELSEWHERE = 'Reason: SIP ;cause=200 ;text="Call completed elsewhere"\r\n'


class ClientBranch:
    """A request sent out, its timers and what came back."""

    __slots__ = (
        "branch_id", "cancel_resend", "cancel_wanted", "cancelled", "destination", "done", "flags", "fr",
        "index", "interval",
        "on_reply", "reply", "resend", "sent", "status", "transaction", "uri", "via",
    )  # fmt: skip

    def __init__(self, transaction: Transaction, index: int, uri: str) -> None:
        self.transaction = transaction
        self.index = index
        self.uri = uri
        self.branch_id = f"{MAGIC}{transaction.mark}.{index}"
        self.sent = b""
        self.via = ""
        self.destination: Destination | None = None
        self.status = 0
        """Last status received, 0 before any; a local one when the branch failed here."""
        self.reply: SipMessage | None = None
        """The final reply received."""
        self.done = False
        self.cancelled = False
        self.cancel_wanted = False
        self.cancel_resend: Timer | None = None
        self.flags: set[str] = set()
        self.on_reply: Callable[..., Any] | None = None
        self.fr: Timer | None = None
        self.resend: Timer | None = None
        self.interval = settings.t1

    def start_timers(self) -> None:
        """Timers A/E (retransmission, unreliable transports only) and B/F (no final reply)."""
        if self.destination is not None and self.destination.proto == "udp":
            self.resend = core.timers.after(self.interval, self._retransmit)
        self.fr = core.timers.after(self.transaction.fr_timeout, self.timed_out)

    def stop_timers(self) -> None:
        for timer in (self.fr, self.resend):
            if timer is not None:
                timer.cancel()
        self.fr = self.resend = None

    def cancel_answered(self) -> None:
        """The CANCEL has its reply: it is not sent again."""
        if self.cancel_resend is not None:
            self.cancel_resend.cancel()
            self.cancel_resend = None

    def _retransmit(self) -> None:
        invite = self.transaction.is_invite
        if self.done or (self.status and invite):
            return
        if self.destination is not None:
            core.send(self.sent, self.destination)
        self.interval = self.interval * 2 if invite else min(self.interval * 2, settings.t2)
        if self.status:
            self.interval = settings.t2
        self.resend = core.timers.after(self.interval, self._retransmit)

    def timed_out(self) -> None:
        """No final reply in time: a local 408."""
        if self.done:
            return
        if self.transaction.is_invite and self.status >= 100:
            self.cancel(NO_ANSWER)
        self.fail(408)

    def fail(self, status: int) -> None:
        """End the branch with a local status."""
        if self.done:
            return
        self.done = True
        self.status = status
        self.stop_timers()
        self.transaction.branch_ended(self)

    def cancel(self, reason: str = "") -> None:
        """Send CANCEL, or remember to when nothing but silence has come yet (RFC 3261 section 9.1).

        `reason` is a Reason header line with its CRLF (RFC 3326); after a 200 it says that the call was taken elsewhere.
        A CANCEL that had to wait for a first reply carries none, as in OpenSIPS.
        """
        if self.done or self.cancelled or not self.transaction.is_invite:
            return
        if self.status < 100:
            self.cancel_wanted = True
            return
        self.cancelled = True
        if self.destination is not None:
            said = ELSEWHERE if self.transaction.replied == 200 else reason
            data = self._hop_request("CANCEL", reason=said).encode("latin-1")
            core.send(data, self.destination)
            if self.destination.proto == "udp":
                self._repeat_cancel(data, settings.t1, core.now() + 64 * settings.t1)

    def _repeat_cancel(self, data: bytes, interval: float, until: float) -> None:
        """Timer E of the CANCEL (RFC 3261 section 17.1.2.2)."""
        self.cancel_resend = core.timers.after(interval, self._cancel_again, data, interval, until)

    def _cancel_again(self, data: bytes, interval: float, until: float) -> None:
        self.cancel_resend = None
        if core.now() < until and self.destination is not None:
            core.send(data, self.destination)
            self._repeat_cancel(data, min(interval * 2, settings.t2), until)

    def acknowledge(self, reply: SipMessage) -> None:
        """ACK a negative final reply, hop by hop (RFC 3261 section 17.1.1.3)."""
        if self.destination is not None:
            text = self._hop_request("ACK", reply.value_of("to") or "")
            core.send(text.encode("latin-1"), self.destination)

    def _hop_request(self, method: str, to: str = "", reason: str = "") -> str:
        """A CANCEL or ACK for this branch: same URI, Via, From, Call-ID, CSeq number and route set."""
        request = self.transaction.request
        lines = [
            f"{method} {self.uri} SIP/2.0",
            self.via.rstrip("\r\n"),
            f"From: {request.value_of('from')}",
            f"Call-ID: {request.value_of('call-id')}",
            f"To: {to or request.value_of('to')}",
            f"CSeq: {fields.cseq(request)[0]} {method}",
        ]
        head = self.sent.decode("latin-1").partition("\r\n\r\n")[0]
        lines += [line for line in head.split("\r\n") if line[:7].lower() == "route: "]
        lines += ["Max-Forwards: 70", f"{self.transaction.extra_headers}{reason}Content-Length: 0"]
        return "\r\n".join(lines) + "\r\n\r\n"
