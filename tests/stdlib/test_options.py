"""options: capabilities in a reply."""

from __future__ import annotations

import pytest

from runtime.declare import Module
from runtime.sip.build import reply_headers
from stdlib import options
from tests.stdlib.sipmessages import request


class _Signaling:
    """What options needs of the signaling module."""

    def __init__(self) -> None:
        self.sent: list[tuple[int, str]] = []
        self.result = 1
        self.functions = {"send_reply": self}

    def call(self, msg, code, reason):
        self.sent.append((code, reason))
        return self.result


@pytest.fixture
def signaling(monkeypatch):
    made = _Signaling()
    monkeypatch.setitem(Module.registry, "signaling", made)
    yield made
    for parameter in options.module.parameters.values():
        parameter.reset()


def test_reply(signaling):
    msg = request(uri="sip:127.0.0.1:16060")
    assert options.options_reply(msg) == 0
    assert signaling.sent == [(200, "OK")]
    assert reply_headers(msg) == ["Accept: */*\r\n", "Accept-Language: en\r\n"]


def test_settings(signaling):
    for name, value in (("accept", ""), ("accept_encoding", "gzip"), ("accept_language", ""), ("support", "path")):
        options.module.parameters[name].apply(value)
    msg = request(uri="sip:127.0.0.1:16060")
    options.options_reply(msg)
    assert reply_headers(msg) == ["Accept-Encoding: gzip\r\n", "Supported: path\r\n"]


def test_refusals(signaling):
    assert options.options_reply(request("INVITE", uri="sip:127.0.0.1")) == -1
    assert options.options_reply(request(uri="sip:bob@127.0.0.1")) == -1
    assert options.options_reply(request(uri="nonsense")) == -1
    assert signaling.sent == []
    signaling.result = -1
    assert options.options_reply(request(uri="sip:127.0.0.1")) == -1
