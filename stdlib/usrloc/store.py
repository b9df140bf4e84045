"""Registered contacts in memory: domains of address-of-record records of contacts.

A store belongs to the process that runs the script's registrar; everything that reads or changes bindings goes through
`Domain`, so that another home for the data changes this file only.  Times are wall-clock seconds.
"""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from runtime.sip.message import ParseError
from runtime.sip.uri import Uri, parse_uri

if TYPE_CHECKING:
    from runtime.core import Listener

__all__ = [
    "ALL_METHODS", "EXPIRED", "METHODS", "Contact", "ContactInfo", "Domain", "InvalidCSeq", "Match", "Record",
    "Retransmission", "method_mask", "same_uri",
]  # fmt: skip

EXPIRED = 10
"""`expires` of a contact that was removed and awaits collection (OpenSIPS UL_EXPIRED_TIME)."""

METHODS = {
    name: 1 << bit
    for bit, name in enumerate(
        "INVITE CANCEL ACK BYE INFO OPTIONS UPDATE REGISTER MESSAGE SUBSCRIBE NOTIFY PRACK REFER PUBLISH".split()
    )
}
ALL_METHODS = 0x7FFFFFFF


def method_mask(methods: str) -> int:
    """The bit mask of a comma-separated list of methods; unknown ones count as the bit "other"."""
    mask = 0
    for name in methods.split(","):
        if name := name.strip().upper():
            mask |= METHODS.get(name, 1 << len(METHODS))
    return mask


class InvalidCSeq(Exception):
    """A REGISTER of the same call with a lower CSeq (RFC 3261 section 10.3 step 7)."""


class Retransmission(Exception):
    """The same CSeq again within `cseq_delay` seconds: nothing to do."""


@dataclass(slots=True)
class Match:
    """How an uploaded contact is compared with known ones."""

    mode: Literal["contact", "contact-callid", "params"] = "contact"
    params: tuple[str, ...] = ()


@dataclass(slots=True)
class ContactInfo:
    """What a REGISTER says of one contact."""

    expires: float
    """Wall-clock second of expiry; 0 means permanent."""
    q: int = -1
    call_id: str = ""
    cseq: int = 0
    user_agent: str = "n/a"
    received: str = ""
    path: str = ""
    flags: int = 0
    branch_flags: frozenset[str] = frozenset()
    methods: int = ALL_METHODS
    instance: str = ""
    attr: str | None = None
    socket: Listener | None = None
    last_modified: float = 0.0


@dataclass(slots=True, eq=False)
class Contact:
    """One binding of an address of record."""

    aor: str
    uri: str
    contact_id: int
    info: ContactInfo
    state: str = "CS_NEW"
    latency: int = 0
    """Microseconds the last ping took; 0 when never pinged."""
    extra: dict[str, Any] = field(default_factory=dict)
    """What other modules keep with the binding."""

    def valid(self, now: float) -> bool:
        """Permanent, or not yet expired."""
        return self.info.expires == 0 or self.info.expires > now

    @property
    def next_hop(self) -> str:
        """URI the contact is reached through: the first Path entry, else received, else the contact itself."""
        if self.info.path:
            first = self.info.path
            start, end = first.find("<"), first.find(">")
            return first[start + 1 : end] if 0 <= start < end else first.split(",")[0].strip()
        return self.info.received or self.uri


@dataclass(slots=True, eq=False)
class Record:
    """An address of record and its contacts in order of preference."""

    aor: str
    contacts: list[Contact] = field(default_factory=list)


def _params_equal(left: dict[str, str | None], right: dict[str, str | None]) -> bool:
    for name, value in left.items():
        if name in right:
            other = right[name]
            if (value or "").lower() != (other or "").lower():
                return False
        elif name in ("user", "ttl", "method", "maddr", "transport"):
            return False
    return all(name in left for name in right if name in ("user", "ttl", "method", "maddr", "transport"))


def same_uri(left: Uri, right: Uri) -> bool:
    """URI equality of RFC 3261 section 19.1.4."""
    return (
        left.scheme == right.scheme
        and left.user == right.user
        and left.password == right.password
        and left.host.lower() == right.host.lower()
        and left.port == right.port
        and _params_equal(left.params, right.params)
    )


def _with_parameters(contact: Contact, wanted: Uri, names: tuple[str, ...]) -> bool:
    known = parse_uri(contact.uri).params
    return all(known.get(name.lower()) == wanted.params.get(name.lower()) for name in names)


class Domain:
    """A logical set of records, `location` as a rule.

    `on_change(event, record, contact)` is told of E_UL_… happenings: `aor_insert`, `aor_delete`, `contact_insert`,
    `contact_update`, `contact_delete`.
    """

    def __init__(self, name: str, on_change: Callable[[str, Record, Contact | None], None]) -> None:
        self.name = name
        self.records: dict[str, Record] = {}
        self.on_change = on_change
        self.contacts = 0
        self.expired = 0
        self._due: list[tuple[float, int, Contact]] = []
        """Heap of (expiry, tie-breaker, contact); entries of refreshed or deleted contacts are skipped when due."""
        self._ticket = 0

    def get(self, aor: str) -> Record | None:
        return self.records.get(aor)

    def __iter__(self) -> Iterator[Record]:
        return iter(list(self.records.values()))

    # ------------------------------------------------------------------------------------------------- changing
    def insert_record(self, aor: str) -> Record:
        record = self.records[aor] = Record(aor)
        self.on_change("aor_insert", record, None)
        return record

    def delete_record(self, record: Record) -> None:
        """Remove an address of record with all its contacts."""
        for contact in list(record.contacts):
            self.delete_contact(record, contact)
        self.release(record)

    def release(self, record: Record) -> None:
        """Drop the record if nothing is left in it."""
        if not record.contacts and self.records.get(record.aor) is record:
            del self.records[record.aor]
            self.on_change("aor_delete", record, None)

    def insert_contact(self, record: Record, uri: str, info: ContactInfo, newest_first: bool = False) -> Contact:
        made = Contact(record.aor, uri, self._contact_id(record.aor, uri, info), info)
        place = 0
        if not newest_first:
            place = len(record.contacts)
            for index, other in enumerate(record.contacts):
                if other.info.q < info.q:
                    place = index
                    break
        record.contacts.insert(place, made)
        self.contacts += 1
        self._watch(made)
        self.on_change("contact_insert", record, made)
        return made

    def update_contact(self, record: Record, contact: Contact, info: ContactInfo, newest_first: bool = False) -> None:
        moved = newest_first or info.q != contact.info.q
        contact.info = info
        if contact.state == "CS_SYNC":
            contact.state = "CS_DIRTY"
        if moved:
            record.contacts.remove(contact)
            place = 0
            if not newest_first:
                while place < len(record.contacts) and record.contacts[place].info.q >= info.q:
                    place += 1
            record.contacts.insert(place, contact)
        self._watch(contact)
        self.on_change("contact_update", record, contact)

    def delete_contact(self, record: Record, contact: Contact) -> None:
        if contact in record.contacts:
            record.contacts.remove(contact)
            self.contacts -= 1
            self.on_change("contact_delete", record, contact)
            contact.info.expires = EXPIRED

    def _watch(self, contact: Contact) -> None:
        if contact.info.expires:
            self._ticket += 1
            heapq.heappush(self._due, (contact.info.expires, self._ticket, contact))

    def collect(self, now: float) -> int:
        """Remove what has expired; how many contacts went."""
        gone = 0
        while self._due and self._due[0][0] <= now:
            when, _, contact = heapq.heappop(self._due)
            record = self.records.get(contact.aor)
            if contact.info.expires != when or record is None or contact not in record.contacts:
                continue
            self.delete_contact(record, contact)
            self.release(record)
            gone += 1
        self.expired += gone
        return gone

    # ------------------------------------------------------------------------------------------------ searching
    def find_contact(self, record: Record, uri: str) -> Contact | None:
        """The contact with an equal URI."""
        for contact in record.contacts:
            if contact.uri == uri:
                return contact
        try:
            wanted = parse_uri(uri)
        except ParseError:
            return None
        for contact in record.contacts:
            if same_uri(parse_uri(contact.uri), wanted):
                return contact
        return None

    def match(
        self, record: Record, uri: str, call_id: str, cseq: int, how: Match, now: float, cseq_delay: int
    ) -> Contact | None:
        """The known contact that an upload refers to.

        Raises InvalidCSeq for an older CSeq of the same call and Retransmission for the same one within `cseq_delay`.
        """
        found: Contact | None = None
        if how.mode == "contact":
            found = self.find_contact(record, uri)
        elif how.mode == "contact-callid":
            wanted = parse_uri(uri)
            for contact in record.contacts:
                if contact.info.call_id == call_id and same_uri(parse_uri(contact.uri), wanted):
                    found = contact
                    break
        else:
            wanted = parse_uri(uri)
            found = next((c for c in record.contacts if _with_parameters(c, wanted, how.params)), None)
        if found is not None and (how.mode == "contact-callid" or found.info.call_id == call_id):
            if cseq < found.info.cseq:
                raise InvalidCSeq
            if cseq == found.info.cseq:
                if found.info.last_modified + cseq_delay > now:
                    raise Retransmission
                raise InvalidCSeq
        return found

    def _contact_id(self, aor: str, uri: str, info: ContactInfo) -> int:
        """A stable 64 bit number that names the binding in MI."""
        digest = hashlib.blake2b(f"{self.name}|{aor}|{uri}|{info.call_id}".encode("latin-1", "replace"), digest_size=8)
        return int.from_bytes(digest.digest(), "big") >> 1
