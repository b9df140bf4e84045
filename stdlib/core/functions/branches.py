"""Additional branches and their order."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Annotated

from runtime import log
from runtime.declare import Check, Routes
from runtime.sip.message import Branch, ParseError, SipMessage
from runtime.sip.uri import parse_uri
from stdlib.core.module import core

__all__ = [
    "append_branch_old", "append_msg_branch", "move_msg_branch", "next_branches", "remove_msg_branch", "serialize_branches",
    "swap_msg_branches",
]  # fmt: skip

MAX_BRANCHES = 11
"""Additional branches a request may have."""


_Q = re.compile(r"[ \t]*(?:0*(?:\.[0-9]+)?|0*1(?:\.0*)?|0+\.)")


def _q(text: str) -> int | None:
    """q × 1000 of its text (RFC 3261 section 25.1), -1 for none, None when it is broken."""
    if not text:
        return -1
    if not text.strip() or _Q.fullmatch(text) is None:
        return None
    return int(float(f"{text.strip()}0") * 1000 + 1e-6) if "." in text else int(text) * 1000


def _check_q(text: str) -> None:
    if _q(text) is None:
        raise ValueError(f"bad q value {text!r}: 0 to 1 with three digits at most behind the point")


Q = Annotated[str, Check(_check_q)]


def _append(msg: SipMessage, branch: Branch) -> bool:
    if len(msg.branches) >= MAX_BRANCHES:
        log.script_error(f"more than {MAX_BRANCHES} branches")
        return False
    msg.branches.append(branch)
    return True


def _zero(msg: SipMessage) -> Branch:
    """Branch 0 as a branch of its own."""
    return Branch(
        msg.current_uri, msg.dst_uri, msg.path_vector, msg.ruri_q, set(msg.branch_flags), msg.force_socket,
        dict(msg.__dict__.get("branch_attrs", {})),
    )  # fmt: skip


def _into_zero(msg: SipMessage, branch: Branch) -> None:
    msg.new_uri, msg.dst_uri, msg.path_vector, msg.ruri_q = branch.uri, branch.dst_uri, branch.path, branch.q
    msg.branch_flags, msg.force_socket = set(branch.flags), branch.socket
    msg.__dict__["branch_attrs"] = dict(branch.attrs)


@core.function()
def append_msg_branch(msg: SipMessage, uri: str, q: Q = "", flags: str = "") -> bool:
    """Add a branch; with "inherite" it takes over what branch 0 has."""
    weight = _q(q)
    if weight is None or not uri:
        log.script_error(f"append_msg_branch: bad q value {q!r}" if uri else "append_msg_branch: empty URI")
        return False
    if "inherit" not in flags:
        return _append(msg, Branch(uri, q=weight))
    made = _zero(msg)
    made.uri = uri
    if weight >= 0:
        made.q = weight
    return _append(msg, made)


@core.function(since="2.0", instead="write append_msg_branch(uri)")
def append_branch_old(msg: SipMessage, uri: str = "", q: Q = "") -> bool:
    """Add a branch with what branch 0 has beside its URI; without a URI branch 0 is copied and its fields reset."""
    weight = _q(q)
    if weight is None:
        log.script_error(f"append_branch_old: bad q value {q!r}")
        return False
    made = _zero(msg)
    made.attrs = {}
    if uri:
        made.uri, made.q = uri, weight
        return _append(msg, made)
    if weight >= 0:
        made.q = weight
    appended = _append(msg, made)
    msg.dst_uri = msg.path_vector = msg.force_socket = None
    msg.branch_flags, msg.ruri_q = set(), -1
    return appended


core.function("append_branch", instead="write append_msg_branch(uri)")(append_branch_old)


@core.function()
def remove_msg_branch(msg: SipMessage, index: int) -> bool:
    """Remove an additional branch; 0 is the first one that was added."""
    if not 0 <= index < len(msg.branches):
        return False
    del msg.branches[index]
    return True


def _get(msg: SipMessage, index: int) -> Branch:
    """A copy of an additional branch, of the request URI branch when the index is negative."""
    if index < 0:
        return _zero(msg)
    branch = msg.branches[index]
    return replace(branch, flags=set(branch.flags), attrs=dict(branch.attrs))


def _put(msg: SipMessage, index: int, branch: Branch) -> None:
    if index < 0:
        _into_zero(msg, branch)
    else:
        msg.branches[index] = branch


def _known(msg: SipMessage, source: int, target: int) -> bool:
    count = len(msg.branches)
    if max(source, target) < count:
        return True
    log.script_error(f"no branch {max(source, target)}: {count} were added")
    return False


@core.function()
def move_msg_branch(msg: SipMessage, source: int = -1, target: int = -1, flags: str = "") -> bool:
    """Move an additional branch (0 the first one) over another; left out is the request URI.  "keep": copy it."""
    if source == target:
        return True
    if not _known(msg, source, target):
        return False
    _put(msg, target, _get(msg, source))
    if flags != "keep" and source > 0:
        del msg.branches[source]
    return True


@core.function()
def swap_msg_branches(msg: SipMessage, first: int = -1, second: int = -1) -> bool:
    """Exchange two additional branches (0 the first one); left out is the request URI."""
    if first == second:
        return True
    if not _known(msg, first, second):
        return False
    left, right = _get(msg, first), _get(msg, second)
    _put(msg, first, right)
    _put(msg, second, left)
    return True


@core.function(routes=Routes.REQUEST | Routes.FAILURE)
def serialize_branches(msg: SipMessage, clear: int, keep_order: int = 0) -> bool:
    """Put the branches aside, to be tried one q after the other with next_branches()."""
    waiting: list[list[Branch]] = [] if clear else msg.__dict__.get("serial", [])
    if not msg.branches:
        msg.__dict__["serial"] = waiting
        return True
    everyone = [_zero(msg), *msg.branches]
    if keep_order:
        groups = [[branch] for branch in everyone]
    else:
        weights = sorted({branch.q for branch in everyone}, reverse=True)
        groups = [[branch for branch in everyone if branch.q == q] for q in weights]
    msg.branches.clear()
    msg.__dict__["serial"] = waiting + groups
    return True


@core.function(routes=Routes.ANY)
def next_branches(msg: SipMessage) -> int:
    """Take the next group of branches: 1 when more are left, 2 for the last one, -1 for none."""
    if msg.route_kind not in (Routes.REQUEST, Routes.FAILURE):
        log.script_error("next_branches is for request and failure routes")
        return -1
    waiting: list[list[Branch]] = msg.__dict__.get("serial", [])
    if not waiting:
        return -1
    group = waiting.pop(0)
    _into_zero(msg, group[0])
    for branch in group[1:]:
        try:
            parse_uri(branch.uri)
        except ParseError:
            continue
        msg.branches.append(branch)
    return 1 if waiting else 2
