"""Timers on a clock that the caller owns: real in a worker, virtual in tests."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from typing import Any

__all__ = ["Timer", "TimerWheel"]


class Timer:
    """One pending call; `cancel()` forgets it."""

    __slots__ = ("arguments", "callback", "when")

    def __init__(self, when: float, callback: Callable[..., object], arguments: tuple[Any, ...]) -> None:
        self.when = when
        self.callback: Callable[..., object] | None = callback
        self.arguments = arguments

    def cancel(self) -> None:
        """Never call it.  Cancelling twice, or after it ran, does nothing."""
        self.callback = None
        self.arguments = ()

    @property
    def pending(self) -> bool:
        return self.callback is not None


class TimerWheel:
    """Timers ordered by due time.

    A wheel of short slots: starting appends to the slot of its due time, so most timers of a busy server (which are
    cancelled before they are due) are never sorted.  Slots are looked at when their time has come.
    """

    def __init__(self, now: Callable[[], float], slot: float = 0.02) -> None:
        self._now = now
        self._slot = slot
        self._slots: dict[int, list[Timer]] = {}
        self._order: list[int] = []
        self._size = 0
        self.on_earlier: Callable[[float], object] | None = None
        """Told when a timer is set that is due before all others, so that the shell can wake up in time."""

    def __len__(self) -> int:
        """Timers not yet run, cancelled ones included until their slot is reached."""
        return self._size

    def after(self, seconds: float, callback: Callable[..., object], *arguments: Any) -> Timer:
        """Call `callback(*arguments)` in `seconds`."""
        return self.at(self._now() + seconds, callback, *arguments)

    def at(self, when: float, callback: Callable[..., object], *arguments: Any) -> Timer:
        """Call `callback(*arguments)` at `when` on this wheel's clock."""
        timer = Timer(when, callback, arguments)
        number = int(when / self._slot)
        slot = self._slots.get(number)
        if slot is None:
            self._slots[number] = [timer]
            heapq.heappush(self._order, number)
            if self._order[0] == number and self.on_earlier is not None:
                self.on_earlier(when)
        else:
            slot.append(timer)
        self._size += 1
        return timer

    def next_due(self) -> float | None:
        """When `run_due` should be called next; None when there is nothing to wait for."""
        while self._order:
            number = self._order[0]
            slot = self._slots[number]
            pending = [timer.when for timer in slot if timer.callback is not None]
            if pending:
                return min(pending)
            heapq.heappop(self._order)
            self._size -= len(slot)
            del self._slots[number]
        return None

    def run_due(self, now: float) -> int:
        """Run what is due, in order of due time; how many ran.  An exception passes to the caller, the rest stays."""
        ran = 0
        last = int(now / self._slot)
        while self._order and self._order[0] <= last:
            number = heapq.heappop(self._order)
            slot = self._slots.pop(number)
            self._size -= len(slot)
            slot.sort(key=_when)
            for i, timer in enumerate(slot):
                callback = timer.callback
                if callback is None:
                    continue
                if timer.when > now:
                    self._put_back(number, slot[i:])
                    return ran
                arguments = timer.arguments
                timer.callback = None
                ran += 1
                try:
                    callback(*arguments)
                except BaseException:
                    self._put_back(number, slot[i + 1 :])
                    raise
        return ran

    def _put_back(self, number: int, timers: list[Timer]) -> None:
        pending = [timer for timer in timers if timer.callback is not None]
        if not pending:
            return
        self._size += len(pending)
        if number in self._slots:
            self._slots[number] += pending
        else:
            self._slots[number] = pending
            heapq.heappush(self._order, number)


def _when(timer: Timer) -> float:
    return timer.when
