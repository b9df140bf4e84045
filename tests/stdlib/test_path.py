"""path: Path headers and the received address behind them."""

from __future__ import annotations

import pytest

from runtime.core import core
from stdlib import path, rr
from stdlib.rr import loose
from tests.stdlib.sipmessages import HEAD, TCP, UDP, UDP2, request, values


@pytest.fixture(autouse=True)
def _worker(monkeypatch):
    monkeypatch.setattr(core, "listeners", [UDP, UDP2, TCP])
    monkeypatch.setattr(loose, "_callbacks", [])
    yield
    for parameter in path.module.parameters.values():
        parameter.reset()


def test_add_path():
    msg = request("REGISTER")
    assert path.add_path(msg, "lb")
    assert values(msg, "Path") == ["<sip:lb@127.0.0.1:16060;lr>"]


def test_received_stands_above_existing_ones():
    msg = request("REGISTER", "Path: <sip:old;lr>")
    assert path.add_path_received(msg)
    assert values(msg, "Path") == ["<sip:127.0.0.1:16060;lr;received=sip:127.0.0.1:16100>", "<sip:old;lr>"]


def test_two_sockets():
    msg = request("REGISTER", listener=TCP)
    path.add_path_received(msg, "u")
    assert values(msg, "Path", UDP) == [
        "<sip:u@127.0.0.1:16060;r2=on;lr>",
        "<sip:u@127.0.0.1;transport=tcp;r2=on;lr;received=sip:127.0.0.1:16100%3btransport%3dtcp>",
    ]
    path.enable_double_path.apply(0)
    msg = request("REGISTER")
    path.add_path(msg)
    assert values(msg, "Path", UDP2) == ["<sip:127.0.0.1:16061;lr>"]


@pytest.mark.parametrize(("param", "destination"), [
    (";received=sip:10.1.1.1:4000", "sip:10.1.1.1:4000"),
    (";received=sip:10.1.1.1:4000%3btransport%3dtcp", "sip:10.1.1.1:4000;transport=tcp"), (";received=", None),
    ("", None),
])  # fmt: skip
def test_use_received(param, destination):
    path.use_received.apply(1)
    path.module.on_init[0]()
    in_dialog = HEAD.replace("To: <sip:bob@127.0.0.1>", "To: <sip:b@h>;tag=q")
    msg = request("INVITE", f"Route: <sip:127.0.0.1:16060;lr{param}>", head=in_dialog)
    rr.loose_route(msg)
    assert msg.dst_uri == destination


def test_received_is_left_alone_unless_wanted():
    path.module.on_init[0]()
    msg = request("INVITE", "Route: <sip:127.0.0.1:16060;lr;received=sip:10.1.1.1>")
    rr.loose_route(msg)
    assert msg.dst_uri is None
