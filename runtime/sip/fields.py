"""Header fields: name-addr, Via, CSeq and their lists, parsed on demand and kept with the message."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING

from runtime.sip.message import ParseError

if TYPE_CHECKING:
    from runtime.sip.message import SipMessage

__all__ = [
    "Credentials", "NameAddr", "Via", "call_id", "contacts", "credentials", "cseq", "from_field", "parse_credentials",
    "parse_nameaddr", "parse_nameaddr_list", "parse_params", "parse_via", "record_routes", "routes", "split_list", "to_field",
    "top_via", "vias",
]  # fmt: skip


def split_list(text: str, separator: str = ",") -> list[str]:
    """Split a header value at separators outside quotes and angle brackets; blanks around items go."""
    if separator not in text:
        return [text.strip()]
    if '"' not in text and "<" not in text:
        return [part.strip() for part in text.split(separator)]
    parts: list[str] = []
    begun, quoted, angle, i, end = 0, False, False, 0, len(text)
    while i < end:
        char = text[i]
        if quoted:
            if char == "\\":
                i += 1
            elif char == '"':
                quoted = False
        elif char == '"':
            quoted = True
        elif char == "<":
            angle = True
        elif char == ">":
            angle = False
        elif char == separator and not angle:
            parts.append(text[begun:i].strip())
            begun = i + 1
        i += 1
    parts.append(text[begun:].strip())
    return parts


def parse_params(text: str) -> dict[str, str | None]:
    """`;a=1;b` as {"a": "1", "b": None}; names lower-case, quotes kept, the first of equal names wins."""
    found: dict[str, str | None] = {}
    for part in split_list(text, ";") if '"' in text else text.split(";"):
        part = part.strip()
        if part:
            name, equals, value = part.partition("=")
            found.setdefault(name.rstrip().lower(), value.lstrip() if equals else None)
    return found


@dataclass(slots=True)
class NameAddr:
    """`"Display" <uri>;params` (From, To, Contact, Route…)."""

    text: str
    display: str
    """With its quotes, as written."""
    uri: str
    params_text: str
    """After the address, without the leading `;`."""
    _params: dict[str, str | None] | None = None

    @property
    def params(self) -> dict[str, str | None]:
        """Lower-case names; None for a parameter without a value.  Parsed at first use."""
        if self._params is None:
            self._params = parse_params(self.params_text)
        return self._params

    @property
    def tag(self) -> str | None:
        """The tag parameter, None when there is none."""
        if "ag=" not in self.params_text and "AG=" not in self.params_text:
            return None
        return self.params.get("tag")

    @property
    def is_star(self) -> bool:
        """Is it the `*` of a Contact?"""
        return self.uri == "*"


def parse_nameaddr(text: str) -> NameAddr:
    """Parse one name-addr or addr-spec; ParseError when there is no URI in it."""
    if text[:1] == "<":
        end = text.find(">")
        if end < 0:
            raise ParseError("name-addr without >")
        rest = text[end + 1 :].lstrip()
        if rest and rest[0] != ";":
            raise ParseError("garbage after name-addr")
        return NameAddr(text, "", text[1:end].strip(), rest[1:])
    text = text.strip()
    start = _angle(text)
    if start < 0:
        if text.startswith('"'):
            raise ParseError("display name without address")
        uri, _, params = text.partition(";")
        uri = uri.strip()
        if not uri or " " in uri or (":" not in uri and uri != "*"):
            raise ParseError("no URI in name-addr")
        return NameAddr(text, "", uri, params)
    end = text.find(">", start)
    if end < 0:
        raise ParseError("name-addr without >")
    rest = text[end + 1 :].lstrip()
    if rest and rest[0] != ";":
        raise ParseError("garbage after name-addr")
    return NameAddr(text, text[:start].strip(), text[start + 1 : end].strip(), rest[1:])


def _angle(text: str) -> int:
    """Where the `<` of the address is, past a quoted display name; -1 when there is none."""
    if not text.startswith('"'):
        return text.find("<")
    i = 1
    while i < len(text):
        if text[i] == "\\":
            i += 2
            continue
        if text[i] == '"':
            return text.find("<", i)
        i += 1
    raise ParseError("unclosed quote")


def parse_nameaddr_list(text: str) -> list[NameAddr]:
    """A comma-separated list of name-addrs."""
    return [parse_nameaddr(part) for part in split_list(text) if part]


@dataclass(slots=True)
class Via:
    """One Via value (RFC 3261 section 20.42)."""

    text: str
    protocol: str
    """`SIP/2.0`."""
    transport: str
    """As written, `UDP`."""
    host: str
    """IPv6 keeps its brackets."""
    port: int
    """0 when not given."""
    params_text: str
    params: dict[str, str | None] = field(default_factory=dict)

    @property
    def branch(self) -> str:
        return self.params.get("branch") or ""

    @property
    def received(self) -> str:
        return self.params.get("received") or ""

    @property
    def rport(self) -> str | None:
        """None: absent; "": present without a value."""
        if "rport" in self.params:
            return self.params["rport"] or ""
        return None


@lru_cache(maxsize=512)
def _sent_by(text: str) -> tuple[str, str, str, int]:
    """(protocol, transport, host, port) of the part of a Via before its parameters."""
    head = text.replace("\t", " ").strip()
    slash = head.find("/")
    second = head.find("/", slash + 1)
    if slash < 0 or second < 0:
        raise ParseError("bad Via")
    name, version = head[:slash].strip(), head[slash + 1 : second].strip()
    words = head[second + 1 :].split(None, 1)
    if len(words) != 2 or not name or not version:
        raise ParseError("bad Via")
    transport, sent_by = words[0], words[1].replace(" ", "")
    if sent_by.startswith("["):
        close = sent_by.find("]")
        if close < 0:
            raise ParseError("bad host in Via")
        host, rest = sent_by[: close + 1], sent_by[close + 1 :]
    else:
        host, colon, port_text = sent_by.partition(":")
        rest = colon + port_text
    port = 0
    if rest:
        digits = rest[1:]
        if rest[0] != ":" or not digits.isdigit() or len(digits) > 5:
            raise ParseError("bad port in Via")
        port = int(digits)
    if not host:
        raise ParseError("no host in Via")
    return f"{name}/{version}", transport, host, port


def parse_via(text: str) -> Via:
    """Parse one Via value; ParseError when it is unusable."""
    head, _, params = text.partition(";")
    protocol, transport, host, port = _sent_by(head)
    return Via(text, protocol, transport, host, port, params, parse_params(params) if params else {})


# ------------------------------------------------------------------------------------ memoised fields of a message
def top_via(msg: SipMessage) -> Via:
    """The first Via; ParseError when missing or broken."""
    try:
        return msg.__dict__["_top_via"]  # type: ignore[no-any-return]
    except KeyError:
        value = msg.value_of("via")
        if value is None:
            raise ParseError("no Via header") from None
        if "," in value:
            value = split_list(value)[0]
        via = msg.__dict__["_top_via"] = parse_via(value)
        return via


def vias(msg: SipMessage) -> list[Via]:
    """Every Via value, top first."""

    def parse() -> list[Via]:
        return [parse_via(part) for header in msg.headers_of("via") for part in split_list(header.value) if part]

    return msg.lazy("_vias", parse)  # type: ignore[no-any-return]


def _nameaddr(msg: SipMessage, key: str, slot: str) -> NameAddr:
    try:
        return msg.__dict__[slot]  # type: ignore[no-any-return]
    except KeyError:
        value = msg.value_of(key)
        if value is None:
            raise ParseError(f"no {key.capitalize()} header") from None
        made = msg.__dict__[slot] = parse_nameaddr(value)
        return made


def from_field(msg: SipMessage) -> NameAddr:
    """From; ParseError when missing or broken."""
    return _nameaddr(msg, "from", "_from")


def to_field(msg: SipMessage) -> NameAddr:
    """To; ParseError when missing or broken."""
    return _nameaddr(msg, "to", "_to")


def call_id(msg: SipMessage) -> str:
    """Call-ID; ParseError when missing."""
    value = msg.value_of("call-id")
    if not value:
        raise ParseError("no Call-ID header")
    return value


def cseq(msg: SipMessage) -> tuple[int, str]:
    """(number, method) of CSeq; ParseError when missing or broken."""
    try:
        return msg.__dict__["_cseq"]  # type: ignore[no-any-return]
    except KeyError:
        words = (msg.value_of("cseq") or "").split()
        if len(words) != 2 or not words[0].isdigit() or len(words[0]) > 10:
            raise ParseError("bad CSeq header") from None
        made = msg.__dict__["_cseq"] = (int(words[0]), words[1])
        return made


def _list(msg: SipMessage, key: str, slot: str) -> list[NameAddr]:
    try:
        return msg.__dict__[slot]  # type: ignore[no-any-return]
    except KeyError:
        made = [item for header in msg.headers_of(key) for item in parse_nameaddr_list(header.value)]
        msg.__dict__[slot] = made
        return made


def contacts(msg: SipMessage) -> list[NameAddr]:
    """Every Contact instance over all Contact headers."""
    return _list(msg, "contact", "_contacts")


def routes(msg: SipMessage) -> list[NameAddr]:
    """Every Route entry, top first."""
    return _list(msg, "route", "_routes")


def record_routes(msg: SipMessage) -> list[NameAddr]:
    """Every Record-Route entry, top first."""
    return _list(msg, "record-route", "_record_routes")


# ------------------------------------------------------------------------------------------------ authentication
@dataclass(slots=True)
class Credentials:
    """Authorization, Proxy-Authorization or a challenge: scheme and its parameters (quotes removed)."""

    scheme: str
    params: dict[str, str]


def parse_credentials(text: str) -> Credentials:
    """Parse `Digest username="a", realm="b"`; ParseError when there is no scheme."""
    scheme, _, rest = text.strip().partition(" ")
    if not scheme:
        raise ParseError("no authentication scheme")
    params: dict[str, str] = {}
    for part in split_list(rest):
        name, equals, value = part.partition("=")
        if equals:
            value = value.strip()
            if len(value) > 1 and value[0] == '"' and value[-1] == '"':
                value = value[1:-1]
            params.setdefault(name.strip().lower(), value)
    return Credentials(scheme, params)


def credentials(msg: SipMessage) -> Credentials | None:
    """The credentials of Proxy-Authorization, else Authorization."""

    def parse() -> Credentials | None:
        header = msg.header("proxy-authorization") or msg.header("authorization")
        if header is None:
            return None
        try:
            return parse_credentials(header.value)
        except ParseError:
            return None

    return msg.lazy("_credentials", parse)  # type: ignore[no-any-return]
