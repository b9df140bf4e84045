"""Management over a named pipe: `:reply_name:JSON` in, one line out on the named reply pipe."""

from __future__ import annotations

import asyncio
import contextlib
import grp
import os
import pwd
import stat
from pathlib import Path
from typing import Any

from runtime import log
from runtime.core import core
from runtime.mi.engine import MAX_REQUEST

__all__ = ["FifoTransport", "Splitter", "usable_name"]

logger = log.engine("mi_fifo")

_TRIES, _PAUSE = 4, 0.08
"""How often, and how long apart, the client's pipe is looked for (seconds)."""
_WRITE = 5.0
"""Longest time a reply may take to be read, in seconds."""
_LOOK = 30.0
"""How often a vanished pipe is noticed, in seconds."""
_PATIENCE = 2.0
"""A request must be complete after this, in seconds, else the next one is taken for a new one."""
_AT_ONCE = 200
"""Requests being answered at the same time; more wait in the pipe."""
_PATH = 128
"""Longest path of a reply pipe."""


class Splitter:
    """Cuts what comes out of the pipe into requests: several may come at once, and one in pieces.  Sans-IO."""

    def __init__(self) -> None:
        self._buffer = b""
        self._since = 0.0
        self.dropped = 0
        """Requests given up: too long, or never completed."""

    def feed(self, data: bytes, now: float) -> list[tuple[bytes, bytes]]:
        """Complete requests as (reply name, JSON text)."""
        if self._buffer and now - self._since > _PATIENCE:
            self.dropped += 1
            self._buffer = b""
        if not self._buffer:
            self._since = now
        self._buffer += data
        found = []
        while (cut := self._cut()) is not None:
            found.append(cut)
            self._since = now
        if len(self._buffer) > MAX_REQUEST:
            self.dropped += 1
            self._buffer = b""
        return found

    def _cut(self) -> tuple[bytes, bytes] | None:
        """The first request of the buffer, which loses it; None while it is not complete."""
        buffer = self._buffer
        start = buffer.find(b":")
        if start < 0:
            self._buffer = b""
            return None
        colon = buffer.find(b":", start + 1)
        end = _json_end(buffer, colon + 1) if colon >= 0 else -1
        if end < 0:
            self._buffer = buffer[start:]
            return None
        self._buffer = buffer[end:].lstrip(b"\r\n \t")
        return buffer[start + 1 : colon], buffer[colon + 1 : end]


def _json_end(buffer: bytes, at: int) -> int:
    """Where the JSON value that starts at `at` ends; -1 while it is not complete.

    Anything but an object or an array ends with its line: it is answered with a parse error.
    """
    depth, quoted, i = 0, False, at
    while i < len(buffer):
        char = buffer[i]
        if quoted:
            if char == 0x5C:
                i += 1
            elif char == 0x22:
                quoted = False
        elif char == 0x22:
            quoted = True
        elif char in b"{[":
            depth += 1
        elif char in b"}]":
            depth -= 1
            if depth <= 0:
                return i + 1
        elif char == 0x0A and not depth and buffer[at:i].strip():
            return i + 1
        i += 1
    return -1


def usable_name(name: bytes, folder: str) -> bool:
    """May this be the name of a reply pipe?  It must stay in its folder: no `.`, `/`, `\\`, nothing unprintable."""
    if not name or any(char in b"./\\" or not 0x20 < char < 0x7F for char in name):
        return False
    return len(os.path.join(folder, name.decode())) <= _PATH


class FifoTransport:
    """One request pipe.  Made and started in the supervisor."""

    def __init__(
        self, supervisor: Any, path: str, mode: int = 0o660, reply_dir: str = "/tmp/", *,
        user: int | str | None = None, group: int | str | None = None,
    ) -> None:  # fmt: skip
        self.supervisor = supervisor
        self.path = path
        self.mode = mode
        self.user, self.group = user, group
        self.reply_dir = reply_dir
        self._splitter = Splitter()
        self._read = self._write = -1
        self._paused = False
        self._timer: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    # -------------------------------------------------------------------------------------------------------- the pipe
    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Make the pipe and listen; a pipe that cannot be made is logged, and tried again later."""
        self._loop = loop
        try:
            self._open()
        except (OSError, LookupError) as error:
            logger.error("cannot open %s: %s", self.path, getattr(error, "strerror", None) or error)
            self._shut()
        else:
            loop.add_reader(self._read, self._readable)
        self._timer = loop.call_later(_LOOK, self._look)

    def _open(self) -> None:
        """Make the pipe (a stale one is replaced; anything else there is left alone) and hold both ends."""
        Path(self.path).parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileNotFoundError):
            if not stat.S_ISFIFO(os.lstat(self.path).st_mode):
                raise FileExistsError(17, "there is a file that is no pipe")
            os.unlink(self.path)
        os.mkfifo(self.path, 0o600)
        self._read = os.open(self.path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
        self._write = os.open(self.path, os.O_WRONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
        if self.user is not None or self.group is not None:
            os.fchown(self._read, _user(self.user), _group(self.group))
        os.fchmod(self._read, self.mode)

    def _look(self) -> None:
        """Make a vanished pipe anew."""
        if self._read >= 0 and self._is_ours():
            self._timer = self._loop.call_later(_LOOK, self._look)
            return
        self._shut()
        self.start(self._loop)

    def _is_ours(self) -> bool:
        """Is what has the pipe's name still the pipe we read?"""
        try:
            return os.path.samestat(os.stat(self.path), os.fstat(self._read))
        except OSError:
            return False

    def hangup(self) -> None:
        """SIGHUP: look after the pipe at once."""
        if self._timer is not None:
            self._timer.cancel()
        self._look()

    def _shut(self) -> None:
        for handle in (self._read, self._write):
            if handle >= 0:
                self._loop.remove_reader(handle)
                os.close(handle)
        self._read = self._write = -1
        self._paused = False

    def stop(self) -> None:
        """Close the pipe and remove it."""
        if self._timer is not None:
            self._timer.cancel()
        if self._read >= 0:
            ours = self._is_ours()
            self._shut()
            if ours:
                with contextlib.suppress(OSError):
                    os.unlink(self.path)

    # ---------------------------------------------------------------------------------------------- requests and replies
    def _readable(self) -> None:
        try:
            data = os.read(self._read, MAX_REQUEST)
        except BlockingIOError:
            return
        before = self._splitter.dropped
        for name, text in self._splitter.feed(data, self._loop.time()):
            task = self._loop.create_task(self._answer(name, text))
            self._tasks.add(task)
            task.add_done_callback(self._answered)
        if self._splitter.dropped > before:
            logger.error("request line too long, or never completed: dropped")
        if len(self._tasks) >= _AT_ONCE and not self._paused:
            self._paused = True
            self._loop.remove_reader(self._read)

    def _answered(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if self._paused and len(self._tasks) < _AT_ONCE and self._read >= 0:
            self._paused = False
            self._loop.add_reader(self._read, self._readable)

    async def _answer(self, name: bytes, text: bytes) -> None:
        if name and not usable_name(name, self.reply_dir):
            logger.error("refused the reply name %r", name[:200])
            return
        reply = await self.supervisor.engine.answer(text.decode("utf-8", "replace"), core.modules)
        if reply is None or not name:
            return
        await self._reply(os.path.join(self.reply_dir, name.decode()), reply.encode() + b"\n")

    async def _reply(self, path: str, data: bytes) -> None:
        """Write to the client's pipe: opened without waiting, a few tries, never through links or to files."""
        for attempt in range(_TRIES):
            if attempt:
                await asyncio.sleep(_PAUSE)
            try:
                if not stat.S_ISFIFO(os.lstat(path).st_mode):
                    logger.error("security: %s is no pipe", path)
                    return
                handle = os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
            except OSError:
                continue
            try:
                status = os.fstat(handle)
                if not stat.S_ISFIFO(status.st_mode) or status.st_nlink != 1:
                    logger.error("security: %s is no pipe of its own", path)
                    return
                await self._pump(handle, data)
            finally:
                os.close(handle)
            return
        logger.error("cannot open the reply pipe %s", path)

    async def _pump(self, handle: int, data: bytes) -> None:
        until = self._loop.time() + _WRITE
        while data and self._loop.time() < until:
            try:
                data = data[os.write(handle, data) :]
            except BlockingIOError:
                await asyncio.sleep(0.005)
            except OSError:
                return


def _user(name: int | str | None) -> int:
    return -1 if name is None else name if isinstance(name, int) else pwd.getpwnam(name).pw_uid


def _group(name: int | str | None) -> int:
    return -1 if name is None else name if isinstance(name, int) else grp.getgrnam(name).gr_gid
