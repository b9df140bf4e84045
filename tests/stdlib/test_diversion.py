"""diversion: headers added, newest first."""

from __future__ import annotations

from stdlib.diversion import add_diversion
from tests.stdlib.sipmessages import request, values


def test_defaults():
    msg = request("INVITE")
    assert add_diversion(msg, "user-busy")
    assert values(msg, "Diversion") == ["<sip:bob@127.0.0.1:16200>;reason=user-busy"]


def test_uri_and_counter():
    msg = request("INVITE", "Diversion: <sip:old@h>;reason=x\nX-After: 1")
    add_diversion(msg, "no-answer", "sip:a@b", 2)
    add_diversion(msg, "unconditional", "sip:c@d", 0)
    assert values(msg, "Diversion") == [
        "<sip:c@d>;reason=unconditional", "<sip:a@b>;reason=no-answer;counter=2", "<sip:old@h>;reason=x",
    ]  # fmt: skip


def test_twice_without_an_old_one():
    msg = request("INVITE")
    add_diversion(msg, "a", "sip:1@h")
    add_diversion(msg, "b", "sip:2@h")
    assert values(msg, "Diversion") == ["<sip:2@h>;reason=b", "<sip:1@h>;reason=a"]
