"""The load: closed loops over UDP that keep a fixed number of requests or calls outstanding.

Runs in the benchmark process, pinned to a CPU of its own; it never sends to anything but loopback.
"""

from __future__ import annotations

import socket
import time
from dataclasses import dataclass

from workloads import HOST, SDP, call_ids, request

__all__ = ["Load", "Outcome", "calls", "requests"]


@dataclass(slots=True)
class Outcome:
    done: int
    seconds: float
    lost: int
    bad: int
    """Final responses other than the expected one."""


@dataclass(slots=True)
class Load:
    """Where the load goes and how much of it is outstanding."""

    server: int
    client: int = 5070
    answerer: int = 5080
    window: int = 192
    expected: bytes = b"SIP/2.0 200"


def _socket(port: int) -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
    made.bind((HOST, port))
    made.setblocking(False)
    return made


def requests(workload: str, load: Load, seconds: float) -> Outcome:
    """Stateless request and final response, again and again."""
    sock = _socket(load.client)
    target = (HOST, load.server)
    prepared = [request(workload, n, load.server, load.client) for n in range(20000)]
    send, receive = sock.sendto, sock.recv
    number = done = bad = lost = 0
    outstanding = 0
    begun = last = time.monotonic()
    until = begun + seconds
    while True:
        now = time.monotonic()
        if now >= until:
            break
        if outstanding and now - last > 0.5:
            lost += outstanding
            outstanding = 0
        while outstanding < load.window:
            send(prepared[number % 20000], target)
            number += 1
            outstanding += 1
        try:
            while True:
                data = receive(4096)
                outstanding -= 1
                done += 1
                if not data.startswith(load.expected):
                    bad += 1
        except BlockingIOError:
            pass
        else:
            continue
        last = now if outstanding < load.window else last
    sock.close()
    return Outcome(done, time.monotonic() - begun, lost, bad)


def _header(text: str, name: str) -> str:
    start = text.index(f"\r\n{name}: ") + len(name) + 4
    return text[start : text.index("\r\n", start)]


def _headers(text: str, name: str) -> list[str]:
    return [line[len(name) + 2 :] for line in text.split("\r\n") if line.startswith(name + ": ")]


class _Caller:
    """The calling side: INVITE, ACK, BYE."""

    def __init__(self, load: Load) -> None:
        self.socket = _socket(load.client)
        self.load = load
        self.ids = call_ids()
        self.open: dict[str, float] = {}
        self.done = self.bad = 0

    def _send(self, method: str, uri: str, call_id: str, cseq: int, to: str, *extra: str, body: str = "") -> None:
        port = self.load.client
        lines = [
            f"{method} {uri} SIP/2.0",
            f"Via: SIP/2.0/UDP {HOST}:{port};branch=z9hG4bK-{call_id[:-15]}-{method}",
            f"From: <sip:caller@{HOST}:{port}>;tag=c",
            f"To: {to}",
            f"Call-ID: {call_id}",
            f"CSeq: {cseq} {method}",
            f"Contact: <sip:caller@{HOST}:{port}>",
            "Max-Forwards: 70",
            *extra,
        ]
        if body:
            lines.append("Content-Type: application/sdp")
        lines.append(f"Content-Length: {len(body)}")
        self.socket.sendto(("\r\n".join(lines) + "\r\n\r\n" + body).encode(), (HOST, self.load.server))

    def start(self, now: float) -> None:
        call_id = next(self.ids)
        self.open[call_id] = now
        uri = f"sip:service@{HOST}:{self.load.answerer}"
        self._send("INVITE", uri, call_id, 1, f"<{uri}>", body=SDP)

    def receive(self, data: bytes) -> None:
        text = data.decode()
        code, cseq = text[8:11], _header(text, "CSeq")
        if code < "200":
            return
        call_id = _header(text, "Call-ID")
        if cseq == "2 BYE":
            if self.open.pop(call_id, None) is not None:
                self.done += 1
            return
        if code != "200":
            self.bad += 1
            self.open.pop(call_id, None)
            return
        if call_id not in self.open:
            return
        to = _header(text, "To")
        contact = _header(text, "Contact")
        uri = contact[contact.index("<") + 1 : contact.index(">")]
        route = [f"Route: {value}" for value in reversed(_headers(text, "Record-Route"))]
        self._send("ACK", uri, call_id, 1, to, *route)
        self._send("BYE", uri, call_id, 2, to, *route)


class _Answerer:
    """The called side: 180 and 200 to INVITE, 200 to BYE."""

    def __init__(self, load: Load) -> None:
        self.socket = _socket(load.answerer)
        self.load = load

    def receive(self, data: bytes) -> None:
        text = data.decode()
        method = text[: text.index(" ")]
        if method == "ACK":
            return
        lines = text[: text.index("\r\n\r\n")].split("\r\n")
        copied = [line for line in lines[1:] if line.startswith(("Via: ", "From: ", "Call-ID: ", "CSeq: "))]
        to = _header(text, "To")
        target = (HOST, self.load.server)
        if method == "INVITE":
            copied += [line for line in lines[1:] if line.startswith("Record-Route: ")]
            copied += [f"To: {to};tag=a", f"Contact: <sip:service@{HOST}:{self.load.answerer}>"]
            ringing = "\r\n".join(["SIP/2.0 180 Ringing", *copied, "Content-Length: 0"]) + "\r\n\r\n"
            self.socket.sendto(ringing.encode(), target)
            copied.append("Content-Type: application/sdp")
            answer = "\r\n".join(["SIP/2.0 200 OK", *copied, f"Content-Length: {len(SDP)}"]) + "\r\n\r\n" + SDP
        else:
            answer = "\r\n".join(["SIP/2.0 200 OK", *copied, f"To: {to}", "Content-Length: 0"]) + "\r\n\r\n"
        self.socket.sendto(answer.encode(), target)


def calls(load: Load, seconds: float, window: int = 48) -> Outcome:
    """Complete calls, `window` of them outstanding; a call silent for 4 s counts as lost."""
    caller, answerer = _Caller(load), _Answerer(load)
    begun = time.monotonic()
    until, lost = begun + seconds, 0
    sides = ((caller.socket, caller.receive), (answerer.socket, answerer.receive))
    while True:
        now = time.monotonic()
        if now >= until:
            break
        while len(caller.open) < window:
            caller.start(now)
        for sock, receive in sides:
            try:
                for _ in range(64):
                    receive(sock.recv(4096))
            except BlockingIOError:
                pass
        first = next(iter(caller.open.values()), now)
        if now - first > 4:
            late = [call_id for call_id, since in caller.open.items() if now - since > 4]
            lost += len(late)
            for call_id in late:
                del caller.open[call_id]
    caller.socket.close()
    answerer.socket.close()
    return Outcome(caller.done, time.monotonic() - begun, lost, caller.bad)
