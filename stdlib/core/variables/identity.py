"""From, To, Call-ID, CSeq, asserted identities, credentials."""

from __future__ import annotations

from runtime.declare import Value
from runtime.sip import fields
from runtime.sip.fields import NameAddr
from runtime.sip.message import ParseError, SipMessage
from runtime.sip.uri import Uri, parse_uri
from stdlib.core.module import core

__all__: list[str] = []


def _from(msg: SipMessage) -> NameAddr | None:
    try:
        return fields.from_field(msg)
    except ParseError:
        return None


def _to(msg: SipMessage) -> NameAddr | None:
    try:
        return fields.to_field(msg)
    except ParseError:
        return None


def _uri(address: NameAddr | None) -> Uri | None:
    try:
        return parse_uri(address.uri) if address is not None else None
    except ParseError:
        return None


@core.variable("fu", "from")
def fu(msg: SipMessage) -> str | None:
    """URI of From."""
    found = _from(msg)
    return found.uri if found is not None else None


@core.variable("fU", "from.user")
def fU(msg: SipMessage) -> str | None:
    """User part of the From URI."""
    uri = _uri(_from(msg))
    return uri.user if uri is not None else None


@core.variable("fd", "from.domain")
def fd(msg: SipMessage) -> str | None:
    """Host of the From URI."""
    uri = _uri(_from(msg))
    return uri.host if uri is not None else None


@core.variable("fn")
def fn(msg: SipMessage) -> str | None:
    """Display name of From, with its quotes."""
    found = _from(msg)
    return (found.display or None) if found is not None else None


@core.variable("ft")
def ft(msg: SipMessage) -> str | None:
    """Tag of From."""
    found = _from(msg)
    return found.tag if found is not None else None


@core.variable("tu", "to")
def tu(msg: SipMessage) -> str | None:
    """URI of To."""
    found = _to(msg)
    return found.uri if found is not None else None


@core.variable("tU", "to.user")
def tU(msg: SipMessage) -> str | None:
    """User part of the To URI."""
    uri = _uri(_to(msg))
    return uri.user if uri is not None else None


@core.variable("td", "to.domain")
def td(msg: SipMessage) -> str | None:
    """Host of the To URI."""
    uri = _uri(_to(msg))
    return uri.host if uri is not None else None


@core.variable("tn")
def tn(msg: SipMessage) -> str | None:
    """Display name of To, with its quotes."""
    found = _to(msg)
    return (found.display or None) if found is not None else None


@core.variable("tt")
def tt(msg: SipMessage) -> str | None:
    """Tag of To."""
    found = _to(msg)
    return found.tag if found is not None else None


@core.variable("ci")
def ci(msg: SipMessage) -> str | None:
    """Call-ID."""
    return msg.value_of("call-id")


@core.variable("cs")
def cs(msg: SipMessage) -> str | None:
    """Number of CSeq, as text."""
    value = msg.value_of("cseq")
    return value.split()[0] if value else None


# --------------------------------------------------------------------------------------------- identities and others
def _header_uri(msg: SipMessage, key: str) -> NameAddr | None:
    header = msg.header(key)
    if header is None:
        return None
    try:
        return fields.parse_nameaddr(fields.split_list(header.value)[0])
    except ParseError:
        return None


def _simple(name: str, key: str, doc: str) -> None:
    def get(msg: SipMessage) -> str | None:
        found = _header_uri(msg, key)
        return found.uri if found is not None else None

    get.__name__, get.__doc__ = name, doc
    core.variable(name)(get)


_simple("ai", "p-asserted-identity", "URI of P-Asserted-Identity.")
_simple("re", "remote-party-id", "URI of Remote-Party-ID.")
_simple("rt", "refer-to", "URI of Refer-To.")
_simple("di", "diversion", "URI of Diversion.")
_simple("pu", "p-preferred-identity", "URI of P-Preferred-Identity.")


def _diversion(name: str, parameter: str) -> None:
    def get(msg: SipMessage) -> str | None:
        found = _header_uri(msg, "diversion")
        return found.params.get(parameter) if found is not None else None

    get.__name__, get.__doc__ = name, f"Parameter {parameter} of Diversion."
    core.variable(name)(get)


_diversion("dir", "reason")
_diversion("dip", "privacy")


@core.variable("pU")
def pU(msg: SipMessage) -> str | None:
    """User part of P-Preferred-Identity."""
    uri = _uri(_header_uri(msg, "p-preferred-identity"))
    return uri.user if uri is not None else None


@core.variable("pd")
def pd(msg: SipMessage) -> str | None:
    """Host of P-Preferred-Identity."""
    uri = _uri(_header_uri(msg, "p-preferred-identity"))
    return uri.host if uri is not None else None


@core.variable("pn")
def pn(msg: SipMessage) -> str | None:
    """Display name of P-Preferred-Identity."""
    found = _header_uri(msg, "p-preferred-identity")
    return (found.display or None) if found is not None else None


@core.variable("path")
def path(msg: SipMessage) -> str | None:
    """The Path vector of the message."""
    return msg.path_vector


# ------------------------------------------------------------------------------------------------------- credentials
def _credential(name: str, parameter: str, doc: str, *aliases: str) -> None:
    def get(msg: SipMessage) -> str | None:
        if msg.method in ("ACK", "CANCEL"):
            return None
        found = fields.credentials(msg)
        return (found.params.get(parameter) or None) if found is not None else None

    get.__name__, get.__doc__ = name.replace(".", "_"), doc
    core.variable(name, *aliases)(get)


for _name, _parameter in (
    ("au", "username"), ("ar", "realm"), ("adu", "uri"), ("auth.nonce", "nonce"), ("auth.resp", "response"),
    ("auth.cnonce", "cnonce"), ("auth.opaque", "opaque"), ("auth.alg", "algorithm"), ("auth.qop", "qop"),
    ("auth.nc", "nc"),
):  # fmt: skip
    _doc = f"`{_parameter}` of the credentials in Proxy-Authorization or Authorization."
    _credential(_name, _parameter, _doc, *(["an"] if _name == "auth.nonce" else []))


def _user_of_credentials(msg: SipMessage) -> tuple[str, str]:
    if msg.method in ("ACK", "CANCEL"):
        return "", ""
    found = fields.credentials(msg)
    user, _, host = (found.params.get("username", "") if found is not None else "").partition("@")
    return user, host


@core.variable("aU")
def aU(msg: SipMessage) -> str | None:
    """User part of the credentials' user name."""
    return _user_of_credentials(msg)[0] or None


@core.variable("ad")
def ad(msg: SipMessage) -> str | None:
    """Domain part of the credentials' user name."""
    return _user_of_credentials(msg)[1] or None


@core.variable("Au")
def Au(msg: SipMessage) -> Value:
    """The accounting user: user@realm of the credentials, else user@host of From."""
    found = fields.credentials(msg)
    if found is not None and found.params.get("username"):
        user = found.params["username"]
        return user if "@" in user else f"{user}@{found.params.get('realm', '')}"
    uri = _uri(_from(msg))
    return f"{uri.user}@{uri.host}" if uri is not None and uri.user else None


def _challenge(name: str, parameter: str) -> None:
    def get(msg: SipMessage) -> str | None:
        header = msg.header("www-authenticate") or msg.header("proxy-authenticate")
        if header is None:
            return None
        try:
            return fields.parse_credentials(header.value).params.get(parameter)
        except ParseError:
            return None

    get.__name__, get.__doc__ = name.replace(".", "_"), f"`{parameter}` of the challenge in a 401 or 407."
    core.variable(name)(get)


for _word in ("algorithm", "realm", "nonce", "opaque", "qop", "ik", "ck"):
    _challenge(f"challenge.{_word}", _word)
