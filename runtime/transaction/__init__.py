"""Transactions (RFC 3261 sections 16 and 17, RFC 6026): server side, client branches, forking, CANCEL.

Sans-IO: messages go out through `core.send`, time comes from `core.now` and `core.timers`.
"""

from runtime.transaction.client import ClientBranch
from runtime.transaction.settings import settings
from runtime.transaction.table import table
from runtime.transaction.transaction import Transaction

__all__ = ["ClientBranch", "Transaction", "settings", "table"]
