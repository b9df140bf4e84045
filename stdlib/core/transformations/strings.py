"""{s.…}: strings; {re.subst}."""

from __future__ import annotations

import base64
import binascii
import calendar
import hashlib
import hmac
import re
import time
import zlib
from functools import lru_cache
from typing import TYPE_CHECKING, Annotated

from runtime import log
from runtime.declare import Check, Constant, Value
from runtime.substitution import Substitution, parse_substitution
from stdlib.core.module import core

if TYPE_CHECKING:
    from runtime.sip.message import SipMessage

__all__: list[str] = []


@core.transformation("s", "len", type="int")
def s_len(value: str) -> Value:
    """Length in bytes."""
    return len(value)


@core.transformation("s", "int", type="any")
def s_int(value: str) -> Value:
    """The leading integer, 0 when there is none; prints as the original text."""
    match = re.match(r"[+-]?\d+", value)
    number = int(match[0]) if match else 0
    number &= 0xFFFFFFFF
    number = number - (1 << 32) if number >= 1 << 31 else number
    return number if str(number) == value else _IntText(value, number)


class _IntText(int):
    """An integer that prints as the text it came from."""

    text: str

    def __new__(cls, text: str, number: int) -> _IntText:
        self = super().__new__(cls, number)
        self.text = text
        return self

    def __str__(self) -> str:
        return self.text


def _digest(name: str) -> None:
    def digest(value: str) -> Value:
        return hashlib.new(name, value.encode("latin-1"), usedforsecurity=False).hexdigest()

    digest.__name__, digest.__doc__ = f"s_{name}", f"{name} of the text, in hexadecimal."
    globals()[digest.__name__] = core.transformation("s", name)(digest)

    def keyed(value: str, key: str) -> Value:
        return hmac.new(key.encode("latin-1"), value.encode("latin-1"), name).hexdigest()

    if name != "md5":
        keyed.__name__, keyed.__doc__ = f"s_{name}_hmac", f"HMAC with {name}, in hexadecimal."
        globals()[keyed.__name__] = core.transformation("s", f"{name}_hmac")(keyed)


for _name in ("md5", "sha1", "sha224", "sha256", "sha384", "sha512"):
    _digest(_name)


@core.transformation("s", "crc32")
def s_crc32(value: str) -> Value:
    """CRC-32 as decimal text."""
    return str(zlib.crc32(value.encode("latin-1")))


_LOWER = {c: c + 32 for c in range(65, 91)}
_UPPER = {c: c - 32 for c in range(97, 123)}


@core.transformation("s", "tolower")
def s_tolower(value: str) -> Value:
    """ASCII letters in lower case."""
    return value.lower() if value.isascii() else value.translate(_LOWER)


@core.transformation("s", "toupper")
def s_toupper(value: str) -> Value:
    """ASCII letters in upper case."""
    return value.upper() if value.isascii() else value.translate(_UPPER)


@core.transformation("s", "reverse")
def s_reverse(value: str) -> Value:
    """The text backwards."""
    return value[::-1]


@core.transformation("s", "substr")
def s_substr(value: str, offset: int, length: int) -> Value:
    """Part of the text: offset from the end when negative; length 0 is the rest, negative stops before the end."""
    size = len(value)
    start = offset if offset >= 0 else size + offset
    if not 0 <= start < size:
        return None
    if length > 0:
        return value[start : start + length]
    end = size + length
    if end < start:
        log.script_error(f"{{s.substr,{offset},{length}}}: nothing left of {size} characters")
        return None
    return value[start:end]


@core.transformation("s", "select")
def s_select(value: str, index: int, separator: str) -> Value:
    """A field of the text; the separator is one character."""
    fields = value.split(separator[:1]) if separator else [value]
    return fields[index] if -len(fields) <= index < len(fields) else None


def _start(value: str, offset: int) -> int:
    return offset % len(value) if offset < 0 and value else offset


@core.transformation("s", "index", type="int")
def s_index(value: str, needle: str, offset: int = 0) -> Value:
    """Where the needle first occurs, NULL when it does not."""
    found = value.find(needle, _start(value, offset))
    return found if found >= 0 else None


@core.transformation("s", "rindex", type="int")
def s_rindex(value: str, needle: str, offset: int | None = None) -> Value:
    """Where the needle last occurs at or before the offset, NULL when it does not."""
    end = len(value) if offset is None else _start(value, offset) + len(needle)
    found = value.rfind(needle, 0, end)
    return found if found >= 0 else None


@core.transformation("s", "encode.hexa")
def s_encode_hexa(value: str) -> Value:
    """Each byte as two hexadecimal digits."""
    return value.encode("latin-1").hex()


@core.transformation("s", "decode.hexa")
def s_decode_hexa(value: str) -> Value:
    """The reverse of encode.hexa; NULL for broken digits."""
    try:
        return bytes.fromhex(value).decode("latin-1") if " " not in value else None
    except ValueError:
        return None


@core.transformation("s", "dec2hex")
def s_dec2hex(value: str) -> Value:
    """A decimal number in hexadecimal, two's complement when negative; NULL when it is none."""
    if not re.fullmatch(r"[+-]?[0-9]*", value) or not value:
        return None
    return f"{int(value if value[-1].isdigit() else 0) & 0xFFFFFFFF:x}"


@core.transformation("s", "hex2dec", type="int")
def s_hex2dec(value: str) -> Value:
    """A hexadecimal number (without 0x) in decimal, 32 bits; NULL when it is none."""
    if not re.fullmatch(r"[0-9A-Fa-f]*", value):
        return None
    number = int(value or "0", 16) & 0xFFFFFFFF
    return number - (1 << 32) if number >= 1 << 31 else number


s_hex2dec.keeps_numbers = True  # type: ignore[attr-defined]


_ESCAPED = {"'": "\\'", '"': '\\"', "\\": "\\\\", "\0": "\\0"}


@core.transformation("s", "escape.common")
def s_escape_common(value: str) -> Value:
    """Quotes, backslash and NUL behind a backslash."""
    return "".join(_ESCAPED.get(char, char) for char in value)


@core.transformation("s", "unescape.common")
def s_unescape_common(value: str) -> Value:
    """The reverse of escape.common."""
    back = {"'": "'", '"': '"', "\\": "\\", "0": "\0"}
    return re.sub(r"\\(['\"\\0])", lambda m: back[m[1]], value)


_USER = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.!~*'()&=+$,;?/")
_PARAM = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.!~*'()[]/:&+$")


def _percent(value: str, safe: frozenset[str]) -> str | None:
    """Characters outside of `safe` as %xx; None when one is not printable ASCII."""
    if not value.isascii() or not value.isprintable():
        log.script_error(f"only printable characters can be escaped: {value!r}")
        return None
    return "".join(char if char in safe else f"%{ord(char):02x}" for char in value)


_ESCAPE = re.compile(r"%([0-9A-Fa-f]{2})?")


def _unpercent(value: str) -> str | None:
    """%xx as characters; None for a broken escape and for what is not printable ASCII."""

    def character(match: re.Match[str]) -> str:
        made = chr(int(match[1] or "0", 16))
        if not " " <= made <= "~":
            raise ValueError(match[0])
        return made

    try:
        return _ESCAPE.sub(character, value)
    except ValueError as error:
        log.script_error(f"bad escape {error} in {value!r}")
        return None


@core.transformation("s", "escape.user")
def s_escape_user(value: str) -> Value:
    """Percent-escapes for a user part."""
    return _percent(value, _USER)


@core.transformation("s", "unescape.user")
def s_unescape_user(value: str) -> Value:
    """The reverse of escape.user; NULL for a broken escape."""
    return _unpercent(value)


@core.transformation("s", "escape.param")
def s_escape_param(value: str) -> Value:
    """Percent-escapes for a parameter."""
    return _percent(value, _PARAM)


@core.transformation("s", "unescape.param")
def s_unescape_param(value: str) -> Value:
    """The reverse of escape.param; NULL for a broken escape."""
    return _unpercent(value)


@core.transformation("s", "triml", prefix_match=True)
def s_triml(value: str) -> Value:
    """Blanks at the left removed."""
    return value.lstrip(" \t\r\n")


@core.transformation("s", "trimr", prefix_match=True)
def s_trimr(value: str) -> Value:
    """Blanks at the right removed."""
    return value.rstrip(" \t\r\n")


@core.transformation("s", "trim")
def s_trim(value: str) -> Value:
    """Blanks at both ends removed."""
    return value.strip(" \t\r\n")


_BLANK = " \t\r\n"


def _pad(text: str) -> str:
    """The pad text: blanks around it and one pair of quotes are not part of it."""
    text = text.lstrip(_BLANK)
    if len(text) > 1:
        text = text.rstrip(_BLANK) or " "
    if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"":
        return text[1:-1]
    return text


def _needs_pad(text: str) -> None:
    if not _pad(text):
        raise ValueError("the pad text is empty; put it in quotes")


Pad = Annotated[str, Constant(), Check(_needs_pad)]
Width = Annotated[int, Constant()]


@core.transformation("s", "fill.left")
def s_fill_left(value: str, pad: Pad, width: Width) -> Value:
    """Filled up at the left by the pad text."""
    missing = width - len(value)
    pad = _pad(pad)
    if missing <= 0 or not pad:
        return value
    return (pad * (missing // len(pad) + 1))[-missing:] + value


@core.transformation("s", "fill.right")
def s_fill_right(value: str, pad: Pad, width: Width) -> Value:
    """Filled up at the right by the pad text."""
    missing = width - len(value)
    pad = _pad(pad)
    if missing <= 0 or not pad:
        return value
    return value + (pad * (missing // len(pad) + 1))[:missing]


def _not_negative(width: int) -> None:
    if width < 0:
        raise ValueError("the width is negative")


@core.transformation("s", "width")
def s_width(value: str, width: Annotated[int, Check(_not_negative)]) -> Value:
    """Cut or filled with blanks to a width."""
    if width <= 0:
        log.script_error(f"{{s.width,{width}}}: the width must be positive")
        return None
    return value[:width].ljust(width)


@core.transformation("s", "b64encode")
def s_b64encode(value: str) -> Value:
    """Base64."""
    return base64.b64encode(value.encode("latin-1")).decode()


@core.transformation("s", "b64decode")
def s_b64decode(value: str) -> Value:
    """The reverse of b64encode; NULL when it is no base64."""
    try:
        return base64.b64decode(value + "=" * (-len(value) % 4)).decode("latin-1")
    except (binascii.Error, ValueError):
        return None


@core.transformation("s", "xor")
def s_xor(value: str, key: str) -> Value:
    """Bytes combined with a repeated key."""
    return "".join(chr(ord(char) ^ ord(key[i % len(key)])) for i, char in enumerate(value)) if key else None


@core.transformation("s", "eval", needs_message=True)
def s_eval(msg: SipMessage, value: str) -> Value:
    """The text evaluated as a format; NULL when it is a bad one."""
    from runtime.format import FormatError, expand

    try:
        return expand(msg, value)
    except FormatError as error:
        log.script_error(f"{{s.eval}}: {error}")
        return None


@core.transformation("s", "date2unix")
def s_date2unix(value: str) -> Value:
    """An RFC 1123 date as seconds since 1970."""
    try:
        return str(calendar.timegm(time.strptime(value.strip(), "%a, %d %b %Y %H:%M:%S GMT")))
    except ValueError:
        return None


# --------------------------------------------------------------------------------------------------------------- re
@lru_cache(maxsize=1024)
def _substitution(expression: str) -> Substitution:
    return parse_substitution(re.sub(r"\\([{}])", r"\1", expression))


@core.transformation("re", "subst", needs_message=True)
def re_subst(msg: SipMessage, value: str, expression: str) -> Value:
    """`/regex/replacement/flags` applied; flags i, s and g.  The value as it is when nothing matches."""
    if not value:
        return None
    try:
        substitution = _substitution(expression)
        changes = substitution.run(msg, value)
    except ValueError as error:
        log.script_error(f"{{re.subst}}: {error}")
        return None
    return substitution.changed(value, changes)
