"""SIP, SIPS and TEL URIs (RFC 3261 section 19, RFC 3966): parsing, comparison of parts, changed copies."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache

__all__ = ["DEFAULT_PORTS", "ParseError", "Uri", "parse_uri"]

DEFAULT_PORTS = {"udp": 5060, "tcp": 5060, "sctp": 5060, "tls": 5061, "ws": 80, "wss": 443}

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
_HOST = re.compile(r"\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+")
_USUAL = re.compile(
    r"""(sips?):(?:([^@:;?\s<>"]+)@)?([A-Za-z0-9._-]+)(?::([0-9]{1,4}))?(?:;([^?@\s<>]*))?"""
)
"""What nearly every SIP URI looks like; the rest is taken apart step by step."""
_BAD_USER = re.compile(r"[\s<>\"]")


class ParseError(Exception):
    """A message, URI or field that cannot be used.  `status` is the response RFC 3261 asks for (400 as a rule)."""

    def __init__(self, reason: str, status: int = 400) -> None:
        super().__init__(reason)
        self.reason = reason
        self.status = status


@dataclass(slots=True)
class Uri:
    """A parsed URI.  Never changed, since it is shared between messages; `replace` makes changed copies.

    (Not `frozen`: that makes each of them dearer than the rest of parsing.)
    """

    text: str
    scheme: str
    """Lower case: sip, sips, tel, urn…"""
    user: str | None
    password: str | None
    host: str
    """IPv6 keeps its brackets; "" for tel and others."""
    port: int
    """0 when not given."""
    params_text: str
    """After the host, without the leading `;`."""
    headers_text: str
    """After `?`."""
    params: dict[str, str | None] = field(compare=False, hash=False)
    """Lower-case names; None for a parameter without a value."""

    @property
    def proto(self) -> str:
        """Transport that the URI asks for: its transport parameter, else tls for sips, else udp."""
        stated = self.params.get("transport")
        if stated:
            stated = stated.lower()
            if self.scheme == "sips":
                return {"tcp": "tls", "ws": "wss"}.get(stated, stated)
            return stated
        return "tls" if self.scheme == "sips" else "udp"

    @property
    def effective_port(self) -> int:
        """The port, or the default one of the transport."""
        return self.port or DEFAULT_PORTS.get(self.proto, 5060)

    def replace(
        self,
        *,
        user: str | bool | None = False,
        password: str | bool | None = False,
        host: str | None = None,
        port: int | None = None,
    ) -> str:
        """The text with parts changed.  user/password: a string, or None to remove; host: a string; port: 0 removes."""
        new_user = self.user if isinstance(user, bool) else user
        new_password = self.password if isinstance(password, bool) else password
        text = f"{self.scheme_text}:"
        if new_user:
            text += new_user
            if new_password is not None:
                text += f":{new_password}"
            text += "@"
        text += self.host if host is None else host
        new_port = self.port if port is None else port
        if new_port:
            text += f":{new_port}"
        if self.params_text:
            text += f";{self.params_text}"
        if self.headers_text:
            text += f"?{self.headers_text}"
        return text

    @property
    def scheme_text(self) -> str:
        """The scheme as written."""
        return self.text[: len(self.scheme)]


def _params(text: str) -> dict[str, str | None]:
    found: dict[str, str | None] = {}
    for part in text.split(";"):
        if part:
            name, equals, value = part.partition("=")
            found.setdefault(name.strip().lower(), value.strip() if equals else None)
    return found


@lru_cache(maxsize=8192)
def parse_uri(text: str) -> Uri:
    """Parse a URI; ParseError when it is none.  Results are cached and shared."""
    usual = _USUAL.fullmatch(text)
    if usual is not None:
        scheme, user, host, digits, params = usual.groups()
        return Uri(text, scheme, user, None, host, int(digits or 0), params or "", "", _params(params) if params else {})
    return _parse_any(text)


def _parse_any(text: str) -> Uri:
    """Parse a URI of any shape."""
    match = _SCHEME.match(text)
    if match is None:
        raise ParseError(f"no scheme in URI <{text[:80]}>")
    scheme = match[1].lower()
    rest = text[match.end() :]
    if scheme not in ("sip", "sips"):
        if scheme == "tel":
            number, _, params = rest.partition(";")
            if not number:
                raise ParseError("empty tel URI")
            return Uri(text, scheme, number, None, "", 0, params, "", _params(params))
        if scheme == "urn":
            # emergency services (RFC 5031) and NENA: what stands behind the name space is the service
            service = re.match(r"(?:nena:)?service:([^;?]+)", rest)
            if service is None:
                raise ParseError(f"not a service URN <{text[:80]}>")
            return Uri(text, scheme, None, None, service[1], 0, "", "", {})
        if not rest:
            raise ParseError(f"empty URI <{text[:80]}>")
        return Uri(text, scheme, None, None, "", 0, "", "", {})
    user: str | None = None
    password: str | None = None
    at = rest.rfind("@", 0, _end_of_userinfo(rest))
    if at >= 0:
        user, colon, secret = rest[:at].partition(":")
        if colon:
            password = secret
        if not user or _BAD_USER.search(user):
            raise ParseError(f"bad user part in URI <{text[:80]}>")
        rest = rest[at + 1 :]
    found = _HOST.match(rest)
    if found is None:
        raise ParseError(f"no host in URI <{text[:80]}>")
    at = found.end()
    port = 0
    if rest.startswith(":", at):
        end = at + 1
        while end < len(rest) and rest[end].isdigit():
            end += 1
        digits = rest[at + 1 : end]
        if len(digits) > 5 or int(digits or 0) > 65535:
            raise ParseError(f"bad port in URI <{text[:80]}>")
        port = int(digits or 0)
        at = end
    params = headers = ""
    if at < len(rest):
        if rest[at] == ";":
            params, _, headers = rest[at + 1 :].partition("?")
        elif rest[at] == "?":
            headers = rest[at + 1 :]
        else:
            raise ParseError(f"unexpected {rest[at]!r} in URI <{text[:80]}>")
        if any(char in params for char in "\r\n<>"):
            raise ParseError(f"bad parameters in URI <{text[:80]}>")
    return Uri(text, scheme, user, password, found[0], port, params, headers, _params(params) if params else {})


def _end_of_userinfo(rest: str) -> int:
    """Where an @ can still end the user part: before the headers."""
    question = rest.find("?")
    at = rest.find("@")
    if question < 0 or at < question:
        # `?` is legal inside the user part, so the last @ before the next `?` after it decides
        after = rest.find("?", at) if at >= 0 else -1
        return after if after >= 0 else len(rest)
    return len(rest)
