"""Numbers, booleans and string escapes as the script language reads them."""

from __future__ import annotations

import re

__all__ = ["FALSE", "TRUE", "readable", "string_value", "to_int"]

TRUE = frozenset(("yes", "true", "on", "enable"))
FALSE = frozenset(("no", "false", "off", "disable"))

_ESCAPE = re.compile(r'\\(?:([nrat"\\])|x([0-9a-fA-F]{1,2})|([0-7]{2,3}))')
_ESCAPES = {"n": "\n", "r": "\r", "a": "\a", "t": "\t", '"': '"', "\\": "\\"}


def to_int(text: str) -> int:
    """A literal without sign: word, hex, octal or decimal, wrapped to 32 bits signed."""
    if text in TRUE:
        return 1
    if text in FALSE:
        return 0
    if text.startswith("0x"):
        value = int(text, 16)
    elif len(text) > 1 and text[0] == "0":
        value = int(text, 8)
    else:
        value = int(text)
    value &= 0xFFFFFFFF
    return value - (1 << 32) if value >= 1 << 31 else value


def _character(match: re.Match[str]) -> str:
    if match[1]:
        return _ESCAPES[match[1]]
    if match[2]:
        return chr(int(match[2], 16))
    return chr(int(match[3], 8) & 255)


def string_value(raw: str) -> tuple[str, list[int] | None]:
    """The value of a quoted string, and the column offset in `raw` of every character if they differ by escapes.

    In double quotes \\n \\r \\a \\t \\" \\\\ \\xHH \\OO \\OOO are replaced, any other backslash stays; in single quotes
    nothing is.  The list has one entry more than the value has characters.
    """
    value = raw[1:-1]
    if raw[0] != '"' or "\\" not in value:
        return value, None
    parts: list[str] = []
    offsets: list[int] = []
    at = 0
    for match in _ESCAPE.finditer(value):
        parts.append(value[at : match.start()])
        offsets += range(at + 1, match.start() + 2)
        parts.append(_character(match))
        at = match.end()
    parts.append(value[at:])
    offsets += range(at + 1, len(value) + 2)
    return "".join(parts), offsets


def readable(text: str) -> str:
    """Script text (one character per byte) as a person wrote it: UTF-8 where it is that."""
    if text.isascii():
        return text
    try:
        return text.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return text
