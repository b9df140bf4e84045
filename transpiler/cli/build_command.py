"""`sipc build`."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from transpiler.cli.common import add_build_arguments, file_of, options_of, report

__all__ = ["add_arguments", "command"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = "example: sipc build opensips.m4 -p m4 -o build/"
    add_build_arguments(parser)
    parser.add_argument("-o", dest="folder", metavar="DIR", default=".", help="where to write (default: here)")
    parser.add_argument("--expand", action="store_true", help="print the expanded text with the origin of each line")


def command(args: Any) -> int:
    if file_of(args) is None:
        return 2
    if args.expand:
        return _expand(args)
    from transpiler.builder import build

    result = build(options_of(args))
    sys.stderr.write(report(result))
    if not result.ok:
        return 1
    folder = Path(args.folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        stem = Path(args.file).name.rpartition(".")[0] or Path(args.file).name
        module, positions = folder / f"{stem}.py", folder / f"{stem}.map.json"
        module.write_text(result.python, "latin-1")
        table = {"script": args.file, "lines": [[line, file, at] for line, file, at in result.positions]}
        positions.write_text(json.dumps(table) + "\n")
    except OSError as error:
        print(f"sipc: cannot write to {args.folder}: {error.strerror}", file=sys.stderr)
        return 2
    print(module)
    print(positions)
    return 0


def _expand(args: Any) -> int:
    from preprocessors import PreprocessError, expand

    try:
        made = expand(args.file, args.preprocessor)
    except PreprocessError as error:
        print(f"{error.origin.file if error.origin else args.file}: error[{error.code}]: {error}", file=sys.stderr)
        return 1
    for line, origin in zip(made.lines, made.origins, strict=True):
        print(f"{origin.file}:{origin.line}\t{line}")
    return 0
