"""The channel between supervisor and worker: length-framed JSON over a socket pair, questions both ways."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Awaitable, Callable
from typing import Any

__all__ = ["Channel", "ChannelClosed", "RemoteError"]

MAX_FRAME = 16 << 20
"""Longest frame, in bytes; artefacts go by file, so only long lists come near it."""
_QUEUE = 32 << 20
"""Bytes that may wait for a process that does not read."""


class ChannelClosed(Exception):
    """The other process is gone."""


class RemoteError(Exception):
    """The other process failed to answer; the text is its exception."""


class Channel:
    """One end.  `answer(request)` serves the other side's questions; `ask` puts one with a time limit."""

    def __init__(
        self, sock: socket.socket, answer: Callable[[dict[str, Any]], Awaitable[Any]],
        on_close: Callable[[], object] | None = None,
    ) -> None:  # fmt: skip
        self.socket = sock
        self.answer = answer
        self.on_close = on_close
        """Called once when the other process is gone (not when this side closes)."""
        self._buffer = bytearray()
        self._number = 0
        self._open: dict[int, asyncio.Future[Any]] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._out = bytearray()
        self._tasks: set[asyncio.Task[None]] = set()
        self._writing = False
        self.closed = False

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self.socket.setblocking(False)
        loop.add_reader(self.socket.fileno(), self._readable)

    def close(self) -> None:
        """Close this end; whoever waits for an answer gets ChannelClosed."""
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

    def _lost(self) -> None:
        if not self.closed:
            self.close()
            if self.on_close is not None:
                self.on_close()

    async def ask(self, limit: float, **request: Any) -> Any:
        """The other side's answer; ChannelClosed or TimeoutError when there is none, RemoteError when it failed there."""
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
        if len(data) > MAX_FRAME or len(self._out) > _QUEUE:
            raise OverflowError(f"a frame of {len(data)} bytes cannot be sent")
        self._out += len(data).to_bytes(4, "big") + data
        self._flush()

    def _flush(self) -> None:
        assert self._loop is not None
        while self._out:
            try:
                sent = self.socket.send(self._out)
            except BlockingIOError:
                self._writing = True
                self._loop.add_writer(self.socket.fileno(), self._flush)
                return
            except OSError:
                self._lost()
                return
            del self._out[:sent]
        if self._writing:
            self._writing = False
            self._loop.remove_writer(self.socket.fileno())

    def _readable(self) -> None:
        try:
            data = self.socket.recv(1 << 16)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._lost()
            return
        self._buffer += data
        while len(self._buffer) >= 4:
            size = int.from_bytes(self._buffer[:4], "big")
            if size > MAX_FRAME:
                self._lost()
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
                    future.set_exception(RemoteError(frame["error"]))
                else:
                    future.set_result(frame["body"])
            return
        task = self._loop.create_task(self._serve(frame["q"], frame["body"]))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, number: int, body: dict[str, Any]) -> None:
        try:
            reply = {"r": number, "body": await self.answer(body)}
            if not self.closed:
                self._write(reply)
        except Exception as error:
            if not self.closed:
                self._write({"r": number, "error": f"{type(error).__name__}: {error}"})
