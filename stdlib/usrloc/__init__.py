"""usrloc: where the users are.  Bindings of addresses of record to contacts, for the registrar and others."""

from __future__ import annotations

from typing import Any

from runtime.core import core
from runtime.declare import Module
from runtime.mi.engine import MiError
from stdlib.usrloc.store import ALL_METHODS, Contact, ContactInfo, Domain, Match, Record

__all__ = [
    "ALL_METHODS", "Contact", "ContactInfo", "Domain", "Match", "Record", "domain", "domains", "match_default", "module",
    "on_change",
]  # fmt: skip

module = Module("usrloc", "User location: the table of registered contacts, kept in memory.", requires=())


def _working_mode(value: str) -> str:
    if value != "single-instance-no-db":
        raise ValueError(f'"{value}" needs a database or a cluster; use "single-instance-no-db"')
    return value


def _one_of(*known: str) -> Any:
    def check(value: str) -> str:
        if value not in known:
            raise ValueError(f'"{value}" is not one of {", ".join(known)}')
        return value

    return check


working_mode_preset = module.parameter(
    "working_mode_preset", str, "single-instance-no-db",
    "Where bindings are kept. Only single-instance-no-db (memory) for now.", check=_working_mode,
)  # fmt: skip
cluster_mode = module.parameter(
    "cluster_mode", str, "none", "How nodes share bindings; only none.", check=_one_of("none")
)
restart_persistency = module.parameter(
    "restart_persistency", str, "none", "How bindings outlive a restart; only none.", check=_one_of("none")
)
sql_write_mode = module.parameter(
    "sql_write_mode", str, "none", "When bindings are written to SQL; only none.", check=_one_of("none")
)
pinging_mode = module.parameter(
    "pinging_mode", str, "ownership", "Which node pings a contact.", check=_one_of("ownership", "cooperation")
)
use_domain = module.parameter("use_domain", int, 0, "An address of record is user@domain rather than user.")
desc_time_order = module.parameter(
    "desc_time_order", int, 0, "Keep contacts newest first instead of by q.", hot="now"
)
timer_interval = module.parameter("timer_interval", int, 60, "How often expired contacts are collected.", unit="s")
matching_mode = module.parameter(
    "matching_mode", int, 0, "Compare contacts by URI (0) or by URI and Call-ID (1).", hot="now"
)
cseq_delay = module.parameter(
    "cseq_delay", int, 20, "A repeated CSeq within this time is a retransmission.", unit="s", hot="now"
)
hash_size = module.parameter("hash_size", int, 9, "Power of two of the table size, as ul_dump shows it.")
nat_bflag = module.parameter("nat_bflag", str, None, "Branch flag of contacts behind a NAT.", hot="now")
mi_dump_kv_store = module.parameter("mi_dump_kv_store", int, 0, "Show key-value data in MI dumps.", hot="now")

_CONTACT_PARAMS = (
    "domain", "aor", "uri", "received", "path", "qval", "user_agent", "socket", "bflags", "expires", "callid", "cseq",
    "attr", "latency", "shtag",
)  # fmt: skip
_events = {
    "aor_insert": module.event("E_UL_AOR_INSERT", "domain", "aor", doc="A new address of record was stored."),
    "aor_delete": module.event("E_UL_AOR_DELETE", "domain", "aor", doc="The last contact of an AoR went."),
    "contact_insert": module.event("E_UL_CONTACT_INSERT", *_CONTACT_PARAMS, doc="A new contact was stored."),
    "contact_update": module.event("E_UL_CONTACT_UPDATE", *_CONTACT_PARAMS, doc="A contact was refreshed."),
    "contact_delete": module.event("E_UL_CONTACT_DELETE", *_CONTACT_PARAMS, doc="A contact went or expired."),
}

domains: dict[str, Domain] = {}
_listeners: list[Any] = []


def on_change(listener: Any) -> None:
    """Have `listener(event, domain, record, contact)` called for every change (see Domain.on_change)."""
    _listeners.append(listener)


def domain(name: str) -> Domain:
    """The domain of that name, created when first named."""
    try:
        return domains[name]
    except KeyError:
        made = domains[name] = Domain(name, lambda event, record, contact: _changed(event, made, record, contact))
        for what, read in (
            ("users", lambda: len(made.records)),
            ("contacts", lambda: made.contacts),
            ("expires", lambda: made.expired),
        ):
            if f"{name}-{what}" not in module.statistics:
                module.statistic(f"{name}-{what}", f"{what} of the domain {name}", read=read)
        return made


def _changed(event: str, where: Domain, record: Record, contact: Contact | None) -> None:
    for listener in _listeners:
        listener(event, where, record, contact)
    name = _events[event].name
    if not core.event_wanted(name):
        return
    if contact is None:
        core.raise_event(name, {"domain": where.name, "aor": record.aor})
        return
    info = contact.info
    values = (
        where.name, contact.aor, contact.uri, info.received, info.path, info.q, info.user_agent,
        info.socket.name if info.socket else "", " ".join(sorted(info.branch_flags)), int(info.expires), info.call_id,
        info.cseq, info.attr or "", contact.latency, "",
    )  # fmt: skip
    core.raise_event(name, dict(zip(_CONTACT_PARAMS, values, strict=True)))


def match_default() -> Match:
    """The comparison that `matching_mode` asks for."""
    return Match("contact-callid" if matching_mode.value else "contact")


module.statistic(
    "registered_users", "Addresses of record in all domains.",
    read=lambda: sum(len(each.records) for each in domains.values()),
)  # fmt: skip


def _collect() -> None:
    now = core.wall()
    for each in domains.values():
        each.collect(now)
    core.timers.after(timer_interval.value, _collect)


@module.worker
def start() -> None:
    """Collect expired contacts from time to time."""
    core.timers.after(timer_interval.value, _collect)


# --------------------------------------------------------------------------------------------------------------- MI
def _q_text(q: int) -> str:
    """q × 1000 as OpenSIPS prints it: "1", "0.5", "" when not set."""
    if q < 0:
        return ""
    return "1" if q >= 1000 else f"{q / 1000:g}"


def _aor_item(record: Record, now: float) -> dict[str, Any]:
    contacts = []
    for contact in record.contacts:
        info = contact.info
        expires: Any = int(info.expires - now)
        if info.expires == 0:
            expires = "permanent"
        elif info.expires == 10:
            expires = "deleted"
        elif now > info.expires:
            expires = "expired"
        item: dict[str, Any] = {
            "Contact": contact.uri, "ContactID": str(contact.contact_id), "Expires": expires, "Q": _q_text(info.q),
            "Callid": info.call_id, "Cseq": info.cseq,
        }  # fmt: skip
        if info.user_agent:
            item["User-agent"] = info.user_agent
        if info.received:
            item["Received"] = info.received
        if info.path:
            item["Path"] = info.path
        item["State"] = contact.state
        item["Flags"] = info.flags
        item["Cflags"] = " ".join(sorted(info.branch_flags))
        if info.socket:
            item["Socket"] = info.socket.name
        item["Methods"] = info.methods
        if info.attr:
            item["Attr"] = info.attr
        if info.instance:
            item["SIP_instance"] = info.instance
        if contact.latency > 0:
            item["Ping-Latency"] = contact.latency
        contacts.append(item)
    return {"AOR": record.aor, "Contacts": contacts}


def _domain_or_404(table_name: str) -> Domain:
    if table_name not in domains:
        raise MiError(404, "Table not found")
    return domains[table_name]


def _fix_aor(aor: str) -> str:
    if use_domain.value:
        if "@" not in aor:
            raise MiError(400, "Domain missing in AOR")
        return aor
    return aor.split("@", 1)[0]


def _record_or_404(where: Domain, aor: str) -> Record:
    record = where.get(_fix_aor(aor))
    if record is None:
        raise MiError(404, "AOR not found")
    return record


def _join_dumps(parts: list[Any]) -> Any:
    """One dump of the dumps of all workers."""
    joined: dict[str, dict[str, Any]] = {}
    for part in parts:
        for each in part["Domains"]:
            if each["name"] in joined:
                joined[each["name"]]["AORs"] += each["AORs"]
            else:
                joined[each["name"]] = each
    return {"Domains": list(joined.values())}


@module.command("dump", "ul_dump", where="every", merge=_join_dumps)
def dump(brief: int = 0) -> Any:
    """Every record of every domain; with `brief` the addresses of record only."""
    now = core.wall()
    return {
        "Domains": [
            {
                "name": each.name,
                "hash_size": 1 << hash_size.value,
                "AORs": [{"AOR": r.aor} if brief else _aor_item(r, now) for r in each],
            }
            for each in domains.values()
        ]
    }


@module.command("show_contact", "ul_show_contact")
def show_contact(table_name: str, aor: str) -> Any:
    """The contacts of one address of record."""
    return _aor_item(_record_or_404(_domain_or_404(table_name), aor), core.wall())


@module.command("rm", "ul_rm", where="every")
def rm(table_name: str, aor: str) -> None:
    """Remove an address of record with all its contacts."""
    where = _domain_or_404(table_name)
    record = where.get(_fix_aor(aor))
    if record is not None:
        where.delete_record(record)


@module.command("rm_contact", "ul_rm_contact")
def rm_contact(table_name: str, aor: str, contact: str) -> None:
    """Remove one contact."""
    where = _domain_or_404(table_name)
    record = _record_or_404(where, aor)
    found = where.find_contact(record, contact)
    if found is None:
        raise MiError(404, "Contact not found")
    where.delete_contact(record, found)
    where.release(record)


@module.command("add", "ul_add")
def add(
    table_name: str, aor: str, contact: str, expires: int, q: str, flags: int, cflags: int, methods: int
) -> None:  # fmt: skip
    """Add or refresh a contact; `expires` in seconds, 0 for a permanent one."""
    where = _domain_or_404(table_name)
    name = _fix_aor(aor)
    try:
        weight = -1 if q == "" else round(float(q) * 1000)
    except ValueError:
        raise MiError(400, "Bad parameter value") from None
    record = where.get(name) or where.insert_record(name)
    found = where.find_contact(record, contact)
    now = core.wall()
    info = ContactInfo(
        expires=now + expires if expires else 0, q=weight, call_id="dfjrewr12386fd6-343@opensips.mi",
        cseq=found.info.cseq if found else 1, user_agent="SIP Router MI Server", flags=flags, methods=methods,
        last_modified=now,
    )  # fmt: skip
    if found:
        where.update_contact(record, found, info, bool(desc_time_order.value))
    else:
        where.insert_contact(record, contact, info, bool(desc_time_order.value))


@module.command("flush", "ul_flush", where="every")
def flush() -> None:
    """Write everything to the database; with bindings in memory only, collect what has expired."""
    for each in domains.values():
        each.collect(core.wall())
