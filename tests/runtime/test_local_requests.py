"""Requests of our own: local_route, repetition, outcomes, the ACK of a 2xx; headers for a whole transaction."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

import pytest

from runtime.core import Received
from runtime.sip.message import SipMessage
from runtime.sip.parser import parse_message
from runtime.transaction import Transaction, table
from runtime.transaction.local import make_request, send_request

_spec = importlib.util.spec_from_file_location("transaction_rig", Path(__file__).with_name("test_transaction.py"))
assert _spec and _spec.loader
rig = importlib.util.module_from_spec(_spec)
sys.modules["transaction_rig"] = rig
_spec.loader.exec_module(rig)
world = rig.world


class Script:
    """A generation with a local_route."""

    def __init__(self, route: Any) -> None:
        self._route = route

    def route(self, kind: str, name: str) -> Any:
        return self._route if kind == "local_route" else None


def message(method: str = "MESSAGE", route: Any = None) -> SipMessage:
    made = make_request(method, "sip:bob@127.0.0.1:6000", "Me sip:me@h", "sip:bob@h", "Content-Type: text/plain\r\n", "hi")
    made.generation = Script(route)  # type: ignore[assignment]
    return made


def reply(sent: str, status: str) -> None:
    kept = [line for line in sent.split("\r\n") if line.split(":")[0] in ("Via", "From", "Call-ID", "CSeq")]
    text = "\r\n".join([f"SIP/2.0 {status}", *kept, "To: <sip:bob@h>;tag=b", "Contact: <sip:bob@127.0.0.1:7000>", "", ""])
    msg = parse_message(text.encode(), Received("127.0.0.1", 6000, rig.LISTENER))
    branch = table.find_branch(msg)
    assert branch is not None
    branch.transaction.received(branch, msg)


def test_a_request_goes_out_with_one_via_and_its_body(world: Any) -> None:
    done: list[Any] = []
    assert send_request(message(), lambda code, answer: done.append((code, answer))) == 1
    sent = world.bytes[0]
    assert sent.startswith("MESSAGE sip:bob@127.0.0.1:6000 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:5060;branch=z9hG4bK")
    assert sent.count("Via:") == 1 and "From: Me <sip:me@h>;tag=" in sent and "CSeq: 10 MESSAGE" in sent
    assert sent.endswith("Content-Length: 2\r\n\r\nhi")
    reply(sent, "200 OK")
    assert [code for code, _ in done] == [200] and done[0][1].reason == "OK"
    world.advance(20)
    assert not table.servers and not table.clients


def test_it_is_repeated_and_ends_with_408(world: Any) -> None:
    done: list[Any] = []
    send_request(message(), lambda code, answer: done.append((code, answer)))
    world.advance(3.6)
    assert len(world.take()) == 4
    world.advance(40)
    assert done == [(408, None)]
    assert not table.servers


def test_local_route_changes_or_drops_it(world: Any) -> None:
    from runtime.script.flow import Drop
    from runtime.sip.edits import edits_of

    def mark(msg: SipMessage) -> None:
        edits_of(msg).append_header("X-Mark: yes\r\n")

    assert send_request(message(route=mark)) == 1
    assert "X-Mark: yes\r\n" in world.bytes[0]

    def drop(msg: SipMessage) -> None:
        raise Drop

    world.bytes.clear()
    assert send_request(message(route=drop)) < 0
    assert world.bytes == []


def test_a_2xx_to_our_invite_is_acknowledged_to_its_contact(world: Any) -> None:
    assert send_request(message("INVITE")) == 1
    reply(world.bytes[0], "200 OK")
    assert world.bytes[-1].startswith("ACK sip:bob@127.0.0.1:7000 SIP/2.0") and "CSeq: 10 ACK" in world.bytes[-1]


def test_headers_of_a_transaction_go_into_all_its_requests(world: Any) -> None:
    transaction = Transaction(rig.invite())
    transaction.extra_headers = "X-Trace: 7\r\n"
    transaction.relay(transaction.request)
    rig.answer(transaction, "180 Ringing")
    transaction.cancel()
    rig.answer(transaction, "487 Request Terminated")
    ours = [text for text in world.bytes if text.startswith(("INVITE", "CANCEL", "ACK"))]
    assert len(ours) == 3 and all("X-Trace: 7\r\n" in text for text in ours)


@pytest.mark.parametrize("uri", ["", "no-uri", "tel:123"])
def test_where_it_cannot_go_nothing_is_left_behind(world: Any, uri: str) -> None:
    msg = make_request("OPTIONS", uri or "sip:", "sip:me@h", "sip:you@h")
    msg.generation = Script(None)  # type: ignore[assignment]
    assert send_request(msg) < 0
    assert not table.servers and not world.bytes
