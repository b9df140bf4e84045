"""The channel between supervisor and worker: length-framed JSON over a socket pair, questions both ways."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Awaitable, Callable
from typing import Any

__all__ = ["Channel", "ChannelClosed"]

MAX_FRAME = 64 << 20


class ChannelClosed(Exception):
    """The other process is gone."""


class Channel:
    """One end.  `answer(request)` serves the other side's questions; `ask` puts one with a time limit."""

    def __init__(self, sock: socket.socket, answer: Callable[[dict[str, Any]], Awaitable[Any]]) -> None:
        self.socket = sock
        self.answer = answer
        self._buffer = bytearray()
        self._number = 0
        self._open: dict[int, asyncio.Future[Any]] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._out = bytearray()
        self._tasks: set[asyncio.Task[None]] = set()
        self.closed = False

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self.socket.setblocking(False)
        loop.add_reader(self.socket.fileno(), self._readable)

    def close(self) -> None:
        if self.closed:
            return
        self.closed = True
        if self._loop is not None:
            self._loop.remove_reader(self.socket.fileno())
            self._loop.remove_writer(self.socket.fileno())
        self.socket.close()
        for future in self._open.values():
            if not future.done():
                future.set_exception(ChannelClosed("the process ended"))

    async def ask(self, limit: float, **request: Any) -> Any:
        """The other side's answer; ChannelClosed or TimeoutError when there is none."""
        if self.closed or self._loop is None:
            raise ChannelClosed("the process ended")
        self._number += 1
        number = self._number
        future = self._open[number] = self._loop.create_future()
        self._write({"q": number, "body": request})
        try:
            return await asyncio.wait_for(future, limit)
        finally:
            self._open.pop(number, None)

    def _write(self, frame: dict[str, Any]) -> None:
        data = json.dumps(frame).encode()
        self._out += len(data).to_bytes(4, "big") + data
        self._flush()

    def _flush(self) -> None:
        assert self._loop is not None
        while self._out:
            try:
                sent = self.socket.send(self._out)
            except BlockingIOError:
                self._loop.add_writer(self.socket.fileno(), self._flush)
                return
            except OSError:
                self.close()
                return
            del self._out[:sent]
        self._loop.remove_writer(self.socket.fileno())

    def _readable(self) -> None:
        try:
            data = self.socket.recv(1 << 16)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self.close()
            return
        self._buffer += data
        while len(self._buffer) >= 4:
            size = int.from_bytes(self._buffer[:4], "big")
            if size > MAX_FRAME:
                self.close()
                return
            if len(self._buffer) < 4 + size:
                return
            frame = json.loads(self._buffer[4 : 4 + size])
            del self._buffer[: 4 + size]
            self._take(frame)

    def _take(self, frame: dict[str, Any]) -> None:
        assert self._loop is not None
        if "r" in frame:
            future = self._open.get(frame["r"])
            if future is not None and not future.done():
                if "error" in frame:
                    future.set_exception(RuntimeError(frame["error"]))
                else:
                    future.set_result(frame["body"])
            return
        task = self._loop.create_task(self._serve(frame["q"], frame["body"]))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, number: int, body: dict[str, Any]) -> None:
        try:
            self._write({"r": number, "body": await self.answer(body)})
        except Exception as error:
            self._write({"r": number, "error": f"{type(error).__name__}: {error}"})
