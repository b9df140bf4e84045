"""Parameters, statistics and what saving and looking up have in common."""

from __future__ import annotations

import base64
from functools import lru_cache
from typing import TYPE_CHECKING

from runtime.declare import Module
from runtime.sip.message import ParseError
from runtime.sip.uri import parse_uri
from stdlib import usrloc

if TYPE_CHECKING:
    from runtime.sip.message import SipMessage

__all__ = ["Flags", "Refusal", "Target", "accepted_regs", "extract_aor", "module", "rejected_regs", "temp_gruu"]

module = Module(
    "registrar", "Registration and look-up of contacts, RFC 3261 section 10.", requires=("usrloc", "signaling")
)

default_expires = module.parameter(
    "default_expires", int, 3600, "Life of a contact that names none.", unit="s", hot="now"
)
default_q = module.parameter("default_q", int, -1, "q of contacts without one, × 1000; -1: none.", hot="now")
case_sensitive = module.parameter("case_sensitive", int, 1, "User names differ in case.", hot="now")
tcp_persistent_flag = module.parameter(
    "tcp_persistent_flag", str, None, "Message flag: keep the TCP connection as long as the binding lives.", hot="now"
)
realm_prefix = module.parameter("realm_prefix", str, "", "Taken off the front of the domain of an AoR.", hot="now")
min_expires = module.parameter("min_expires", int, 60, "Shorter lives are raised to this.", unit="s", hot="now")
max_expires = module.parameter(
    "max_expires", int, 0, "Longer lives are cut to this; 0: no limit.", unit="s", hot="now"
)
expires_max_deviation = module.parameter(
    "expires_max_deviation", int, 0, "Random deviation of lives, to spread refreshes.", unit="s", hot="now"
)
received_param = module.parameter(
    "received_param", str, "received", "Contact parameter that shows the received address in replies.", hot="now"
)
received_avp = module.parameter("received_avp", str, None, "AVP with the address a contact is reached at.")
retry_after = module.parameter(
    "retry_after", int, 0, "Retry-After of 5xx replies; 0: none.", unit="s", hot="now"
)
sock_hdr_name = module.parameter("sock_hdr_name", str, None, "Header that names the socket (flag socket-header).")
mcontact_avp = module.parameter("mcontact_avp", str, None, "AVP with the contact an upstream registrar was given.")
attr_avp = module.parameter("attr_avp", str, None, "AVP with attributes kept with the contact.")
gruu_secret = module.parameter("gruu_secret", str, "0p3nS1pS", "Secret that scrambles temporary GRUUs.")
disable_gruu = module.parameter("disable_gruu", int, 1, "Do not hand out GRUUs.", hot="now")
max_contacts = module.parameter("max_contacts", int, 0, "Contacts an AoR may have; 0: any number.", hot="now")
max_username_len = module.parameter("max_username_len", int, 64, "Longest user part.", unit="bytes", hot="now")
max_domain_len = module.parameter("max_domain_len", int, 64, "Longest domain.", unit="bytes", hot="now")
max_aor_len = module.parameter("max_aor_len", int, 256, "Longest address of record.", unit="bytes", hot="now")
max_contact_len = module.parameter("max_contact_len", int, 255, "Longest contact URI.", unit="bytes", hot="now")
allow_dup_cseq = module.parameter("allow_dup_cseq", int, 1, "Accept a refresh with the same CSeq.", hot="now")

accepted_regs = module.statistic("accepted_regs", "REGISTER requests accepted.")
rejected_regs = module.statistic("rejected_regs", "REGISTER requests refused.")
module.statistic("max_expires", "The max_expires in force.", read=lambda: int(max_expires.value))
module.statistic("max_contacts", "The max_contacts in force.", read=lambda: int(max_contacts.value))
module.statistic("default_expire", "The default_expires in force.", read=lambda: int(default_expires.value))


class Refusal(Exception):
    """A REGISTER that is answered with an error: status, and the text of P-Registrar-Error."""

    def __init__(self, status: int, error: str) -> None:
        super().__init__(error)
        self.status = status
        self.error = error


class Flags:
    """A comma-separated flag list: `name` and `name=value` words."""

    __slots__ = ("values", "words")

    def __init__(self, text: str, words: frozenset[str], keyed: frozenset[str]) -> None:
        self.words: set[str] = set()
        self.values: dict[str, str] = {}
        for item in _split_flags(text):
            name, equals, value = item.partition("=")
            name = name.strip()
            if equals and name in keyed:
                self.values[name] = value.strip()
            elif not equals and name in words:
                self.words.add(name)
            else:
                raise ValueError(f"Unknown flag: {name}")


def _split_flags(text: str) -> list[str]:
    """Split at commas that are not inside /…/."""
    parts: list[str] = []
    current, inside = "", False
    for char in text:
        if char == "/":
            inside = not inside
        if char == "," and not inside:
            parts.append(current)
            current = ""
        else:
            current += char
    parts.append(current)
    return [part.strip() for part in parts if part.strip()]


def avp_name(parameter: str | None) -> str:
    """`rcv` for `$avp(rcv)`; "" when not set."""
    if not parameter:
        return ""
    if parameter.startswith("$avp(") and parameter.endswith(")"):
        return parameter[5:-1]
    return parameter


def avp_value(msg: SipMessage, name: str) -> str:
    """The newest value of an AVP as text, "" when there is none."""
    found = msg.avps.get(name) if name else None
    return str(found[0]) if found else ""


class Target:
    """What an address-of-record URI means: the record's key, and the instance or call a GRUU singles out."""

    __slots__ = ("aor", "call_id", "instance")

    def __init__(self, aor: str, instance: str = "", call_id: str = "") -> None:
        self.aor = aor
        self.instance = instance
        self.call_id = call_id


_TEMP_GRUU = "tgruu."


def _scramble(data: bytes) -> bytes:
    secret = (gruu_secret.value or "0p3nS1pS").encode("latin-1")
    return bytes(byte ^ secret[i % len(secret)] for i, byte in enumerate(data))


def temp_gruu(aor: str, instance: str, call_id: str, when: int) -> str:
    """User part of a temporary GRUU (RFC 5627 section 3.2)."""
    plain = f"{when} {aor} {instance[1:-1]} {call_id}".encode("latin-1")
    return _TEMP_GRUU + base64.b64encode(_scramble(plain)).decode()


def _unescape(text: str) -> str:
    if "%" not in text:
        return text
    out, i = [], 0
    while i < len(text):
        if text[i] != "%":
            out.append(text[i])
            i += 1
            continue
        try:
            value = int(text[i + 1 : i + 3], 16)
        except ValueError:
            raise Refusal(400, "Error while unescaping username") from None
        if len(text) < i + 3 or not 32 <= value <= 126:
            raise Refusal(400, "Error while unescaping username")
        out.append(chr(value))
        i += 3
    return "".join(out)


@lru_cache(maxsize=4096)
def _key(uri: str, with_domain: int, sensitive: int, prefix: str, limits: tuple[int, int, int]) -> str:
    try:
        parsed = parse_uri(uri)
    except ParseError:
        raise Refusal(400, "Error while parsing AOR") from None
    user, host = parsed.user or "", parsed.host
    if len(user) + len(host) + 1 > limits[0] or len(user) > limits[1] or len(host) > limits[2]:
        raise Refusal(500, "Address Of Record too long")
    user = _unescape(user)
    if not sensitive:
        user = user.lower()
    if not with_domain:
        return user
    if prefix and len(prefix) < len(host) and host.startswith(prefix):
        host = host[len(prefix) :]
    return f"{user}@{host.lower()}" if user else host.lower()


def extract_aor(uri: str) -> Target:
    """The record a URI names (RFC 3261 section 10.3 step 5).

    Raises Refusal when it is no URI or is too long.
    """
    limits = (max_aor_len.value, max_username_len.value, max_domain_len.value)
    if ";gr" in uri:
        try:
            parsed = parse_uri(uri)
        except ParseError:
            raise Refusal(400, "Error while parsing AOR") from None
        if "gr" in parsed.params:
            if (parsed.user or "").startswith(_TEMP_GRUU):
                return _from_temp_gruu(parsed.user or "")
            key = _key(uri, usrloc.use_domain.value, case_sensitive.value, realm_prefix.value, limits)
            return Target(key, instance=parsed.params["gr"] or "")
    return Target(_key(uri, usrloc.use_domain.value, case_sensitive.value, realm_prefix.value, limits))


def _from_temp_gruu(user: str) -> Target:
    try:
        plain = _scramble(base64.b64decode(user[len(_TEMP_GRUU) :], validate=True)).decode("latin-1")
        _, aor, instance, call_id = plain.split(" ", 3)
    except ValueError:
        raise Refusal(400, "Error while parsing AOR") from None
    return Target(aor, instance, call_id)


@module.init
def check_settings() -> None:
    """Bring the expiry parameters into line with each other, as OpenSIPS does."""
    if max_expires.value and max_expires.value < min_expires.value:
        max_expires.value = min_expires.value
    default_expires.value = max(default_expires.value, min_expires.value)
    if max_expires.value:
        default_expires.value = min(default_expires.value, max_expires.value)
    if default_q.value != -1:
        default_q.value = min(max(default_q.value, 0), 1000)
    expires_max_deviation.value = abs(expires_max_deviation.value)
