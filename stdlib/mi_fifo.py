"""mi_fifo: management over a named pipe."""

from __future__ import annotations

from typing import Any

from runtime.declare import Module
from runtime.mi.fifo import FifoTransport

__all__ = ["module"]

module = Module("mi_fifo", "Management interface over a named pipe: JSON-RPC requests as `:reply_pipe:JSON`.")


def _path(value: str) -> str:
    if not value or len(value) > 255:
        raise ValueError("a path of 1 to 255 characters is needed")
    return value


def _mode(value: int) -> int:
    if not 0 <= value <= 0o777:
        raise ValueError("permissions are 0 to 0777")
    return value


fifo_name = module.parameter("fifo_name", str, "/tmp/opensips_fifo", "The request pipe.", check=_path)
fifo_mode = module.parameter("fifo_mode", int, 0o660, "Its permissions.", check=_mode)
fifo_user = module.parameter("fifo_user", (int, str), None, "Its owner, by name or number.")
fifo_group = module.parameter("fifo_group", (int, str), None, "Its group, by name or number.")
reply_dir = module.parameter("reply_dir", str, "/tmp/", "Where the clients' reply pipes are.", check=_path)
pretty_printing = module.parameter(
    "pretty_printing", int, 0, "Accepted; a reply stays on one line, since clients read one line."
)
trace_destination = module.parameter("trace_destination", str, None, "Accepted; management is not traced yet.")
trace_bwlist = module.parameter("trace_bwlist", str, None, "Accepted; management is not traced yet.")


def _make(supervisor: Any) -> FifoTransport:
    return FifoTransport(
        supervisor, fifo_name.value, fifo_mode.value, reply_dir.value, user=fifo_user.value, group=fifo_group.value
    )


module.management.append(_make)
