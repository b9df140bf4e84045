"""What the commands share: options of a build, printing findings."""

from __future__ import annotations

import argparse
import os
import sys
from typing import Any

from transpiler.builder import BuildOptions, BuildResult

__all__ = ["add_build_arguments", "options_of", "report"]


def add_build_arguments(parser: argparse.ArgumentParser, optional_file: bool = False) -> None:
    """FILE and -p."""
    parser.add_argument("file", nargs="?" if optional_file else None, metavar="FILE", help="the script (opensips.cfg)")
    parser.add_argument(
        "-p", dest="preprocessor", metavar="CMD", help='preprocessor: m4, jinja, erb, or a command like "m4 env.m4 -"'
    )


def options_of(args: Any) -> BuildOptions:
    """Build options from parsed arguments."""
    return BuildOptions(args.file, args.preprocessor, getattr(args, "xlog_prefix", None))


def report(result: BuildResult, form: str = "text") -> str:
    """Findings in the wanted form."""
    from transpiler import diagnostics

    if form == "json":
        return diagnostics.render_json(result.diagnostics) + "\n"
    if form == "github":
        return diagnostics.render_github(result.diagnostics) + "\n"
    return diagnostics.render(result.diagnostics, result.files, result.included_from)


def file_of(args: Any) -> str | None:
    """The script, checked to be there; None after saying why not."""
    if not args.file:
        print("sipc: which script?  Give FILE or -f FILE.", file=sys.stderr)
        return None
    if os.path.isdir(args.file):
        print(f"sipc: {args.file} is a directory", file=sys.stderr)
        return None
    return str(args.file)
