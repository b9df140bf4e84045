"""A build in a process of its own: `python -m transpiler.builder_process FILE PREPROCESSOR [XLOG_PREFIX]`.

Prints the outcome as one JSON object, so that the server needs no compiler to know it:
`{"artefact": base64 or null, "report": findings as text, "findings": ["file:line:col: code message"], "inputs": [paths]}`.
"""

from __future__ import annotations

import base64
import json
import sys

from transpiler.builder import BuildOptions, build
from transpiler.cli.common import report

__all__ = ["main", "words"]


def words(options: BuildOptions) -> list[str]:
    """The command line that builds this."""
    made = [sys.executable, "-m", "transpiler.builder_process", options.file, options.preprocessor or ""]
    return made if options.xlog_prefix is None else [*made, options.xlog_prefix]


def main(arguments: list[str]) -> int:
    file, preprocessor, *rest = arguments
    result = build(BuildOptions(file, preprocessor or None, rest[0] if rest else None))
    outcome = {
        "artefact": base64.b64encode(result.artefact).decode() if result.artefact is not None else None,
        "report": report(result),
        "findings": [
            f"{item.span.file}:{item.span.line}:{item.span.col}: {item.code} {item.message}"
            for item in result.diagnostics
            if item.severity == "error"
        ],
        "inputs": result.inputs,
    }
    sys.stdout.write(json.dumps(outcome))
    return 0 if result.ok else 1


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
