"""Diagnostics: what is wrong, where, and what to do about it; text, JSON and annotation renderings."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from transpiler.codes import CODES
from transpiler.nodes import Span
from transpiler.parsing.literals import readable

__all__ = [
    "CODES", "Diagnostic", "Diagnostics", "Note", "Severity", "from_dict", "render", "render_github", "render_json",
    "summary", "to_dict",
]  # fmt: skip

Severity = Literal["error", "warning", "note"]


@dataclass(frozen=True, slots=True)
class Note:
    """A related place."""

    span: Span
    message: str


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One finding.  `code` is stable and explained by `sipc explain CODE` (see transpiler/codes.py)."""

    code: str
    severity: Severity
    span: Span
    message: str
    hint: str = ""
    notes: tuple[Note, ...] = ()


@dataclass(slots=True)
class Diagnostics:
    """Collects findings; identical ones at the same place are kept once."""

    items: list[Diagnostic] = field(default_factory=list)
    _seen: set[tuple[str, Span, str]] = field(default_factory=set)

    def add(
        self, severity: Severity, code: str, span: Span, message: str, hint: str = "", notes: Iterable[Note] = ()
    ) -> None:
        key = (code, span, message)
        if key not in self._seen:
            self._seen.add(key)
            self.items.append(Diagnostic(code, severity, span, message, hint, tuple(notes)))

    def error(self, code: str, span: Span, message: str, hint: str = "", notes: Iterable[Note] = ()) -> None:
        self.add("error", code, span, message, hint, notes)

    def warning(self, code: str, span: Span, message: str, hint: str = "", notes: Iterable[Note] = ()) -> None:
        self.add("warning", code, span, message, hint, notes)

    def note(self, code: str, span: Span, message: str, hint: str = "", notes: Iterable[Note] = ()) -> None:
        self.add("note", code, span, message, hint, notes)

    @property
    def has_errors(self) -> bool:
        return any(item.severity == "error" for item in self.items)

    def sorted(self) -> list[Diagnostic]:
        """In order of file and position, as they stand in the script."""
        order = {file: i for i, file in enumerate(dict.fromkeys(item.span.file for item in self.items))}
        return sorted(self.items, key=lambda item: (order[item.span.file], item.span.line, item.span.col))


_COLOURS = {"error": "\x1b[1;31m", "warning": "\x1b[1;35m", "note": "\x1b[1;36m", "place": "\x1b[1m", "hint": "\x1b[32m"}
_PLAIN = dict.fromkeys(_COLOURS, "")
_PART = 160
"""Longest piece of a source line that is shown."""


def _excerpt(span: Span, files: Mapping[str, str], colour: str, end: str) -> list[str]:
    """The source line of a span and the line with its carets."""
    source = files.get(span.file)
    lines = source.split("\n") if source is not None else []
    if not 1 <= span.line <= len(lines):
        return []
    line = lines[span.line - 1].rstrip("\r")
    start = min(max(span.col, 1), len(line) + 1)
    stop = span.end_col if span.end_line == span.line else len(line) + 1
    width = max(1, min(stop, len(line) + 1) - start)
    cut = max(0, start - _PART // 2) if len(line) > _PART and start > _PART else 0
    shown = line[cut : cut + _PART]
    shown = "".join(char if char == "\t" or char.isprintable() else "·" for char in readable(shown))
    before = readable(line[cut : start - 1])
    blank = (" " if cut else "") + "".join("\t" if char == "\t" else " " for char in before)
    width = min(width, max(1, _PART - len(before)))
    shown = f"{'…' if cut else ''}{shown}{'…' if len(line) > cut + _PART else ''}"
    gutter = f"{span.line:>5} | "
    return [f"{gutter}{shown}", f"{' ' * (len(gutter) - 2)}| {blank}{colour}{'^' * width}{end}"]


def render(
    items: Iterable[Diagnostic], files: Mapping[str, str], included_from: Mapping[str, Any] | None = None,
    *, colour: bool = False,
) -> str:  # fmt: skip
    """All findings as text, each with its line, caret, hint, notes and the lines that include its file.

    `files` holds the source texts by the names used in spans; `included_from` maps an included file to an origin
    with `file` and `line`.  With `colour`, ANSI colours: pass it when writing to a terminal.
    """
    paint = _COLOURS if colour else _PLAIN
    end = "\x1b[0m" if colour else ""
    out: list[str] = []
    for item in items:
        span = item.span
        place = f"{paint['place']}{span.file}:{span.line}:{span.col}:{end}"
        out.append(f"{place} {paint[item.severity]}{item.severity}[{item.code}]{end}: {item.message}")
        out += _excerpt(span, files, paint[item.severity], end)
        if item.hint:
            out.append(f"      = {paint['hint']}hint{end}: {item.hint}")
        for note in item.notes:
            out.append(f"      = {paint['note']}note{end}: {note.span.file}:{note.span.line}:{note.span.col}: {note.message}")
            out += _excerpt(note.span, files, paint["note"], end)
        file, chain = span.file, 0
        while included_from and file in included_from and chain < 50:
            origin = included_from[file]
            out.append(f"      = included from {origin.file}:{origin.line}")
            file = origin.file
            chain += 1
    return "\n".join(out) + ("\n" if out else "")


def summary(items: Iterable[Diagnostic]) -> str:
    """`2 errors, 1 warning`; "" when there is nothing."""
    counts = {"error": 0, "warning": 0, "note": 0}
    for item in items:
        counts[item.severity] += 1
    return ", ".join(f"{n} {word}{'s' if n > 1 else ''}" for word, n in counts.items() if n)


def to_dict(item: Diagnostic) -> dict[str, Any]:
    """The JSON form of the command line contract, plus the notes."""
    span = item.span
    made: dict[str, Any] = {
        "file": span.file, "line": span.line, "col": span.col, "end_line": span.end_line, "end_col": span.end_col,
        "code": item.code, "severity": item.severity, "message": item.message, "hint": item.hint,
    }  # fmt: skip
    if item.notes:
        made["notes"] = [{**dict(zip(Span._fields, note.span, strict=True)), "message": note.message} for note in item.notes]
    return made


def from_dict(data: dict[str, Any]) -> Diagnostic:
    """The reverse of `to_dict`, for findings that come from a builder process."""
    notes = tuple(Note(_span(note), note["message"]) for note in data.get("notes", ()))
    return Diagnostic(data["code"], data["severity"], _span(data), data["message"], data["hint"], notes)


def _span(data: dict[str, Any]) -> Span:
    return Span(data["file"], data["line"], data["col"], data["end_line"], data["end_col"])


def render_json(items: Iterable[Diagnostic]) -> str:
    """A JSON list, one object a finding (see `to_dict`)."""
    return json.dumps([to_dict(item) for item in items], indent=1)


def render_github(items: Iterable[Diagnostic]) -> str:
    """Workflow commands that annotate a change, one a line."""
    kinds = {"error": "error", "warning": "warning", "note": "notice"}
    out = []
    for item in items:
        span = item.span
        where = f"file={_property(span.file)},line={span.line},col={span.col}"
        if span.end_line == span.line:
            where += f",endColumn={span.end_col}"
        text = item.message + (f"\n{item.hint}" if item.hint else "")
        out.append(f"::{kinds[item.severity]} {where},title={item.code}::{_data(text)}")
    return "\n".join(out)


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
