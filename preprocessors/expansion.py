"""The result of preprocessing, and the one call that makes it."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from typing import NamedTuple

__all__ = ["Expansion", "Origin", "PreprocessError", "expand"]

MAX_DEPTH = 50
"""Deepest nesting of includes, as in OpenSIPS."""
_INCLUDE = re.compile(r"""[ \t]*(?:include_file|import_file)[ \t]*(["'])([^"']{2,})\1""")


class Origin(NamedTuple):
    """The author's line behind a line of expanded text."""

    file: str
    """The name as given (relative names stay relative)."""
    line: int
    exact: bool = True
    """The expanded line is the author's line, so columns mean something."""


@dataclass(slots=True)
class Expansion:
    """Expanded text, line by line, with the origin of each."""

    lines: list[str]
    """Without their newlines; one character per byte."""
    origins: list[Origin]
    files: dict[str, str] = field(default_factory=dict)
    """Source text of every file read, by the name used in origins."""
    inputs: list[str] = field(default_factory=list)
    """Absolute paths of all inputs, to be watched for changes."""
    included_from: dict[str, Origin] = field(default_factory=dict)
    """For an included file, the line that includes it."""

    @property
    def text(self) -> str:
        return "\n".join(self.lines) + "\n"


@dataclass
class PreprocessError(Exception):
    """A preprocessor is missing, failed or hung, or an include cannot be read."""

    code: str
    message: str
    origin: Origin | None = None
    hint: str = ""
    output: str = ""
    """What the command wrote to stderr."""
    files: dict[str, str] = field(default_factory=dict)
    inputs: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        place = f"{self.origin.file}:{self.origin.line}: " if self.origin else ""
        return f"{place}{self.message}"


def expand(path: str, preprocessor: str | None = None, *, timeout: float = 10.0) -> Expansion:
    """Read `path`, flatten includes, run the preprocessor.

    `preprocessor` is a command line (`m4 env.m4 -`), or a name with exact line mapping: m4, jinja, erb.  It runs without
    a shell and for `timeout` seconds at most.  Raises PreprocessError.
    """
    made = Expansion([], [])
    try:
        _flatten(path, made, None, 0)
        if preprocessor:
            from preprocessors.command import run

            run(made, path, preprocessor, timeout)
    except PreprocessError as error:
        error.files = {**made.files, **error.files}
        error.inputs = list(made.inputs)
        raise
    return made


def read_text(path: str, origin: Origin | None) -> str:
    """A source file, one character per byte.  PreprocessError when it cannot be read or is binary."""
    try:
        with open(path, "rb") as stream:
            data = stream.read()
    except OSError as error:
        raise PreprocessError("E0002", f"cannot read {path}: {error.strerror}", origin, "check the path") from None
    if b"\0" in data:
        raise PreprocessError("E0003", f"{path} holds NUL bytes: it is not a script", origin)
    return data.decode("latin-1")


def _flatten(path: str, made: Expansion, origin: Origin | None, depth: int) -> None:
    """Append the lines of a file, includes spliced in where they stand first on a line."""
    if depth > MAX_DEPTH:
        raise PreprocessError("E0004", f"includes are nested deeper than {MAX_DEPTH}", origin, "does a file include itself?")
    text = read_text(path, origin)
    made.files[path] = text
    made.inputs.append(os.path.abspath(path))
    if origin is not None:
        made.included_from.setdefault(path, origin)
    lines = text.split("\n")
    if lines and lines[-1] == "":
        lines.pop()
    for number, line in enumerate(lines, 1):
        match = _INCLUDE.match(line)
        if match is None:
            made.lines.append(line)
            made.origins.append(Origin(path, number))
            continue
        _flatten(_find(match[2], path), made, Origin(path, number), depth + 1)


def _find(name: str, including: str) -> str:
    """Where an included file is: relative to the start directory, else beside the including file."""
    if os.path.isabs(name) or os.path.exists(name):
        return name
    beside = os.path.join(os.path.dirname(including), name)
    return beside if os.path.exists(beside) else name
