"""`sipc run`: build (or take the kept artefact), then become the server."""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import sys
from typing import Any

from transpiler.builder import BuildOptions, build
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


def _in_builder(options: BuildOptions) -> Any:
    """Build in a process of its own, so that the server holds no compiler; the result comes from the cache."""
    import subprocess

    words = [sys.executable, "-m", "transpiler.builder_process", options.file, options.preprocessor or ""]
    if options.xlog_prefix is not None:
        words.append(options.xlog_prefix)
    subprocess.run(words, check=False)
    return build(options)


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
    from transpiler.builder import kept

    result = kept(options) or _in_builder(options)
    sys.stderr.write(report(result))
    if result.artefact is None:
        return 1
    import stdlib
    from runtime import log
    from runtime.core import core
    from runtime.generation import unpack
    from runtime.supervisor import Built, StartError, Supervisor

    core.argv = [sys.argv[0], *sys.argv[1:]]
    core.script_arguments = dict(item.partition("=")[::2] for item in args.settings)
    header, _ = unpack(result.artefact)
    stdlib.load("core")
    for name in header["settings"]["modules"]:
        stdlib.load(name)

    async def rebuild() -> Built:
        words = [sys.executable, "-m", "transpiler.builder_process", options.file, options.preprocessor or ""]
        if options.xlog_prefix is not None:
            words.append(options.xlog_prefix)
        process = await asyncio.create_subprocess_exec(*words)
        try:
            await asyncio.wait_for(process.wait(), 60)
        except TimeoutError:
            process.kill()
            return Built(None, "the build did not finish within 60 s")
        made = build(options)
        return Built(made.artefact, report(made))

    sockets = []
    for text in args.listen:
        entry = _listen(text)
        if entry is None:
            print(f"sipc: -l {text}: write proto:ip:port", file=sys.stderr)
            return 2
        sockets.append(entry)
    supervisor = Supervisor(result.artefact, rebuild, sockets)
    try:
        supervisor.prepare()
    except StartError as error:
        log.engine("core").critical("%s", error)
        return 1
    if watch:
        from transpiler.watching import Watcher

        supervisor.services.append(Watcher(supervisor, lambda: _inputs(options, result)))
    return supervisor.run()


def _inputs(options: BuildOptions, first: Any) -> list[str]:
    """Files whose change means a rebuild."""
    from preprocessors import PreprocessError, expand

    try:
        return expand(options.file, options.preprocessor).inputs
    except PreprocessError as error:
        return error.inputs or first.inputs or [os.path.abspath(options.file)]


def _listen(text: str) -> dict[str, Any] | None:
    match = re.fullmatch(r"(?:([A-Za-z_]+):)?(\[[^\]]+\]|[^:]+)(?::(\d+))?", text)
    if match is None:
        return None
    ports = [int(match[3])] if match[3] else []
    return {"proto": (match[1] or "udp").lower(), "host": match[2], "ports": ports, "place": f"-l {text}"}
