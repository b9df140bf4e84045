"""save(), remove() and the replies to REGISTER."""

from __future__ import annotations

import ipaddress
import random
from functools import lru_cache
from typing import TYPE_CHECKING, Annotated

from runtime import log
from runtime.core import core
from runtime.declare import Check, Routes, Static
from runtime.sip import fields
from runtime.sip.message import ParseError
from runtime.sip.uri import parse_uri
from stdlib import signaling, usrloc
from stdlib.registrar import settings
from stdlib.registrar.settings import Flags, Refusal, avp_name, avp_value, extract_aor, module
from stdlib.sipmsgops import append_to_reply
from stdlib.usrloc.store import (
    ALL_METHODS,
    Contact,
    ContactInfo,
    Domain,
    InvalidCSeq,
    Match,
    Record,
    Retransmission,
    method_mask,
)  # fmt: skip

if TYPE_CHECKING:
    from runtime.core import Listener
    from runtime.sip.fields import NameAddr
    from runtime.sip.message import SipMessage

__all__ = ["remove", "remove_ip_port", "save"]

logger = log.engine("registrar")

_WORDS = frozenset(
    "memory-only no-reply force-registration path-off path-lazy path-strict path-received"
    " only-request-contacts socket-header".split()
)
_KEYED = frozenset(["max-contacts", "matching-mode", "min-expires", "max-expires"])
_RECEIVED_MAX = 255
_CALL_ID_MAX = 255
_USER_AGENT_MAX = 255


class _Plan:
    """Save flags, with the module parameters where a flag is silent."""

    __slots__ = ("force", "match", "max_contacts", "max_expires", "min_expires", "own_only", "path", "path_received",
                 "reply", "socket_header")  # fmt: skip

    def __init__(self, flags: Flags) -> None:
        words, values = flags.words, flags.values
        self.reply = "no-reply" not in words
        self.force = "force-registration" in words
        self.own_only = "only-request-contacts" in words
        self.socket_header = "socket-header" in words
        self.path_received = "path-received" in words
        self.path = next((mode for mode in ("off", "lazy", "strict") if f"path-{mode}" in words), "")
        self.max_contacts = int(values["max-contacts"]) if "max-contacts" in values else None
        self.min_expires = int(values["min-expires"]) if "min-expires" in values else None
        self.max_expires = int(values["max-expires"]) if "max-expires" in values else None
        self.match: Match | None = None
        mode = values.get("matching-mode")
        if mode == "0":
            self.match = Match("contact")
        elif mode == "1":
            self.match = Match("contact-callid")
        elif mode is not None:
            self.match = Match("params", tuple(mode.strip("<>").split(";")))


@lru_cache(maxsize=256)
def _plan(flags: str) -> _Plan:
    return _Plan(Flags(flags, _WORDS, _KEYED))


_NO_FLAGS = _plan("")


@lru_cache(maxsize=4096)
def _is_uri(text: str) -> bool:
    try:
        parsed = parse_uri(text)
    except ParseError:
        return False
    return bool(parsed.host)


def _contacts_of(msg: SipMessage) -> tuple[list[NameAddr], bool]:
    """(contacts, star) of a REGISTER; Refusal for what RFC 3261 section 10.3 forbids."""
    if msg.header("contact") is None:
        return [], False
    try:
        found = fields.contacts(msg)
    except ParseError:
        raise Refusal(400, "Contact parse error") from None
    stars = sum(1 for contact in found if contact.is_star)
    if stars:
        if len(found) > 1:
            first_line_only = len(msg.headers_of("contact")[0].value.split(",")) > 1
            error = "Contact parse error" if first_line_only else "* used in contact and more than 1 contact"
            raise Refusal(400, error)
        if _expires_header(msg) != 0:
            raise Refusal(400, "* used in contact and expires is not zero")
        return [], True
    for contact in found:
        received = contact.params.get("received") or ""
        if len(contact.uri) > settings.max_contact_len.value or len(received) > _RECEIVED_MAX:
            raise Refusal(400, "Contact/received too long")
        if not _is_uri(contact.uri):
            raise Refusal(400, "Contact parse error")
    return found, False


def _expires_header(msg: SipMessage) -> int | None:
    """The Expires header in seconds, None when there is none or it is no number."""
    header = msg.header("expires")
    if header is None or not header.value.isdigit():
        return None
    return min(int(header.value), 0xFFFFFFFF)


def _life(msg: SipMessage, contact: NameAddr, plan: _Plan) -> int:
    """Seconds the binding shall live; 0 means it shall go."""
    asked = contact.params.get("expires")
    if asked:
        seconds = min(int(asked), 0xFFFFFFFF) if asked.isdigit() else settings.default_expires.value
    else:
        stated = _expires_header(msg)
        seconds = settings.default_expires.value if stated is None else stated
    if seconds == 0:
        return 0
    shortest = settings.min_expires.value if plan.min_expires is None else plan.min_expires
    longest = settings.max_expires.value if plan.max_expires is None else plan.max_expires
    if shortest and seconds < shortest:
        seconds = shortest
    if longest and seconds > longest:
        seconds = longest
    if deviation := settings.expires_max_deviation.value:
        seconds += random.randint(-deviation, deviation)
        seconds = max(seconds, settings.min_expires.value)
        if settings.max_expires.value:
            seconds = min(seconds, settings.max_expires.value)
    return int(seconds)


def _q(contact: NameAddr) -> int:
    text = contact.params.get("q")
    if not text:
        return int(settings.default_q.value)
    try:
        value = round(float(text) * 1000)
    except ValueError:
        raise Refusal(400, "Invalid q param in contact") from None
    if not 0 <= value <= 1000:
        raise Refusal(400, "Invalid q param in contact")
    return value


class _Shared:
    """What all contacts of one REGISTER have in common."""

    __slots__ = (
        "attr", "call_id", "cseq", "flags", "methods", "msg", "now", "path", "received", "socket", "user_agent",
    )  # fmt: skip

    def __init__(self, msg: SipMessage, plan: _Plan, now: float) -> None:
        self.msg = msg
        self.now = now
        self.call_id = fields.call_id(msg)
        if len(self.call_id) > _CALL_ID_MAX:
            raise Refusal(400, "Callid too long")
        self.cseq = fields.cseq(msg)[0]
        agent = msg.header("user-agent")
        self.user_agent = agent.value if agent and 0 < len(agent.value) < _USER_AGENT_MAX else "n/a"
        self.flags = frozenset(msg.branch_flags)
        self.path, self.received = _path(msg, plan) if plan.path else ("", "")
        if self.received and usrloc.nat_bflag.value:
            self.flags |= {usrloc.nat_bflag.value}
        if not self.received:
            self.received = avp_value(msg, avp_name(settings.received_avp.value))
        self.attr = avp_value(msg, avp_name(settings.attr_avp.value)) or None
        allow = msg.headers_of("allow")
        self.methods = method_mask(",".join(h.value for h in allow)) if allow else ALL_METHODS
        self.socket = _socket_header(msg) if plan.socket_header else None
        self.socket = self.socket or msg.received.listener

    def info(self, contact: NameAddr, seconds: int) -> ContactInfo:
        methods = contact.params.get("methods")
        return ContactInfo(
            self.now + seconds, _q(contact), self.call_id, self.cseq, self.user_agent,
            self.received or (contact.params.get("received") or "").strip('"'), self.path, 0, self.flags,
            method_mask(methods.strip('"')) if methods else self.methods,
            (contact.params.get("+sip.instance") or "").strip('"'), self.attr, self.socket, self.now,
        )  # fmt: skip


def _path(msg: SipMessage, plan: _Plan) -> tuple[str, str]:
    """(Path as a route set, received URI it carries); Refusal when the first hop is not a loose router."""
    headers = msg.headers_of("path")
    if not headers:
        return "", ""
    path = ",".join(header.value for header in headers)
    try:
        hops = fields.parse_nameaddr_list(path)
        first = parse_uri(hops[0].uri)
    except (ParseError, IndexError):
        raise Refusal(400, "Path parse error") from None
    if "lr" not in first.params:
        raise Refusal(400, "Path parse error")
    received = ""
    if plan.path_received:
        if "r2" in first.params and len(hops) > 1:
            first = parse_uri(hops[1].uri)
        received = settings._unescape(first.params.get("received") or "")
    return path, received


def _socket_header(msg: SipMessage) -> Listener | None:
    """The listener that the socket header names."""
    name = settings.sock_hdr_name.value
    header = msg.header(name.lower()) if name else None
    if header is None or not header.value:
        return None
    for listener in core.listeners:
        if listener.name == header.value.strip().lower():
            return listener
    logger.error("non-local socket <%s>", header.value)
    return None


# -------------------------------------------------------------------------------------------------------- replying
def _listing(record: Record | None, msg: SipMessage, now: float, only: list[NameAddr] | None) -> str:
    """The Contact header of a 200: every valid binding, as RFC 3261 section 10.3 step 8 asks."""
    if record is None:
        return ""
    wanted = None if only is None else {contact.uri for contact in only}
    gruu = not settings.disable_gruu.value and any("gruu" in h.value for h in msg.headers_of("supported"))
    items = [
        _listed(contact, now, gruu, msg)
        for contact in record.contacts
        if contact.valid(now) and (wanted is None or contact.uri in wanted)
    ]
    return f"Contact: {', '.join(items)}\r\n" if items else ""


def _listed(contact: Contact, now: float, gruu: bool, msg: SipMessage) -> str:
    info = contact.info
    text = f"<{contact.uri}>"
    if info.q >= 0:
        text += f";q={info.q / 1000:g}"
    text += f";expires={round(info.expires - now) if info.expires else 0}"
    if info.received:
        text += f';{settings.received_param.value}="{info.received}"'
    if gruu and info.instance:
        where = info.socket or msg.received.listener
        host = f"{where.host}:{where.port}"
        aor = contact.aor if usrloc.use_domain.value else f"{contact.aor}@{host}"
        user = settings.temp_gruu(contact.aor, info.instance, info.call_id, int(now))
        text += f';pub-gruu="sip:{aor};gr={info.instance[1:-1]}";temp-gruu="sip:{user}@{host};gr"'
        text += f';+sip.instance="{info.instance}"'
    return text


_REASONS = {
    200: "OK",
    400: "Bad Request",
    420: "Bad Extension",
    500: "Server Internal Error",
    503: "Service Unavailable",
}


def _answer(msg: SipMessage, plan: _Plan, listing: str, refusal: Refusal | None) -> bool:
    status = refusal.status if refusal else 200
    if listing:
        append_to_reply(msg, listing)
    path = ", ".join(header.value for header in msg.headers_of("path")) if plan.path else ""
    if refusal is None and path and plan.path != "off":
        supported = any("path" in h.value.lower() for h in msg.headers_of("supported"))
        if plan.path == "strict" and not supported:
            refusal, status = Refusal(420, "No support for found Path indicated"), 420
            append_to_reply(msg, "Unsupported: path\r\n")
        if supported or status == 420:
            append_to_reply(msg, f"Path: {path}\r\n")
    if refusal is not None:
        append_to_reply(msg, f"P-Registrar-Error: {refusal.error}\r\n")
        if status >= 500 and settings.retry_after.value:
            append_to_reply(msg, f"Retry-After: {settings.retry_after.value}\r\n")
    return int(signaling.send_reply(msg, status, _REASONS[status])) > 0


# ---------------------------------------------------------------------------------------------------------- saving
def _too_many(aor: str, limit: int) -> Refusal:
    logger.info("too many contacts for AOR <%s>, max=%d", aor, limit)
    return Refusal(503, "Too many registered contacts")


def _drop_last(where: Domain, record: Record, now: float, but: Contact | None = None) -> None:
    """Make room: the least preferred valid contact goes."""
    for contact in reversed(record.contacts):
        if contact is not but and contact.valid(now):
            where.delete_contact(record, contact)
            return


def _store(msg: SipMessage, where: Domain, aor: str, contacts: list[NameAddr], plan: _Plan, now: float) -> None:
    """Apply the contacts of a REGISTER to the record (RFC 3261 section 10.3 step 7)."""
    record = where.get(aor)
    known = record is not None
    shared = _Shared(msg, plan, now)
    how = plan.match or usrloc.match_default()
    cseq = shared.cseq + (1 if settings.allow_dup_cseq.value else 0)
    limit = settings.max_contacts.value if plan.max_contacts is None else plan.max_contacts
    newest_first = bool(usrloc.desc_time_order.value)
    try:
        for uploaded in contacts:
            seconds = _life(msg, uploaded, plan)
            if record is None:
                if seconds == 0:
                    continue
                record = where.insert_record(aor)
            try:
                found = where.match(record, uploaded.uri, shared.call_id, cseq, how, now, usrloc.cseq_delay.value)
            except Retransmission:
                continue
            except InvalidCSeq:
                raise Refusal(400, "Invalid CSeq number") from None
            if seconds == 0:
                if found is not None:
                    where.delete_contact(record, found)
                continue
            valid = sum(1 for contact in record.contacts if contact is not found and contact.valid(now))
            while limit and valid >= limit:
                if not plan.force:
                    raise _too_many(aor, limit)
                _drop_last(where, record, now, found)
                valid -= 1
            info = shared.info(uploaded, seconds)
            if found is None:
                where.insert_contact(record, uploaded.uri, info, newest_first)
            else:
                if how.mode == "params":
                    found.uri = uploaded.uri
                where.update_contact(record, found, info, newest_first)
    except Refusal:
        if not known and record is not None:
            where.delete_record(record)
        raise
    if record is not None:
        where.release(record)


def _keep_connection(msg: SipMessage, contacts: list[NameAddr], plan: _Plan) -> None:
    """Let the TCP connection live as long as its longest binding (tcp_persistent_flag)."""
    flag = settings.tcp_persistent_flag.value
    connection = msg.received.connection
    if connection is None or not flag or flag not in msg.flags:
        return
    longest = max((_life(msg, contact, plan) for contact in contacts), default=0)
    if longest:
        connection.keep_until(core.now() + longest + 10)


def _check_flags(text: str) -> None:
    _plan(text)


@module.function(routes=Routes.REQUEST | Routes.ONREPLY)
def save(
    msg: SipMessage,
    domain: Static,
    flags: Annotated[str, Check(_check_flags)] = "",
    aor: str = "",
    ownership_tag: str = "",
) -> int:
    """Store, refresh or remove the contacts of a REGISTER and answer it (RFC 3261 section 10.3).

    flags: memory-only, no-reply, max-contacts=N, force-registration, matching-mode=0|1|<param>, path-off, path-lazy,
    path-strict, path-received, only-request-contacts, socket-header, min-expires=S, max-expires=S.  The address of
    record is the To URI unless `aor` names another.  Returns 1; -2 when the request was refused; -1 when no reply could
    be sent.  In onreply_route the contacts of the proxied REGISTER are stored as the 200 confirms them, without a reply.
    """
    try:
        plan = _plan(flags)
    except ValueError as error:
        log.script_error(f"save: {error}")
        return -1
    if not msg.is_request:
        return _save_on_reply(msg, domain, plan, aor)
    return _save(msg, domain, plan, aor)


def _save(msg: SipMessage, domain: str, plan: _Plan, aor: str) -> int:
    where = usrloc.domain(domain)
    now = core.wall()
    refusal: Refusal | None = None
    listing = ""
    key = ""
    contacts: list[NameAddr] = []
    try:
        contacts, star = _contacts_of(msg)
        key = extract_aor(aor or fields.to_field(msg).uri).aor
        if not key:
            raise Refusal(400, "Error while parsing AOR")
        if star:
            record = where.get(key)
            if record is not None:
                where.delete_record(record)
        elif contacts:
            _store(msg, where, key, contacts, plan, now)
            _keep_connection(msg, contacts, plan)
    except Refusal as why:
        refusal = why
    except ParseError:
        refusal = Refusal(400, "Message parse error")
    if key and (refusal is None or contacts):
        listing = _listing(where.get(key), msg, now, contacts if plan.own_only else None)
    if refusal is None:
        settings.accepted_regs.inc()
    else:
        settings.rejected_regs.inc()
    if plan.reply and not _answer(msg, plan, listing, refusal):
        return -1
    return 1 if refusal is None else -2


def _save_on_reply(msg: SipMessage, domain: str, plan: _Plan, aor: str) -> int:
    """Store what an upstream registrar confirmed: contacts of the request, lives of the reply."""
    transaction = msg.transaction
    if transaction is None:
        logger.error("Transaction not created on Register - can not save on reply")
        return -1
    request = transaction.request
    now = core.wall()
    where = usrloc.domain(domain)
    try:
        contacts, star = _contacts_of(request)
        key = extract_aor(aor or fields.to_field(request).uri).aor
        if star:
            record = where.get(key)
            if record is not None:
                where.delete_record(record)
            return 1
        if not contacts:
            return 1
        changed = avp_value(msg, avp_name(settings.mcontact_avp.value))
        confirmed = {contact.uri: contact for contact in _contacts_of(msg)[0]}
        for contact in contacts:
            answer = confirmed.get(changed or contact.uri)
            contact.params["expires"] = (answer.params.get("expires") if answer else None) or "0"
        _store(request, where, key, contacts, plan, now)
    except (Refusal, ParseError) as error:
        logger.error("cannot save on reply: %s", error)
        settings.rejected_regs.inc()
        return -1
    settings.accepted_regs.inc()
    return 1


# -------------------------------------------------------------------------------------------------------- removing
def _address(uri: str) -> tuple[str, int]:
    """(host without brackets, port) of a URI; ("", 0) when it is none."""
    try:
        parsed = parse_uri(uri if ":" in uri.partition("@")[0] else f"sip:{uri}")
    except ParseError:
        return "", 0
    return parsed.host.strip("[]").lower(), parsed.port or (5061 if parsed.scheme == "sips" else 5060)


def _same_host(left: str, right: str) -> bool:
    """Equal host names, or equal addresses however they are written."""
    if left == right:
        return True
    try:
        return ipaddress.ip_address(left) == ipaddress.ip_address(right)
    except ValueError:
        return {left, right} == {"localhost", "127.0.0.1"}


@module.function(routes=Routes.REQUEST | Routes.ONREPLY)
def remove(
    msg: SipMessage,
    domain: Static,
    aor: str,
    contact: str = "",
    next_hop: str = "",
    sip_instance: str = "",
    bflag: str = "",
) -> int:
    """Remove the contacts of an address of record, all or those that fit every given filter.

    Returns 1, also when there was nothing to remove; negative when `aor` is no SIP URI.
    """
    where = usrloc.domain(domain)
    try:
        record = where.get(extract_aor(aor).aor)
    except Refusal as error:
        log.script_error(f"remove: {error}")
        return -1
    if record is None:
        return 1
    if not (contact or next_hop or sip_instance or bflag):
        where.delete_record(record)
        return 1
    hop = _address(next_hop)[0]
    for found in list(record.contacts):
        if (
            (not contact or found.uri == contact)
            and (not next_hop or _same_host(_address(found.next_hop)[0], hop))
            and (not sip_instance or found.info.instance == sip_instance)
            and (not bflag or bflag in found.info.branch_flags)
        ):
            where.delete_contact(record, found)
    where.release(record)
    return 1


@module.function()
def remove_ip_port(msg: SipMessage, ip: str, port: int, domain: Static, aor: str = "") -> int:
    """Remove every contact reached at this address and port, of all addresses of record or of one."""
    where = usrloc.domain(domain)
    if aor:
        try:
            one = where.get(extract_aor(aor).aor)
        except Refusal as error:
            log.script_error(f"remove_ip_port: {error}")
            return -1
        records = [one] if one else []
    else:
        records = list(where)
    for record in records:
        for found in list(record.contacts):
            host, at = _address(found.next_hop)
            if at == port and _same_host(host, ip.lower()):
                where.delete_contact(record, found)
        where.release(record)
    return 1
