"""Messages for the stdlib tests: make one, run functions on it, see what would be sent."""

from __future__ import annotations

from typing import Any

from runtime.core import Listener, Received
from runtime.declare import Ref
from runtime.sip.build import build_forwarded_reply, build_request
from runtime.sip.message import SipMessage
from runtime.sip.parser import parse_message

UDP = Listener("udp", "127.0.0.1", 16060)
UDP2 = Listener("udp", "127.0.0.1", 16061)
TCP = Listener("tcp", "127.0.0.1", 5060)

HEAD = (
    "Via: SIP/2.0/UDP 127.0.0.1:16100;branch=z9hG4bK-u1\r\nFrom: <sip:alice@127.0.0.1>;tag=a1\r\n"
    "To: <sip:bob@127.0.0.1>\r\nCall-ID: c1@uac\r\n"
)
OUR_VIA = "Via: SIP/2.0/UDP ours\r\n"


def message(text: str, listener: Listener = UDP) -> SipMessage:
    """Parse `text`; bare newlines stand for CRLF."""
    return parse_message(text.encode("latin-1"), Received("127.0.0.1", 16100, listener))


def request(
    method: str = "OPTIONS",
    headers: str = "",
    body: str = "",
    *,
    uri: str = "sip:bob@127.0.0.1:16200",
    head: str = HEAD,
    max_forwards: str | None = "70",
    listener: Listener = UDP,
) -> SipMessage:
    """A request; `headers` are lines without their line ends, separated by newlines."""
    text = f"{method} {uri} SIP/2.0\r\n{head}CSeq: 1 {method}\r\n"
    if max_forwards is not None:
        text += f"Max-Forwards: {max_forwards}\r\n"
    for line in headers.split("\n"):
        if line:
            text += line + "\r\n"
    return message(text + f"Content-Length: {len(body)}\r\n\r\n{body}", listener)


def reply(code: int = 200, headers: str = "", body: str = "", method: str = "INVITE") -> SipMessage:
    """A reply with two Vias, ours on top."""
    text = f"SIP/2.0 {code} Fine\r\nVia: SIP/2.0/UDP 127.0.0.1:16060;branch=z9hG4bKours\r\n{HEAD}CSeq: 1 {method}\r\n"
    for line in headers.split("\n"):
        if line:
            text += line + "\r\n"
    return message(text + f"Content-Length: {len(body)}\r\n\r\n{body}")


def sent(msg: SipMessage, listener: Listener = UDP) -> str:
    """What is forwarded, without our Via."""
    if not msg.is_request:
        return build_forwarded_reply(msg, edits=msg.edits)
    return build_request(msg, msg.current_uri, OUR_VIA, edits=msg.edits, listener=listener).replace(OUR_VIA, "", 1)


def values(msg: SipMessage, name: str, listener: Listener = UDP) -> list[str]:
    """Values of a header as sent."""
    lines = sent(msg, listener).partition("\r\n\r\n")[0].split("\r\n")
    return [line.partition(":")[2].strip() for line in lines[1:] if line.partition(":")[0].lower() == name.lower()]


def body_of(msg: SipMessage) -> str:
    return sent(msg).partition("\r\n\r\n")[2]


class Box(Ref):
    """A variable passed by reference, without a declaration."""

    def __init__(self, *values: Any, writable: bool = True) -> None:
        self.values: list[Any] = list(values)
        self.writable = writable
        self.index = None
        self.name = "box"

    def get(self, msg: SipMessage) -> Any:
        return self.values[0] if self.values else None

    def set(self, msg: SipMessage, value: Any, operator: str = "=") -> bool:
        if self.writable:
            self.values.insert(0, value)
        return self.writable
