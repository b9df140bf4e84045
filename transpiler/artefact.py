"""The artefact of a checked script: relocated code, settings and source texts as bytes."""

from __future__ import annotations

import hashlib
import marshal
from typing import Any

from preprocessors import Expansion
from runtime.generation import pack
from transpiler.emitter import emit
from transpiler.positions import compile_route

__all__ = ["make"]


def make(checked: Any, options: Any, expansion: Expansion) -> tuple[bytes, str, list[tuple[int, str, int]]]:
    """(artefact, Python text, position table)."""
    title = options.file.rpartition("/")[2]
    module = emit(checked, title)
    codes = [marshal.dumps(compile(module.header, f"<{title}>", "exec"))]
    codes += [marshal.dumps(compile_route(route)) for route in module.routes]
    text = module.text
    header: dict[str, Any] = {
        "title": options.file,
        "hash": hashlib.sha256(text.encode("latin-1", "replace") + repr(checked.settings).encode()).hexdigest()[:16],
        "settings": {**checked.settings, "xlog_prefix": options.xlog_prefix},
        "files": expansion.files,
        "inputs": expansion.inputs,
    }
    return pack(header, codes), text, module.positions()
