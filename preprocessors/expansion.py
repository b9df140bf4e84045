"""The result of preprocessing, and the one call that makes it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

__all__ = ["Expansion", "Origin", "PreprocessError", "expand"]


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

    def __str__(self) -> str:
        place = f"{self.origin.file}:{self.origin.line}: " if self.origin else ""
        return f"{place}{self.message}"


def expand(path: str, preprocessor: str | None = None, *, timeout: float = 10.0) -> Expansion:
    """Read `path`, flatten includes, run the preprocessor."""
    raise PreprocessError("E0001", "not there yet")
