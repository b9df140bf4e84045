"""Format strings at run time: `{s.eval}`, replacement parts of substitutions, formats in settings.

What the compiler does at build time for formats in the script, this does for text that is known only now.  A format is
read once and kept.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any

from runtime import log
from runtime.declare import ALL, Module, Param, ParamKind, StrInt, Transformation, Value, Variable

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


def _context(text: str, at: int) -> tuple[str, int]:
    """`<reply>` or `<request>` at text[at], and what stands behind it."""
    if text[at : at + 1] != "<":
        return "", at
    end = text.find(">", at)
    context = text[at + 1 : end].strip() if end > 0 else ""
    if context not in ("request", "reply"):
        raise FormatError(f"unknown context in {text!r}")
    return context, end + 1


def _spec(text: str, start: int) -> tuple[str | Read, int]:
    at = start + 1
    if text[at : at + 1] == "$":
        return "$", at + 1
    if text[at : at + 1] == "(":
        end = _closing(text, at, "(", ")")
        return _inside(text[at + 1 : end - 1].strip()), end
    context, at = _context(text, at)
    match = _CLASS.match(text, at)
    if match is None:
        raise FormatError(f"'$' without a variable name in {text!r}")
    end = match.end()
    inner = None
    if text[end : end + 1] == "(":
        close = _closing(text, end, "(", ")")
        inner, end = text[end + 1 : close - 1], close
    return _reader(match[0], inner, None, [], context), end


def _inside(body: str) -> str | Read:
    if body == "$":
        return "$"
    context, at = _context(body, 0)
    match = _CLASS.match(body, at)
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
    return _reader(match[0], inner, index, made, context)


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


def _key(variable: Variable, inner: str | None) -> Any:
    """What stands in the parentheses behind a variable: text, a reader, or None."""
    if inner is None:
        if variable.named == "yes":
            raise FormatError(f"${variable.name} needs a name")
        return None
    inner = inner.strip()
    if variable.named == "no" or not inner:
        raise FormatError(f"${variable.name} takes no name" if inner else f"${variable.name}: empty name")
    if inner.startswith("$") and variable.dynamic_name:
        return _value(inner)
    if variable.check_name is not None:
        try:
            variable.check_name(inner)
        except ValueError as error:
            raise FormatError(f"${variable.name}({inner}): {error}") from None
    return inner


def _place(variable: Variable, index: str | None) -> Any:
    """What stands in the brackets behind a variable: a number, ALL, a word, a reader, or None."""
    if index is None:
        return None
    place = ALL if index.strip() == "*" else _value(index)
    if not variable.indexed or (isinstance(place, str) and place not in variable.index_words):
        raise FormatError(f"${variable.name} does not get the index [{index}]")
    return place


def _reader(name: str, inner: str | None, index: str | None, transformations: list[Any], context: str = "") -> Read:
    variable = _find_variable(name)
    key, place = _key(variable, inner), _place(variable, index)
    known = _static(variable.static, name) if variable.static not in ("", "var") else None

    def plain(msg: SipMessage) -> Value:
        ready = key(msg) if callable(key) else key
        at = place(msg) if callable(place) else place
        if known is not None:
            return known(msg, ready, at)
        arguments: list[Any] = []
        if variable.named != "no":
            arguments.append(ready)
        if variable.indexed:
            arguments.append(at)
        found: Value = variable.get(msg, *arguments)
        return found

    def get(msg: SipMessage) -> Value:
        from runtime.script.flow import read_in, transform, transform_in

        value = read_in(msg, context, plain) if context else plain(msg)
        for transformation, given in transformations:
            ready = [argument(msg) if callable(argument) else argument for argument in given]
            if transformation.needs_message:
                value = transform_in(msg, value, transformation.call, *ready)
            else:
                value = transform(value, transformation.call, *ready)
        return value

    return get


def _static(kind: str, name: str) -> Callable[[SipMessage, Any, Any], Value]:
    """Readers of the variables that compiled code reads by other means."""
    from runtime.script import flow

    def number(key: Any) -> Any:
        return int(key) if isinstance(key, str) and re.fullmatch(r"-?[0-9]+", key) else key

    def place(what: int) -> Callable[[SipMessage, Any, Any], Value]:
        return lambda msg, key, at: flow.route_place()[what]

    def param(msg: SipMessage, key: Any, at: Any) -> Value:
        frame = log.script_frame(sys._getframe(1))
        return flow.param(frame.f_locals.get("params", ()) if frame is not None else (), number(key))

    readers: dict[str, Callable[[SipMessage, Any, Any], Value]] = {
        "rc": lambda msg, key, at: msg.rc,
        "return": lambda msg, key, at: flow.returned(msg, number(key)),
        "param": param,
        "cfg_file": place(0),
        "cfg_line": place(1),
        "route": lambda msg, key, at: flow.route_of(name.partition(".")[2] or "label", 0 if at is None else at),
    }
    return readers[kind]


def _find_transformation(cls: str, name: str) -> Transformation:
    for module in Module.registry.values():
        found = module.transformations.get((cls, name))
        if found is not None:
            return found
        for (known, stem), made in module.transformations.items():
            if made.prefix_match and known == cls and name.startswith(stem):
                return made
    raise FormatError(f"unknown transformation {{{cls}.{name}}}")


_WHOLE = {("re", "subst"): 1, ("s", "fill.left"): 2, ("s", "fill.right"): 2, ("s", "select"): 2}
"""Transformations whose texts may hold blanks and commas, and how many arguments they take."""


def _transformation(body: str) -> tuple[Transformation, list[Any]]:
    cls, dot, rest = body.partition(".")
    if not dot:
        raise FormatError(f"a transformation is written {{class.name}}, not {{{body}}}")
    cls = cls.lower()
    indexed: list[str] = []
    if cls == "nameaddr" and rest[:1] in "$-0123456789":
        end = _spec(rest, 0)[1] if rest[:1] == "$" else rest.find(".")
        indexed, rest = [rest[:end]], rest[end + 1 :]
    name, comma, raw = rest.partition(",")
    name = name.strip().lower()
    found = _find_transformation(cls, name)
    pieces = _pieces(raw, _WHOLE.get((cls, name), 0)) if comma else []
    if indexed and name == "param" and not pieces:
        raise FormatError("{nameaddr.param} needs the name of a parameter")
    pieces = [*(pieces[:1] if indexed else pieces), *indexed]
    needed = sum(1 for parameter in found.params if not parameter.optional)
    if len(pieces) < needed:
        raise FormatError(f"{{{cls}.{name}}} takes {needed} arguments, not {len(pieces)}")
    whole = (cls, name) in _WHOLE
    return found, [_argument(p, piece, whole) for p, piece in zip(found.params, pieces, strict=False)]


def _pieces(raw: str, whole: int) -> list[str]:
    """Arguments between commas; commas inside of variables and behind a backslash do not count."""
    if whole == 1:
        return [raw]
    found: list[str] = []
    at = begun = 0
    while at < len(raw) and len(found) + 1 != (whole or -1):
        if raw[at] == "$":
            at = _spec(raw, at)[1] if raw[at + 1 : at + 2] not in (",", "") else at + 1
            continue
        if raw[at] == ",":
            found.append(raw[begun:at])
            begun = at + 1
        at += 2 if raw[at] == "\\" else 1
    return [*found, raw[begun:]]


def _argument(parameter: Param, piece: str, whole: bool) -> Any:
    """The value of an argument as written, or a reader of it."""
    text = piece if whole else piece.strip()
    if text.startswith("$") and len(text) > 1:
        part, end = _spec(text, 0)
        if end == len(text.rstrip()) and not isinstance(part, str):
            if parameter.constant:
                raise FormatError(f"{parameter.name} does not allow variables")
            return partial(_integer if parameter.kind is ParamKind.INT else _text, part)
    if parameter.kind is ParamKind.INT:
        if not re.fullmatch(r"[+-]?\s*[0-9]+", text.strip()):
            raise FormatError(f"{parameter.name} is a number, not {text!r}")
        value: Any = int(text.replace(" ", ""))
    else:
        value = text if whole else text.split(None, 1)[0] if text else ""
        if not value:
            raise FormatError(f"{parameter.name} is empty")
    if parameter.check is not None:
        try:
            parameter.check(value)
        except ValueError as error:
            raise FormatError(str(error)) from None
    return value


def _integer(read: Read, msg: SipMessage) -> int | None:
    value = read(msg)
    return value if isinstance(value, int) else value.num if isinstance(value, StrInt) else None


def _text(read: Read, msg: SipMessage) -> str | None:
    value = read(msg)
    return None if value is None else str(value) or None
