"""The user location table: order, matching, expiry."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runtime.sip.uri import parse_uri
from stdlib.usrloc.store import (
    Contact,
    ContactInfo,
    Domain,
    InvalidCSeq,
    Match,
    Record,
    Retransmission,
    method_mask,
    same_uri,
)


class Watched(Domain):
    """A domain that keeps the names of its events."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        super().__init__("location", self.note)

    def note(self, event: str, record: Record, contact: Contact | None) -> None:
        self.seen.append(event)


def info(expires: float = 1000.0, q: int = -1, call_id: str = "a", cseq: int = 1, at: float = 0.0) -> ContactInfo:
    return ContactInfo(expires=expires, q=q, call_id=call_id, cseq=cseq, last_modified=at)


def test_contacts_stand_by_q_then_by_arrival() -> None:
    domain = Watched()
    record = domain.insert_record("bob")
    for uri, q in (("sip:a@h", 100), ("sip:b@h", 900), ("sip:c@h", -1), ("sip:d@h", 900)):
        domain.insert_contact(record, uri, info(q=q))
    assert [contact.uri for contact in record.contacts] == ["sip:b@h", "sip:d@h", "sip:a@h", "sip:c@h"]


def test_a_new_q_moves_the_contact() -> None:
    domain = Watched()
    record = domain.insert_record("bob")
    first = domain.insert_contact(record, "sip:a@h", info(q=100))
    domain.insert_contact(record, "sip:b@h", info(q=500))
    domain.update_contact(record, first, info(q=900, cseq=2))
    assert [contact.uri for contact in record.contacts] == ["sip:a@h", "sip:b@h"]


def test_newest_first() -> None:
    domain = Watched()
    record = domain.insert_record("bob")
    for uri in ("sip:a@h", "sip:b@h"):
        domain.insert_contact(record, uri, info(), newest_first=True)
    assert [contact.uri for contact in record.contacts] == ["sip:b@h", "sip:a@h"]


def test_expired_contacts_are_collected_and_the_record_with_them() -> None:
    domain = Watched()
    record = domain.insert_record("bob")
    domain.insert_contact(record, "sip:a@h", info(expires=10))
    kept = domain.insert_contact(record, "sip:b@h", info(expires=10))
    domain.update_contact(record, kept, info(expires=50, cseq=2))
    assert domain.collect(20) == 1
    assert [contact.uri for contact in record.contacts] == ["sip:b@h"]
    assert domain.collect(60) == 1
    assert domain.get("bob") is None
    assert (domain.contacts, domain.expired) == (0, 2)
    assert domain.seen[-2:] == ["contact_delete", "aor_delete"]


def test_permanent_contacts_stay() -> None:
    domain = Watched()
    record = domain.insert_record("bob")
    domain.insert_contact(record, "sip:a@h", info(expires=0))
    assert domain.collect(1e12) == 0
    assert record.contacts[0].valid(1e12)


@pytest.mark.parametrize(
    ("call_id", "cseq", "outcome"),
    [("a", 6, "found"), ("a", 5, Retransmission), ("a", 4, InvalidCSeq), ("other", 1, "found")],
)
def test_cseq_of_the_same_call_must_grow(call_id: str, cseq: int, outcome: object) -> None:
    """RFC 3261 section 10.3 step 7."""
    domain = Watched()
    record = domain.insert_record("bob")
    contact = domain.insert_contact(record, "sip:a@h", info(call_id="a", cseq=5, at=100))
    if outcome == "found":
        assert domain.match(record, "sip:a@h", call_id, cseq, Match(), 110, 20) is contact
    else:
        with pytest.raises(outcome):  # type: ignore[call-overload]
            domain.match(record, "sip:a@h", call_id, cseq, Match(), 110, 20)


def test_matching_by_call_and_by_parameter() -> None:
    domain = Watched()
    record = domain.insert_record("bob")
    one = domain.insert_contact(record, "sip:a@h;rinstance=1", info(call_id="x"))
    two = domain.insert_contact(record, "sip:a@h;rinstance=2", info(call_id="y"))
    by_call = Match("contact-callid")
    assert domain.match(record, "sip:a@h;rinstance=2", "y", 9, by_call, 0, 20) is two
    assert domain.match(record, "sip:a@h;rinstance=1", "y", 9, by_call, 0, 20) is None
    by_param = Match("params", ("rinstance",))
    assert domain.match(record, "sip:new@elsewhere;rinstance=1", "z", 9, by_param, 0, 20) is one


@pytest.mark.parametrize(
    ("left", "right", "same"),
    [
        ("sip:Bob@Example.com", "sip:Bob@example.COM", True),
        ("sip:bob@example.com", "sip:Bob@example.com", False),
        ("sip:bob@example.com", "sip:bob@example.com:5060", False),
        ("sip:bob@example.com;transport=udp", "sip:bob@example.com", False),
        ("sip:bob@example.com;x=1", "sip:bob@example.com", True),
        ("sip:bob@example.com;x=1", "sip:bob@example.com;x=2", False),
    ],
)
def test_uri_equality(left: str, right: str, same: bool) -> None:
    """RFC 3261 section 19.1.4."""
    assert same_uri(parse_uri(left), parse_uri(right)) is same
    assert same_uri(parse_uri(right), parse_uri(left)) is same


def test_methods() -> None:
    assert method_mask("INVITE, ack") == 1 | 4
    assert method_mask("FROBNICATE") == 1 << 14


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from("abcdef"), st.integers(0, 1000), st.sampled_from(("insert", "delete", "time"))),
        max_size=40,
    )
)
def test_counts_agree_with_the_table(steps: list[tuple[str, int, str]]) -> None:
    """Whatever happens, the counters say what is there and nobody expired is left after a collection."""
    domain = Watched()
    now = 0.0
    for name, value, what in steps:
        record = domain.get(name[:1] if value % 2 else "shared")
        if what == "insert":
            record = record or domain.insert_record(name[:1] if value % 2 else "shared")
            domain.insert_contact(record, f"sip:{name}{value}@h", info(expires=now + value + 1))
        elif what == "delete" and record:
            domain.delete_contact(record, record.contacts[value % len(record.contacts)])
            domain.release(record)
        else:
            now += value
            domain.collect(now)
            assert all(contact.valid(now) for each in domain for contact in each.contacts)
        assert domain.contacts == sum(len(each.contacts) for each in domain)
        assert all(each.contacts for each in domain)
