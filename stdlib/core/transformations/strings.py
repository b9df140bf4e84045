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
from typing import TYPE_CHECKING

from runtime import log, regex
from runtime.declare import Value
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
    """A decimal number in hexadecimal."""
    match = re.match(r"[+-]?\d+", value)
    return f"{(int(match[0]) if match else 0) & 0xFFFFFFFF:x}"


@core.transformation("s", "hex2dec", type="int")
def s_hex2dec(value: str) -> Value:
    """A hexadecimal number in decimal; NULL when it is none."""
    try:
        number = int(value, 16) & 0xFFFFFFFF
    except ValueError:
        return None
    return number - (1 << 32) if number >= 1 << 31 else number


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


def _percent(value: str, safe: frozenset[str]) -> str:
    return "".join(char if char in safe else f"%{ord(char):02x}" for char in value)


def _unpercent(value: str) -> str | None:
    out, i = [], 0
    while i < len(value):
        if value[i] == "%":
            digits = value[i + 1 : i + 3]
            if not re.fullmatch(r"[0-9A-Fa-f]{2}", digits):
                log.script_error(f"bad escape in {value!r}")
                return None
            out.append(chr(int(digits, 16)))
            i += 3
        else:
            out.append(value[i])
            i += 1
    return "".join(out)


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


@core.transformation("s", "triml")
def s_triml(value: str) -> Value:
    """Blanks at the left removed."""
    return value.lstrip(" \t\r\n")


@core.transformation("s", "trimr")
def s_trimr(value: str) -> Value:
    """Blanks at the right removed."""
    return value.rstrip(" \t\r\n")


@core.transformation("s", "trim")
def s_trim(value: str) -> Value:
    """Blanks at both ends removed."""
    return value.strip(" \t\r\n")


@core.transformation("s", "fill.left")
def s_fill_left(value: str, pad: str, width: int) -> Value:
    """Filled up at the left by the pad text."""
    missing = width - len(value)
    pad = pad.strip('"')
    if missing <= 0 or not pad:
        return value
    return (pad * (missing // len(pad) + 1))[-missing:] + value


@core.transformation("s", "fill.right")
def s_fill_right(value: str, pad: str, width: int) -> Value:
    """Filled up at the right by the pad text."""
    missing = width - len(value)
    pad = pad.strip('"')
    if missing <= 0 or not pad:
        return value
    return value + (pad * (missing // len(pad) + 1))[:missing]


@core.transformation("s", "width")
def s_width(value: str, width: int) -> Value:
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
@lru_cache(maxsize=512)
def _substitution(text: str) -> tuple[re.Pattern[str], str, bool]:
    """(expression, replacement, all) of `/regex/replacement/flags`; ValueError when it is not of that form."""
    text = text.strip()
    if len(text) < 3:
        raise ValueError("expected /regex/replacement/flags")
    mark = text[0]
    parts: list[str] = []
    current, i = "", 1
    while i < len(text):
        if text[i] == "\\" and i + 1 < len(text) and text[i + 1] == mark:
            current += mark
            i += 2
            continue
        if text[i] == mark and len(parts) < 2:
            parts.append(current)
            current = ""
        else:
            current += text[i]
        i += 1
    if len(parts) < 2:
        raise ValueError("expected /regex/replacement/flags")
    if set(current) - set("isg"):
        raise ValueError(f"unknown flags {current!r}")
    pattern = re.sub(r"\\([{}])", r"\1", parts[0])
    return regex.compile(pattern, icase="i" in current, newline="s" not in current), parts[1], "g" in current


@core.transformation("re", "subst", needs_message=True)
def re_subst(msg: SipMessage, value: str, expression: str) -> Value:
    """`/regex/replacement/flags` applied; flags i, s and g."""
    try:
        pattern, replacement, everywhere = _substitution(expression)
    except ValueError as error:
        log.script_error(f"{{re.subst}}: {error}")
        return None
    if "$" not in replacement and "\\" not in replacement:
        return pattern.sub(lambda _: replacement, value, 0 if everywhere else 1)
    return pattern.sub(lambda m: _replace(msg, replacement, m), value, 0 if everywhere else 1)


_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "\\": "\\", "$": "$"}


def _replace(msg: SipMessage, replacement: str, match: re.Match[str]) -> str:
    from runtime.format import expand

    def piece(found: re.Match[str]) -> str:
        char = found[1]
        if char.isdigit():
            return (match[int(char)] or "") if int(char) <= (match.re.groups or 0) else ""
        if char == "u":
            return msg.current_uri
        return _ESCAPES.get(char, found[0])

    parts = re.split(r"(\\.)", replacement)
    out = []
    for part in parts:
        hit = re.fullmatch(r"\\(.)", part)
        out.append(piece(hit) if hit else expand(msg, part) if "$" in part else part)
    return "".join(out)


