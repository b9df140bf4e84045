"""Finding transactions: by branch for requests and replies, by dialog for the ACK to a 2xx."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from runtime.sip import fields
from runtime.sip.build import MAGIC
from runtime.sip.message import ParseError, SipMessage

if TYPE_CHECKING:
    from runtime.transaction.client import ClientBranch
    from runtime.transaction.transaction import Transaction

__all__ = ["Table", "ack_key", "server_key", "table"]


def server_key(msg: SipMessage, method: str = "") -> tuple[Any, ...]:
    """What identifies the server transaction of a request (RFC 3261 section 17.2.3).  ParseError without Via."""
    via = fields.top_via(msg)
    method = method or ("INVITE" if msg.method == "ACK" else msg.method)
    branch = via.branch
    if branch.startswith(MAGIC) and len(branch) > len(MAGIC):
        return branch, via.host, via.port, method
    number, _ = fields.cseq(msg)
    return msg.request_uri, fields.from_field(msg).tag, fields.call_id(msg), number, via.text, method


def ack_key(msg: SipMessage) -> tuple[Any, ...]:
    """Ties the ACK of a 2xx to its INVITE."""
    return fields.call_id(msg), fields.from_field(msg).tag, fields.cseq(msg)[0]


class Table:
    """All transactions of this worker."""

    def __init__(self) -> None:
        self.servers: dict[tuple[Any, ...], Transaction] = {}
        self.clients: dict[str, ClientBranch] = {}
        self.answered: dict[tuple[Any, ...], Transaction] = {}
        """INVITE transactions that sent a 2xx, by `ack_key`."""

    def find(self, msg: SipMessage, method: str = "") -> Transaction | None:
        """The transaction a request belongs to; with a method, that of another request of the same branch."""
        try:
            return self.servers.get(server_key(msg, method))
        except ParseError:
            return None

    def find_answered(self, msg: SipMessage) -> Transaction | None:
        """The INVITE transaction whose 2xx this ACK confirms."""
        try:
            return self.answered.get(ack_key(msg))
        except ParseError:
            return None

    def find_branch(self, msg: SipMessage) -> ClientBranch | None:
        """The branch a reply belongs to (RFC 3261 section 17.1.3)."""
        try:
            branch = self.clients.get(fields.top_via(msg).branch)
        except ParseError:
            return None
        if branch is None or msg.method not in (branch.transaction.request.method, "CANCEL"):
            return None
        return branch


table = Table()
