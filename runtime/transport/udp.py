"""UDP: one shared socket per listener, read in bursts when the loop says so."""

from __future__ import annotations

import asyncio
import socket
from collections import deque
from collections.abc import Callable

from runtime import log
from runtime.core import Destination, Listener, Received

__all__ = ["UdpTransport", "bind_udp"]

logger = log.engine("proto_udp")

_BURST = 64
"""Datagrams read per wake-up, so that timers and other sockets get their turn."""
_QUEUE = 1000
"""Datagrams kept when the kernel takes no more; later ones are refused."""


def bind_udp(listener: Listener, receive_buffer: int = 262144) -> socket.socket:
    """Open and bind the socket of a listener; OSError when that fails."""
    family = socket.AF_INET6 if ":" in listener.ip else socket.AF_INET
    made = socket.socket(family, socket.SOCK_DGRAM)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, max(receive_buffer, 1 << 20))
        if family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        made.bind((listener.ip, listener.port))
        made.setblocking(False)
    except OSError:
        made.close()
        raise
    return made


class UdpTransport:
    """Reads and writes one UDP socket in a worker."""

    def __init__(self, listener: Listener, sock: socket.socket, receive: Callable[[bytes, Received], None]) -> None:
        self.listener = listener
        self.socket = sock
        self.receive = receive
        self._waiting: deque[tuple[bytes, tuple[str, int]]] = deque()
        self._loop: asyncio.AbstractEventLoop | None = None

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        loop.add_reader(self.socket.fileno(), self._readable)

    def stop(self) -> None:
        if self._loop is not None:
            self._loop.remove_reader(self.socket.fileno())
            self._loop.remove_writer(self.socket.fileno())

    def drain(self, most: int = 1000) -> None:
        """Handle what has arrived already; for the end of a worker."""
        for _ in range(0, most, _BURST):
            if self._readable():
                return

    def _readable(self) -> bool:
        """Handle a burst of datagrams; True when nothing is left."""
        receive_from, receive, listener = self.socket.recvfrom, self.receive, self.listener
        for _ in range(_BURST):
            try:
                data, source = receive_from(65535)
            except BlockingIOError:
                return True
            except OSError as error:  # an ICMP answer to something sent earlier
                logger.debug("recvfrom: %s", error)
                continue
            receive(data, Received(source[0], source[1], listener))
        return False

    def send(self, data: bytes, where: Destination) -> bool:
        """Send a datagram; False when it is refused (too long, unreachable, queue full)."""
        if self._waiting:
            return self._later(data, where)
        try:
            self.socket.sendto(data, (where.ip, where.port))
        except BlockingIOError:
            return self._later(data, where)
        except OSError as error:
            logger.error("sendto %s:%d failed: %s", where.ip, where.port, error.strerror)
            return False
        return True

    def _later(self, data: bytes, where: Destination) -> bool:
        if len(self._waiting) >= _QUEUE or self._loop is None:
            return False
        if not self._waiting:
            self._loop.add_writer(self.socket.fileno(), self._writable)
        self._waiting.append((data, (where.ip, where.port)))
        return True

    def _writable(self) -> None:
        while self._waiting:
            data, target = self._waiting[0]
            try:
                self.socket.sendto(data, target)
            except BlockingIOError:
                return
            except OSError:
                pass
            self._waiting.popleft()
        if self._loop is not None:
            self._loop.remove_writer(self.socket.fileno())
