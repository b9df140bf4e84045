"""A SIP message as it is processed: the received text, a header index, and what a script has decided about it.

Parsing (RFC 3261 section 7) finds the first line and the header lines only; fields are parsed when asked for and kept.
The text is never changed: edits are collected in `edits` and applied when the message is built (runtime.sip.build), so
that scripts read what was received, as OpenSIPS's lumps do.

stdlib declares every `$variable`, which adds a property or method of that name to this class (runtime.declare); the
attributes defined here have longer names than any variable.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from runtime.declare import Routes
from runtime.sip.uri import ParseError, Uri, parse_uri

if TYPE_CHECKING:
    from runtime.core import Listener, Received
    from runtime.generation import Generation
    from runtime.sip.edits import Edits

__all__ = ["COMPACT", "Branch", "Header", "ParseError", "SipMessage"]

COMPACT = {
    "i": "call-id", "m": "contact", "e": "content-encoding", "l": "content-length", "c": "content-type", "f": "from",
    "s": "subject", "k": "supported", "t": "to", "v": "via", "u": "allow-events", "o": "event", "r": "refer-to",
    "b": "referred-by", "x": "session-expires", "a": "accept-contact", "j": "reject-contact", "d": "request-disposition",
    "y": "identity", "n": "identity-info",
}  # fmt: skip
"""Compact header names (RFC 3261 section 7.3.3 and the IANA registry)."""


@dataclass(slots=True)
class Header:
    """One header field line of the received text."""

    key: str
    """Lower-case long name: `via` for `Via`, `v` and `VIA`."""
    name: str
    """As written."""
    value: str
    """Folding undone, surrounding blanks gone."""
    start: int
    """Offset of the name in the message text."""
    end: int
    """Offset after the line's CRLF."""


@dataclass(slots=True)
class Branch:
    """An additional branch of the destination set (the R-URI itself is branch 0 and lives on the message)."""

    uri: str
    dst_uri: str | None = None
    path: str | None = None
    q: int = -1
    """q value × 1000; -1 when not given."""
    flags: set[str] = field(default_factory=set)
    socket: Listener | None = None
    attrs: dict[str, Any] = field(default_factory=dict)
    received: str = ""


class SipMessage:
    """One message and its processing state.

    Make it with `parse_message(data, received)` of runtime.sip.parser.  Attributes whose description says *lazy* are
    parsed at first use; they raise ParseError when the field is unusable.
    """

    __slots__ = (
        "__dict__",  # memoised lazy fields, transaction and module state
        "avps",
        "body_start",
        "branch_flags",
        "branches",
        "dst_uri",
        "edits",
        "flags",
        "force_socket",
        "generation",
        "header_index",
        "is_request",
        "method",
        "new_uri",
        "path_vector",
        "rc",
        "reason",
        "received",
        "request_uri",
        "route_kind",
        "ruri_q",
        "status",
        "text",
        "transaction",
    )

    text: str
    """The whole message as received."""
    is_request: bool
    method: str
    """Request method; of a reply, the method of its CSeq."""
    request_uri: str
    """As received; "" in replies."""
    status: int
    """0 in requests."""
    reason: str
    received: Received
    header_index: dict[str, list[Any]]
    """Header lines by key, in order of appearance: (start, colon, end) until a Header is asked for."""
    body_start: int
    """Offset of the first body byte; len(text) when there is none."""

    # ---- what the script decided
    new_uri: str | None
    """The R-URI after edits; None: as received.  Read it through `current_uri`."""
    dst_uri: str | None
    """`$du`."""
    path_vector: str | None
    """Route set for branch 0, from Path (RFC 3327): text of a Route header value."""
    ruri_q: int
    """q of branch 0 × 1000, -1 when not set."""
    force_socket: Listener | None
    flags: set[str]
    """Message flags set by name."""
    branch_flags: set[str]
    """Flags of branch 0."""
    branches: list[Branch]
    """Additional branches."""
    avps: dict[str, list[Any]]
    """`$avp`: newest value first.  Shared with the transaction once there is one."""
    edits: Edits | None
    """None until the first edit."""
    rc: int
    """`$rc` where the script reads it."""
    route_kind: Routes
    """Kind of the top route being run."""
    generation: Generation | None
    """The generation this message is processed by."""
    transaction: Any
    """The transaction it belongs to (runtime.transaction), None so far."""

    def __init__(self) -> None:
        self.text = ""
        self.is_request = True
        self.method = ""
        self.request_uri = ""
        self.status = 0
        self.reason = ""
        self.header_index = {}
        self.body_start = 0
        self.new_uri = None
        self.dst_uri = None
        self.path_vector = None
        self.ruri_q = -1
        self.force_socket = None
        self.flags = set()
        self.branch_flags = set()
        self.branches = []
        self.avps = {}
        self.edits = None
        self.rc = 0
        self.route_kind = Routes.REQUEST
        self.generation = None
        self.transaction = None

    if TYPE_CHECKING:
        # Variables declared by stdlib: msg.rU, msg.hdr("X"), msg.set_avp(...)
        def __getattr__(self, name: str) -> Any: ...

    # -------------------------------------------------------------------------------------------------- headers
    def header(self, key: str) -> Header | None:
        """The first header of this lower-case long name."""
        found = self.header_index.get(key)
        if not found:
            return None
        first = found[0]
        if type(first) is tuple:
            first = found[0] = self._header(key, first)
        return first  # type: ignore[no-any-return]

    def headers_of(self, key: str) -> list[Header]:
        """All headers of this lower-case long name, in order."""
        found = self.header_index.get(key)
        if not found:
            return []
        for i, item in enumerate(found):
            if type(item) is tuple:
                found[i] = self._header(key, item)
        return found

    def value_of(self, key: str) -> str | None:
        """The value of the first header of this name, None when there is none."""
        found = self.header_index.get(key)
        if not found:
            return None
        first = found[0]
        if type(first) is not tuple:
            return first.value  # type: ignore[no-any-return]
        value = self.text[first[1] + 1 : first[2]].strip()
        if "\n" in value:
            value = " ".join(part.strip() for part in value.splitlines())
        return value

    def line_of(self, key: str) -> str:
        """The first header line of this name as received, with its CRLF; "" when there is none."""
        found = self.header_index.get(key)
        if not found:
            return ""
        first = found[0]
        if type(first) is tuple:
            return self.text[first[0] : first[2]]
        return self.text[first.start : first.end]

    @property
    def headers(self) -> list[Header]:
        """Every header line in order of appearance."""
        return sorted((h for key in self.header_index for h in self.headers_of(key)), key=lambda h: h.start)

    def _header(self, key: str, place: tuple[int, int, int]) -> Header:
        start, colon, end = place
        value = self.text[colon + 1 : end].strip()
        if "\n" in value:
            value = " ".join(part.strip() for part in value.splitlines())
        return Header(key, self.text[start:colon].rstrip(), value, start, end)

    @property
    def body(self) -> str:
        return self.text[self.body_start :]

    # --------------------------------------------------------------------------------------- addressing (R-URI)
    @property
    def current_uri(self) -> str:
        """The R-URI as the script has it now."""
        return self.new_uri if self.new_uri is not None else self.request_uri

    @property
    def ruri_parsed(self) -> Uri:
        """The current R-URI, parsed (memoised by runtime.sip.uri).  ParseError when it is not a URI."""
        return parse_uri(self.new_uri if self.new_uri is not None else self.request_uri)

    def lazy(self, name: str, parse: Any, *arguments: Any) -> Any:
        """`self.__dict__[name]`, computed once by `parse(*arguments)`."""
        try:
            return self.__dict__[name]
        except KeyError:
            made = self.__dict__[name] = parse(*arguments)
            return made
