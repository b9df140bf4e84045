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


def translate(pattern: str, newline: bool = False) -> str:
    """The Python form of a POSIX extended expression; ValueError when it is not one."""
    out: list[str] = []
    i, end = 0, len(pattern)
    depth = 0
    repeatable = False
    while i < end:
        char = pattern[i]
        if char == "\\":
            if i + 1 >= end:
                raise ValueError("trailing backslash")
            following = pattern[i + 1]
            if following == "<":
                out.append(r"\b(?=\w)")
            elif following == ">":
                out.append(r"\b(?<=\w)")
            elif following == "`":
                out.append(r"\A")
            elif following == "'":
                out.append(r"\Z")
            elif following in "wWsSbB" or following in "123456789":
                out.append("\\" + following)
            else:
                out.append(re.escape(following))
            i += 2
            repeatable = True
            continue
        if char == "[":
            text, i = _bracket(pattern, i, newline)
            out.append(text)
            repeatable = True
            continue
        if char == "(":
            depth += 1
            out.append("(")
            repeatable = False
        elif char == ")":
            if depth == 0:
                raise ValueError("unmatched ( or )")
            depth -= 1
            out.append(")")
            repeatable = True
        elif char in "*+?":
            if not repeatable:
                if char == "*":
                    out.append(r"\*")
                else:
                    raise ValueError("invalid preceding regular expression")
                repeatable = True
            elif out and out[-1] in ("*", "+", "?", "}"):
                # POSIX allows a repeated repetition (a**, a+*), which Python reads as a modifier: group it.
                if out[-1] != char:
                    out[:] = ["(?:", *out, ")", char] if depth == 0 and "|" not in out else out
            else:
                out.append(char)
        elif char == "{":
            match = re.compile(r"\{(\d*)(,(\d*))?\}").match(pattern, i)
            if match is None or not (match[1] or match[2]):
                out.append(r"\{")
                repeatable = True
            else:
                if not repeatable:
                    raise ValueError("invalid preceding regular expression")
                low, high = match[1] or "0", match[3]
                if int(low) > 255 or (high and (int(high) > 32767 or int(high) < int(low))):
                    raise ValueError("invalid content of {}")
                out.append(f"{{{low}{',' + (high or '') if match[2] else ''}}}")
                out.append("")
                i = match.end()
                continue
        elif char == "|":
            out.append("|")
            repeatable = False
        elif char == "^":
            out.append("^")
            repeatable = False
        elif char == "$":
            out.append("$" if newline else r"\Z")
            repeatable = True
        elif char == ".":
            out.append(".")
            repeatable = True
        else:
            out.append(re.escape(char))
            repeatable = True
        i += 1
    if depth:
        raise ValueError("unmatched ( or )")
    return "".join(out)


@lru_cache(maxsize=1024)
def compile(pattern: str, icase: bool = True, newline: bool = False, longest: bool = False) -> re.Pattern[str]:
    """Compile an extended expression; ValueError with a reason when it is not one.  Kept for repeated use."""
    text = translate(pattern, newline)
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
