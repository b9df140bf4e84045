"""Run a small script on one message and see what it logs."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from runtime import log
from runtime.core import Listener, Received
from runtime.declare import Routes
from runtime.generation import load
from runtime.script.flow import Outcome, run_route, var
from runtime.sip.message import SipMessage
from runtime.sip.parser import parse_message
from transpiler.builder import BuildOptions, BuildResult, build

__all__ = ["HEAD", "REQUEST", "Ran", "built", "message", "run"]

REQUEST = (
    "INVITE sip:bob@127.0.0.1:16060 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:16100;branch=z9hG4bK-u1\r\n"
    "From: <sip:alice@127.0.0.1>;tag=a1\r\nTo: <sip:bob@127.0.0.1>\r\nCall-ID: c1@uac\r\nCSeq: 1 INVITE\r\n"
    "Max-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
)
HEAD = 'socket=udp:127.0.0.1:16060\nloadmodule "proto_udp.so"\n'
UDP = Listener("udp", "127.0.0.1", 16060)


@dataclass
class Ran:
    """What came of a run."""

    msg: SipMessage
    lines: list[str] = field(default_factory=list)
    """Lines of xlog() and log()."""
    engine: list[str] = field(default_factory=list)
    """Lines of the engine: warnings and errors."""
    outcome: Outcome | None = None


def message(text: str = REQUEST) -> SipMessage:
    return parse_message(text.encode("latin-1"), Received("127.0.0.1", 16100, UDP))


def built(script: str, head: str = HEAD) -> BuildResult:
    """The script, built.  It begins on line 3."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "opensips.cfg"
        path.write_text(head + script, encoding="latin-1")
        return build(BuildOptions(str(path), xlog_prefix=""))


def run(script: str, msg: SipMessage | None = None, head: str = HEAD, kind: Routes = Routes.REQUEST) -> Ran:
    """Build the script and run its request route on a message."""
    result = built(script, head)
    assert result.artefact is not None, result.diagnostics
    generation = load(result.artefact)
    ran = Ran(msg or message())
    ran.msg.generation = generation
    var.__dict__.clear()

    def seen(level: int, module: str, function: str, text: str) -> None:
        (ran.engine if module else ran.lines).append(text)

    def ended(outcome: Outcome) -> None:
        ran.outcome = outcome

    log.hooks.on_line.append(seen)
    try:
        assert generation.main is not None
        run_route(generation.main, ran.msg, kind, ended)
    finally:
        log.hooks.on_line.remove(seen)
    return ran
