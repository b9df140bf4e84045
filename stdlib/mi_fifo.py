"""mi_fifo: management over a named pipe."""

from __future__ import annotations

from typing import Any

from runtime.declare import Module
from runtime.mi.fifo import FifoTransport

__all__ = ["module"]

module = Module("mi_fifo", "Management interface over a named pipe.")

fifo_name = module.parameter("fifo_name", str, "/tmp/opensips_fifo", "The request pipe.")
fifo_mode = module.parameter("fifo_mode", int, 0o660, "Its permissions.")
fifo_user = module.parameter("fifo_user", (int, str), None, "Its owner.")
fifo_group = module.parameter("fifo_group", (int, str), None, "Its group.")
reply_dir = module.parameter("reply_dir", str, "/tmp/", "Where the clients' reply pipes are.")
pretty_printing = module.parameter("pretty_printing", int, 0, "Accepted; replies stay on one line, as clients read one.")


def _make(supervisor: Any) -> FifoTransport:
    return FifoTransport(
        supervisor, fifo_name.value, fifo_mode.value, reply_dir.value, bool(pretty_printing.value)
    )


module.management.append(_make)
