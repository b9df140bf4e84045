"""Next hops: numeric addresses at once, names from /etc/hosts, an own cache or DNS within a time limit (RFC 3263)."""

from __future__ import annotations

import asyncio
import ipaddress
import os
import random
from typing import Any

from runtime import log
from runtime.core import Destination, core
from runtime.sip.uri import DEFAULT_PORTS

__all__ = ["DnsResolver", "order_srv", "read_hosts"]

logger = log.engine("core")

_FAILED_FOR = 5.0
"""How long a failed look-up is remembered, in seconds."""
_LONGEST = 3600.0
"""Longest time to live that is honoured, in seconds."""
_MOST = 10000
"""Names kept."""
_TABLE = {"udp": "_sip._udp", "tcp": "_sip._tcp", "tls": "_sips._tcp"}
_NAPTR = {"sip+d2u": "udp", "sip+d2t": "tcp", "sips+d2t": "tls"}

Place = tuple[str, str, int]
"""(transport, address, port)."""


def read_hosts(text: str) -> dict[str, list[str]]:
    """Addresses by lower-case name, from the text of a hosts file."""
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        address, *names = line.partition("#")[0].split() or [""]
        try:
            ipaddress.ip_address(address)
        except ValueError:
            continue
        for name in names:
            found.setdefault(name.lower(), []).append(address)
    return found


def order_srv(records: list[tuple[int, int, str, int]], choose: random.Random) -> list[tuple[int, int, str, int]]:
    """(priority, weight, target, port) in the order to try: by priority, by chance after weight within it (RFC 2782)."""
    ordered: list[tuple[int, int, str, int]] = []
    for priority in sorted({record[0] for record in records}):
        left = sorted((r for r in records if r[0] == priority), key=lambda r: r[1])
        while left:
            mark = choose.randint(0, sum(r[1] for r in left))
            for record in left:
                mark -= record[1]
                if mark <= 0:
                    break
            ordered.append(record)
            left.remove(record)
    return ordered


class DnsResolver:
    """`resolve_now` for what needs no waiting, `resolve` for DNS; a dead name server costs its time limit only.

    `limit` is the longest wait in seconds; the other options are the core parameters of the same names.
    """

    def __init__(
        self, limit: float = 3.0, try_naptr: bool = True, try_ipv6: bool = False, search: bool = True, servers: int = 0,
        hosts: str = "/etc/hosts",
    ) -> None:  # fmt: skip
        self.limit = limit
        self.try_naptr = try_naptr
        self.try_ipv6 = try_ipv6
        self.search = search
        self.servers = servers
        self._known: dict[tuple[str, int, str], tuple[float, list[Place]]] = {}
        self._numeric: dict[str, str | None] = {}
        self._asking: dict[tuple[str, int, str], asyncio.Future[list[Place]]] = {}
        self._hosts_path = hosts
        self._hosts: dict[str, list[str]] = {}
        self._hosts_stamp = -1
        self._hosts_looked = float("-inf")
        self._dns: Any = None
        self._random = random.Random()

    # -------------------------------------------------------------------------------------------------- without waiting
    def _address(self, host: str) -> str | None:
        """The bare address when the host is one; kept, since the same few come again and again."""
        try:
            return self._numeric[host]
        except KeyError:
            pass
        found: str | None = None
        try:
            found = str(ipaddress.ip_address(host.strip("[]")))
        except ValueError:
            if host.lower().rstrip(".") == "localhost":
                found = "127.0.0.1"
        if len(self._numeric) > _MOST:
            self._numeric.clear()
        self._numeric[host] = found
        return found

    def _in_hosts(self, host: str) -> list[str]:
        """Addresses of a name in the hosts file, which is read again when it changed (looked at every 5 s)."""
        now = core.now()
        if now - self._hosts_looked > 5:
            self._hosts_looked = now
            try:
                stamp = os.stat(self._hosts_path).st_mtime_ns
                if stamp != self._hosts_stamp:
                    with open(self._hosts_path, encoding="latin-1") as stream:
                        self._hosts = read_hosts(stream.read())
                    self._hosts_stamp = stamp
            except OSError:
                self._hosts = {}
        found = self._hosts.get(host.lower().rstrip("."), [])
        return [ip for ip in found if ":" not in ip] or (found if self.try_ipv6 else [])

    def resolve_now(self, host: str, port: int, proto: str) -> list[Destination] | None:
        """Destinations without waiting; None when DNS must be asked, [] when it is known that there are none."""
        address = self._address(host)
        if address is not None:
            proto = proto or "udp"
            return [Destination(proto, address, port or DEFAULT_PORTS.get(proto, 5060))]
        addresses = self._in_hosts(host)
        if addresses:
            proto = proto or "udp"
            return [Destination(proto, ip, port or DEFAULT_PORTS.get(proto, 5060)) for ip in addresses]
        if not host or host.lower().rstrip(".").endswith(".invalid"):  # RFC 6761 section 6.4
            return []
        known = self._known.get((host.lower(), port, proto))
        if known is not None and known[0] > core.now():
            return [Destination(p, ip, at) for p, ip, at in known[1]]
        return None

    # ------------------------------------------------------------------------------------------------------------- DNS
    async def resolve(self, host: str, port: int, proto: str) -> list[Destination]:
        """Destinations by NAPTR, SRV and A/AAAA; [] when there are none or DNS is silent."""
        found = self.resolve_now(host, port, proto)
        if found is not None:
            return found
        key = (host.lower(), port, proto)
        asking = self._asking.get(key)
        if asking is None:
            asking = self._asking[key] = asyncio.ensure_future(self._ask(key))
            asking.add_done_callback(lambda _: self._asking.pop(key, None))
        places = await asyncio.shield(asking)
        return [Destination(p, ip, at) for p, ip, at in places]

    async def _ask(self, key: tuple[str, int, str]) -> list[Place]:
        """Look up, and remember what came, or that nothing came."""
        try:
            ttl, places = await asyncio.wait_for(self._look_up(*key), self.limit)
        except Exception as error:  # whatever DNS does, the name has no address now
            logger.debug("DNS: %s: %s", key[0], error or "time limit")
            ttl, places = _FAILED_FOR, []
        if len(self._known) > _MOST:
            self._known.clear()
        self._known[key] = (core.now() + (min(max(ttl, 1.0), _LONGEST) if places else _FAILED_FOR), places)
        return places

    def _resolver(self) -> Any:
        """dnspython's resolver, which is imported when the first name is asked for."""
        if self._dns is None:
            from dns.asyncresolver import Resolver

            self._dns = Resolver()
            self._dns.lifetime = self.limit
            if self.servers:
                self._dns.nameservers = self._dns.nameservers[: self.servers]
        return self._dns

    async def query(self, name: str, kind: str) -> tuple[float, list[Any]]:
        """(time to live, records) of one question; (0, []) when there are none."""
        try:
            answer = await self._resolver().resolve(name, kind, search=self.search)
        except Exception as error:
            logger.debug("DNS: %s %s: %s", kind, name, error)
            return 0.0, []
        return float(answer.rrset.ttl if answer.rrset is not None else 60), list(answer)

    async def _look_up(self, host: str, port: int, proto: str) -> tuple[float, list[Place]]:
        if not port:  # RFC 3263 section 4.2: with a port there is nothing to look for but addresses
            ttl, places = await self._services(host, proto)
            if places:
                return ttl, places
        proto = proto or "udp"
        ttl, addresses = await self._addresses(host)
        return ttl, [(proto, ip, port or DEFAULT_PORTS.get(proto, 5060)) for ip in addresses]

    async def _services(self, host: str, proto: str) -> tuple[float, list[Place]]:
        """Places by SRV, found through NAPTR where that is on (RFC 3263 sections 4.1 and 4.2)."""
        names: list[tuple[str, str]] = []
        if self.try_naptr and not proto:
            _, records = await self.query(host, "NAPTR")
            for record in sorted(records, key=lambda r: (r.order, r.preference)):
                transport = _NAPTR.get(record.service.decode("latin-1").lower())
                usable = transport is not None and core.listener_for(transport) is not None
                if usable and record.flags.decode("latin-1").lower() == "s":
                    names.append((str(record.replacement), str(transport)))
        if not names:
            kinds = [proto] if proto else [p for p in ("udp", "tcp") if core.listener_for(p) is not None]
            names = [(f"{_TABLE[kind]}.{host}", kind) for kind in kinds if kind in _TABLE]
        for name, transport in names:
            ttl, records = await self.query(name, "SRV")
            ordered = order_srv([(r.priority, r.weight, str(r.target), int(r.port)) for r in records], self._random)
            places = []
            for _, _, target, at in ordered:
                if target != ".":
                    _, addresses = await self._addresses(target.rstrip("."))
                    places += [(transport, ip, at) for ip in addresses]
            if places:
                return ttl, places
        return 0.0, []

    async def _addresses(self, name: str) -> tuple[float, list[str]]:
        known = self._address(name)
        local = [known] if known is not None else self._in_hosts(name)
        if local:
            return 60.0, local
        ttl, records = await self.query(name, "A")
        if not records and self.try_ipv6:
            ttl, records = await self.query(name, "AAAA")
        return ttl, [str(record) for record in records]
