"""Management over a named pipe: `:reply_name:JSON` in, one line out on the named reply pipe."""

from __future__ import annotations

import asyncio
import os
import re
import stat
from pathlib import Path
from typing import Any

from runtime import log
from runtime.core import core

__all__ = ["FifoTransport"]

logger = log.engine("mi_fifo")

_BUFFER = 65536
"""Longest request, in bytes."""
_NAME = re.compile(rb"[A-Za-z0-9_-]{1,120}")


class FifoTransport:
    """One request pipe.  Requests may come several at once or in pieces."""

    def __init__(self, supervisor: Any, path: str, mode: int, reply_dir: str, pretty: bool) -> None:
        self.supervisor = supervisor
        self.path = path
        self.mode = mode
        self.reply_dir = reply_dir
        self.pretty = pretty
        self._buffer = b""
        self._read = self._write = -1
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        try:
            self._open()
        except OSError as error:
            logger.error("cannot open %s: %s", self.path, error.strerror)
            return
        loop.add_reader(self._read, self._readable)
        loop.call_later(30, self._look)

    def _open(self) -> None:
        """Make the pipe (a stale one is replaced; anything else there is left alone) and hold both ends."""
        Path(self.path).parent.mkdir(parents=True, exist_ok=True)
        try:
            status = os.lstat(self.path)
        except FileNotFoundError:
            pass
        else:
            if not stat.S_ISFIFO(status.st_mode):
                raise FileExistsError(17, "there is a file that is no pipe")
            os.unlink(self.path)
        os.mkfifo(self.path, 0o600)
        os.chmod(self.path, self.mode)
        self._read = os.open(self.path, os.O_RDONLY | os.O_NONBLOCK)
        self._write = os.open(self.path, os.O_WRONLY | os.O_NONBLOCK)

    def _look(self) -> None:
        """Make a vanished pipe anew."""
        if self._read >= 0 and not os.path.exists(self.path):
            self._close()
            self.start(self._loop)
            return
        self._loop.call_later(30, self._look)

    def _close(self) -> None:
        if self._read >= 0:
            self._loop.remove_reader(self._read)
            os.close(self._read)
            os.close(self._write)
        self._read = self._write = -1

    def stop(self) -> None:
        if self._read >= 0:
            self._close()
            try:
                os.unlink(self.path)
            except OSError:
                return

    def _readable(self) -> None:
        try:
            data = os.read(self._read, _BUFFER)
        except BlockingIOError:
            return
        self._buffer += data
        while self._buffer:
            request, rest = _split(self._buffer)
            if request is None:
                if len(rest) > _BUFFER:
                    logger.error("request line too long")
                    rest = b""
                self._buffer = rest
                return
            self._buffer = rest
            task = self._loop.create_task(self._answer(*request))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _answer(self, name: bytes, text: bytes) -> None:
        reply = await self.supervisor.engine.answer(text.decode("utf-8", "replace"), core.modules)
        if reply is None or not name:
            return
        if not _NAME.fullmatch(name):
            logger.error("refused the reply name %r", name)
            return
        await self._reply(os.path.join(self.reply_dir, name.decode()), reply.encode() + b"\n")

    async def _reply(self, path: str, data: bytes) -> None:
        """Write to the client's pipe: opened without waiting, a few tries, never through links or to files."""
        for _ in range(4):
            try:
                handle = os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
            except OSError:
                await asyncio.sleep(0.08)
                continue
            status = os.fstat(handle)
            if not stat.S_ISFIFO(status.st_mode) or status.st_nlink != 1:
                logger.error("security: %s is no pipe of its own", path)
                os.close(handle)
                return
            await self._pump(handle, data)
            os.close(handle)
            return
        logger.error("cannot open the reply pipe %s", path)

    @staticmethod
    async def _pump(handle: int, data: bytes) -> None:
        for _ in range(500):
            try:
                data = data[os.write(handle, data) :]
            except BlockingIOError:
                await asyncio.sleep(0.01)
            except OSError:
                return
            if not data:
                return


def _split(buffer: bytes) -> tuple[tuple[bytes, bytes] | None, bytes]:
    """((reply name, JSON), rest) of the first request, (None, rest) while it is not complete."""
    start = buffer.find(b":")
    if start < 0:
        return None, b""
    colon = buffer.find(b":", start + 1)
    if colon < 0:
        return None, buffer[start:]
    name = buffer[start + 1 : colon]
    end = _json_end(buffer, colon + 1)
    if end < 0:
        return None, buffer[start:]
    return (name, buffer[colon + 1 : end]), buffer[end:].lstrip(b"\n \t")


def _json_end(buffer: bytes, at: int) -> int:
    """Where the JSON value that starts at `at` ends; -1 while it is not complete."""
    depth, quoted, i = 0, False, at
    begun = False
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
            begun = True
        elif char in b"}]":
            depth -= 1
            if depth <= 0:
                return i + 1
        elif char == 0x0A and not begun:
            return i + 1
        i += 1
    return -1
