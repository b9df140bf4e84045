"""Additional branches and their order."""

from __future__ import annotations

from runtime import log
from runtime.declare import Routes
from runtime.sip.message import Branch, ParseError, SipMessage
from runtime.sip.uri import parse_uri
from stdlib.core.module import core

__all__ = [
    "append_branch_old", "append_msg_branch", "move_msg_branch", "next_branches", "remove_msg_branch", "serialize_branches",
    "swap_msg_branches",
]  # fmt: skip

MAX_BRANCHES = 11
"""Additional branches a request may have."""


def _q(text: str) -> int | None:
    """q × 1000 of its text, -1 for none, None when it is broken."""
    if not text:
        return -1
    try:
        value = round(float(text) * 1000)
    except ValueError:
        return None
    return value if 0 <= value <= 1000 else None


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
def append_msg_branch(msg: SipMessage, uri: str, q: str = "", flags: str = "") -> bool:
    """Add a branch; with "inherite" it takes over what branch 0 has."""
    weight = _q(q)
    if weight is None or not uri:
        return False
    if "inherit" in flags:
        made = _zero(msg)
        made.uri, made.q = uri, weight
        return _append(msg, made)
    return _append(msg, Branch(uri, q=weight))


@core.function(since="2.0", instead="write append_msg_branch(uri)")
def append_branch_old(msg: SipMessage, uri: str = "", q: str = "") -> bool:
    """Add a branch; without a URI branch 0 is copied."""
    weight = _q(q)
    if weight is None:
        return False
    if uri:
        return _append(msg, Branch(uri, q=weight))
    made = _zero(msg)
    if weight >= 0:
        made.q = weight
    if not _append(msg, made):
        return False
    msg.dst_uri = msg.path_vector = msg.force_socket = None
    msg.branch_flags = set()
    return True


core.function("append_branch", instead="write append_msg_branch(uri)")(append_branch_old)


@core.function()
def remove_msg_branch(msg: SipMessage, index: int) -> bool:
    """Remove a branch; removing 0 moves the first additional one there."""
    count = len(msg.branches) + 1
    if not -count <= index < count:
        return False
    index %= count
    if index == 0:
        if not msg.branches:
            return False
        _into_zero(msg, msg.branches.pop(0))
        return True
    del msg.branches[index - 1]
    return True


def _get(msg: SipMessage, index: int) -> Branch | None:
    if index == 0:
        return _zero(msg)
    return msg.branches[index - 1] if 0 < index <= len(msg.branches) else None


def _put(msg: SipMessage, index: int, branch: Branch) -> None:
    if index == 0:
        _into_zero(msg, branch)
    else:
        msg.branches[index - 1] = branch


@core.function()
def move_msg_branch(msg: SipMessage, source: int = 0, target: int = -1, flags: str = "") -> bool:
    """Move a branch over another one; with "keep" the source stays too.  No target: a new branch at the end."""
    branch = _get(msg, source)
    if branch is None:
        return False
    copied = Branch(branch.uri, branch.dst_uri, branch.path, branch.q, set(branch.flags), branch.socket, dict(branch.attrs))
    if target < 0:
        if not _append(msg, copied):
            return False
    elif _get(msg, target) is None:
        return False
    else:
        _put(msg, target, copied)
    if flags != "keep" and source != target:
        return remove_msg_branch(msg, source)
    return True


@core.function()
def swap_msg_branches(msg: SipMessage, first: int = 0, second: int = 1) -> bool:
    """Exchange two branches."""
    left, right = _get(msg, first), _get(msg, second)
    if left is None or right is None:
        return False
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
