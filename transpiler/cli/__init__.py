"""The command line: `sipc build | check | run | watch | mi | explain`."""

from __future__ import annotations

import argparse
import importlib
import sys

__all__ = ["main"]

_COMMANDS = {
    "build": "write the Python module of a script and its position table",
    "check": "everything but writing: all findings of a script",
    "run": "run a script as a SIP server in the foreground",
    "watch": "run, and swap in the script whenever it is saved",
    "mi": "one management call to a running server",
    "explain": "documentation of a function, variable, parameter, transformation or diagnostic code",
}


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; the exit status (2 for wrong usage)."""
    words = sys.argv[1:] if arguments is None else arguments
    parser = argparse.ArgumentParser(
        prog="sipc", description="OpenSIPS scripts, compiled to Python and run as a SIP server.",
        epilog="example: sipc run opensips.cfg",
    )  # fmt: skip
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    chosen = next((word for word in words if not word.startswith("-")), "")
    for name, text in _COMMANDS.items():
        sub = commands.add_parser(name, help=text, description=text, formatter_class=argparse.RawDescriptionHelpFormatter)
        if name == chosen:
            importlib.import_module(f"transpiler.cli.{name}_command").add_arguments(sub)
    args = parser.parse_args(words)
    return int(importlib.import_module(f"transpiler.cli.{args.command}_command").command(args))
