"""POSIX extended regular expressions as OpenSIPS scripts write them, on Python's `re`.

`=~` and REGEX parameters are case-insensitive.  In `=~` a newline is an ordinary character and `^` and `$` match only at
the ends; elsewhere (`newline=True`) they also match at lines and `.` and `[^…]` do not match a newline (REG_NEWLINE).

Of the alternatives at one place POSIX takes the longest, Python the first.  That shows only where somebody looks at what
was matched: there (`longest=True`) an expression with alternatives is run by the library `regex`, which knows POSIX.
"""

from __future__ import annotations

import importlib
import re
from functools import lru_cache
from typing import Any

__all__ = ["compile", "translate"]

_CLASSES = {
    "alpha": "A-Za-z", "digit": "0-9", "alnum": "A-Za-z0-9", "upper": "A-Z", "lower": "a-z", "space": " \\t\\n\\r\\f\\v",
    "blank": " \\t", "punct": "!-/:-@\\[-`{-~", "print": " -~", "graph": "!-~", "cntrl": "\\x00-\\x1f\\x7f",
    "xdigit": "0-9A-Fa-f",
}  # fmt: skip


def _bracket(text: str, at: int, newline: bool) -> tuple[str, int]:
    """Translate a bracket expression that starts at text[at] == "["; (Python form, index after it)."""
    i = at + 1
    out = "["
    negated = text[i : i + 1] == "^"
    if negated:
        out += "^"
        if newline:
            out += "\\n"
        i += 1
    first = True
    while i < len(text):
        char = text[i]
        if char == "]" and not first:
            return out + "]", i + 1
        first = False
        if char == "[" and text[i + 1 : i + 2] in (":", ".", "="):
            kind = text[i + 1]
            end = text.find(kind + "]", i + 2)
            if end < 0:
                raise ValueError("unmatched [ in regular expression")
            name = text[i + 2 : end]
            if kind == ":":
                if name not in _CLASSES:
                    raise ValueError(f"unknown character class [:{name}:]")
                out += _CLASSES[name]
            else:
                out += re.escape(name)
            i = end + 2
            continue
        out += "\\" + char if char in "\\[]&~|^" else char
        i += 1
    raise ValueError("unmatched [ in regular expression")


_INTERVAL = re.compile(r"\{([0-9]*)(?:(,)([0-9]*))?\}")
_MOST = 32767
"""RE_DUP_MAX."""


def _interval(pattern: str, at: int) -> tuple[str, int]:
    """`{n}`, `{n,}`, `{,m}`, `{n,m}` at pattern[at]; (Python form, index after it)."""
    match = _INTERVAL.match(pattern, at)
    if match is None or not (match[1] or match[2]):
        raise ValueError("invalid content of {}")
    low, high = int(match[1] or 0), match[3]
    if low > _MOST or (high and not low <= int(high) <= _MOST):
        raise ValueError("invalid content of {}")
    return f"{{{low}{',' + (high or '') if match[2] else ''}}}", match.end()


def _escaped(char: str, icase: bool) -> tuple[str, bool]:
    """What stands for a character behind a backslash, and whether it can be repeated."""
    if char in _ANCHORS:
        return _ANCHORS[char], False
    if char in "wWsS":
        return "\\" + char, True
    if char in "123456789":
        return f"(?:\\{char})", True
    if icase and "a" <= char <= "z":
        # glibc compares such a letter as it is with text in capitals: `\d` matches nothing at all
        return "(?!)", True
    return re.escape(char), True


_ANCHORS = {"<": r"\b(?=\w)", ">": r"\b(?<=\w)", "`": r"\A", "'": r"\Z", "b": r"\b", "B": r"\B"}


def translate(pattern: str, newline: bool = False, icase: bool = True) -> str:
    """The Python form of a POSIX extended expression as glibc reads it; ValueError when it is not one."""
    out: list[str] = []
    groups: list[int] = []
    """Where the open brackets are in `out`."""
    atom = -1
    """Where in `out` that begins to which a repetition would belong; -1: there is nothing to repeat."""
    repeated = False
    closed = 0
    """Groups whose brackets are closed."""
    i, end = 0, len(pattern)
    while i < end:
        char = pattern[i]
        if char in "*+?{":
            if atom < 0:
                raise ValueError("invalid preceding regular expression")
            text, i = (char, i + 1) if char != "{" else _interval(pattern, i)
            if repeated:  # Python reads a second repetition as a modifier of the first
                out[atom:] = ["(?:", *out[atom:], ")"]
            out.append(text)
            repeated = True
            continue
        start, repeated = len(out), False
        i += 1
        if char == "\\":
            if i >= end:
                raise ValueError("trailing backslash")
            if pattern[i] in "123456789" and int(pattern[i]) > closed:
                raise ValueError("invalid back reference")
            text, repeatable = _escaped(pattern[i], icase)
            out.append(text)
            atom = start if repeatable else -1
            i += 1
        elif char == "[":
            text, i = _bracket(pattern, i - 1, newline)
            out.append(text)
            atom = start
        elif char == "(":
            groups.append(start)
            out.append("(")
            atom = -1
        elif char == ")" and groups:
            out.append(")")
            atom = groups.pop()
            closed += 1
        elif char in "|^":
            out.append(char)
            atom = -1
        elif char == "$":
            out.append("$" if newline else r"\Z")
            atom = -1
        else:
            out.append("." if char == "." else re.escape(char))
            atom = start
    if groups:
        raise ValueError("unmatched ( or )")
    return "".join(out)


@lru_cache(maxsize=1024)
def compile(pattern: str, icase: bool = True, newline: bool = False, longest: bool = False) -> re.Pattern[str]:
    """Compile an extended expression; ValueError with a reason when it is not one.  Kept for repeated use."""
    text = translate(pattern, newline, icase)
    engine: Any = re
    flags = 0
    if longest and "|" in pattern:
        engine = importlib.import_module("regex")
        flags = engine.POSIX
    flags |= engine.ASCII | (engine.MULTILINE if newline else engine.DOTALL) | (engine.IGNORECASE if icase else 0)
    try:
        return engine.compile(text, flags)  # type: ignore[no-any-return]
    except (re.error, engine.error) as error:
        raise ValueError(str(error)) from None
