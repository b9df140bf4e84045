"""`sipc check`."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from transpiler.cli.common import add_build_arguments, file_of, options_of, report

__all__ = ["add_arguments", "command"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = "example: sipc check opensips.cfg --format json"
    add_build_arguments(parser, optional_file=True)
    parser.add_argument("-f", dest="named", metavar="FILE", help="the script, as OpenSIPS names it")
    parser.add_argument("-c", "-C", dest="letters", action="store_true", help="accepted, as OpenSIPS has them")
    parser.add_argument("--format", choices=("text", "json", "github"), default="text", help="default: text")


def command(args: Any) -> int:
    args.file = args.file or args.named
    if file_of(args) is None:
        return 2
    from transpiler.builder import check_only

    result = check_only(options_of(args))
    sys.stdout.write(report(result, args.format))
    if args.format == "text":
        errors = sum(1 for item in result.diagnostics if item.severity == "error")
        warnings = sum(1 for item in result.diagnostics if item.severity == "warning")
        print(f"{args.file}: {'ok' if not errors else f'{errors} errors'}, {warnings} warnings")
    return 0 if result.ok else 1
