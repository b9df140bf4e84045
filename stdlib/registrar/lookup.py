"""lookup() and the tests for registered users."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Annotated

from runtime import log, regex
from runtime.core import core
from runtime.declare import Check, Routes, Static, Var
from runtime.sip import fields
from runtime.sip.message import Branch, ParseError
from stdlib import usrloc
from stdlib.registrar import settings
from stdlib.registrar.settings import Flags, Refusal, Target, avp_name, extract_aor, module
from stdlib.sipmsgops import append_hf
from stdlib.usrloc.store import METHODS, Contact, Record

if TYPE_CHECKING:
    from runtime.sip.message import SipMessage

__all__ = ["add_sock_hdr", "is_contact_registered", "is_ip_registered", "is_registered", "lookup"]

_WORDS = frozenset(
    "method-filtering no-branches global sort-by-latency branch to-branches-only case-insensitive"
    " extended-regexp".split()
)
_KEYED = frozenset(["ua-filtering", "max-ping-latency"])

_NOT_FOUND, _METHOD_UNSUPPORTED, _ERROR = -1, -2, -3

_TESTS = Routes.REQUEST | Routes.FAILURE | Routes.ONREPLY | Routes.BRANCH | Routes.LOCAL


class _Plan:
    """Parsed lookup flags."""

    __slots__ = ("agent", "branch", "by_latency", "max_latency", "methods", "no_branches", "to_branches")

    def __init__(self, flags: Flags) -> None:
        words, values = flags.words, flags.values
        self.methods = "method-filtering" in words
        self.no_branches = "no-branches" in words
        self.branch = "branch" in words
        self.to_branches = "to-branches-only" in words
        self.by_latency = "sort-by-latency" in words
        self.max_latency = int(values.get("max-ping-latency", "0"))
        self.agent: re.Pattern[str] | None = None
        expression = values.get("ua-filtering")
        if expression is not None:
            if not expression.startswith("/") or expression.rfind("/") < 2:
                raise ValueError("ua-filtering takes a regular expression between slashes")
            self.agent = regex.compile(
                expression[1 : expression.rindex("/")], icase="case-insensitive" in words, newline=False
            )


@lru_cache(maxsize=256)
def _plan(flags: str) -> _Plan:
    return _Plan(Flags(flags, _WORDS, _KEYED))


def _check_flags(text: str) -> None:
    _plan(text)


def _select(msg: SipMessage, record: Record, plan: _Plan, target: Target, now: float) -> tuple[list[Contact], int]:
    """(usable contacts, the code when there are none)."""
    found: list[Contact] = []
    code = _NOT_FOUND
    method = METHODS.get(msg.method, 1 << len(METHODS))
    for contact in record.contacts:
        info = contact.info
        if not contact.valid(now):
            continue
        if plan.methods and not info.methods & method:
            if not found and code == _NOT_FOUND:
                code = _METHOD_UNSUPPORTED
            continue
        if plan.agent is not None and not plan.agent.search(info.user_agent):
            code = _NOT_FOUND
            continue
        if plan.max_latency and contact.latency > plan.max_latency:
            continue
        if target.instance and info.instance[1:-1] != target.instance:
            continue
        if target.call_id and info.call_id != target.call_id:
            continue
        found.append(contact)
        if target.instance:
            break
    if plan.by_latency:
        found.sort(key=lambda contact: contact.latency or 1 << 30)
    return found, code


def _first_hop(path: str) -> str:
    """URI of the first entry of a Path vector."""
    return fields.parse_nameaddr_list(path)[0].uri


def _to_ruri(msg: SipMessage, contact: Contact) -> None:
    info = contact.info
    msg.new_uri = contact.uri
    if info.path:
        msg.path_vector = info.path
        msg.dst_uri = _first_hop(info.path)
    elif info.received:
        msg.dst_uri = info.received
    msg.ruri_q = info.q
    msg.branch_flags |= info.branch_flags
    if info.socket is not None:
        msg.force_socket = info.socket


def _to_branch(contact: Contact) -> Branch:
    info = contact.info
    return Branch(
        contact.uri, _first_hop(info.path) if info.path else info.received or None, info.path or None, info.q,
        set(info.branch_flags), info.socket,
    )  # fmt: skip


@module.function(routes=Routes.REQUEST | Routes.FAILURE | Routes.ONREPLY)
def lookup(
    msg: SipMessage, domain: Static, flags: Annotated[str, Check(_check_flags)] = "", aor: str = ""
) -> int:  # fmt: skip
    """Replace the R-URI by the registered contacts of the address of record in it (or of `aor`).

    The best contact goes into the R-URI, the others become branches.  flags: no-branches, to-branches-only, branch,
    method-filtering, ua-filtering=/regex/, case-insensitive, extended-regexp, global, max-ping-latency=µs,
    sort-by-latency.  Returns 1 found, -1 no contact, -2 no contact supports the method, -3 error.
    """
    try:
        plan = _plan(flags)
        target = extract_aor(aor or msg.current_uri)
    except (ValueError, Refusal, ParseError) as error:
        log.script_error(f"lookup: {error}")
        return _ERROR
    where = usrloc.domain(domain)
    now = core.wall()
    targets = [target]
    if plan.branch:
        for branch in msg.branches:
            try:
                targets.append(extract_aor(branch.uri))
            except Refusal as error:
                log.script_error(f"lookup: {error}")
                return _ERROR
        msg.branches.clear()
    code, pushed = _NOT_FOUND, plan.to_branches or not msg.is_request
    found_any = False
    attr = avp_name(settings.attr_avp.value)
    for each in targets:
        record = where.get(each.aor)
        if record is None:
            continue
        contacts, why = _select(msg, record, plan, each, now)
        if not contacts and not found_any:
            code = why
        for contact in contacts:
            found_any = True
            if not pushed:
                _to_ruri(msg, contact)
                pushed = True
                if attr and contact.info.attr is not None:
                    msg.__dict__.setdefault("branch_attrs", {})[attr] = contact.info.attr
            else:
                branch = _to_branch(contact)
                if attr and contact.info.attr is not None:
                    branch.attrs[attr] = contact.info.attr
                msg.branches.append(branch)
            if plan.no_branches:
                return 1
    return 1 if found_any else code


# ------------------------------------------------------------------------------------------------------------ tests
def _record(msg: SipMessage, domain: str, aor: str) -> Record | None:
    """The record that `aor`, or the user who sent the request, has in the domain."""
    if not aor:
        if not msg.is_request:
            log.script_error("an AoR is needed in a reply")
            return None
        who = fields.to_field(msg) if msg.method == "REGISTER" else fields.from_field(msg)
        aor = who.uri
    try:
        return usrloc.domain(domain).get(extract_aor(aor).aor)
    except Refusal as error:
        log.script_error(f"failed to extract address of record: {error}")
        return None


@module.function(routes=_TESTS)
def is_registered(msg: SipMessage, domain: Static, aor: str = "") -> bool:
    """Has the address of record (To of a REGISTER, else From, or `aor`) a valid contact?"""
    record = _record(msg, domain, aor)
    now = core.wall()
    for contact in record.contacts if record else ():
        if contact.valid(now):
            name = avp_name(settings.attr_avp.value)
            if name and contact.info.attr is not None:
                msg.avps.setdefault(name, []).append(contact.info.attr)
            return True
    return False


@module.function(routes=_TESTS)
def is_contact_registered(msg: SipMessage, domain: Static, aor: str = "", contact: str = "", callid: str = "") -> bool:
    """Is this contact (or the message's first one), or a contact registered in this call, among the user's bindings?"""
    record = _record(msg, domain, aor)
    if record is None:
        return False
    if not contact and not callid:
        try:
            uploaded = [c for c in fields.contacts(msg) if not c.is_star and c.params.get("expires") != "0"]
        except ParseError:
            uploaded = []
        if not uploaded:
            log.script_warning("Contact and callid not provided, and the message has no valid contact")
            return False
        contact = uploaded[0].uri
    return any(
        (not contact or each.uri == contact) and (not callid or each.info.call_id == callid) for each in record.contacts
    )


@module.function(routes=_TESTS)
def is_ip_registered(msg: SipMessage, domain: Static, aor: str, ips: Var, match_mask: Var | None = None) -> bool:
    """Is one of the addresses in the AVP `ips` the received address (or contact host) of a binding of the user?"""
    record = _record(msg, domain, aor)
    if record is None:
        return False
    wanted = {str(value) for value in msg.avps.get(str(ips.name), [])}
    from stdlib.registrar.save import _address

    for contact in record.contacts:
        for uri in (contact.info.received, contact.uri):
            if uri and _address(uri)[0] in wanted:
                return True
    return False


@module.function(routes=_TESTS)
def add_sock_hdr(msg: SipMessage, header: str) -> bool:
    """Add a header with the description of the socket the request arrived on (for save with socket-header)."""
    append_hf(msg, f"{header}: {msg.received.listener.name}\r\n")
    return True
