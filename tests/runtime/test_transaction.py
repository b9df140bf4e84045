"""Transactions on a virtual clock: retransmission, forking, failure routes, CANCEL, time-outs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from runtime.core import Destination, Listener, Received, core
from runtime.resolver import DnsResolver
from runtime.sip.build import settings as build_settings
from runtime.sip.message import Branch
from runtime.sip.parser import parse_message
from runtime.timers import TimerWheel
from runtime.transaction import Transaction, settings, table

LISTENER = Listener("udp", "127.0.0.1", 5060)


class World:
    """A clock, and everything that was sent."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.sent: list[tuple[str, int]] = []
        self.bytes: list[str] = []

    def send(self, data: bytes, where: Destination) -> bool:
        text = data.decode()
        self.sent.append((text.split("\r\n")[0], where.port))
        self.bytes.append(text)
        return True

    def advance(self, seconds: float) -> None:
        end = self.now + seconds
        while (due := core.timers.next_due()) is not None and due <= end:
            self.now = max(self.now, due)
            core.timers.run_due(self.now)
        self.now = end

    def take(self) -> list[tuple[str, int]]:
        sent, self.sent = self.sent, []
        return sent


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    made = World()
    monkeypatch.setattr(core, "now", lambda: made.now)
    monkeypatch.setattr(core, "timers", TimerWheel(lambda: made.now))
    monkeypatch.setattr(core, "send", made.send)
    monkeypatch.setattr(core, "listeners", [LISTENER])
    monkeypatch.setattr(core, "resolver", DnsResolver())
    monkeypatch.setattr(build_settings, "server_signature", False)
    for name, value in (("fr_timeout", 5.0), ("fr_inv_timeout", 30.0), ("wait", 5.0)):
        monkeypatch.setattr(settings, name, value, raising=False)
    yield made
    for transaction in list(table.servers.values()):
        transaction.release()


def invite(method: str = "INVITE") -> Any:
    text = (
        f"{method} sip:bob@127.0.0.1:6000 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:5070;branch=z9hG4bKx\r\n"
        f"From: <sip:a@h>;tag=1\r\nTo: <sip:bob@h>\r\nCall-ID: c\r\nCSeq: 1 {method}\r\nMax-Forwards: 70\r\n"
        "Content-Length: 0\r\n\r\n"
    )
    return parse_message(text.encode(), Received("127.0.0.1", 5070, LISTENER))


def answer(transaction: Transaction, status: str, index: int = 0, method: str = "INVITE") -> None:
    branch = transaction.branches[index]
    via = branch.via.strip()
    text = (
        f"SIP/2.0 {status}\r\n{via}\r\nVia: SIP/2.0/UDP 127.0.0.1:5070;branch=z9hG4bKx\r\nFrom: <sip:a@h>;tag=1\r\n"
        f"To: <sip:bob@h>;tag=b\r\nCall-ID: c\r\nCSeq: 1 {method}\r\nContent-Length: 0\r\n\r\n"
    )
    reply = parse_message(text.encode(), Received("127.0.0.1", 6000, LISTENER))
    found = table.find_branch(reply)
    assert found is branch
    transaction.received(found, reply)


def test_an_invite_is_repeated_until_something_comes(world: World) -> None:
    """Timer A doubles (RFC 3261 section 17.1.1.2)."""
    transaction = Transaction(invite())
    assert transaction.relay(transaction.request) == 1
    world.take()
    world.advance(3.6)
    assert [line for line, _ in world.take()] == ["INVITE sip:bob@127.0.0.1:6000 SIP/2.0"] * 3
    answer(transaction, "180 Ringing")
    assert world.take() == [("SIP/2.0 180 Ringing", 5070)]
    world.advance(20)
    assert world.take() == []


def test_silence_ends_in_408(world: World) -> None:
    transaction = Transaction(invite())
    transaction.relay(transaction.request)
    world.take()
    world.advance(5.1)
    assert ("SIP/2.0 408 Request Timeout", 5070) in world.take()


def test_a_2xx_passes_at_once_and_again(world: World) -> None:
    transaction = Transaction(invite())
    transaction.relay(transaction.request)
    world.take()
    answer(transaction, "200 OK")
    answer(transaction, "200 OK")
    assert world.take() == [("SIP/2.0 200 OK", 5070)] * 2
    world.advance(11)
    assert not table.servers and not table.clients and not table.answered


def test_a_negative_answer_is_acknowledged_and_repeated_until_its_ack(world: World) -> None:
    transaction = Transaction(invite())
    transaction.relay(transaction.request)
    world.take()
    answer(transaction, "486 Busy")
    assert world.take() == [("ACK sip:bob@127.0.0.1:6000 SIP/2.0", 6000), ("SIP/2.0 486 Busy", 5070)]
    world.advance(1.6)
    assert world.take() == [("SIP/2.0 486 Busy", 5070)] * 2
    transaction.acknowledged()
    world.advance(10)
    assert world.take() == []
    assert not table.servers


def test_a_fork_gives_the_best_answer_when_all_have_failed(world: World) -> None:
    """RFC 3261 section 16.7."""
    request = invite()

    request.branches.append(Branch("sip:two@127.0.0.1:6001"))
    transaction = Transaction(request)
    transaction.relay(request)
    world.take()
    answer(transaction, "500 Broken", 0)
    assert [line for line, _ in world.take()] == ["ACK sip:bob@127.0.0.1:6000 SIP/2.0"]
    answer(transaction, "404 Not Found", 1)
    assert world.take()[-1] == ("SIP/2.0 404 Not Found", 5070)


def test_a_2xx_cancels_the_other_branches(world: World) -> None:
    request = invite()

    request.branches.append(Branch("sip:two@127.0.0.1:6001"))
    transaction = Transaction(request)
    transaction.relay(request)
    answer(transaction, "180 Ringing", 1)
    world.take()
    answer(transaction, "200 OK", 0)
    assert world.take() == [("SIP/2.0 200 OK", 5070), ("CANCEL sip:two@127.0.0.1:6001 SIP/2.0", 6001)]


def test_cancel_waits_for_a_provisional_reply(world: World) -> None:
    """RFC 3261 section 9.1."""
    transaction = Transaction(invite())
    transaction.relay(transaction.request)
    world.take()
    transaction.cancel()
    assert world.take() == []
    answer(transaction, "180 Ringing")
    assert ("CANCEL sip:bob@127.0.0.1:6000 SIP/2.0", 6000) in world.take()
    answer(transaction, "487 Request Terminated")
    assert world.take()[-1] == ("SIP/2.0 487 Request Terminated", 5070)


def test_a_failure_route_can_try_elsewhere(world: World) -> None:
    transaction = Transaction(invite())

    def elsewhere(msg: Any) -> None:
        msg.new_uri = "sip:vm@127.0.0.1:6002"
        transaction.relay(msg)

    transaction.on_failure = elsewhere
    transaction.relay(transaction.request)
    world.take()
    answer(transaction, "486 Busy")
    assert world.take()[-1] == ("INVITE sip:vm@127.0.0.1:6002 SIP/2.0", 6002)
    answer(transaction, "200 OK", 1)
    assert world.take() == [("SIP/2.0 200 OK", 5070)]


def test_no_second_final_reply(world: World) -> None:
    transaction = Transaction(invite("MESSAGE"))
    assert transaction.reply(404, "Not Found")
    assert not transaction.reply(500, "Again")
    assert world.take() == [("SIP/2.0 404 Not Found", 5070)]


def test_a_repeated_request_gets_the_last_reply(world: World) -> None:
    transaction = Transaction(invite("MESSAGE"))
    transaction.reply(200, "OK")
    world.take()
    found = table.find(invite("MESSAGE"))
    assert found is transaction
    found.retransmitted()
    assert world.take() == [("SIP/2.0 200 OK", 5070)]


def test_a_cancel_says_why_and_is_repeated_until_it_is_answered(world: World) -> None:
    """RFC 3326, and timer E of RFC 3261 section 17.1.2.2."""
    transaction = Transaction(invite())
    transaction.relay(transaction.request)
    answer(transaction, "180 Ringing")
    world.take()
    world.bytes.clear()
    transaction.cancel()
    assert 'Reason: SIP;cause=487;text="ORIGINATOR_CANCEL"' in world.bytes[0]
    world.advance(1.6)
    assert [line for line, _ in world.take()] == ["CANCEL sip:bob@127.0.0.1:6000 SIP/2.0"] * 3
    answer(transaction, "200 OK", method="CANCEL")
    world.advance(10)
    assert not [line for line, _ in world.take() if line.startswith("CANCEL")]


def test_branches_left_over_after_a_200_hear_that_the_call_was_taken_elsewhere(world: World) -> None:
    request = invite()
    request.branches.append(Branch("sip:carol@127.0.0.1:6001"))
    transaction = Transaction(request)
    transaction.relay(request)
    answer(transaction, "180 Ringing", 0)
    answer(transaction, "180 Ringing", 1)
    world.bytes.clear()
    answer(transaction, "200 OK", 1)
    cancel = next(text for text in world.bytes if text.startswith("CANCEL"))
    assert 'Reason: SIP ;cause=200 ;text="Call completed elsewhere"' in cancel


def test_serial_forking_answers_with_the_best_of_its_last_step(world: World) -> None:
    transaction = Transaction(invite())

    def again(msg: Any) -> None:
        msg.new_uri = "sip:carol@127.0.0.1:6001"
        transaction.relay(msg)

    transaction.on_failure = again
    transaction.relay(transaction.request)
    answer(transaction, "404 Not Found", 0)
    world.take()
    answer(transaction, "480 Temporarily Unavailable", 1)
    assert ("SIP/2.0 480 Temporarily Unavailable", 5070) in world.take()
