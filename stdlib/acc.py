"""acc: accounting of transactions to the log and to events.

A script marks what it wants accounted (`do_accounting`); records are written when the transaction ends.  Values of
`$acc_extra` and `$acc_leg` travel with the transaction.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Annotated, Any

from runtime import log
from runtime.core import core
from runtime.declare import ALL, Check, Module, Routes, Value
from runtime.sip import fields
from runtime.sip.message import ParseError
from stdlib import tm

if TYPE_CHECKING:
    from runtime.sip.message import SipMessage

__all__ = ["acc_evi_request", "acc_log_request", "acc_new_leg", "do_accounting", "drop_accounting", "module"]

module = Module("acc", "Accounting of transactions: log and events.", requires=("tm",))
logger = log.engine("acc")

_ROUTES = Routes.REQUEST | Routes.FAILURE | Routes.BRANCH | Routes.LOCAL
_TYPES = ("log", "evi")
_FLAGS = ("missed", "failed")
_FIELDS = ("method", "from_tag", "to_tag", "call_id", "code", "reason")
_EVENT_FIELDS = ("method", "from_tag", "to_tag", "callid", "sip_code", "sip_reason", "time")


def _extra_definition(text: str) -> dict[str, dict[str, str]]:
    """`log: a -> x; b` as {"log": {"a": "x", "b": "b"}}; ValueError when it is not of this form."""
    backend, colon, rest = text.partition(":")
    backend = backend.strip().lower()
    if not colon or backend not in ("log", "evi", "db", "aaa"):
        raise ValueError("expected BACKEND: tag -> name; …, with BACKEND log or evi")
    if backend not in _TYPES:
        raise ValueError(f"the backend {backend} is not available: use log or evi")
    tags: dict[str, str] = {}
    for item in rest.split(";"):
        if item.strip():
            tag, arrow, name = item.partition("->")
            tags[tag.strip()] = name.strip() if arrow else tag.strip()
    return {backend: tags}


early_media = module.parameter("early_media", int, 0, "Account provisional replies with a body too.", hot="now")
report_cancels = module.parameter("report_cancels", int, 0, "Account CANCEL requests.", hot="now")
detect_direction = module.parameter(
    "detect_direction", int, 0, "Swap the tags of requests that go upstream (needs rr append_fromtag).", hot="now"
)
log_level = module.parameter("log_level", int, 2, "Level of accounting lines.", hot="now")
log_facility = module.parameter("log_facility", str, "LOG_DAEMON", "Syslog facility of accounting lines.")
extra_fields = module.parameter(
    "extra_fields", str, None, "Extra values to account: `log: tag -> name; …`.", repeat=True, check=_extra_definition
)
leg_fields = module.parameter(
    "leg_fields", str, None, "Values kept for each leg: `log: tag -> name; …`.", repeat=True, check=_extra_definition
)

_events = {
    "answered": module.event("E_ACC_EVENT", *_EVENT_FIELDS, doc="A transaction was accounted as answered."),
    "missed": module.event("E_ACC_MISSED_EVENT", *_EVENT_FIELDS, doc="A transaction was accounted as failed."),
}


@dataclass(slots=True)
class _Context:
    """What is to be accounted for one transaction."""

    created: float
    marks: set[tuple[str, str]] = field(default_factory=set)
    """(type, flag): flag "" for answered ones, "missed" and "failed"."""
    extra: dict[str, Value] = field(default_factory=dict)
    legs: list[dict[str, Value]] = field(default_factory=lambda: [{}])

    def on(self, flag: str, kind: str | None = None) -> bool:
        return any(mark[1] == flag and (kind is None or mark[0] == kind) for mark in self.marks)


def _context(msg: SipMessage) -> _Context | None:
    """The message's context, or that of its transaction."""
    found = msg.__dict__.get("acc")
    if found is None and msg.transaction is not None:
        found = msg.transaction.state.get("acc")
    return found


def _make_context(msg: SipMessage) -> _Context:
    """The context, made and bound to the transaction at first use."""
    found = _context(msg)
    if found is None:
        found = msg.__dict__["acc"] = _Context(core.wall())
        if msg.transaction is not None:
            _bind(msg.transaction, msg)
    return found


def _bind(transaction: Any, msg: SipMessage) -> None:
    """Account this transaction as the message's context says."""
    context = msg.__dict__.get("acc")
    if context is None or "acc" in transaction.state:
        return
    transaction.state["acc"] = context
    transaction.on("response_out", _on_response)
    transaction.on("failure", _on_failure)


@module.worker
def start() -> None:
    """Bind contexts made before their transaction when it comes into being."""
    if _bind not in tm.on_created:
        tm.on_created.append(_bind)


# ----------------------------------------------------------------------------------------------------- what happened
def _on_response(transaction: Any, reply: SipMessage | None, code: int) -> None:
    """A reply goes upstream, or the local side is complete."""
    context: _Context = transaction.state["acc"]
    request: SipMessage = transaction.request
    if request.method == "CANCEL" and not report_cancels.value:
        return
    if request.method == "INVITE" and code >= 300 and context.on("missed"):
        _missed(context, request, reply, code)
    if code < 200 and not (early_media.value and reply is not None and reply.body):
        return
    if code >= 300 and not context.on("failed"):
        return
    if not context.on(""):
        return
    reason = _reason(reply, code)
    to = _to_tag(request, reply)
    if context.on("", "evi"):
        _raise("answered" if code < 300 else "missed", request, to, code, reason, context)
    if context.on("", "log"):
        _log("ACC: transaction answered: ", request, to, code, reason, context)


def _on_failure(transaction: Any, reply: SipMessage | None, code: int) -> None:
    """A failure route is about to run: one forwarding attempt failed."""
    context: _Context = transaction.state["acc"]
    if transaction.request.method == "INVITE" and context.on("missed"):
        _missed(context, transaction.request, reply, code)


def _missed(context: _Context, request: SipMessage, reply: SipMessage | None, code: int) -> None:
    """Account a missed call, once until it is asked for again."""
    reason, to = _reason(reply, code), _to_tag(request, reply)
    if context.on("missed", "evi"):
        _raise("missed", request, to, code, reason, context)
    if context.on("missed", "log"):
        _log("ACC: call missed: ", request, to, code, reason, context)
    context.marks -= {(kind, "missed") for kind in _TYPES}


_REASONS = {408: "Request Timeout", 487: "Request Terminated", 500: "Server Internal Error", 503: "Service Unavailable"}


def _reason(reply: SipMessage | None, code: int) -> str:
    if reply is not None:
        return reply.reason
    return _REASONS.get(code, "Unknown")


def _to_tag(request: SipMessage, reply: SipMessage | None) -> str:
    for msg in (reply, request):
        if msg is not None:
            try:
                if tag := fields.to_field(msg).tag:
                    return tag
            except ParseError:
                continue
    return ""


def _record(request: SipMessage, to_tag: str, code: int, reason: str) -> tuple[str, ...]:
    """The fixed values, in the order of _FIELDS."""
    try:
        from_tag = fields.from_field(request).tag or ""
    except ParseError:
        from_tag = ""
    if detect_direction.value and request.__dict__.get("rr_direction") == "upstream":
        from_tag, to_tag = to_tag, from_tag
    call = request.header("call-id")
    return (request.method, from_tag, to_tag, call.value if call else "", str(code), reason)


def _definitions(parameter: Any, backend: str) -> dict[str, str]:
    """tag -> name of every definition for this backend."""
    return {tag: name for made in parameter.value or () for tag, name in made.get(backend, {}).items()}


def _log(text: str, request: SipMessage, to_tag: str, code: int, reason: str, context: _Context | None) -> None:
    now = core.wall()
    line = f"{text}timestamp={int(now)}"
    if context is not None:
        line += f";created={int(context.created)};setuptime={int(now - context.created)}"
    for name, value in zip(_FIELDS, _record(request, to_tag, code, reason), strict=True):
        line += f";{name}={value}"
    if context is not None:
        for tag, name in _definitions(extra_fields, "log").items():
            line += f";{name}={_text(context.extra.get(tag))}"
        legs = _definitions(leg_fields, "log")
        for leg in context.legs if legs else ():
            for tag, name in legs.items():
                line += f";{name}={_text(leg.get(tag))}"
    if log_level.value <= log.levels.log:
        log.engine_line(log_level.value, "acc", "acc_log_request", line)


def _text(value: Value) -> str:
    return "" if value is None else str(value)


def _raise(
    which: str, request: SipMessage, to_tag: str, code: int, reason: str, context: _Context | None
) -> None:  # fmt: skip
    event = _events[which]
    if not core.event_wanted(event.name):
        return
    values: dict[str, Any] = dict(
        zip(_EVENT_FIELDS, (*_record(request, to_tag, code, reason), int(core.wall())), strict=True)
    )
    if context is not None:
        values["created"] = int(context.created)
        values["setuptime"] = int(core.wall() - context.created)
        for tag, name in _definitions(extra_fields, "evi").items():
            values[name] = context.extra.get(tag)
    core.raise_event(event.name, values)


# --------------------------------------------------------------------------------------------------------- functions
@lru_cache(maxsize=64)
def _words(text: str, known: tuple[str, ...]) -> tuple[str, ...]:
    """The words of `a|b`; ValueError for an unknown one."""
    found = tuple(word.strip().lower() for word in text.split("|") if word.strip())
    for word in found:
        if word not in known:
            if word in ("db", "aaa", "cdr"):
                raise ValueError(f'"{word}" accounting is not available: use {" or ".join(known)}')
            raise ValueError(f'"{word}" is not one of {", ".join(known)}')
    return found


def _check_types(text: str) -> None:
    _words(text, _TYPES)


def _check_flags(text: str) -> None:
    _words(text, _FLAGS)


@module.function(routes=_ROUTES)
def do_accounting(
    msg: SipMessage, type: Annotated[str, Check(_check_types)], flags: Annotated[str, Check(_check_flags)] = ""
) -> bool:  # fmt: skip
    """Mark the transaction for accounting; several calls add up.

    type: log and evi, separated by |.  flags: missed (account calls that were not answered; once, then mark again) and
    failed (account negative final replies too).
    """
    try:
        kinds, wanted = _words(type, _TYPES), _words(flags, _FLAGS)
    except ValueError as error:
        log.script_error(f"do_accounting: {error}")
        return False
    context = _make_context(msg)
    for kind in kinds:
        context.marks.add((kind, ""))
        context.marks |= {(kind, flag) for flag in wanted}
    return True


@module.function(routes=_ROUTES)
def drop_accounting(
    msg: SipMessage, type: Annotated[str, Check(_check_types)] = "", flags: Annotated[str, Check(_check_flags)] = ""
) -> bool:  # fmt: skip
    """Take marks back: all of them, all of a type, or only the given flags of a type."""
    context = _context(msg)
    if context is None:
        return True
    try:
        kinds = _words(type, _TYPES) or _TYPES
        wanted = _words(flags, _FLAGS) or ("", *_FLAGS)
    except ValueError as error:
        log.script_error(f"drop_accounting: {error}")
        return False
    context.marks -= {(kind, flag) for kind in kinds for flag in wanted}
    return True


def _comment(text: str) -> tuple[int, str]:
    """(code, reason) of `480 Nobody Home`."""
    code, _, reason = text.strip().partition(" ")
    if len(code) == 3 and code.isdigit():
        return int(code), reason.strip()
    return 0, text


@module.function(routes=_ROUTES)
def acc_log_request(msg: SipMessage, comment: str) -> bool:
    """Write an accounting line for this request at once.  `comment` is a status and reason, "480 Nobody Home"."""
    code, reason = _comment(comment)
    _log("ACC: request accounted: ", msg, _to_tag(msg, None), code, reason, _context(msg))
    return True


@module.function(routes=_ROUTES)
def acc_evi_request(msg: SipMessage, comment: str) -> bool:
    """Raise E_ACC_EVENT for this request at once, E_ACC_MISSED_EVENT when the status in `comment` is negative."""
    code, reason = _comment(comment)
    _raise("answered" if 0 < code < 300 else "missed", msg, _to_tag(msg, None), code, reason, _context(msg))
    return True


@module.function(routes=_ROUTES)
def acc_new_leg(msg: SipMessage) -> bool:
    """Begin a new leg; its values are NULL until set."""
    _make_context(msg).legs.append({})
    return True


# --------------------------------------------------------------------------------------------------------- variables
def _known_extra(name: str) -> None:
    if not any(name in tags for made in extra_fields.value or () for tags in made.values()):
        raise ValueError(f'no extra field "{name}": declare it with modparam("acc", "extra_fields", "log: {name}")')


def _known_leg(name: str) -> None:
    if not any(name in tags for made in leg_fields.value or () for tags in made.values()):
        raise ValueError(f'no leg field "{name}": declare it with modparam("acc", "leg_fields", "log: {name}")')


def _set_extra(msg: SipMessage, value: Value, name: str) -> bool:
    _make_context(msg).extra[name] = value
    return True


@module.variable("acc_extra", named="yes", type="any", check_name=_known_extra, set=_set_extra)
def acc_extra(msg: SipMessage, name: str) -> Value:
    """An extra value that is accounted with the transaction (tag of extra_fields)."""
    context = _context(msg)
    return context.extra.get(name) if context else None


def _leg(context: _Context, index: Any) -> dict[str, Value] | None:
    if index is None or index is ALL:
        return context.legs[-1]
    return context.legs[index] if -len(context.legs) <= index < len(context.legs) else None


def _set_leg(msg: SipMessage, value: Value, name: str, index: Any = None) -> bool:
    leg = _leg(_make_context(msg), index)
    if leg is None:
        log.script_error(f"no leg {index}")
        return False
    leg[name] = value
    return True


@module.variable("acc_leg", named="yes", indexed=True, type="any", check_name=_known_leg, set=_set_leg)
def acc_leg(msg: SipMessage, name: str, index: Any = None) -> Value:
    """A value of a leg: of the current one, or of the one at the index."""
    context = _context(msg)
    leg = _leg(context, index) if context else None
    return leg.get(name) if leg else None


@module.variable("acc_current_leg", type="int")
def acc_current_leg(msg: SipMessage) -> Value:
    """Number of the current leg, from 0; NULL when nothing is accounted."""
    context = _context(msg)
    return len(context.legs) - 1 if context else None
