"""R-URI and next hop: $ru $rU $rd $rp $rP $ou… $du $dd $dp $dP $ds."""

from __future__ import annotations

from runtime import log
from runtime.declare import StrInt, Value
from runtime.sip.message import ParseError, SipMessage
from runtime.sip.uri import Uri, parse_uri
from stdlib.core.functions.uri import change_host
from stdlib.core.module import core
from stdlib.core.variables.common import shown_q

__all__: list[str] = []


def _refuse(what: str) -> bool:
    log.script_error(f"{what}: setting PV failed")
    return False


def _set_ru(msg: SipMessage, value: Value) -> bool:
    if not isinstance(value, str) or not value:
        return _refuse("$ru takes a URI")
    msg.new_uri = str(value)
    return True


@core.variable("ru", "ruri", set=_set_ru)
def ru(msg: SipMessage) -> str | None:
    """The request URI as it is now; NULL in replies and when it is no URI."""
    if not msg.is_request:
        return None
    text = msg.new_uri if msg.new_uri is not None else msg.request_uri
    try:
        parse_uri(text)
    except ParseError as error:
        log.script_error(f"failed to parse the R-URI: {error}")
        return None
    return text


def _ruri(msg: SipMessage) -> Uri | None:
    if not msg.is_request:
        return None
    try:
        return msg.ruri_parsed
    except ParseError:
        return None


def _set_rU(msg: SipMessage, value: Value) -> bool:
    uri = _ruri(msg)
    if uri is None or isinstance(value, int):
        return _refuse("$rU takes text")
    msg.new_uri = uri.replace(user=value or None, password=None if not value else False)
    return True


@core.variable("rU", "ruri.user", set=_set_rU)
def rU(msg: SipMessage) -> str | None:
    """User part of the request URI."""
    uri = _ruri(msg)
    return uri.user if uri is not None else None


def _set_rd(msg: SipMessage, value: Value) -> bool:
    if not msg.is_request or not isinstance(value, str) or not value:
        return _refuse("$rd takes a host")
    return change_host(msg, value)


@core.variable("rd", "ruri.domain", set=_set_rd)
def rd(msg: SipMessage) -> str | None:
    """Host of the request URI."""
    uri = _ruri(msg)
    return (uri.host or None) if uri is not None else None


def _port(uri: Uri | None) -> Value:
    if uri is None:
        return None
    return StrInt(str(uri.port), uri.port) if uri.port else uri.effective_port


def _proto(uri: Uri | None) -> str | None:
    return uri.proto if uri is not None else None


def _set_rp(msg: SipMessage, value: Value) -> bool:
    uri = _ruri(msg)
    if uri is None:
        return _refuse("$rp takes a port")
    text = "0" if value is None else str(value)
    if not text.isdigit() or int(text) > 65535:
        return _refuse("$rp takes a port")
    msg.new_uri = uri.replace(port=int(text))
    return True


@core.variable("rp", "ruri.port", type="strint", set=_set_rp)
def rp(msg: SipMessage) -> Value:
    """Port of the request URI, the default one when it has none."""
    return _port(_ruri(msg))


@core.variable("rP")
def rP(msg: SipMessage) -> str | None:
    """Transport of the request URI."""
    return _proto(_ruri(msg))


def _set_q(msg: SipMessage, value: Value) -> bool:
    if value is not None and (not isinstance(value, int) or value > 1000):
        return _refuse("$ru_q takes 0 to 1000")
    msg.ruri_q = -1 if value is None else value
    return True


@core.variable("ru_q", type="int", set=_set_q)
def ru_q(msg: SipMessage) -> Value:
    """q of the request URI branch × 1000."""
    return msg.ruri_q if msg.is_request else None


# ------------------------------------------------------------------------------------------------------------- original
def _original(msg: SipMessage) -> Uri | None:
    try:
        return parse_uri(msg.request_uri) if msg.is_request else None
    except ParseError:
        return None


@core.variable("ou", "ouri")
def ou(msg: SipMessage) -> str | None:
    """The request URI as received."""
    return msg.request_uri if msg.is_request else None


@core.variable("oU", "ouri.user")
def oU(msg: SipMessage) -> str | None:
    """User part of the received request URI."""
    uri = _original(msg)
    return uri.user if uri is not None else None


@core.variable("od", "ouri.domain")
def od(msg: SipMessage) -> str | None:
    """Host of the received request URI."""
    uri = _original(msg)
    return (uri.host or None) if uri is not None else None


@core.variable("op", "ouri.port", type="strint")
def op(msg: SipMessage) -> Value:
    """Port of the received request URI."""
    return _port(_original(msg))


@core.variable("oP")
def oP(msg: SipMessage) -> str | None:
    """Transport of the received request URI."""
    return _proto(_original(msg))


# ------------------------------------------------------------------------------------------------------------- next hop
def _set_du(msg: SipMessage, value: Value) -> bool:
    if value is None:
        msg.dst_uri = None
        return True
    if not isinstance(value, str) or not value:
        return _refuse("$du takes a URI")
    msg.dst_uri = str(value)
    return True


@core.variable("du", "duri", set=_set_du)
def du(msg: SipMessage) -> str | None:
    """The next hop, when it is not the request URI."""
    return msg.dst_uri


def _destination(msg: SipMessage) -> Uri | None:
    try:
        return parse_uri(msg.dst_uri) if msg.dst_uri else None
    except ParseError:
        return None


def _set_dd(msg: SipMessage, value: Value) -> bool:
    if not isinstance(value, str) or not value:
        return _refuse("$dd takes a host")
    uri = _destination(msg)
    msg.dst_uri = uri.replace(host=value) if uri is not None else f"sip:{value}"
    return True


@core.variable("dd", "duri.domain", set=_set_dd)
def dd(msg: SipMessage) -> str | None:
    """Host of the next hop."""
    uri = _destination(msg)
    return uri.host if uri is not None else None


def _set_dp(msg: SipMessage, value: Value) -> bool:
    uri = _destination(msg)
    text = "0" if value is None else str(value)
    if uri is None or not text.isdigit() or int(text) > 65535:
        return _refuse("$dp takes a port, and a $du to put it in")
    msg.dst_uri = uri.replace(port=int(text))
    return True


@core.variable("dp", "duri.port", type="strint", set=_set_dp)
def dp(msg: SipMessage) -> Value:
    """Port of the next hop."""
    return _port(_destination(msg))


@core.variable("dP")
def dP(msg: SipMessage) -> str | None:
    """Transport of the next hop."""
    return _proto(_destination(msg))


@core.variable("ds")
def ds(msg: SipMessage) -> str | None:
    """The destination set as a Contact header: the request URI when it was changed, then the additional branches."""
    shown = [_contact(branch.uri, branch.q) for branch in msg.branches]
    if msg.new_uri is not None:
        shown.insert(0, _contact(msg.new_uri, msg.ruri_q))
    return f"Contact: {', '.join(shown)}" if shown else None


def _contact(uri: str, q: int) -> str:
    return f"<{uri}>;q={shown_q(q)}" if q >= 0 else f"<{uri}>"
