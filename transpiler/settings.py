"""Values of core parameters: numbers, words, strings, and the composite ones (sockets, aliases, blacklists, profiles)."""

from __future__ import annotations

import re
from typing import Any

from transpiler.diagnostics import Diagnostics
from transpiler.nodes import Span
from transpiler.scanner import to_int

__all__ = ["SOCKETS", "parse_socket", "parse_value"]

SOCKETS = frozenset(("socket", "listen"))
_COMPOSITE = frozenset(("alias", "dst_blacklist", "auto_scaling_profile", "mpath", "mem-group"))
_WORKERS = frozenset(("udp_workers", "tcp_workers", "timer_workers", "children", "tcp_children"))

_NUMBER = re.compile(r"[+-]?\s*(?:0x[0-9a-fA-F]+|\d+)\Z")
_BOOLEANS = frozenset("yes true on enable no false off disable".split())
_WORD = re.compile(r"[A-Za-z][A-Za-z0-9_]*\Z")
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "a": "\a", '"': '"', "\\": "\\"}

_SOCKET = re.compile(
    r"""(?P<proto>[A-Za-z][A-Za-z0-9_]*):
    (?P<host>\*|\[[0-9A-Fa-f:.]+\]|"[^"]+"|'[^']+'|[A-Za-z0-9_.-]+)
    (?::(?P<ports>\d+(?:\s*-\s*\d+)?(?:\s*,\s*\d+(?:\s*-\s*\d+)?)*))?(?P<rest>.*)\Z""",
    re.VERBOSE | re.DOTALL,
)
_PROTOCOLS = frozenset(
    "udp tcp tls sctp ws wss hep_udp hep_tcp bin bins smpp msrp msrps ipsec".split()
)
_FLAGS = frozenset(
    "anycast frag reuse_port accept_subdomain allow_proxy_protocol send_proxy_protocol proxy_protocol".split()
)
_OPTION = re.compile(r"\s*([A-Za-z_-]+)")


def _string(text: str) -> str:
    """A quoted string with its escapes resolved."""
    if text[0] == "'":
        return text[1:-1]
    return re.sub(r"\\(.)", lambda m: _ESCAPES.get(m[1], m[0]), text[1:-1], flags=re.DOTALL)


def parse_value(name: str, text: str, span: Span, sink: Diagnostics) -> Any:
    """The value of `name = text`: int, str, or a dict of a composite value.  Findings go to the sink."""
    if not text:
        sink.error("E0130", span, f"{name} has no value", "write name = value")
        return None
    if name in SOCKETS:
        return parse_socket(text, span, sink)
    if name in _COMPOSITE:
        return text
    if name in _WORKERS:
        head, _, profile = text.partition("use_auto_scaling_profile")
        number = head.strip()
        if not _NUMBER.match(number):
            sink.error("E0131", span, f"{name} takes a number, not {text!r}")
            return None
        return {"workers": to_int(number), "profile": profile.strip()} if profile else to_int(number)
    if text[0] in "\"'" and text[-1] == text[0] and len(text) > 1:
        return _string(text)
    if text in _BOOLEANS:
        return to_int(text)
    if _NUMBER.match(text):
        digits = text.lstrip("+-").strip()
        if len(digits) > 1 and digits[0] == "0" and digits[1] in "89":
            sink.error("E0131", span, f"{text} is not a number", "a number that begins with 0 is octal")
            return None
        value = to_int(digits)
        return -value if text[0] == "-" else value
    if _WORD.match(text):
        return text
    if re.fullmatch(r"[0-9A-Fa-f.:\[\]]+(:\d+)?", text) or re.fullmatch(r"[A-Za-z0-9_.-]+", text):
        return text
    sink.error("E0131", span, f"{text!r} is not a value for {name}", "values are numbers, yes, no, words or strings")
    return None


def parse_socket(text: str, span: Span, sink: Diagnostics) -> dict[str, Any] | None:
    """`udp:127.0.0.1:5060 as 1.2.3.4:5060 use_workers 4 tag x` as a dict; None when it is broken."""
    plain = text.strip("\"' ") if text[:1] in "\"'" else text
    match = _SOCKET.match(plain)
    if match is None and re.fullmatch(r"[0-9.]+(:\d+)?|\*", plain):
        match = _SOCKET.match(f"udp:{plain}")
    if match is None:
        sink.error("E0132", span, f"{text!r} is not a socket", "write proto:address:port, e.g. udp:127.0.0.1:5060")
        return None
    proto = match["proto"].lower()
    if proto not in _PROTOCOLS:
        known = ", ".join(sorted(_PROTOCOLS)[:6])
        sink.error("E0133", span, f"cannot handle protocol {match['proto']}", f"protocols are {known} …")
        return None
    ports: list[int] = []
    for part in (match["ports"] or "").replace(" ", "").split(","):
        if not part:
            continue
        low, _, high = part.partition("-")
        first, last = int(low), int(high or low)
        if not 0 < first <= last <= 65535:
            sink.error("E0134", span, f"bad port range {part}", "ports are 1 to 65535")
            return None
        ports += range(first, last + 1)
    host = match["host"].strip("\"'")
    if re.fullmatch(r"[0-9.]+", host) and (host.count(".") != 3 or any(int(p or 999) > 255 for p in host.split("."))):
        sink.error("E0135", span, f"bad ipv4 address {host}")
        return None
    made: dict[str, Any] = {"proto": proto, "host": host, "ports": ports}
    rest = match["rest"]
    while rest.strip():
        option = _OPTION.match(rest)
        word = option[1] if option else rest.split()[0]
        rest = rest[option.end() :] if option else ""
        key = word.lower().replace("-", "_")
        value = re.match(r"\s*(\S+)", rest)
        if key in _FLAGS:
            made[key] = True
            continue
        if value is None or key not in ("as", "use_workers", "tos", "tag", "use_auto_scaling_profile", "backlog"):
            sink.error("E0136", span, f"unknown socket option {word!r}", "options: as, use_workers, tag, tos, anycast, frag")
            return None
        rest = rest[value.end() :]
        if key == "as":
            address, _, port = value[1].rpartition(":") if re.search(r":\d+$", value[1]) else (value[1], "", "")
            made["as"] = (address.strip("\"'[]"), int(port) if port else 0)
        elif key in ("use_workers", "tos") and value[1].isdigit():
            made[key] = int(value[1])
        else:
            made[key] = value[1]
    return made
