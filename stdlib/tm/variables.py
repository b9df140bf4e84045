"""tm's variables."""

from __future__ import annotations

from typing import Any

from runtime import log
from runtime.declare import Value
from runtime.sip.message import SipMessage
from stdlib.tm.module import module

__all__: list[str] = []


@module.variable("T_branch_idx", type="int")
def T_branch_idx(msg: SipMessage) -> Value:
    """Index of the branch being handled."""
    found = msg.__dict__.get("tm_branch_index")
    return found if found is not None else None


@module.variable("T_reply_code", type="int", null=False)
def T_reply_code(msg: SipMessage) -> int:
    """Status of the reply being handled, or of the winning one in failure_route; 0 without."""
    if not msg.is_request:
        return msg.status
    transaction: Any = msg.transaction
    if transaction is None:
        return 0
    from runtime.declare import Routes

    if msg.route_kind is Routes.FAILURE:
        return int(transaction.state.get("failure_code", 0))
    return int(transaction.replied)


@module.variable("T_ruri")
def T_ruri(msg: SipMessage) -> str | None:
    """R-URI of the branch being handled."""
    transaction: Any = msg.transaction
    if transaction is None:
        return None
    index = msg.__dict__.get("tm_branch_index", 0)
    return transaction.branches[index].uri if index < len(transaction.branches) else msg.current_uri


@module.variable("T_id")
def T_id(msg: SipMessage) -> str | None:
    """Identity of the transaction."""
    return msg.transaction.mark if msg.transaction is not None else None


def _timeout(name: str, parameter: str) -> None:
    def get(msg: SipMessage) -> Value:
        if msg.transaction is not None:
            return int(getattr(msg.transaction, parameter))
        from runtime.transaction import settings

        return int(msg.__dict__.get(f"tm_{parameter}", getattr(settings, parameter)))

    def put(msg: SipMessage, value: Value) -> bool:
        from runtime.transaction import settings

        if value is not None and (not isinstance(value, int) or value < 0):
            log.script_error(f"${name} takes seconds")
            return False
        seconds = float(getattr(settings, parameter) if value is None else value)
        if msg.transaction is not None:
            setattr(msg.transaction, parameter, seconds)
        else:
            msg.__dict__[f"tm_{parameter}"] = seconds
        return True

    get.__name__, get.__doc__ = name, f"{parameter} of this transaction, in seconds; NULL resets it."
    module.variable(name, type="int", set=put)(get)


_timeout("T_fr_timeout", "fr_timeout")
_timeout("T_fr_inv_timeout", "fr_inv_timeout")


def _bavps(msg: SipMessage) -> dict[str, list[Any]]:
    index = msg.__dict__.get("tm_branch_index", 0)
    transaction: Any = msg.transaction
    holder = transaction.state if transaction is not None else msg.__dict__
    return holder.setdefault("bavps", {}).setdefault(index, {})  # type: ignore[no-any-return]


def _set_bavp(msg: SipMessage, value: Value, name: str, index: Any = None, operator: str = "=") -> bool:
    values = _bavps(msg).setdefault(name, [])
    if value is None:
        values.clear() if operator == ":=" else (values.pop(0) if values else None)
    elif operator == ":=":
        values[:] = [value]
    else:
        values.insert(0, value)
    return True


@module.variable("bavp", named="yes", indexed=True, operator=True, type="any", set=_set_bavp)
def bavp(msg: SipMessage, name: str, index: Any = None) -> Value:
    """A value kept with the branch."""
    values = _bavps(msg).get(name, [])
    at = 0 if index is None else index
    return values[at] if isinstance(at, int) and -len(values) <= at < len(values) else None
