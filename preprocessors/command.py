"""Running a preprocessor: a subprocess with a time limit, and the origins of what it prints."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
from pathlib import Path

from preprocessors.expansion import Expansion, Origin, PreprocessError

__all__ = ["MARK", "run"]

MAX_OUTPUT = 64 << 20
"""Longest expansion accepted, in bytes."""
MARK = "\x1e"
"""Begins an origin mark `\\x1efile:line\\x1f` in the output of our own runners."""

_SYNCLINE = re.compile(r'#line (\d+)(?: "([^"]*)")?\Z')
_OSS_BEGIN = re.compile(r'__OSSPP_FILEBEGIN__ "(.*)"\Z')
_OSS_LINE = re.compile(r"__OSSPP_LINE__ (\d+)\Z")
_MARKED = re.compile(r"\x1e([^\x1f]*):(\d+)\x1f")


def run(made: Expansion, path: str, preprocessor: str, timeout: float) -> None:
    """Replace the lines of `made` by what the preprocessor makes of them."""
    try:
        words = shlex.split(preprocessor)
    except ValueError as error:
        raise PreprocessError("E0010", f"cannot read the preprocessor command: {error}") from None
    if not words:
        raise PreprocessError("E0010", "the preprocessor command is empty")
    name = os.path.basename(words[0])
    if name == "m4":
        _m4(made, path, words, timeout)
    elif preprocessor == "jinja" or words[0] == "jinja":
        _jinja(made, path, words[1:], timeout)
    elif name == "erb":
        _erb(made, path, words, timeout)
    else:
        _any(made, path, words, timeout)
    if not any(line.strip() for line in made.lines):
        raise PreprocessError("E0014", f"no output from the preprocessor `{preprocessor}`", Origin(path, 1))


def _call(words: list[str], given: str, timeout: float, path: str) -> str:
    """The command's output.  PreprocessError when it is missing, fails, hangs or prints too much."""
    try:
        process = subprocess.Popen(
            words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
        )
    except OSError as error:
        hint = f"install {words[0]}, or check PATH" if isinstance(error, FileNotFoundError) else ""
        raise PreprocessError("E0011", f"cannot run `{words[0]}`: {error.strerror}", Origin(path, 1), hint) from None
    try:
        out, err = process.communicate(given.encode("latin-1"), timeout)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        text = f"`{shlex.join(words)}` did not finish within {timeout:g} s and was stopped"
        raise PreprocessError("E0013", text, Origin(path, 1)) from None
    errors = err.decode("latin-1").strip()
    if process.returncode != 0:
        status = f"exit status {process.returncode}" if process.returncode > 0 else f"signal {-process.returncode}"
        first = errors.split("\n")[-1] if errors else ""
        origin = _place_in(errors, path)
        message = f"`{shlex.join(words[:3])}` failed with {status}{': ' + first if first else ''}"
        raise PreprocessError("E0012", message, origin, output=errors)
    if len(out) > MAX_OUTPUT:
        raise PreprocessError("E0015", f"the preprocessor printed more than {MAX_OUTPUT >> 20} MiB", Origin(path, 1))
    if errors:
        sys.stderr.write(errors + "\n")
    return out.decode("latin-1")


def _place_in(errors: str, path: str) -> Origin:
    """The template line that an error text names, else the first line."""
    base = re.escape(os.path.basename(path))
    match = re.search(rf"{base}[\"']?(?:, line |:)(\d+)", errors) or re.search(r"(?:stdin|\(erb\)|-):(\d+)", errors)
    return Origin(path, int(match[1]) if match else 1)


def _m4(made: Expansion, path: str, words: list[str], timeout: float) -> None:
    """m4 with synclines; flattened includes keep their origins through the line numbers of what m4 reads."""
    options = [word for word in words[1:] if word != "-"]
    text = _call([words[0], "-s", *options, "-"], made.text, timeout, path)
    source = list(made.origins)
    lines, origins = [], []
    file, number = "stdin", 1
    for line in text.split("\n")[:-1] if text.endswith("\n") else text.split("\n"):
        match = _SYNCLINE.match(line)
        if match:
            number = int(match[1])
            if match[2] is not None:
                file = match[2]
            continue
        lines.append(line)
        origins.append(_origin(made, file, number, source, line))
        number += 1
    made.lines, made.origins = lines, origins


def _origin(made: Expansion, file: str, number: int, source: list[Origin], line: str) -> Origin:
    """The author's line behind line `number` of the file that m4 names."""
    if file in ("stdin", "-"):
        if not source:  # an empty file, as seen while an editor writes it
            return Origin(made.inputs[0] if made.inputs else file, 1, False)
        at = source[min(max(number, 1), len(source)) - 1]
        same = made.files.get(at.file, "").split("\n")
        exact = at.line <= len(same) and same[at.line - 1] == line
        return Origin(at.file, at.line, exact)
    if file not in made.files and os.path.exists(file):
        made.files[file] = Path(file).read_text("latin-1")
        made.inputs.append(os.path.abspath(file))
    return Origin(file, number, False)


def _marked(made: Expansion, text: str, path: str) -> None:
    """Take marks out of the output; the first mark with visible text behind it names a line's origin."""
    lines, origins = [], []
    last = Origin(path, 1, False)
    for line in text.split("\n")[:-1] if text.endswith("\n") else text.split("\n"):
        found = list(_MARKED.finditer(line))
        chosen = None
        for i, mark in enumerate(found):
            end = found[i + 1].start() if i + 1 < len(found) else len(line)
            if line[mark.end() : end].strip():
                chosen = mark
                break
        chosen = chosen or (found[0] if found else None)
        plain = _MARKED.sub("", line)
        if chosen is not None:
            last = Origin(chosen[1], int(chosen[2]), False)
        source = made.files.get(last.file, "").split("\n")
        exact = last.line <= len(source) and source[last.line - 1] == plain
        lines.append(plain)
        origins.append(Origin(last.file, last.line, exact))
    made.lines, made.origins = lines, origins


def _jinja(made: Expansion, path: str, options: list[str], timeout: float) -> None:
    words = [sys.executable, "-m", "preprocessors.jinja_runner", path, *options]
    text = _call(words, made.text, timeout, path)
    head, _, text = text.partition("\n")
    for name in filter(None, head.split(MARK)):
        if name not in made.files and os.path.exists(name):
            made.files[name] = Path(name).read_text("latin-1")
            made.inputs.append(os.path.abspath(name))
    _marked(made, text, path)


def _erb(made: Expansion, path: str, words: list[str], timeout: float) -> None:
    """erb, with a mark at the start of every line that begins as text."""
    out, inside = [], False
    for line, origin in zip(made.lines, made.origins, strict=True):
        begins_as_text = not inside and not line.lstrip().startswith("%") and not re.match(r"\s*<%(?!=)", line)
        out.append(f"{MARK}{origin.file}:{origin.line}\x1f{line}" if begins_as_text else line)
        inside = line.rfind("<%") > line.rfind("%>")
    options = [word for word in words[1:] if word != "-"]
    text = _call([words[0], *(options or ["-T", "-"])], "\n".join(out) + "\n", timeout, path)
    _marked(made, text, path)


def _any(made: Expansion, path: str, words: list[str], timeout: float) -> None:
    """Any command: it reads the text with OpenSIPS's line markers and may keep, drop or print markers of its own."""
    given, file = [], None
    for line, origin in zip(made.lines, made.origins, strict=True):
        if origin.file != file:
            given.append(f'__OSSPP_FILEBEGIN__ "{origin.file}"')
            file = origin.file
        given += [f"__OSSPP_LINE__ {origin.line}", line]
    given.append("__OSSPP_FILEEND__")
    text = _call(words, "\n".join(given) + "\n", timeout, path)
    lines, origins = [], []
    stack = [path]
    number, extra = 1, 0
    for line in text.split("\n")[:-1] if text.endswith("\n") else text.split("\n"):
        if match := _OSS_BEGIN.match(line):
            stack.append(match[1])
        elif line == "__OSSPP_FILEEND__":
            if len(stack) > 1:
                stack.pop()
        elif match := _OSS_LINE.match(line):
            number, extra = int(match[1]), 0
        else:
            lines.append(line)
            origins.append(Origin(stack[-1], number, extra == 0))
            extra += 1
    made.lines, made.origins = lines, origins
