"""signaling: one reply function that knows whether there is a transaction."""

from __future__ import annotations

from runtime.declare import Module, Routes
from runtime.sip.message import SipMessage

__all__ = ["module", "send_reply"]

module = Module("signaling", "Replies by tm where there is a transaction, by sl otherwise.")


@module.function(routes=Routes.REQUEST | Routes.ERROR | Routes.FAILURE)
def send_reply(msg: SipMessage, code: int, reason: str) -> bool:
    """Answer the request: statefully when it has a transaction, else statelessly."""
    transaction = msg.transaction
    if transaction is not None:
        return bool(transaction.reply(code, reason))
    from stdlib import sl

    return sl.sl_send_reply(msg, code, reason)
