"""Memory that all workers see: `$shv` variables, the probability, script locks.

One anonymous file is mapped before the workers are forked.  A version word tells readers whether their copy of the
variables is still good, so reading one costs a comparison; writers take a file lock, which the kernel releases when its
holder dies.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import mmap
import os
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["ScriptLocks", "SharedVariables"]

CAPACITY = 4 << 20
"""Room for all variables of a node, in bytes as JSON."""
_HEADER = 32
_VERSION, _LENGTH, _PROBABILITY = 0, 1, 2
"""Words of the header."""
_POLL_FIRST, _POLL_MOST = 0.001, 0.02
"""Seconds between attempts at a lock that another worker holds."""

_FIRST_LOCK = 1 << 20
"""Script locks are single bytes of the file from here on; byte 0 guards the variables."""


def _file(size: int) -> int:
    """A descriptor of a new anonymous file.  Forked workers share it; record locks on it belong to processes."""
    fd = os.memfd_create("sipc-cfgutils", os.MFD_CLOEXEC)
    os.ftruncate(fd, size)
    return fd


class SharedVariables:
    """Named integers and strings, and the probability of rand_event()."""

    def __init__(self, probability: int = 10) -> None:
        self._fd = _file(_HEADER + CAPACITY)
        self._map = mmap.mmap(self._fd, _HEADER + CAPACITY)
        self._words = memoryview(self._map)[:_HEADER].cast("Q")
        self._copy: dict[str, int | str] = {}
        self._seen = 0
        self.probability = probability

    @property
    def probability(self) -> int:
        value = self._words[_PROBABILITY]
        return value - (1 << 64) if value >> 63 else value

    @probability.setter
    def probability(self, value: int) -> None:
        self._words[_PROBABILITY] = value & ((1 << 64) - 1)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        fcntl.lockf(self._fd, fcntl.LOCK_EX, 1, 0)
        try:
            yield
        finally:
            fcntl.lockf(self._fd, fcntl.LOCK_UN, 1, 0)

    def _refresh(self) -> None:
        """Take over what other workers wrote; the lock is held."""
        if self._words[_VERSION] != self._seen:
            end = _HEADER + self._words[_LENGTH]
            self._copy = json.loads(self._map[_HEADER:end])
            self._seen = self._words[_VERSION]

    def get(self, name: str) -> int | str:
        """The value of a variable; 0 when it was never set."""
        if self._words[_VERSION] != self._seen:
            with self._locked():
                self._refresh()
        return self._copy.get(name, 0)

    def set(self, name: str, value: int | str) -> bool:
        """Give a variable a value; False when there is no room left."""
        with self._locked():
            self._refresh()
            made = {**self._copy, name: value}
            data = json.dumps(made, separators=(",", ":")).encode()
            if len(data) > CAPACITY:
                return False
            self._map[_HEADER : _HEADER + len(data)] = data
            self._words[_LENGTH] = len(data)
            self._copy = made
            self._seen = self._words[_VERSION] = self._words[_VERSION] + 1
        return True

    def all(self) -> dict[str, int | str]:
        """Every variable that was set."""
        if self._words[_VERSION] != self._seen:
            with self._locked():
                self._refresh()
        return dict(self._copy)

    @property
    def used(self) -> int:
        """Bytes that the variables take."""
        return self._words[_LENGTH]


class ScriptLocks:
    """Locks by number, over all workers.

    Within a worker waiters are served in order; a lock that another worker holds is asked for again and again, at
    intervals up to 20 ms.
    """

    def __init__(self) -> None:
        self._fd = _file(1)
        self._held: set[int] = set()
        self._waiting: dict[int, list[asyncio.Future[None]]] = {}

    def try_acquire(self, number: int) -> bool:
        """Take a lock if nobody has it."""
        if number in self._held:
            return False
        try:
            fcntl.lockf(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, _FIRST_LOCK + number)
        except OSError:
            return False
        self._held.add(number)
        return True

    async def acquire(self, number: int) -> None:
        """Take a lock, waiting for whoever has it."""
        delay = _POLL_FIRST
        while not self.try_acquire(number):
            if number in self._held:
                turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
                queue = self._waiting.setdefault(number, [])
                queue.append(turn)
                try:
                    await turn
                except asyncio.CancelledError:
                    if turn in queue:
                        queue.remove(turn)
                    else:
                        self._wake(number)
                    raise
            else:
                await asyncio.sleep(delay)
                delay = min(delay * 2, _POLL_MOST)

    def release(self, number: int) -> None:
        """Give a lock back; nothing happens when this worker does not have it."""
        if number not in self._held:
            return
        self._held.discard(number)
        fcntl.lockf(self._fd, fcntl.LOCK_UN, 1, _FIRST_LOCK + number)
        self._wake(number)

    def _wake(self, number: int) -> None:
        queue = self._waiting.get(number)
        while queue:
            turn = queue.pop(0)
            if not turn.done():
                turn.set_result(None)
                return
        self._waiting.pop(number, None)
