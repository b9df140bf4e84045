"""TCP: framing by Content-Length (RFC 3261 section 18.3), reuse of connections, limits."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import re
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from runtime import log
from runtime.core import Destination, Listener, Received, core

__all__ = ["Connection", "Framer", "FramingError", "TcpOptions", "TcpTransport", "bind_tcp"]

logger = log.engine("proto_tcp")

MAX_MESSAGE = 65535
_QUEUE = 1 << 20
"""Bytes a connection may have waiting to be sent."""
_CONNECT_QUEUE = 100
"""Messages that may wait for one connection to be made."""
_LENGTH = re.compile(rb"\r\n(?:content-length|l)[ \t]*:[ \t]*(\d{1,9})[ \t]*\r\n", re.IGNORECASE)
_ALIAS = re.compile(rb"\r\n(?:via|v)[ \t]*:[^\r\n,]*?[ \t]\S*?(?::(\d{1,5}))?[ \t]*;([^\r\n,]*)", re.IGNORECASE)


class FramingError(Exception):
    """The stream cannot be cut into messages any more; the connection must go."""


class Framer:
    """Cuts a byte stream into messages: feed it what arrives, take what is complete.  Sans-IO."""

    __slots__ = ("_buffer", "_seen", "pings")

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._seen = 0
        self.pings = 0
        """Keep-alive pings (double CRLF) seen since last asked (RFC 5626 section 3.5.1)."""

    @property
    def pending(self) -> bool:
        """Is there part of a message?  Line ends between messages are none."""
        return len(self._buffer) > 3 or bool(self._buffer.strip(b"\r\n"))

    def feed(self, data: bytes) -> list[bytes]:
        """Complete messages after `data`; FramingError for oversized, endless or unmeasured ones."""
        buffer = self._buffer
        buffer += data
        found = []
        while buffer:
            if buffer[0] in b"\r\n" and not self._skip_line_ends():
                break
            end = buffer.find(b"\r\n\r\n", max(0, self._seen - 3))
            if end < 0:
                self._seen = len(buffer)
                if len(buffer) > MAX_MESSAGE:
                    raise FramingError("headers too long")
                break
            match = _LENGTH.search(buffer, 0, end + 2)
            if match is None:
                raise FramingError("no usable Content-Length")
            total = end + 4 + int(match[1])
            if total > MAX_MESSAGE:
                raise FramingError("message too long")
            if len(buffer) < total:
                self._seen = end
                break
            found.append(bytes(buffer[:total]))
            del buffer[:total]
            self._seen = 0
        return found

    def _skip_line_ends(self) -> bool:
        """Take line ends before a message, counting pings; False while there is nothing else."""
        buffer = self._buffer
        count = len(buffer) - len(buffer.lstrip(b"\r\n"))
        self.pings += count // 4
        alone = count == len(buffer)
        del buffer[: count - count % 4 if alone else count]
        return not alone


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


@dataclass(slots=True)
class TcpOptions:
    """The script's tcp_* parameters, shared by all TCP sockets of a worker; times in seconds."""

    lifetime: float = 120.0
    message_time: float = 4.0
    connect_time: float = 3.0
    """Nobody waits for it: this only says when to give up."""
    most: int = 2048
    accept_aliases: int = 0
    """0 never, 1 when the top Via has ;alias, 2 always."""
    pongs: bool = True
    keepalive: tuple[int, int | None, int | None, int | None] = (1, None, None, None)
    """on, idle, interval, count; None leaves it to the system."""
    open: int = 0
    """Connections there are now."""


_ids = itertools.count(1)


class Connection(asyncio.BufferedProtocol):
    """One connection, accepted or made."""

    def __init__(self, owner: TcpTransport) -> None:
        self.id = next(_ids)
        self.owner = owner
        self.framer = Framer()
        self.transport: Any = None
        self.peer: tuple[str, int] = ("", 0)
        self.alias_ports: set[int] = set()
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
        if self.framer.pings:
            if self.owner.options.pongs:
                self.transport.write(b"\r\n" * min(self.framer.pings, 4))
            self.framer.pings = 0
        if not self.framer.pending:
            self._started = 0.0
        elif messages or not self._started:
            self._started = core.now()
        for message in messages:
            if self.owner.options.accept_aliases:
                self._alias(message)
            self.owner.receive(message, Received(self.peer[0], self.peer[1], self.owner.listener, self))

    def _alias(self, message: bytes) -> None:
        """Requests to the port in the sender's Via may take this connection (RFC 5923), if the script agrees."""
        match = _ALIAS.search(message)
        if match is None or message.startswith(b"SIP/"):
            return
        if self.owner.options.accept_aliases == 2 or re.search(rb"(?:^|;)[ \t]*alias\b", match[2]):
            self.add_alias(int(match[1] or 5060))

    def add_alias(self, port: int) -> None:
        """Also use this connection for what goes to that port of the peer."""
        if self.owner.connections.setdefault((self.peer[0], port), self) is self:
            self.alias_ports.add(port)

    def touch(self) -> None:
        self.lives_until = max(core.now() + self.owner.options.lifetime, self._kept)

    def keep_until(self, when: float) -> None:
        """Do not close for idleness before this (clock of core.now)."""
        self._kept = max(self._kept, when)
        self.lives_until = max(self.lives_until, self._kept)

    def overdue(self, now: float) -> bool:
        """Idle too long, or a message that never becomes complete."""
        return now > self.lives_until or bool(self._started and now - self._started > self.owner.options.message_time)

    def send(self, data: bytes) -> bool:
        """Queue a message; False when the connection is going, or the peer does not read."""
        if self.transport is None or self.transport.is_closing():
            return False
        waiting = self.transport.get_write_buffer_size()
        if waiting > _QUEUE:
            return False
        self.transport.write(data)
        if not waiting:
            self.touch()
        return True


class TcpTransport:
    """A listening TCP socket of a worker and the connections under it."""

    def __init__(
        self, listener: Listener, sock: socket.socket, receive: Callable[[bytes, Received], None],
        options: TcpOptions | None = None,
    ) -> None:  # fmt: skip
        self.listener, self.socket, self.receive = listener, sock, receive
        self.options = options or TcpOptions()
        self.connections: dict[tuple[str, int], Connection] = {}
        """By peer address, and by the aliases of a connection."""
        self._connecting: dict[tuple[str, int], list[bytes]] = {}
        self._server: Any = None

    async def start(self) -> None:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: Connection(self), sock=self.socket, backlog=128)
        core.timers.after(1.0, self._sweep)

    def stop_listening(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None

    def stop(self) -> None:
        """Close the socket and the connections; what was queued is still written while the loop runs."""
        self.stop_listening()
        for connection in self.all():
            connection.transport.close()

    def all(self) -> list[Connection]:
        """The connections, each once."""
        return list(dict.fromkeys(self.connections.values()))

    def _sweep(self) -> None:
        now = core.now()
        for connection in self.all():
            if connection.overdue(now):
                logger.debug("closing the connection of %s:%d: idle, or a message took too long", *connection.peer)
                connection.transport.abort()
        core.timers.after(1.0, self._sweep)

    def opened(self, connection: Connection) -> None:
        options = self.options
        if options.open >= options.most:
            logger.warning("refused a connection of %s:%d: there are %d", *connection.peer, options.open)
            connection.transport.abort()
            return
        options.open += 1
        self.connections[connection.peer] = connection
        sock = connection.transport.get_extra_info("socket")
        if sock is not None:
            with contextlib.suppress(OSError):
                _keep_alive(sock, *options.keepalive)

    def closed(self, connection: Connection) -> None:
        if self.connections.get(connection.peer) is connection:
            del self.connections[connection.peer]
            self.options.open -= 1
        for port in connection.alias_ports:
            if self.connections.get((connection.peer[0], port)) is connection:
                del self.connections[(connection.peer[0], port)]

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
            if len(waiting) >= _CONNECT_QUEUE:
                return False
            waiting.append(data)
            return True
        if self.options.open + len(self._connecting) >= self.options.most:
            return False
        self._connecting[target] = [data]
        core.spawn(self._connect(target))
        return True

    async def _connect(self, target: tuple[str, int]) -> None:
        loop = asyncio.get_running_loop()
        try:
            _, made = await asyncio.wait_for(
                loop.create_connection(lambda: Connection(self), *target, local_addr=(self.listener.ip, 0)),
                self.options.connect_time,
            )
        except (TimeoutError, OSError) as error:
            lost = len(self._connecting.pop(target, []))
            logger.error("cannot connect to %s:%d, %d messages lost: %s", *target, lost, error or "tcp_connect_timeout")
            return
        for data in self._connecting.pop(target, []):
            made.send(data)


def _keep_alive(sock: Any, on: int, idle: int | None, interval: int | None, count: int | None) -> None:
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1 if on else 0)
    for option, value in ((socket.TCP_KEEPIDLE, idle), (socket.TCP_KEEPINTVL, interval), (socket.TCP_KEEPCNT, count)):
        if on and value:
            sock.setsockopt(socket.IPPROTO_TCP, option, value)
