"""Script file to artefact: expand, parse, check, emit, relocate, marshal; whole results are kept by content."""

from __future__ import annotations

import base64
import hashlib
import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from preprocessors import Expansion, PreprocessError, expand
from transpiler import cache
from transpiler.diagnostics import Diagnostic, Diagnostics, from_dict, to_dict
from transpiler.nodes import Span

__all__ = ["BuildOptions", "BuildResult", "build", "check_only", "kept"]

_ROOT = Path(__file__).resolve().parent.parent


@dataclass(slots=True)
class BuildOptions:
    """What to build and how."""

    file: str
    preprocessor: str | None = None
    xlog_prefix: str | None = None
    """Overrides the script's xlog_prefix; "" switches the prefix off; None leaves it to the script."""


@dataclass(slots=True)
class BuildResult:
    """`artefact` is None when there are errors."""

    artefact: bytes | None = None
    python: str = ""
    positions: list[tuple[int, str, int]] = field(default_factory=list)
    diagnostics: list[Diagnostic] = field(default_factory=list)
    inputs: list[str] = field(default_factory=list)
    files: dict[str, str] = field(default_factory=dict)
    included_from: dict[str, Any] = field(default_factory=dict)
    cached: bool = False

    @property
    def ok(self) -> bool:
        return self.artefact is not None


def _own_version() -> str:
    """Changes whenever a file of sipc does, so that nothing stale is ever used."""
    stamps = []
    for top in ("preprocessors", "transpiler", "runtime", "stdlib"):
        for folder, _, names in os.walk(_ROOT / top):
            for name in names:
                if name.endswith((".py", ".lark")):
                    status = os.stat(os.path.join(folder, name))
                    stamps.append(f"{folder}/{name}:{status.st_mtime_ns}:{status.st_size}")
    return hashlib.sha256("\n".join(sorted(stamps)).encode()).hexdigest()


def _expand(options: BuildOptions, sink: Diagnostics) -> Expansion | None:
    try:
        return expand(options.file, options.preprocessor)
    except PreprocessError as error:
        origin = error.origin
        span = Span(origin.file, origin.line, 1, origin.line, 2) if origin else Span(options.file, 1, 1, 1, 2)
        hint = error.hint or (f"it said: {error.output.splitlines()[-1]}" if error.output else "")
        sink.error(error.code, span, error.message, hint)
        return None


def _key(expansion: Expansion, options: BuildOptions) -> str:
    digest = hashlib.sha256()
    digest.update(_own_version().encode())
    digest.update(json.dumps([options.file, options.xlog_prefix, expansion.origins]).encode())
    digest.update(expansion.text.encode("latin-1", "replace"))
    digest.update(json.dumps(expansion.files).encode())
    return digest.hexdigest()[:40]


def build(options: BuildOptions) -> BuildResult:
    """Build a script.  Never raises for what is wrong with the script: see `diagnostics`."""
    sink = Diagnostics()
    expansion = _expand(options, sink)
    if expansion is None:
        return BuildResult(diagnostics=sink.sorted(), files=_read(options.file))
    result = BuildResult(
        inputs=expansion.inputs, files=expansion.files, included_from=dict(expansion.included_from)
    )
    key = f"artefact-{_key(expansion, options)}"
    known = cache.read(key)
    if known is not None:
        _thaw(known, result)
        return result
    checked = _checked(expansion, sink)
    result.diagnostics = sink.sorted()
    if checked is None:
        return result
    from transpiler.artefact import make

    result.artefact, result.python, result.positions = make(checked, options, expansion)
    cache.write(key, _freeze(result))
    return result


def kept(options: BuildOptions) -> BuildResult | None:
    """The kept result of the same input, None when there is none (or the input cannot be read)."""
    expansion = _expand(options, Diagnostics())
    if expansion is None:
        return None
    data = cache.read(f"artefact-{_key(expansion, options)}")
    if data is None:
        return None
    result = BuildResult(inputs=expansion.inputs, files=expansion.files, included_from=dict(expansion.included_from))
    _thaw(data, result)
    return result


def _read(file: str) -> dict[str, str]:
    try:
        return {file: Path(file).read_text("latin-1")}
    except OSError:
        return {}


def _checked(expansion: Expansion, sink: Diagnostics) -> Any:
    """The checked script, None when there are errors."""
    from transpiler.checker import check
    from transpiler.parser import parse

    script = parse(expansion, sink)
    checked = check(script, sink)
    return None if sink.has_errors else checked


def check_only(options: BuildOptions) -> BuildResult:
    """Everything but emitting."""
    sink = Diagnostics()
    expansion = _expand(options, sink)
    if expansion is None:
        return BuildResult(diagnostics=sink.sorted(), files=_read(options.file))
    _checked(expansion, sink)
    return BuildResult(
        b"" if not sink.has_errors else None, diagnostics=sink.sorted(), inputs=expansion.inputs,
        files=expansion.files, included_from=dict(expansion.included_from),
    )  # fmt: skip


def _freeze(result: BuildResult) -> bytes:
    assert result.artefact is not None
    return json.dumps(
        {
            "artefact": base64.b64encode(result.artefact).decode(),
            "python": result.python,
            "positions": result.positions,
            "diagnostics": [to_dict(item) for item in result.diagnostics],
        }
    ).encode()


def _thaw(data: bytes, result: BuildResult) -> None:
    known = json.loads(data)
    result.artefact = base64.b64decode(known["artefact"])
    result.python = known["python"]
    result.positions = [tuple(item) for item in known["positions"]]
    result.diagnostics = [from_dict(item) for item in known["diagnostics"]]
    result.cached = True


