"""A build in a process of its own: `python -m transpiler.builder_process FILE PREPROCESSOR [XLOG_PREFIX]`.

The result is left in the cache, where the server finds it; findings are printed by whoever asked.
"""

from __future__ import annotations

import sys

from transpiler.builder import BuildOptions, build


def main(arguments: list[str]) -> int:
    file, preprocessor, *rest = arguments
    result = build(BuildOptions(file, preprocessor or None, rest[0] if rest else None))
    return 0 if result.ok else 1


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
