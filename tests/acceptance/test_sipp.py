"""sipp as the load: registrations and calls through the residential example, and reloads under calls."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.skipif(not shutil.which("sipp"), reason="sipp is not installed")

HERE = Path(__file__).with_name("sipp")
QUIET: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}


class Sipp:
    """1,000 users at one port, registered; calls to them."""

    def __init__(self, server: Any, folder: Path) -> None:
        free_port = sys.modules["server"].free_port
        self.server = server
        self.folder = folder
        self.answer_port, self.call_port, self.register_port = (free_port() for _ in range(3))
        self.users = folder / "users.csv"
        self.users.write_text("SEQUENTIAL\n" + "".join(f"user{i:04d};{self.answer_port}\n" for i in range(1000)))
        self.running: list[subprocess.Popen[bytes]] = []

    def words(self, scenario: str, port: int, count: int, *more: str) -> list[str]:
        return [
            "sipp", f"127.0.0.1:{self.server.port}", "-sf", str(HERE / scenario), "-inf", str(self.users), "-i", "127.0.0.1",
            "-p", str(port), "-m", str(count), "-nostdin", "-trace_stat", "-stf", str(self.folder / f"{scenario}.csv"),
            "-fd", "1", *more,
        ]  # fmt: skip

    def register(self) -> None:
        words = self.words("register.xml", self.register_port, 1000, "-r", "300")
        assert subprocess.run(words, timeout=60, check=False, cwd=self.folder, **QUIET).returncode == 0

    def start(self, scenario: str, port: int, count: int, *more: str) -> subprocess.Popen[bytes]:
        made = subprocess.Popen(self.words(scenario, port, count, *more), cwd=self.folder, **QUIET)
        self.running.append(made)
        return made

    def calls(self, count: int) -> tuple[subprocess.Popen[bytes], subprocess.Popen[bytes]]:
        """(answering side, calling side) of `count` calls at 100 a second."""
        return self.start("uas.xml", self.answer_port, count), self.start("uac.xml", self.call_port, count, "-r", "100")

    def result(self) -> tuple[str, str, str]:
        """(successful, failed, retransmitted) of the calling side."""
        rows = (self.folder / "uac.xml.csv").read_text().strip().split("\n")
        last = dict(zip(rows[0].split(";"), rows[-1].split(";"), strict=False))
        return last["SuccessfulCall(C)"], last["FailedCall(C)"], last["Retransmissions(C)"]


@pytest.fixture
def sipp(residential: Any, tmp_path: Path) -> Iterator[Sipp]:
    made = Sipp(residential, tmp_path)
    made.register()
    yield made
    for process in made.running:
        if process.poll() is None:
            process.kill()
            process.wait()


def test_registrations_and_calls(sipp: Sipp) -> None:
    """1,000 users and 1,000 calls at 100 a second, none failed, none retransmitted."""
    answering, calling = sipp.calls(1000)
    assert calling.wait(90) == 0
    assert answering.wait(20) == 0
    assert sipp.result() == ("1000", "0", "0")


def _worker_memory(server: Any) -> int:
    """Resident memory of the newest child of the server, in KiB."""
    children = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children").read_text().split()
    status = [Path(f"/proc/{pid}/status").read_text() for pid in children]
    workers = [text for text in status if "Zombie" not in text and "VmRSS" in text]
    return max(int(found[1]) for text in workers if (found := re.search(r"VmRSS:\s+(\d+)", text)))


def test_fifty_reloads_under_calls(sipp: Sipp) -> None:
    """Two versions in turn at 100 calls/s: no call fails, no request is handled by both, memory stays flat."""
    server = sipp.server
    text = server.script.read_text()
    versions = [
        text.replace("calls $rU", f"calls {mark} $rU").replace(
            "route[[relay]] {", f'route[[relay]] {{\n\tif (is_method("INVITE")) xlog("L_INFO", "call $ci: relayed by {mark}");'
        )
        for mark in ("one", "two")
    ]
    answering, calling = sipp.calls(3000)
    server.wait_for("call 900-", 30)  # as many transactions end now as begin
    memory = []
    for number in range(50):
        since = len(server.lines)
        server.script.write_text(versions[number % 2])
        server.wait_for(f"generation {number + 2} of", 20, since)
        if number >= 10:
            memory.append(_worker_memory(server))
    assert calling.wait(90) == 0
    assert answering.wait(20) == 0
    successful, failed, _ = sipp.result()
    assert (successful, failed) == ("3000", "0")
    first = dict(re.findall(r"call (\S+): caller calls (one|two) ", "\n".join(server.lines)))
    second = dict(re.findall(r"call (\S+): relayed by (one|two)", "\n".join(server.lines)))
    assert len(first) > 1000 and set(first.values()) == {"one", "two"}
    assert first == second
    assert max(memory[-10:]) - max(memory[:10]) < 2048
