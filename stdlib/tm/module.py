"""Declarations of tm: parameters, statistics, hooks."""

from __future__ import annotations

from typing import Any

from runtime.core import core
from runtime.declare import Module
from runtime.sip.message import ParseError, SipMessage
from runtime.transaction import Transaction, settings, table

__all__ = ["make", "module"]

module = Module("tm", "Transactions: stateful proxying, forking, CANCEL (RFC 3261 sections 16 and 17).")

fr_timeout = module.parameter("fr_timeout", int, 30, "No reply at all.", unit="s", hot="new objects")
fr_inv_timeout = module.parameter("fr_inv_timeout", int, 120, "Ringing without an answer.", unit="s", hot="new objects")
wt_timer = module.parameter("wt_timer", int, 5, "A finished transaction is kept for repetitions.", unit="s")
delete_timer = module.parameter("delete_timer", int, 2, "Accepted; finished transactions go with wt_timer.", unit="s")
T1_timer = module.parameter("T1_timer", int, 500, "First retransmission.", unit="ms")
T2_timer = module.parameter("T2_timer", int, 4000, "Longest time between retransmissions.", unit="ms")
restart_fr_on_each_reply = module.parameter(
    "restart_fr_on_each_reply", int, 1, "Each provisional reply starts fr_inv_timeout anew."
)
onreply_avp_mode = module.parameter("onreply_avp_mode", int, 0, "Reply routes see the transaction's AVPs.")
auto_100trying = module.parameter("auto_100trying", int, 1, "Answer INVITE with 100 at once.")
disable_6xx_block = module.parameter("disable_6xx_block", int, 0, "A 6xx does not end the fork.")
pass_provisional_replies = module.parameter("pass_provisional_replies", int, 0, "Provisional replies pass on.")
minor_branch_flag = module.parameter("minor_branch_flag", str, None, "Branch flag: not waited for.")
timer_partitions = module.parameter("timer_partitions", int, 1, "Accepted; there is one wheel a worker.")
enable_stats = module.parameter("enable_stats", int, 1, "Count.")
syn_branch = module.parameter("syn_branch", int, 1, "Accepted; branches are always unique.")
ruri_matching = module.parameter("ruri_matching", int, 1, "Accepted; matching is RFC 3261's.")
via1_matching = module.parameter("via1_matching", int, 1, "Accepted; matching is RFC 3261's.")
own_timer_proc = module.parameter("own_timer_proc", int, 0, "Accepted; each worker runs its timers.")

received_replies = module.statistic("received_replies", "Replies to transactions.")
relayed_replies = module.statistic("relayed_replies", "Replies passed on.")
local_replies = module.statistic("local_replies", "Replies made here.")
UAS_transactions = module.statistic("UAS_transactions", "Transactions made by received requests.")
UAC_transactions = module.statistic("UAC_transactions", "Transactions made here.")
_classes = {n: module.statistic(f"{n}xx_transactions", f"Transactions completed with {n}xx.") for n in range(2, 7)}
module.statistic("inuse_transactions", "Transactions in memory.", read=lambda: len(table.servers))


@module.init
def apply() -> None:
    """Hand the parameters to the machinery."""
    settings.fr_timeout, settings.fr_inv_timeout = float(fr_timeout.value), float(fr_inv_timeout.value)
    settings.wait = float(wt_timer.value)
    settings.t1, settings.t2 = T1_timer.value / 1000, T2_timer.value / 1000
    settings.restart_fr = bool(restart_fr_on_each_reply.value)
    settings.auto_100 = bool(auto_100trying.value)
    settings.six_hundred_blocks = not disable_6xx_block.value
    settings.shared_avps = bool(onreply_avp_mode.value)
    settings.translate_503 = not Module.registry["core"].parameters["disable_503_translation"].value


def make(msg: SipMessage) -> Transaction:
    """A new transaction of a request; ParseError when its headers do not allow one."""
    made = Transaction(msg)
    UAS_transactions.inc()
    made.on("response_out", _sent)
    made.trying()
    return made


def _sent(transaction: Transaction, reply: SipMessage | None, code: int) -> None:
    (local_replies if reply is None else relayed_replies).inc()
    if code >= 200:
        _classes[min(code // 100, 6)].inc()


def _reply(msg: SipMessage) -> bool:
    """Match a reply; True when it belongs to a transaction."""
    branch = table.find_branch(msg)
    if branch is None:
        return False
    received_replies.inc()
    branch.transaction.received(branch, msg)
    return True


def _after_script(msg: SipMessage) -> None:
    """A transaction that was made but neither answered nor relayed is let go."""
    transaction: Any = msg.transaction
    if transaction is None or transaction.wait_timer is not None:
        return
    if not transaction.branches and not transaction.pending and transaction.replied < 200:
        transaction.wait_timer = core.timers.after(settings.wait, transaction.release)


def _ensure(msg: SipMessage) -> bool:
    if msg.transaction is None:
        try:
            make(msg)
        except ParseError:
            return False
    return True


def _bug(msg: SipMessage) -> None:
    """Answer a request whose route broke."""
    transaction: Any = msg.transaction
    if transaction is not None:
        if transaction.replied < 200 and not transaction.branches:
            transaction.reply(500, "Server Internal Error")
        return
    from runtime.forward import send_reply_stateless

    try:
        send_reply_stateless(msg, 500, "Server Internal Error")
    except ParseError:
        return


@module.worker
def start() -> None:
    """Take replies, and look after transactions when a script ends."""
    core.reply_hooks.append(_reply)
    core.post_script_hooks.append(_after_script)
    core.ensure_transaction = _ensure
    core.on_script_bug = _bug


@module.command("hash", "t_hash")
def t_hash() -> Any:
    """How many transactions there are."""
    return [{"index": 0, "Current": len(table.servers), "Total": UAS_transactions_total()}]


def UAS_transactions_total() -> int:
    """Transactions made so far."""
    from runtime import statistics

    return statistics.total(UAS_transactions.slot)
