"""Format strings at run time: `{s.eval}`, replacement parts of substitutions, formats in settings.

What the compiler does at build time for formats in the script, this does for text that is known only now.  A format is
read once and kept.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from runtime.declare import ALL, Module, ParamKind, Transformation, Value, Variable

if TYPE_CHECKING:
    from runtime.sip.message import SipMessage

__all__ = ["FormatError", "expand", "read"]

_CLASS = re.compile(r"[A-Za-z0-9_.]+")
Read = Callable[["SipMessage"], Value]


class FormatError(ValueError):
    """The text is no format, or names an unknown variable."""


def expand(msg: SipMessage, text: str) -> str:
    """The text with its variables filled in; NULL prints <null>.  FormatError when it is no format."""
    if "$" not in text:
        return text
    out = []
    for part in _parse(text):
        value = part if isinstance(part, str) else part(msg)
        out.append("<null>" if value is None else str(value))
    return "".join(out)


def read(msg: SipMessage, spec: str) -> Value:
    """The value of one variable specification (`$avp(x)`)."""
    parts = _parse(spec)
    if len(parts) != 1 or isinstance(parts[0], str):
        raise FormatError(f"{spec!r} is no variable")
    return parts[0](msg)


@lru_cache(maxsize=1024)
def _parse(text: str) -> list[str | Read]:
    parts: list[str | Read] = []
    at = 0
    while True:
        dollar = text.find("$", at)
        if dollar < 0:
            if at < len(text):
                parts.append(text[at:])
            return parts
        if dollar > at:
            parts.append(text[at:dollar])
        part, at = _spec(text, dollar)
        parts.append(part)


def _closing(text: str, at: int, opening: str, closing: str) -> int:
    depth = 0
    for i in range(at, len(text)):
        depth += (text[i] == opening) - (text[i] == closing)
        if depth == 0:
            return i + 1
    raise FormatError(f"'{opening}' is never closed in {text!r}")


def _spec(text: str, start: int) -> tuple[str | Read, int]:
    at = start + 1
    if text[at : at + 1] == "$":
        return "$", at + 1
    if text[at : at + 1] == "(":
        end = _closing(text, at, "(", ")")
        return _inside(text[at + 1 : end - 1].strip()), end
    match = _CLASS.match(text, at)
    if match is None:
        raise FormatError(f"'$' without a variable name in {text!r}")
    end = match.end()
    inner = None
    if text[end : end + 1] == "(":
        close = _closing(text, end, "(", ")")
        inner, end = text[end + 1 : close - 1], close
    return _reader(match[0], inner, None, []), end


def _inside(body: str) -> str | Read:
    if body == "$":
        return "$"
    match = _CLASS.match(body)
    if match is None:
        raise FormatError(f"no variable name in $({body})")
    at = match.end()
    inner = index = None
    if body[at : at + 1] == "(":
        close = _closing(body, at, "(", ")")
        inner, at = body[at + 1 : close - 1], close
    if body[at : at + 1] == "[":
        close = _closing(body, at, "[", "]")
        index, at = body[at + 1 : close - 1], close
    made = []
    while at < len(body):
        if body[at] in " \t":
            at += 1
            continue
        if body[at] != "{":
            raise FormatError(f"unexpected {body[at]!r} in $({body})")
        close = _closing(body, at, "{", "}")
        made.append(_transformation(body[at + 1 : close - 1]))
        at = close
    return _reader(match[0], inner, index, made)


def _find_variable(name: str) -> Variable:
    for module in Module.registry.values():
        if name in module.variables:
            return module.variables[name]
    raise FormatError(f"unknown script variable ${name}")


def _value(text: str) -> Any:
    """A name or index: a number, a variable's reader, or text."""
    text = text.strip()
    if text.startswith("$"):
        part, end = _spec(text, 0)
        if end == len(text) and not isinstance(part, str):
            return part
    return int(text) if re.fullmatch(r"-?\d+", text) else text


def _reader(name: str, inner: str | None, index: str | None, transformations: list[Any]) -> Read:
    variable = _find_variable(name)
    if variable.static and variable.static != "var":
        raise FormatError(f"${name} cannot be used at run time")
    key = inner if inner is None or not inner.strip().startswith("$") else _value(inner)
    place: Any = None if index is None else ALL if index.strip() == "*" else _value(index)

    def get(msg: SipMessage) -> Value:
        arguments: list[Any] = []
        if variable.named != "no":
            arguments.append(key(msg) if callable(key) else key)
        if variable.indexed:
            arguments.append(place(msg) if callable(place) else place)
        value: Value = variable.get(msg, *arguments)
        for transformation, given in transformations:
            if value is None:
                return None
            ready = [g(msg) if callable(g) else g for g in given]
            text = value if isinstance(value, str) else str(value)
            value = transformation.call(*([msg] if transformation.needs_message else []), text, *ready)
        return value

    return get


def _transformation(body: str) -> tuple[Transformation, list[Any]]:
    cls, _, rest = body.partition(".")
    name, _, raw = rest.partition(",")
    for module in Module.registry.values():
        found = module.transformations.get((cls.lower(), name.strip().lower()))
        if found is not None:
            break
    else:
        raise FormatError(f"unknown transformation {{{body}}}")
    if not raw:
        return found, []
    pieces = raw.split(",", len(found.params) - 1) if len(found.params) > 1 else [raw]
    given: list[Any] = []
    for parameter, piece in zip(found.params, pieces, strict=False):
        value = _value(piece) if parameter.kind is ParamKind.INT or piece.strip().startswith("$") else piece
        given.append(value)
    return found, given
