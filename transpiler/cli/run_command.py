"""`sipc run`: build (or take the kept artefact), then become the server."""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import os
import re
import subprocess
import sys
from typing import Any

from runtime.supervisor import Built
from transpiler.builder import BuildOptions, kept
from transpiler.builder_process import words
from transpiler.cli.common import add_build_arguments, file_of, options_of, report

__all__ = ["add_arguments", "command", "serve"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = 'example: sipc run opensips.m4 -p m4 -l udp:127.0.0.1:5060 --xlog-prefix "[$ci] "'
    add_build_arguments(parser, optional_file=True)
    parser.add_argument("-f", dest="named", metavar="FILE", help="the script, as OpenSIPS names it")
    parser.add_argument("-l", dest="listen", action="append", default=[], metavar="PROTO:IP:PORT", help="listen here too")
    parser.add_argument("--xlog-prefix", metavar="FMT", help='stands before script lines; "" for nothing')
    parser.add_argument("-o", dest="settings", action="append", default=[], metavar="NAME=VALUE", help="for $argv(NAME)")
    parser.add_argument("-c", "-C", dest="check", action="store_true", help="check only")
    for letter, text in (("m", "shared memory"), ("M", "private memory"), ("a", "allocator"), ("I", "include path")):
        parser.add_argument(f"-{letter}", dest=f"ignored_{letter}", metavar="X", help=f"{text}: accepted")
    parser.add_argument("-F", "-D", dest="foreground", action="store_true", help="accepted: it stays in the foreground")


def command(args: Any) -> int:
    return serve(args, watch=False)


_BUILD_TIME = 60.0
"""Longest time a build may take, in seconds."""
_TOO_LONG = f"the build did not finish within {_BUILD_TIME:g} s\n"


class _Builder:
    """Builds in a process of its own, so that the server holds no compiler; remembers the files that went in."""

    def __init__(self, options: BuildOptions) -> None:
        self.options = options
        self.inputs = [os.path.abspath(options.file)]

    def first(self) -> Built:
        """The kept artefact, or a build; for the start of the server."""
        known = kept(self.options)
        if known is not None:
            self.inputs = known.inputs or self.inputs
            return Built(known.artefact, report(known))
        try:
            done = subprocess.run(words(self.options), stdout=subprocess.PIPE, timeout=_BUILD_TIME, check=False)
        except subprocess.TimeoutExpired:
            return Built(None, _TOO_LONG)
        return self._read(done.stdout)

    async def again(self) -> Built:
        """A build while the server runs."""
        process = await asyncio.create_subprocess_exec(*words(self.options), stdout=subprocess.PIPE)
        try:
            output, _ = await asyncio.wait_for(process.communicate(), _BUILD_TIME)
        except TimeoutError:
            process.kill()
            return Built(None, _TOO_LONG)
        return self._read(output)

    def _read(self, output: bytes) -> Built:
        try:
            outcome = json.loads(output)
        except ValueError:
            return Built(None, "the build ended without a result\n")
        if outcome["inputs"]:
            self.inputs = outcome["inputs"]
        artefact = base64.b64decode(outcome["artefact"]) if outcome["artefact"] is not None else None
        return Built(artefact, outcome["report"], outcome["findings"])


def serve(args: Any, watch: bool) -> int:
    """Run the server; its exit status."""
    args.file = args.file or args.named
    if file_of(args) is None:
        return 2
    options = options_of(args)
    if getattr(args, "check", False):
        from transpiler.cli.check_command import command as check

        args.format = "text"
        return check(args)
    builder = _Builder(options)
    built = builder.first()
    sys.stderr.write(built.report)
    if built.artefact is None:
        return 1
    import stdlib
    from runtime import log
    from runtime.core import core
    from runtime.generation import unpack
    from runtime.supervisor import StartError, Supervisor

    if sys.version_info < (3, 12):  # the default one starts a thread for each child
        asyncio.set_child_watcher(asyncio.PidfdChildWatcher())
    core.argv = [sys.argv[0], *sys.argv[1:]]
    core.script_arguments = dict(item.partition("=")[::2] for item in args.settings)
    header, _ = unpack(built.artefact)
    stdlib.load("core")
    for name in header["settings"]["modules"]:
        stdlib.load(name)

    sockets = []
    for text in args.listen:
        entry = _listen(text)
        if entry is None:
            print(f"sipc: -l {text}: write proto:ip:port", file=sys.stderr)
            return 2
        sockets.append(entry)
    supervisor = Supervisor(built.artefact, builder.again, sockets)
    try:
        supervisor.prepare()
    except StartError as error:
        log.engine("core").critical("%s", error)
        return 1
    if watch:
        from transpiler.watching import Watcher

        supervisor.services.append(Watcher(supervisor, lambda: builder.inputs))
    return supervisor.run()


def _listen(text: str) -> dict[str, Any] | None:
    match = re.fullmatch(r"(?:([A-Za-z_]+):)?(\[[^\]]+\]|[^:]+)(?::(\d+))?", text)
    if match is None:
        return None
    ports = [int(match[3])] if match[3] else []
    return {"proto": (match[1] or "udp").lower(), "host": match[2], "ports": ports, "place": f"-l {text}"}
