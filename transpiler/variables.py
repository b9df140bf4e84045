"""Variable specifications and format strings (`$name(inner)`, `$(name(inner)[index]{class.func,args})`, "text $var")."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

from transpiler.nodes import Format, Number, Span, String, Transformation, Variable

__all__ = ["Locate", "SpecError", "parse_format", "parse_spec", "text_traps"]

Locate = Callable[[int, int], Span]
"""Offsets of a text to its span."""

_CLASS = re.compile(r"[A-Za-z0-9_.]+")
_INT = re.compile(r"[+-]?\d+\Z")


class SpecError(Exception):
    """A broken specification: message and offset in the text."""

    def __init__(self, message: str, offset: int, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.offset = offset
        self.hint = hint


class _Place(NamedTuple):
    """Where a text stands: offsets become columns as long as no newline lies between."""

    span: Span
    locate: Locate | None = None

    def at(self, text: str, start: int, end: int) -> Span:
        if self.locate is not None:
            return self.locate(start, end)
        span = self.span
        line = span.line + text.count("\n", 0, start)
        begun = text.rfind("\n", 0, start)
        col = span.col + start if begun < 0 else start - begun
        return Span(span.file, line, col, line, col + max(1, end - start))


def _balanced(text: str, at: int, opening: str, closing: str) -> int:
    """Index after the bracket that closes text[at]; SpecError when there is none."""
    depth = 0
    for i in range(at, len(text)):
        if text[i] == opening:
            depth += 1
        elif text[i] == closing:
            depth -= 1
            if depth == 0:
                return i + 1
    raise SpecError(f"'{opening}' is never closed", at)


def parse_spec(text: str, span: Span) -> tuple[Variable, int]:
    """Parse the variable at the start of `text`; (node, characters used).  SpecError when it is none."""
    return _spec(text, 0, _Place(span))


def _spec(text: str, start: int, place: _Place) -> tuple[Variable, int]:
    at = start + 1
    if text[at : at + 1] == "$":
        node = Variable(span=place.at(text, start, at + 1), name="$", text="$$")
        return node, at + 1
    if text[at : at + 1] == "(":
        return _inside(text, start, at + 1, place)
    context, at = _context(text, at)
    match = _CLASS.match(text, at)
    if match is None:
        raise SpecError("'$' without a variable name", start, "write $$ for a dollar sign")
    name, end = match[0], match.end()
    inner: str | Variable | None = None
    if text[end : end + 1] == "(":
        close = _balanced(text, end, "(", ")")
        inner = _inner(text, end + 1, close - 1, place)
        end = close
    node = Variable(
        span=place.at(text, start, end), name=name, inner=inner, context=context, text=text[start:end],
    )  # fmt: skip
    return node, end


def _context(text: str, at: int) -> tuple[str, int]:
    if text[at : at + 1] != "<":
        return "", at
    close = text.find(">", at)
    if close < 0:
        raise SpecError("'<' is never closed", at)
    return text[at + 1 : close].strip(), close + 1


def _inner(text: str, start: int, end: int, place: _Place) -> str | Variable:
    """The name between parentheses: literal text, or a variable."""
    content = text[start:end]
    stripped = content.strip()
    if not stripped:
        raise SpecError("empty variable name", start)
    if stripped.startswith("$"):
        offset = start + content.index("$")
        try:
            node, stop = _spec(text, offset, place)
        except SpecError:
            return stripped
        if text[stop:end].strip() == "":
            return node
    return stripped


def _inside(text: str, start: int, at: int, place: _Place) -> tuple[Variable, int]:
    """`$( … )` from behind its bracket: context, class, name, index and transformations; (node, offset behind it)."""
    opened = at - 1
    at = _blank(text, at)
    if text.startswith("$", at) and text[_blank(text, at + 1) : _blank(text, at + 1) + 1] == ")":
        end = _blank(text, at + 1) + 1
        return Variable(span=place.at(text, start, end), name="$", text=text[start:end]), end
    context, at = _context(text, at)
    match = _CLASS.match(text, at)
    if match is None:
        raise SpecError("no variable name in $( )", at, "write $(name…)")
    name, at = match[0], match.end()
    inner: str | Variable | None = None
    index: int | str | Variable | None = None
    if text[at : at + 1] == "(":
        close = _balanced(text, at, "(", ")")
        inner = _inner(text, at + 1, close - 1, place)
        at = close
    behind = _blank(text, at)
    if behind > at and text[behind : behind + 1] == "{":
        raise SpecError("a blank before the first transformation", at, "remove it")
    at = behind
    if text[at : at + 1] == "[":
        close = _balanced(text, at, "[", "]")
        index = _index(text, at + 1, close - 1, place)
        at = close
    made: list[Transformation] = []
    while True:
        at = _blank(text, at)
        char = text[at : at + 1]
        if char == ")":
            break
        if char == "":
            raise SpecError("the '(' of the variable is never closed", opened, "add the missing )")
        if char != "{":
            raise SpecError(f"unexpected '{char}' in a variable", at, "write $(name(inner)[index]{class.function})")
        close = _balanced(text, at, "{", "}")
        made.append(_transformation(text, at, close, place))
        at = close
    node = Variable(
        span=place.at(text, start, at + 1), name=name, inner=inner, index=index, context=context,
        transformations=made, text=text[start : at + 1],
    )  # fmt: skip
    return node, at + 1


def _blank(text: str, at: int) -> int:
    while text[at : at + 1] in (" ", "\t", "\n", "\r"):
        at += 1
    return at


def _index(text: str, start: int, end: int, place: _Place) -> int | str | Variable:
    content = text[start:end].strip()
    if content == "*":
        return "*"
    if _INT.match(content):
        return int(content)
    if content.startswith("$"):
        offset = text.index("$", start)
        node, stop = _spec(text, offset, place)
        if text[stop:end].strip():
            raise SpecError("garbage after the index variable", stop)
        return node
    if not content:
        raise SpecError("empty index", start)
    return content


_WHOLE = {("re", "subst"), ("s", "fill.left"), ("s", "fill.right"), ("s", "select")}
"""Transformations that read their argument text themselves."""


def _transformation(text: str, start: int, end: int, place: _Place) -> Transformation:
    """`{class.name,args}` at text[start:end]."""
    body = text[start + 1 : end - 1]
    dot = body.find(".")
    if dot <= 0 or not body[:dot].isalnum():
        raise SpecError("a transformation is written {class.name}", start)
    cls = body[:dot].lower()
    rest = body[dot + 1 :]
    comma = rest.find(",")
    name = (rest if comma < 0 else rest[:comma]).strip().lower()
    raw = "" if comma < 0 else rest[comma + 1 :]
    arguments: list[Number | String | Variable] = []
    if cls == "nameaddr" and rest[:1] in "$-0123456789":
        # {nameaddr.1.uri} and {nameaddr.$var(i).param,x}: the index stands first, and is the last argument
        offset = start + 1 + dot + 1
        if rest[:1] == "$":
            index, stop = _spec(text, offset, place)
            found: list[Number | String | Variable] = [index]
        else:
            stop = offset + rest.find(".") if "." in rest else offset + len(rest)
            found = _arguments(text, offset, stop, place)
        name, comma_text, raw = text[stop + 1 : end - 1].partition(",")
        name = name.strip().lower()
        if comma_text:
            arguments = _arguments(text, end - 1 - len(raw), end - 1, place)[:1]
        if name == "param" and not arguments:
            raise SpecError("{nameaddr.param} needs the name of a parameter", start)
        arguments += found
        return Transformation(span=place.at(text, start, end), cls=cls, name=name, arguments=arguments, raw=raw)
    if comma >= 0:
        offset = start + 1 + dot + 1 + comma + 1
        if (cls, name) in _WHOLE:
            arguments = _whole(text, offset, end - 1, cls, name, place)
        else:
            arguments = _arguments(text, offset, end - 1, place)
    return Transformation(span=place.at(text, start, end), cls=cls, name=name, arguments=arguments, raw=raw)


def _whole(text: str, start: int, end: int, cls: str, name: str, place: _Place) -> list[Number | String | Variable]:
    """Arguments where commas and blanks are data: select's separator, subst's expression."""
    content = text[start:end]
    if cls == "s" and name == "select":
        head, comma, separator = content.partition(",")
        found = _arguments(text, start, start + len(head), place)
        if comma:
            found.append(_text(text, start + len(head) + 1, end, place))
        return found
    if cls == "s" and name.startswith("fill."):
        cut = content.rfind(",")
        if cut < 0:
            return _arguments(text, start, end, place)
        return [_text(text, start, start + cut, place), *_arguments(text, start + cut + 1, end, place)]
    if content.strip().startswith("$"):
        return _arguments(text, start, end, place)
    return [_text(text, start, end, place)]


def _text(text: str, start: int, end: int, place: _Place) -> String | Variable:
    content = text[start:end]
    if content.startswith("$") and len(content) > 1:
        try:
            node, stop = _spec(text, start, place)
            if stop == end:
                return node
        except SpecError:
            pass
    return String(span=place.at(text, start, end), value=content)


def _arguments(text: str, start: int, end: int, place: _Place) -> list[Number | String | Variable]:
    """Comma-separated arguments: integers, variables, literal text."""
    found: list[Number | String | Variable] = []
    at = start
    while True:
        while at < end and text[at] in " \t\n\r":
            at += 1
        if at < end and text[at] == "$":
            node, stop = _spec(text, at, place)
            found.append(node)
            at = stop
            while at < end and text[at] in " \t\n\r":
                at += 1
            if at < end and text[at] != ",":
                raise SpecError(f"unexpected '{text[at]}' in transformation", at)
        else:
            stop = at
            while stop < end and text[stop] != ",":
                if text[stop] == "\\" and stop + 1 < end and text[stop + 1] in ",}":
                    stop += 1
                stop += 1
            # a literal ends at a blank, as in OpenSIPS; what stands behind it is not looked at
            content = text[at:stop].split(None, 1)[0] if text[at:stop].strip() else ""
            where = place.at(text, at, stop)
            if _INT.match(content):
                found.append(Number(span=where, value=int(content), text=content))
            else:
                found.append(String(span=where, value=content))
            at = stop
        if at >= end:
            return found
        at += 1


_TRAP = re.compile(r"\{(?:s|uri|via|param|nameaddr|ip|csv|sdp|re|pcre|rest)\.[a-z][\w.]*(?:,[^{}]*)?\}|\[(?:-?\d+|\*)\]")


def text_traps(made: Format) -> Iterator[tuple[Variable, str]]:
    """Bare variables with what looks like their transformation or index behind them, but is text."""
    for part, tail in zip(made.parts, made.parts[1:], strict=False):
        if isinstance(part, Variable) and isinstance(tail, str) and not part.text.startswith("$("):
            match = _TRAP.match(tail)
            if match:
                yield part, match[0]


def parse_format(text: str, span: Span, locate: Locate | None = None) -> Format:
    """Split a format string at its variables.  SpecError when a `$` begins none.

    `span` is where the text begins; `locate` says it better for text with escapes or in several pieces.
    """
    parts: list[str | Variable] = []
    at = 0
    place = _Place(span, locate)
    while True:
        dollar = text.find("$", at)
        if dollar < 0:
            if at < len(text):
                parts.append(text[at:])
            return Format(span=span, parts=parts, text=text)
        if dollar > at:
            parts.append(text[at:dollar])
        node, at = _spec(text, dollar, place)
        if node.name == "$":
            if parts and isinstance(parts[-1], str):
                parts[-1] += "$"
            else:
                parts.append("$")
        else:
            parts.append(node)
