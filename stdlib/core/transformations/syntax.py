"""How transformations read lists: parameters (`a=1;b`), name-addr lists and lines of comma-separated values.

These follow OpenSIPS's own readers to the letter, since scripts see where those give up: a text they refuse is NULL.
"""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["Address", "read_addresses", "read_csv", "read_params"]

_BLANK = " \t"
_WHITE = " \t\r\n"
_NAME_ENDS = frozenset(" \t\r\n;,=")
_TOKEN_ENDS = frozenset(" \t\r\n,;")


def _skip(text: str, at: int, chars: str = _WHITE) -> int:
    while at < len(text) and text[at] in chars:
        at += 1
    return at


def read_params(text: str) -> list[tuple[str, str]]:
    """(name, value) of `a=1;b;c="x y"`, quotes removed, "" without a value; ValueError when the list is broken.

    The list ends at a `,` or `>`, as in a header or a URI.
    """
    found: list[tuple[str, str]] = []
    at = 0
    while True:
        begun = at
        while at < len(text) and text[at] not in _NAME_ENDS:
            at += 1
        name, value = text[begun:at], ""
        at = _skip(text, at)
        if text[at : at + 1] == "=":
            at = _skip(text, at + 1)
            if text[at : at + 1] == '"':
                end = text.find('"', at + 1)
                if end < 0:
                    raise ValueError("a quote is never closed")
                value, at = text[at + 1 : end], end + 1
            else:
                begun = at
                while at < len(text) and text[at] not in _TOKEN_ENDS:
                    at += 1
                value = text[begun:at]
                if not value:
                    raise ValueError(f"parameter {name} has no value after =")
            at = _skip(text, at)
        found.append((name, value))
        if at >= len(text) or text[at] in ",>":
            return found
        if text[at] != ";":
            raise ValueError(f"; expected, found {text[at]}")
        at = _skip(text, at + 1)
        if at >= len(text):
            raise ValueError("parameter name missing after ;")


# ------------------------------------------------------------------------------------------------------- name-addr
@dataclass(slots=True)
class Address:
    """One name-addr or addr-spec of a list."""

    uri: str = ""
    display: str = ""
    """With its quotes, as written."""
    length: int = 0
    """Bytes before the parameters; without parameters up to behind the line end, as OpenSIPS counts."""
    params: list[tuple[str, str]] = field(default_factory=list)
    params_text: str = ""


def read_addresses(text: str) -> list[Address]:
    """The elements of a To-like header value; ValueError when it is none.

    A comma ends an addr-spec, since only brackets can hold one (RFC 3261 section 20).
    """
    found: list[Address] = []
    at = 0
    while True:
        at = _skip(text, at, _BLANK)
        begun = at
        made = Address()
        at = _address(text, at, made)
        found.append(made)
        if text[at : at + 1] == ";":
            made.length = at - begun
            at = _address_params(text, at, made)
        elif at >= len(text):
            made.length = at - begun + 2
        if at >= len(text):
            return found
        at += 1


def _address(text: str, at: int, made: Address) -> int:
    """Read display name and URI; where the `;`, the `,` or the end behind them is."""
    char = text[at : at + 1]
    if char == '"':
        end = at + 1
        while text[end : end + 1] not in ('"', "", "\r", "\n"):
            end += 2 if text[end] == "\\" else 1
        if text[end : end + 1] != '"':
            raise ValueError("the quote of the display name is never closed")
        made.display = text[at : end + 1]
        at = _skip(text, end + 1, _BLANK)
        if text[at : at + 1] != "<":
            raise ValueError("display name without address")
    elif char != "<":
        at = _token(text, at, made)
        if text[at : at + 1] != "<":
            return at
    return _enclosed(text, at, made)


def _token(text: str, at: int, made: Address) -> int:
    """An addr-spec, or an unquoted display name: where it ends."""
    begun = at
    words = 1
    last = at
    while at < len(text):
        char = text[at]
        if char == "<":
            made.display = text[begun:last]
            return at
        if char in ";," and words == 1:
            made.uri = text[begun:last]
            if not made.uri:
                break
            return at
        if char == "," or (char == ";" and text[at - 1] in _BLANK) or char in '\\>"\r\n':
            break
        if char not in _BLANK:
            if last < at and last > begun:
                words += 1
            last = at + 1
        at += 1
    else:
        if words == 1 and last > begun:
            made.uri = text[begun:last]
            return at
    raise ValueError(f"no address in {text[begun:]!r}")


def _enclosed(text: str, at: int, made: Address) -> int:
    """`<uri>`, then blanks."""
    end = at = _skip(text, at + 1, _BLANK)
    while end < len(text) and text[end] not in ' \t\r\n<>"\\':
        end += 1
    made.uri = text[at:end]
    end = _skip(text, end, _BLANK)
    if not made.uri or text[end : end + 1] != ">":
        raise ValueError("the address in < > is broken")
    end = _skip(text, end + 1, _BLANK)
    if end < len(text) and text[end] not in ";,":
        raise ValueError(f"garbage behind the address: {text[end:]!r}")
    return end


def _address_params(text: str, at: int, made: Address) -> int:
    """Parameters from the `;` at text[at] on; where the `,` or the end behind them is."""
    first = last = _skip(text, at + 1, _BLANK)
    while True:
        begun = _skip(text, at + 1, _BLANK)
        at = begun
        while at < len(text) and text[at] not in " \t=;,":
            if text[at] in '"\\\r\n':
                raise ValueError("broken parameter name")
            at += 1
        name, value = text[begun:at], None
        if not name:
            raise ValueError("parameter without a name")
        last = at
        at = _skip(text, at, _BLANK)
        if text[at : at + 1] == "=":
            at = _skip(text, at + 1, _BLANK)
            value, at = _value(text, at)
            last = at
            at = _skip(text, at, _BLANK)
        if value is None and name.lower() == "tag":
            raise ValueError("a tag needs a value")
        made.params.append((name, value or ""))
        if at >= len(text) or text[at] == ",":
            made.params_text = text[first:last]
            return at
        if text[at] != ";":
            raise ValueError(f"garbage behind parameter {name}")


def _value(text: str, at: int) -> tuple[str, int]:
    """A quoted or plain value, and where it ends."""
    if text[at : at + 1] != '"':
        end = at
        while end < len(text) and text[end] not in " \t;,":
            if text[end] in '="\\\r\n':
                raise ValueError("broken parameter value")
            end += 1
        return text[at:end], end
    end = at + 1
    while text[end : end + 1] not in ('"', ""):
        end += 2 if text[end] == "\\" else 1
    if end >= len(text):
        raise ValueError("the quote of a parameter value is never closed")
    return text[at + 1 : end], end + 1


# ------------------------------------------------------------------------------------------------------------- CSV
def read_csv(text: str) -> list[str]:
    """The fields of one line (RFC 4180); ValueError for bytes outside of printable ASCII and for broken quotes."""
    text = text.removesuffix("\r\n")
    if not text.isascii() or not text.isprintable():
        raise ValueError("only printable ASCII may stand in a CSV line")
    found: list[str] = []
    at = 0
    while True:
        if text[at : at + 1] != '"':
            end = text.find(",", at)
            if end < 0:
                return [*found, text[at:]]
            found.append(text[at:end])
            at = end + 1
            continue
        end = at + 1
        while True:
            end = text.find('"', end)
            if end < 0:
                raise ValueError("a quote is never closed")
            if text[end + 1 : end + 2] != '"':
                break
            end += 2
        found.append(text[at + 1 : end].replace('""', '"'))
        if end + 1 >= len(text):
            return found
        if text[end + 1] != ",":
            raise ValueError("a comma must follow a closing quote")
        at = end + 2
        if at >= len(text):
            return [*found, ""]
