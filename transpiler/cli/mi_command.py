"""`sipc mi`: one management call over the fifo."""

from __future__ import annotations

import argparse
import json
import os
import select
import sys
import time
from typing import Any

__all__ = ["add_arguments", "command"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = "example: sipc mi get_statistics core: tm:\n         sipc mi log_level level=4"
    parser.add_argument("name", metavar="CMD", help="the command, e.g. ps, which, reload_routes")
    parser.add_argument("params", nargs="*", metavar="PARAM", help="values in order, or NAME=VALUE")
    parser.add_argument("--fifo", default="/tmp/opensips_fifo", help="the request pipe (default: /tmp/opensips_fifo)")
    parser.add_argument("--timeout", type=float, default=5.0, help="seconds to wait for the reply (default: 5)")


def _params(words: list[str]) -> Any:
    if words and all("=" in word for word in words):
        return dict(word.split("=", 1) for word in words)
    return words


def command(args: Any) -> int:
    name = f"sipc_mi_{os.getpid()}_{time.monotonic_ns()}"
    path = f"/tmp/{name}"
    params = _params(args.params)
    if args.name in ("get_statistics", "list_statistics", "reset_statistics") and isinstance(params, list) and params:
        params = [params]
    request = json.dumps({"jsonrpc": "2.0", "id": "1", "method": args.name, "params": params})
    try:
        os.mkfifo(path, 0o600)
        os.chmod(path, 0o666)
        reply = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except OSError as error:
        print(f"sipc: cannot make the reply pipe: {error.strerror}", file=sys.stderr)
        return 1
    try:
        try:
            handle = os.open(args.fifo, os.O_WRONLY | os.O_NONBLOCK)
        except OSError:
            print(f"sipc: no server listens on {args.fifo} (see modparam mi_fifo fifo_name, or --fifo)", file=sys.stderr)
            return 1
        os.write(handle, f":{name}:{request}".encode())
        os.close(handle)
        answer = _read(reply, args.timeout)
    finally:
        os.close(reply)
        os.unlink(path)
    if answer is None:
        print(f"sipc: no reply within {args.timeout:g} s", file=sys.stderr)
        return 1
    if "error" in answer:
        failure = answer["error"]
        data = f": {failure['data']}" if "data" in failure else ""
        print(f"{failure['code']}: {failure['message']}{data}", file=sys.stderr)
        return 1
    print(answer["result"] if isinstance(answer["result"], str) else json.dumps(answer["result"], indent=4))
    return 0


def _read(reply: int, limit: float) -> Any:
    """The reply line as JSON, None when it does not come in time."""
    until = time.monotonic() + limit
    data = b""
    while not data.endswith(b"\n"):
        left = until - time.monotonic()
        if left <= 0 or not select.select([reply], [], [], left)[0]:
            return None
        piece = os.read(reply, 65536)
        if not piece and not data:
            time.sleep(0.01)
        data += piece
    return json.loads(data)
