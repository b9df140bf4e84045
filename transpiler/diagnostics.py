"""Diagnostics: what is wrong, where, and what to do about it; text, JSON and annotation renderings."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

from transpiler.nodes import Span

__all__ = ["Diagnostic", "Diagnostics", "Note", "from_dict", "render", "render_github", "render_json", "to_dict"]

Severity = Literal["error", "warning", "note"]


@dataclass(frozen=True, slots=True)
class Note:
    """A related place."""

    span: Span
    message: str


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One finding.  `code` is stable and explained by `sipc explain CODE`."""

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


def _excerpt(span: Span, files: dict[str, str]) -> list[str]:
    """The source line of a span and the line with its carets."""
    source = files.get(span.file)
    lines = source.split("\n") if source is not None else []
    if not 1 <= span.line <= len(lines):
        return []
    line = lines[span.line - 1].rstrip("\r")
    start = min(max(span.col, 1), len(line) + 1)
    end = span.end_col if span.end_line == span.line else len(line) + 1
    width = max(1, min(end, len(line) + 1) - start)
    blank = "".join("\t" if char == "\t" else " " for char in line[: start - 1])
    gutter = f"{span.line:>5} | "
    return [f"{gutter}{line}", f"{' ' * (len(gutter) - 2)}| {blank}{'^' * width}"]


def render(items: Iterable[Diagnostic], files: dict[str, str], included_from: dict[str, Any] | None = None) -> str:
    """All findings as text, each with its line, caret, hint and notes."""
    out: list[str] = []
    for item in items:
        span = item.span
        out.append(f"{span.file}:{span.line}:{span.col}: {item.severity}[{item.code}]: {item.message}")
        out += _excerpt(span, files)
        if item.hint:
            out.append(f"      = hint: {item.hint}")
        for note in item.notes:
            out.append(f"      = note: {note.span.file}:{note.span.line}:{note.span.col}: {note.message}")
            out += _excerpt(note.span, files)
        file = span.file
        chain = 0
        while included_from and file in included_from and chain < 50:
            origin = included_from[file]
            out.append(f"      = included from {origin.file}:{origin.line}")
            file = origin.file
            chain += 1
    return "\n".join(out) + ("\n" if out else "")


def to_dict(item: Diagnostic) -> dict[str, Any]:
    """The JSON form of the command line contract, plus the notes."""
    span = item.span
    made: dict[str, Any] = {
        "file": span.file, "line": span.line, "col": span.col, "end_line": span.end_line, "end_col": span.end_col,
        "code": item.code, "severity": item.severity, "message": item.message, "hint": item.hint,
    }  # fmt: skip
    if item.notes:
        made["notes"] = [{"file": n.span.file, "line": n.span.line, "col": n.span.col, "message": n.message} for n in item.notes]
    return made


def from_dict(data: dict[str, Any]) -> Diagnostic:
    """The reverse of `to_dict`, for findings that come from a builder process."""
    notes = tuple(
        Note(Span(n["file"], n["line"], n["col"], n["line"], n["col"] + 1), n["message"]) for n in data.get("notes", ())
    )
    span = Span(data["file"], data["line"], data["col"], data["end_line"], data["end_col"])
    return Diagnostic(data["code"], data["severity"], span, data["message"], data["hint"], notes)


def render_json(items: Iterable[Diagnostic]) -> str:
    return json.dumps([to_dict(item) for item in items], indent=1)


def render_github(items: Iterable[Diagnostic]) -> str:
    """Workflow commands that annotate a change."""
    kinds = {"error": "error", "warning": "warning", "note": "notice"}
    return "\n".join(
        f"::{kinds[i.severity]} file={i.span.file},line={i.span.line},col={i.span.col},title={i.code}::{i.message}"
        for i in items
    )
