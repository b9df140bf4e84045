"""Watching a script's inputs: their directories are looked at twenty times a second, so that every way of saving counts.

Comparing times and sizes of a handful of files costs next to nothing, needs no thread in a process that forks, and sees
editors that write a new file and rename it.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from typing import Any

__all__ = ["Watcher"]

_PERIOD = 0.05
"""Seconds between looks."""
_SETTLE = 0.03
"""How long files must be left alone before the rebuild, so that several saved together count as one edit."""


class Watcher:
    """Asks the supervisor for a reload when one of the files changes."""

    def __init__(self, supervisor: Any, inputs: Callable[[], list[str]]) -> None:
        self.supervisor = supervisor
        self.inputs = inputs
        self.files = inputs()
        self.state = self._look()
        self.task: asyncio.Task[None] | None = None

    def _look(self) -> list[tuple[str, int, int, int]]:
        seen = []
        for path in self.files:
            try:
                status = os.stat(path)
            except OSError:
                seen.append((path, 0, 0, 0))
                continue
            seen.append((path, status.st_mtime_ns, status.st_size, status.st_ino))
        return seen

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        self.task = self.supervisor.later(self._watch())

    def stop(self) -> None:
        if self.task is not None:
            self.task.cancel()

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(_PERIOD)
            now = self._look()
            if now == self.state:
                continue
            while True:
                await asyncio.sleep(_SETTLE)
                again = self._look()
                if again == now:
                    break
                now = again
            self.state = now
            await self.supervisor.reload()
            self.files = self.inputs()
            # What was saved during the reload is a change still; files that came in with it are taken as they are.
            seen = {entry[0]: entry for entry in now}
            self.state = [seen.get(entry[0], entry) for entry in self._look()]
