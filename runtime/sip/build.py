"""Building what is sent: forwarded requests and replies with their edits, and replies of our own."""

from __future__ import annotations

import hashlib
import itertools
import os
from collections.abc import Iterable
from typing import TYPE_CHECKING

from runtime.sip import fields

if TYPE_CHECKING:
    from runtime.core import Listener
    from runtime.sip.edits import Edits, Late
    from runtime.sip.message import SipMessage

__all__ = [
    "MAGIC", "build_forwarded_reply", "build_reply", "build_request", "new_branch", "new_tag", "reply_headers",
    "reply_via", "set_reply_body", "settings", "stateless_branch", "stateless_tag",
]  # fmt: skip

MAGIC = "z9hG4bK"
"""What every RFC 3261 branch begins with."""


class _Settings:
    """Core parameters that show in what we build; filled in at start."""

    server_signature = True
    sip_warning = False
    server_header = "Server: OpenSIPS (4.1.0-dev sipc (python))"
    user_agent_header = "User-Agent: OpenSIPS (4.1.0-dev sipc (python))"


settings = _Settings()

_secret = os.urandom(16)
_numbers = itertools.count(int.from_bytes(os.urandom(4), "big"))


def new_tag() -> str:
    """A fresh tag (RFC 3261 section 19.3)."""
    return hashlib.md5(f"{next(_numbers)}".encode() + _secret, usedforsecurity=False).hexdigest()


def new_branch(mark: str = "") -> str:
    """A fresh branch; `mark` is carried after the magic cookie."""
    return f"{MAGIC}{mark}{new_tag()[:16]}"


def _signature(msg: SipMessage) -> str:
    """The same for every retransmission of a request, different between requests."""
    branch = fields.top_via(msg).branch
    source, value_of = msg.received, msg.value_of
    caller, number = value_of("from") or "", value_of("call-id") or ""
    if branch.startswith(MAGIC):
        text = f"{branch}\0{caller}\0{number}"
    else:
        sequence = (value_of("cseq") or "").split()[:1]
        via = value_of("via")
        text = f"{msg.request_uri}\0{source.src_ip}\0{source.src_port}\0{via}\0{caller}\0{number}\0{sequence}"
    return hashlib.blake2b(_secret + text.encode("latin-1"), digest_size=12).hexdigest()


def stateless_tag(msg: SipMessage) -> str:
    """To tag of a stateless reply: retransmissions and the ACK get the same one (RFC 3261 section 8.2.7)."""
    return _signature(msg)


def stateless_branch(msg: SipMessage) -> str:
    """Branch of a statelessly forwarded request, stable over retransmissions (RFC 3261 section 16.11)."""
    return f"{MAGIC}{_signature(msg)}.0"


# ---------------------------------------------------------------------------------------------------------- replies
def _fixed_via(msg: SipMessage) -> str:
    """The top Via value with received and rport filled in (RFC 3261 section 18.2.1, RFC 3581 section 4)."""
    value = msg.value_of("via") or ""
    via = fields.top_via(msg)
    source = msg.received
    rport = via.rport is not None or "force_rport" in msg.__dict__
    if not rport and (via.host == source.src_ip or via.host.strip("[]").lower() == source.src_ip.lower()):
        return value
    first, *others = fields.split_list(value) if "," in value else (value,)
    sent_by, _, _ = first.partition(";")
    params = []
    seen = False
    for part in fields.split_list(via.params_text, ";") if via.params_text else ():
        name = part.partition("=")[0].strip().lower()
        if name == "received":
            continue
        if name == "rport" and rport:
            part = f"rport={source.src_port}"
            seen = True
        params.append(part)
    address = f"[{source.src_ip}]" if ":" in source.src_ip else source.src_ip
    params.insert(0, f"received={address}")
    if rport and not seen:
        params.insert(1, f"rport={source.src_port}")
    fixed = ";".join([sent_by.rstrip(), *params])
    return ", ".join([fixed, *others])


def reply_via(msg: SipMessage) -> str:
    """All Via lines of a request as they go into its replies; kept with the message."""
    try:
        return msg.__dict__["_reply_via"]  # type: ignore[no-any-return]
    except KeyError:
        line = msg.line_of("via")
        text = f"{line[: line.index(':')].rstrip()}: {_fixed_via(msg)}\r\n"
        if len(msg.header_index["via"]) > 1:
            for header in msg.headers_of("via")[1:]:
                text += f"{header.name}: {header.value}\r\n"
        msg.__dict__["_reply_via"] = text
        return text


def reply_headers(msg: SipMessage) -> list[str]:
    """Header lines (with CRLF) that go into every reply to this request (OpenSIPS: reply lumps)."""
    return msg.lazy("_reply_headers", list)  # type: ignore[no-any-return]


def set_reply_body(msg: SipMessage, body: str) -> None:
    """The body of every reply to this request that is given none (append_body_to_reply)."""
    msg.__dict__["_reply_body"] = body


def build_reply(
    msg: SipMessage,
    code: int,
    reason: str,
    *,
    to_tag: str = "",
    headers: Iterable[str] = (),
    body: str = "",
) -> str:
    """A reply to a request (RFC 3261 section 8.2.6), header order as OpenSIPS has it.

    `to_tag` is added unless To has one.  `headers` and the request's reply headers are lines with their CRLF.
    """
    out = [f"SIP/2.0 {code} {reason}\r\n", reply_via(msg)]
    line_of = msg.line_of
    if 180 <= code < 300 and "record-route" in msg.header_index:
        text = msg.text
        for header in msg.headers_of("record-route"):
            out.append(text[header.start : header.end])
    to = line_of("to")
    if to and to_tag and fields.to_field(msg).tag is None:
        to = f"{to.rstrip()};tag={to_tag}\r\n"
    out += (to, line_of("from"), line_of("call-id"), line_of("cseq"))
    own = msg.__dict__.get("_reply_headers")
    if own:
        out += own
    if not body:
        body = msg.__dict__.get("_reply_body", "")
    out += headers
    if settings.server_signature:
        out.append(f"{settings.server_header}\r\n")
    warning = _warning(msg) if settings.sip_warning else ""
    out.append(f"Content-Length: {len(body)}\r\n{warning}\r\n")
    if body:
        out.append(body)
    return "".join(out)


def _warning(msg: SipMessage) -> str:
    """The Warning header of core parameter sip_warning: what the server made of the request, for debugging."""
    source = msg.received
    count = sum(len(fields.split_list(header.value)) for header in msg.headers_of("via"))
    return (
        f'Warning: 392 {source.listener.host}:{source.listener.port} "Noisy feedback tells:  pid={os.getpid()} '
        f"req_src_ip={source.src_ip} req_src_port={source.src_port} in_uri={msg.request_uri} "
        f'out_uri={msg.current_uri} via_cnt=={count}"\r\n'
    )


# ------------------------------------------------------------------------------------------------------- forwarding
def _length_edit(msg: SipMessage, edits: Edits, body: str) -> str:
    """Header section with the Content-Length of a changed body."""
    length = msg.header("content-length")
    if length is None:
        edits.append_header(f"Content-Length: {len(body)}\r\n")
    elif not edits.removed(length.start, length.end):
        edits.replace(length.start, length.end, f"Content-Length: {len(body)}\r\n")
    return body


def _rest(
    msg: SipMessage, start: int, edits: Edits | None, first_via: str | None, extra: str, listener: Listener | None
) -> str:
    """Headers from `start` and body, with edits; `first_via` replaces or precedes the top Via line."""
    text, body_start = msg.text, msg.body_start
    head_end = body_start - 2
    via = msg.header("via")
    if edits is None:
        if first_via is None or via is None:
            return f"{text[start:head_end]}{extra}{text[head_end:]}"
        return f"{text[start : via.start]}{first_via}{text[via.end : head_end]}{extra}{text[head_end:]}"
    work = edits.copy()
    if edits.late:
        work.settle(msg, listener or msg.received.listener)
    body = work.body
    if not isinstance(body, str):
        body = None
    if body is None and edits.changes_body(body_start):
        body = work.apply(text, body_start, len(text))
    if body is None:
        body = text[body_start:]
    elif not (body == "" and body_start == len(text)):
        _length_edit(msg, work, body)
    if first_via is not None and via is not None:
        if work.removed(via.start, via.end):
            work.prepend_header(first_via)
        else:
            work.replace(via.start, via.end, first_via)
    head = work.apply(text, start, head_end)
    return f"{_lines(work.first)}{head}{extra}{_lines(work.last)}\r\n{body}"


def _lines(texts: list[str | Late]) -> str:
    return "".join(text for text in texts if isinstance(text, str))


def build_request(
    msg: SipMessage,
    uri: str,
    via_line: str,
    *,
    edits: Edits | None = None,
    extra: str = "",
    method: str = "",
    listener: Listener | None = None,
) -> str:
    """A request to forward: new R-URI, our Via on top, the received Via completed, edits applied.

    `via_line` is the full line with CRLF; `extra` header lines go last (Route from a Path vector…).
    `listener` is the sending socket, for edits that name it (Record-Route, Path); None: the receiving one.
    """
    first_line_end = msg.text.index("\r\n") + 2
    first = via_line + _received_via_line(msg)
    return f"{method or msg.method} {uri} SIP/2.0\r\n" + _rest(msg, first_line_end, edits, first, extra, listener)


def _received_via_line(msg: SipMessage) -> str:
    """The received top Via line with received and rport; nothing for a request of our own."""
    if "local_request" in msg.__dict__:
        return ""
    header = msg.headers_of("via")[0]
    fixed = _fixed_via(msg)
    if fixed == header.value:
        return msg.text[header.start : header.end]
    return f"{header.name}: {fixed}\r\n"


def build_forwarded_reply(msg: SipMessage, *, edits: Edits | None = None, extra: str = "") -> str:
    """A reply to send on: the top Via value gone, edits applied."""
    via = msg.header("via")
    rest = ""
    if via is not None and "," in via.value:
        rest = f"{via.name}: {', '.join(fields.split_list(via.value)[1:])}\r\n"
    first_line_end = msg.text.index("\r\n") + 2
    changed = msg.__dict__.get("reply_status")
    start_line = f"SIP/2.0 {changed[0]} {changed[1]}\r\n" if changed else msg.text[:first_line_end]
    return start_line + _rest(msg, first_line_end, edits, rest, extra, None)
