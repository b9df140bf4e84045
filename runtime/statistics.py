"""Counters in one mapping shared by all workers: a row of slots per worker, so that no increment needs a lock."""

from __future__ import annotations

import mmap
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from runtime.declare import Statistic

__all__ = ["allot", "attach", "counts", "declared", "reset", "share", "total"]

SLOTS = 4096
"""Counters a worker has at most; declared statistics number a few hundred."""

declared: list[Statistic] = []
counts: memoryview = memoryview(bytearray(8 * SLOTS)).cast("Q")
"""This process's row."""

_rows: list[memoryview] = [counts]


def allot(statistic: Statistic) -> int:
    """The slot of a newly declared statistic."""
    if len(declared) >= SLOTS:
        raise RuntimeError(f"more than {SLOTS} statistics declared")
    declared.append(statistic)
    return len(declared) - 1


def share(rows: int) -> None:
    """Map `rows` rows that forked workers will share; call before the first fork.  Row 0 is the supervisor's."""
    global counts
    area = memoryview(mmap.mmap(-1, rows * SLOTS * 8))
    _rows[:] = [area[i * SLOTS * 8 : (i + 1) * SLOTS * 8].cast("Q") for i in range(rows)]
    counts = _rows[0]


def attach(row: int) -> None:
    """Make `row` this process's own."""
    global counts
    counts = _rows[row]


def total(slot: int) -> int:
    """Sum over all workers, including those that ended."""
    return sum(row[slot] for row in _rows)


def reset(slot: int) -> None:
    for row in _rows:
        row[slot] = 0
