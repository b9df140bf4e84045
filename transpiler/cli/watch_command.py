"""`sipc watch`: `run`, plus rebuild and swap when the script or one of its inputs is saved."""

from __future__ import annotations

import argparse
from typing import Any

from transpiler.cli import run_command

__all__ = ["add_arguments", "command"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    run_command.add_arguments(parser)
    parser.epilog = "example: sipc watch examples/residential/residential.m4 -p m4"


def command(args: Any) -> int:
    return run_command.serve(args, watch=True)
