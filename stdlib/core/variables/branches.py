"""Flags and branches: $mf $bf $msg.flag $msg.branch.* $branch."""

from __future__ import annotations

from typing import Any

from runtime import log
from runtime.core import core as services
from runtime.declare import ALL, NO_VALUE, NoValue, StrInt, Value
from runtime.sip.message import Branch, SipMessage
from stdlib.core.functions.branches import append_msg_branch
from stdlib.core.functions.flags import shown, use
from stdlib.core.module import core
from stdlib.core.variables.common import all_of, shown_q

__all__: list[str] = []


@core.variable("mf", null=False)
def mf(msg: SipMessage) -> str:
    """Names of the message flags that are set."""
    return shown(msg.flags)


@core.variable("bf", null=False)
def bf(msg: SipMessage) -> str:
    """Names of the flags of branch 0 that are set."""
    return shown(msg.branch_flags)


def _truth(value: bool) -> StrInt:
    return StrInt("true" if value else "false", int(value))


def _set_flag(msg: SipMessage, value: Value, name: str) -> bool:
    if not isinstance(value, int):
        log.script_error("a flag takes a number")
        return False
    (msg.flags.add if value else msg.flags.discard)(use(name))
    return True


@core.variable("msg.flag", named="yes", type="any", set=_set_flag)
def msg_flag(msg: SipMessage, name: str) -> Value:
    """Is the message flag set?"""
    return _truth(name in msg.flags)


@core.variable("msg.is_request", type="any")
def msg_is_request(msg: SipMessage) -> Value:
    """Is the message a request?"""
    return _truth(msg.is_request)


@core.variable("msg.type", null=False)
def msg_type(msg: SipMessage) -> str:
    """request or reply."""
    return "request" if msg.is_request else "reply"


@core.variable("msg.branch.last_idx", type="int")
def msg_branch_last_idx(msg: SipMessage) -> int | None:
    """Index of the last branch; 0 when there is only the request URI."""
    return len(msg.branches) if msg.is_request else None


def _set_branch(msg: SipMessage, value: Value) -> bool:
    if not isinstance(value, (str, int)) or value == "":
        log.script_error("$msg.branch takes a URI")
        return False
    return append_msg_branch(msg, str(value))


@core.variable("msg.branch", set=_set_branch)
def msg_branch(msg: SipMessage) -> str | None:
    """URI of the first additional branch; writing adds a branch."""
    return msg.branches[0].uri if msg.branches else None


def _read_zero(msg: SipMessage, what: str) -> Value:
    """A field of branch 0, the request URI."""
    if what == "uri":
        return msg.current_uri
    if what == "duri":
        return msg.dst_uri
    if what == "path":
        return msg.path_vector
    if what == "q":
        return shown_q(msg.ruri_q)
    if what == "flags":
        return shown(msg.branch_flags)
    return msg.force_socket.name if msg.force_socket else None


def _read_branch(branch: Branch, what: str) -> Value:
    if what == "uri":
        return branch.uri
    if what == "duri":
        return branch.dst_uri
    if what == "path":
        return branch.path
    if what == "q":
        return shown_q(branch.q)
    if what == "flags":
        return shown(branch.flags)
    return branch.socket.name if branch.socket else None


def _socket(name: str) -> Any:
    for listener in services.listeners:
        if listener.name == name.lower():
            return listener
    log.script_error(f"unknown socket {name}")
    return None


def _checked(what: str, value: Value) -> Value | NoValue:
    """The value as the field keeps it; NO_VALUE (and an error line) when the field does not take it."""
    if what == "q":
        number = -1 if value is None else value if isinstance(value, int) else value.num if isinstance(value, StrInt) else None
        if number is not None:
            return number
    elif value is None:
        if what != "uri":
            return None
    elif what != "uri" or value != "":
        return str(value)
    log.script_error(f"$msg.branch.{what} cannot be set to {value!r}")
    return NO_VALUE


def _write_zero(msg: SipMessage, what: str, value: Any) -> bool:
    if what == "uri":
        msg.new_uri = value
    elif what == "duri":
        msg.dst_uri = value or None
    elif what == "path":
        msg.path_vector = value or None
    elif what == "q":
        msg.ruri_q = value
    elif what == "flags":
        msg.branch_flags = _known_flags(value)
    else:
        socket = _socket(value) if value is not None else None
        if value is not None and socket is None:
            return False
        msg.force_socket = socket
    return True


def _write_branch(branch: Branch, what: str, value: Any) -> bool:
    if what == "uri":
        branch.uri = value
    elif what == "duri":
        branch.dst_uri = value or None
    elif what == "path":
        branch.path = value or None
    elif what == "q":
        branch.q = value
    elif what == "flags":
        branch.flags = _known_flags(value)
    else:
        socket = _socket(value) if value is not None else None
        if value is not None and socket is None:
            return False
        branch.socket = socket
    return True


def _known_flags(names: str | None) -> set[str]:
    return {use(name) for name in (names or "").split()}


def _branch_field(what: str) -> None:
    def get(msg: SipMessage, index: Any = None) -> Value:
        if not msg.is_request:
            return None
        count = len(msg.branches) + 1
        if index is ALL:
            values = [_read_zero(msg, what), *[_read_branch(b, what) for b in msg.branches]]
            return all_of(values)
        at = count - 1 if index is None else index
        if not isinstance(at, int) or not -count <= at < count:
            return None
        at %= count
        return _read_zero(msg, what) if at == 0 else _read_branch(msg.branches[at - 1], what)

    def put(msg: SipMessage, value: Value, index: Any = None) -> bool:
        count = len(msg.branches) + 1
        at = count - 1 if index is None else index
        if not msg.is_request or not isinstance(at, int) or not -count <= at < count:
            log.script_error(f"no branch {index}")
            return False
        ready = _checked(what, value)
        if ready is NO_VALUE:
            return False
        at %= count
        if at == 0:
            return _write_zero(msg, what, ready)
        return _write_branch(msg.branches[at - 1], what, ready)

    get.__name__, get.__doc__ = f"msg_branch_{what}", f"{what} of a branch; 0 is the request URI, none the last one."
    core.variable(f"msg.branch.{what}", indexed=True, type="any", set=put)(get)


for _what in ("uri", "duri", "path", "q", "flags", "socket"):
    _branch_field(_what)


def _known(name: str) -> None:
    if name not in ("uri", "duri", "path", "q", "flags", "socket"):
        raise ValueError("the fields are uri, duri, path, q, flags and socket")


def _set_old(msg: SipMessage, value: Value, name: str | None = None, index: Any = None) -> bool:
    if name is None:
        return _set_branch(msg, value)
    at = 0 if index is None else index
    if not isinstance(at, int) or not -len(msg.branches) <= at < len(msg.branches):
        log.script_error(f"no branch {index}")
        return False
    ready = _checked(name, value)
    return ready is not NO_VALUE and _write_branch(msg.branches[at], name, ready)


@core.variable("branch", named="optional", indexed=True, type="any", check_name=_known, set=_set_old)
def branch(msg: SipMessage, name: str | None = None, index: Any = None) -> Value:
    """A field of an additional branch (older form: index 0 is the first additional one)."""
    values = [_read_branch(each, name or "uri") for each in msg.branches]
    if index is ALL:
        return all_of(values) if values else None
    at = 0 if index is None else index
    return values[at] if isinstance(at, int) and -len(values) <= at < len(values) else None


def _flags_of(msg: SipMessage, index: Any) -> set[str] | None:
    count = len(msg.branches) + 1
    at = count - 1 if index is None else index
    if not isinstance(at, int) or not -count <= at < count:
        return None
    at %= count
    return msg.branch_flags if at == 0 else msg.branches[at - 1].flags


def _set_branch_flag(msg: SipMessage, value: Value, name: str, index: Any = None) -> bool:
    flags = _flags_of(msg, index)
    if flags is None or not isinstance(value, int):
        log.script_error("no such branch, or no number")
        return False
    (flags.add if value else flags.discard)(use(name))
    return True


@core.variable("msg.branch.flag", "branch.flag", named="yes", indexed=True, type="any", set=_set_branch_flag)
def msg_branch_flag(msg: SipMessage, name: str, index: Any = None) -> Value:
    """Is a flag of a branch set?"""
    # OpenSIPS counts the added branches only, so the last one cannot be read and without any nothing can
    at = 0 if index is None else index
    count = len(msg.branches)
    if not isinstance(at, int) or not -count <= at < count:
        return None
    flags = _flags_of(msg, at % count)
    return _truth(name in flags) if flags is not None else None


def _attrs_of(msg: SipMessage, index: Any) -> dict[str, Any] | None:
    count = len(msg.branches) + 1
    at = count - 1 if index is None else index
    if not isinstance(at, int) or not -count <= at < count:
        return None
    at %= count
    return msg.__dict__.setdefault("branch_attrs", {}) if at == 0 else msg.branches[at - 1].attrs


def _set_attr(msg: SipMessage, value: Value, name: str, index: Any = None) -> bool:
    attrs = _attrs_of(msg, index)
    if attrs is None:
        log.script_error("no such branch")
        return False
    if value is None:
        attrs.pop(name, None)
    else:
        attrs[name] = value
    return True


@core.variable("msg.branch.attr", named="yes", indexed=True, type="any", set=_set_attr)
def msg_branch_attr(msg: SipMessage, name: str, index: Any = None) -> Value:
    """A value kept with a branch."""
    attrs = _attrs_of(msg, index)
    return attrs.get(name) if attrs is not None else None
