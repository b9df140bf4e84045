"""TCP: framing by Content-Length (RFC 3261 section 18.3), reuse of connections, limits."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Callable
from typing import Any

from runtime import log
from runtime.core import Destination, Listener, Received, core

__all__ = ["Framer", "FramingError", "TcpTransport", "bind_tcp"]

logger = log.engine("proto_tcp")

MAX_MESSAGE = 65535
_QUEUE = 1 << 20
"""Bytes a connection may have waiting to be sent."""
_LENGTH = re.compile(rb"\r\n(?:content-length|l)[ \t]*:[ \t]*(\d{1,9})[ \t]*\r\n", re.IGNORECASE)


class FramingError(Exception):
    """The stream cannot be cut into messages any more; the connection must go."""


class Framer:
    """Cuts a byte stream into messages: feed it what arrives, take what is complete.  Sans-IO."""

    __slots__ = ("_buffer", "pings")

    def __init__(self) -> None:
        self._buffer = bytearray()
        self.pings = 0
        """Keep-alive pings (double CRLF) seen since last asked (RFC 5626 section 3.5.1)."""

    @property
    def pending(self) -> bool:
        """Is there part of a message?"""
        return bool(self._buffer)

    def feed(self, data: bytes) -> list[bytes]:
        """Complete messages after `data`; FramingError for oversized or endless ones."""
        buffer = self._buffer
        buffer += data
        found = []
        while buffer:
            while buffer[:4] == b"\r\n\r\n":
                self.pings += 1
                del buffer[:4]
            while buffer[:2] == b"\r\n" and buffer[:4] != b"\r\n\r\n" and len(buffer) > 2:
                del buffer[:2]
            end = buffer.find(b"\r\n\r\n")
            if end < 0:
                if len(buffer) > MAX_MESSAGE:
                    raise FramingError("headers too long")
                break
            match = _LENGTH.search(buffer, 0, end + 2)
            length = int(match[1]) if match else 0
            total = end + 4 + length
            if total > MAX_MESSAGE:
                raise FramingError("message too long")
            if len(buffer) < total:
                break
            found.append(bytes(buffer[:total]))
            del buffer[:total]
        return found


def bind_tcp(listener: Listener, backlog: int = 10) -> socket.socket:
    """Open, bind and listen; OSError when that fails."""
    family = socket.AF_INET6 if ":" in listener.ip else socket.AF_INET
    made = socket.socket(family, socket.SOCK_STREAM)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        made.bind((listener.ip, listener.port))
        made.listen(max(backlog, 128))
        made.setblocking(False)
    except OSError:
        made.close()
        raise
    return made


class Connection(asyncio.BufferedProtocol):
    """One connection, accepted or made."""

    def __init__(self, owner: TcpTransport) -> None:
        self.owner = owner
        self.framer = Framer()
        self.transport: Any = None
        self.peer: tuple[str, int] = ("", 0)
        self.lives_until = 0.0
        self._kept = 0.0
        self._started = 0.0
        self._space = bytearray(16384)

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        peer = transport.get_extra_info("peername") or ("", 0)
        self.peer = (peer[0], peer[1])
        self.touch()
        self.owner.opened(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self.owner.closed(self)

    def get_buffer(self, sizehint: int) -> bytearray:
        return self._space

    def buffer_updated(self, nbytes: int) -> None:
        data = bytes(memoryview(self._space)[:nbytes])
        self.touch()
        try:
            messages = self.framer.feed(data)
        except FramingError as error:
            logger.info("closing the connection of %s:%d: %s", *self.peer, error)
            self.transport.close()
            return
        for _ in range(min(self.framer.pings, 4)):
            self.transport.write(b"\r\n")
        self.framer.pings = 0
        self._started = (self._started or core.now()) if self.framer.pending else 0.0
        received = Received(self.peer[0], self.peer[1], self.owner.listener, self)
        for message in messages:
            self.owner.receive(message, received)

    def touch(self) -> None:
        self.lives_until = max(core.now() + self.owner.lifetime, self._kept)

    def keep_until(self, when: float) -> None:
        """Do not close for idleness before this (clock of core.now)."""
        self._kept = max(self._kept, when)
        self.lives_until = max(self.lives_until, self._kept)

    def overdue(self, now: float) -> bool:
        """Idle too long, or a message that never becomes complete."""
        return now > self.lives_until or bool(self._started and now - self._started > self.owner.message_time)

    def send(self, data: bytes) -> bool:
        if self.transport is None or self.transport.is_closing():
            return False
        if self.transport.get_write_buffer_size() > _QUEUE:
            return False
        self.transport.write(data)
        self.touch()
        return True


class TcpTransport:
    """A listening TCP socket of a worker and the connections under it."""

    def __init__(
        self,
        listener: Listener,
        sock: socket.socket,
        receive: Callable[[bytes, Received], None],
        *,
        lifetime: float = 120.0,
        message_time: float = 4.0,
        connect_time: float = 0.1,
        most: int = 2048,
    ) -> None:
        self.listener, self.socket, self.receive = listener, sock, receive
        self.lifetime, self.message_time, self.connect_time, self.most = lifetime, message_time, connect_time, most
        self.connections: dict[tuple[str, int], Connection] = {}
        self._connecting: dict[tuple[str, int], list[bytes]] = {}
        self._server: Any = None

    async def start(self) -> None:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: Connection(self), sock=self.socket)
        core.timers.after(1.0, self._sweep)

    def stop(self) -> None:
        if self._server is not None:
            self._server.close()
        for connection in list(self.connections.values()):
            connection.transport.close()

    def _sweep(self) -> None:
        now = core.now()
        for connection in list(self.connections.values()):
            if connection.overdue(now):
                connection.transport.close()
        core.timers.after(1.0, self._sweep)

    def opened(self, connection: Connection) -> None:
        if len(self.connections) >= self.most:
            connection.transport.abort()
            return
        self.connections[connection.peer] = connection

    def closed(self, connection: Connection) -> None:
        if self.connections.get(connection.peer) is connection:
            del self.connections[connection.peer]

    def send(self, data: bytes, where: Destination) -> bool:
        """Send over the connection named, or one to that peer, or a new one; False when that is impossible."""
        connection = where.connection
        if isinstance(connection, Connection) and connection.send(data):
            return True
        target = (where.ip, where.port)
        known = self.connections.get(target)
        if known is not None and known.send(data):
            return True
        waiting = self._connecting.get(target)
        if waiting is not None:
            if len(waiting) > 100:
                return False
            waiting.append(data)
            return True
        if len(self.connections) + len(self._connecting) >= self.most:
            return False
        self._connecting[target] = [data]
        core.spawn(self._connect(target))
        return True

    async def _connect(self, target: tuple[str, int]) -> None:
        loop = asyncio.get_running_loop()
        try:
            _, made = await asyncio.wait_for(
                loop.create_connection(lambda: Connection(self), *target), max(self.connect_time, 0.05) * 10
            )
        except (TimeoutError, OSError) as error:
            logger.error("cannot connect to %s:%d: %s", *target, error or "time limit")
            self._connecting.pop(target, None)
            return
        for data in self._connecting.pop(target, []):
            made.send(data)
