"""A real server in a process of its own, on free loopback ports, for tests that look at it from outside."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def free_port(kind: int = socket.SOCK_DGRAM) -> int:
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def request(method: str, uri: str, port: int, *headers: str, call_id: str = "t", cseq: int = 1, body: str = "") -> bytes:
    lines = [
        f"{method} {uri} SIP/2.0", f"Via: SIP/2.0/UDP 127.0.0.1:{port};branch=z9hG4bK{method}{call_id}{cseq}",
        "From: <sip:tester@example.org>;tag=t", f"To: <{uri}>", f"Call-ID: {call_id}", f"CSeq: {cseq} {method}",
        "Max-Forwards: 70", *headers, f"Content-Length: {len(body)}",
    ]  # fmt: skip
    return ("\r\n".join(lines) + "\r\n\r\n" + body).encode("latin-1")


class Server:
    """`sipc run` or `sipc watch`; its log lines are kept."""

    def __init__(self, *words: str, port: int) -> None:
        self.port = port
        self.lines: list[str] = []
        self.changed = threading.Condition()
        env = {**os.environ, "PYTHONPATH": str(ROOT)}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "transpiler", *words], stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True,
            errors="replace", cwd=ROOT, env=env, start_new_session=True,
        )  # fmt: skip
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stderr
        for line in self.process.stderr:
            with self.changed:
                self.lines.append(line.rstrip("\n"))
                self.changed.notify_all()

    def wait_for(self, text: str, seconds: float = 10, since: int = 0) -> str:
        """The first line from number `since` on that holds the text."""
        until = time.monotonic() + seconds
        with self.changed:
            while True:
                for line in self.lines[since:]:
                    if text in line:
                        return line
                since = len(self.lines)  # what was seen is not looked at again: the reader must keep up with the server
                left = until - time.monotonic()
                if left <= 0:
                    raise AssertionError(f"no line with {text!r} in:\n" + "\n".join(self.lines[-30:]))
                self.changed.wait(left)

    def wait_answering(self, seconds: float = 20) -> None:
        """Until an OPTIONS gets any answer."""
        until = time.monotonic() + seconds
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind(("127.0.0.1", 0))
            probe.settimeout(0.1)
            me = probe.getsockname()[1]
            while time.monotonic() < until and self.process.poll() is None:
                try:
                    probe.sendto(request("OPTIONS", f"sip:127.0.0.1:{self.port}", me, call_id="up"), ("127.0.0.1", self.port))
                    probe.recv(4096)
                    return
                except OSError:
                    continue
        raise AssertionError("the server does not answer:\n" + "\n".join(self.lines[-30:]))

    def stop(self) -> int:
        """SIGTERM; the exit status."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(6)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
        return self.process.wait()
