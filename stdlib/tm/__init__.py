"""tm: stateful proxying.  The machinery is runtime.transaction; here is what scripts see of it."""

from runtime.transaction.settings import settings as _settings
from stdlib.tm import functions, module, variables
from stdlib.tm.functions import t_check_trans, t_newtran, t_relay, t_reply

on_created = _settings.created
"""Callbacks (transaction, request) for every new transaction."""

__all__ = ["functions", "module", "on_created", "t_check_trans", "t_newtran", "t_relay", "t_reply", "variables"]
