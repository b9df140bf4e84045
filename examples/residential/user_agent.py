"""A SIP user agent small enough to read: registers, calls, answers.  For demonstrations and tests on loopback."""

from __future__ import annotations

import itertools
import queue
import re
import socket
import threading
from dataclasses import dataclass, field

__all__ = ["CallFailed", "UserAgent"]

_numbers = itertools.count(1)


class CallFailed(Exception):
    """The other side refused or did not answer in time."""


def header(message: str, name: str) -> str:
    """The first value of a header, "" when there is none."""
    found = re.search(rf"(?im)^{name}[ \t]*:[ \t]*(.*?)\r?$", message)
    return found[1] if found else ""


def headers(message: str, name: str) -> list[str]:
    return [value for value in re.findall(rf"(?im)^{name}[ \t]*:[ \t]*(.*?)\r?$", message)]


def uri_of(value: str) -> str:
    """The URI between < and >, or the bare one."""
    found = re.search(r"<([^>]*)>", value)
    return found[1] if found else value.split(";")[0].strip()


@dataclass
class UserAgent:
    """One user on one UDP socket, with `server` as outbound proxy.  Answers calls by itself while it is open."""

    user: str
    domain: str
    server: tuple[str, int]
    answer: bool = True
    seen: list[str] = field(default_factory=list)
    """First line of every message received, in order."""

    def __post_init__(self) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.port: int = self.socket.getsockname()[1]
        self.replies: queue.Queue[str] = queue.Queue()
        self.requests: queue.Queue[str] = queue.Queue()
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    # ------------------------------------------------------------------------------------------------- identity
    @property
    def aor(self) -> str:
        return f"sip:{self.user}@{self.domain}"

    @property
    def contact(self) -> str:
        return f"<sip:{self.user}@127.0.0.1:{self.port}>"

    # ------------------------------------------------------------------------------------------------- messages
    def _send(self, text: str) -> None:
        self.socket.sendto(text.encode("latin-1"), self.server)

    def _request(self, method: str, uri: str, to: str, call_id: str, cseq: int, *extra: str, tag: str, branch: str = "") -> str:
        branch = branch or f"z9hG4bK{self.user}{next(_numbers)}"
        lines = [
            f"{method} {uri} SIP/2.0",
            f"Via: SIP/2.0/UDP 127.0.0.1:{self.port};branch={branch};rport",
            f"From: <{self.aor}>;tag={tag}",
            f"To: {to}",
            f"Call-ID: {call_id}",
            f"CSeq: {cseq} {method}",
            "Max-Forwards: 70",
            f"Contact: {self.contact}",
            *extra,
            "Content-Length: 0",
        ]
        return "\r\n".join(lines) + "\r\n\r\n"

    def _wait(self, call_id: str, method: str, seconds: float, provisional: bool = False) -> str:
        while True:
            try:
                reply = self.replies.get(timeout=seconds)
            except queue.Empty:
                raise CallFailed(f"no reply to {method} within {seconds:g} s") from None
            if header(reply, "Call-ID") == call_id and header(reply, "CSeq").endswith(method):
                if not provisional and reply.startswith("SIP/2.0 1"):
                    continue
                return reply

    def register(self, expires: int = 600, seconds: float = 3) -> str:
        """Bind this socket to the user's address of record; the 200's Contact."""
        call_id = f"reg-{self.user}-{next(_numbers)}"
        self._send(
            self._request("REGISTER", f"sip:{self.domain}", f"<{self.aor}>", call_id, 1, f"Expires: {expires}", tag="r1")
        )
        reply = self._wait(call_id, "REGISTER", seconds)
        if not reply.startswith("SIP/2.0 200"):
            raise CallFailed(reply.split("\r\n")[0])
        return header(reply, "Contact")

    def call(self, user: str, seconds: float = 5) -> str:
        """INVITE, wait for the answer, ACK, BYE; the Call-ID."""
        number = next(_numbers)
        call_id, tag = f"call-{number}", f"{self.user}{number}"
        target = f"sip:{user}@{self.domain}"
        self._send(self._request("INVITE", target, f"<{target}>", call_id, 1, tag=tag))
        answer = self._wait(call_id, "INVITE", seconds)
        if not answer.startswith("SIP/2.0 200"):
            raise CallFailed(answer.split("\r\n")[0])
        route = [f"Route: {value}" for value in reversed(headers(answer, "Record-Route"))]
        remote, to = uri_of(header(answer, "Contact")), header(answer, "To")
        self._send(self._request("ACK", remote, to, call_id, 1, *route, tag=tag))
        self._send(self._request("BYE", remote, to, call_id, 2, *route, tag=tag))
        self._wait(call_id, "BYE", seconds)
        return call_id

    # ------------------------------------------------------------------------------------------- the called side
    def _listen(self) -> None:
        while True:
            try:
                data, source = self.socket.recvfrom(65535)
            except OSError:
                return
            message = data.decode("latin-1")
            if not message.strip():
                continue
            self.seen.append(message.split("\r\n")[0])
            if message.startswith("SIP/2.0"):
                self.replies.put(message)
                continue
            self.requests.put(message)
            if self.answer:
                self._answer(message, source)

    def _answer(self, request: str, source: tuple[str, int]) -> None:
        method = request.split(" ", 1)[0]
        if method == "ACK":
            return
        for status in ("180 Ringing", "200 OK") if method == "INVITE" else ("200 OK",):
            self.socket.sendto(self._reply(request, status).encode("latin-1"), source)

    def _reply(self, request: str, status: str) -> str:
        to = header(request, "To")
        if "tag=" not in to:
            to += f";tag={self.user}"
        lines = [f"SIP/2.0 {status}"]
        lines += [f"Via: {value}" for value in headers(request, "Via")]
        lines += [f"Record-Route: {value}" for value in headers(request, "Record-Route")]
        lines += [f"From: {header(request, 'From')}", f"To: {to}"]
        lines += [f"{name}: {header(request, name)}" for name in ("Call-ID", "CSeq")]
        lines += [f"Contact: {self.contact}", "Content-Length: 0"]
        return "\r\n".join(lines) + "\r\n\r\n"

    def close(self) -> None:
        self.socket.close()
