"""Next hops: numeric addresses at once, names from an own cache or through DNS within a time limit (RFC 3263)."""

from __future__ import annotations

import asyncio
import ipaddress
from typing import Any

from runtime.core import Destination, core
from runtime.sip.uri import DEFAULT_PORTS

__all__ = ["DnsResolver"]

_FAILED_FOR = 5.0
"""How long a failed look-up is remembered, in seconds."""


class DnsResolver:
    """`resolve_now` for what needs no waiting, `resolve` for DNS; a dead name server costs its time limit only."""

    def __init__(self, limit: float = 3.0, try_naptr: bool = True, try_ipv6: bool = False) -> None:
        self.limit = limit
        self.try_naptr = try_naptr
        self.try_ipv6 = try_ipv6
        self._known: dict[tuple[str, int, str], tuple[float, list[tuple[str, str, int]]]] = {}
        self._numeric: dict[str, str | None] = {}

    def _address(self, host: str) -> str | None:
        """The bare address when the host is one; kept, since the same few come again and again."""
        try:
            return self._numeric[host]
        except KeyError:
            pass
        found: str | None
        try:
            found = str(ipaddress.ip_address(host.strip("[]")))
        except ValueError:
            found = "127.0.0.1" if host.lower() == "localhost" else None
        if len(self._numeric) > 10000:
            self._numeric.clear()
        self._numeric[host] = found
        return found

    def resolve_now(self, host: str, port: int, proto: str) -> list[Destination] | None:
        """Destinations without waiting; None when DNS must be asked."""
        address = self._address(host)
        if address is not None:
            proto = proto or "udp"
            return [Destination(proto, address, port or DEFAULT_PORTS.get(proto, 5060))]
        if host.lower().endswith(".invalid"):
            return []
        known = self._known.get((host.lower(), port, proto))
        if known is not None and known[0] > core.now():
            return [Destination(p, ip, at) for p, ip, at in known[1]]
        return None

    async def resolve(self, host: str, port: int, proto: str) -> list[Destination]:
        """Destinations by NAPTR, SRV and A/AAAA; [] when there are none or DNS is silent."""
        found = self.resolve_now(host, port, proto)
        if found is not None:
            return found
        try:
            ttl, places = await asyncio.wait_for(self._look_up(host, port, proto), self.limit)
        except Exception:  # whatever DNS does, the name has no address now
            ttl, places = _FAILED_FOR, []
        if len(self._known) > 10000:
            self._known.clear()
        self._known[(host.lower(), port, proto)] = (core.now() + ttl, places)
        return [Destination(p, ip, at) for p, ip, at in places]

    async def _look_up(self, host: str, port: int, proto: str) -> tuple[float, list[tuple[str, str, int]]]:
        from dns.asyncresolver import Resolver

        resolver = Resolver()
        resolver.lifetime = self.limit
        if not port:
            for service, transport in self._services(proto):
                try:
                    answer = await resolver.resolve(f"{service}.{host}", "SRV")
                except Exception:
                    continue
                places = []
                for record in sorted(answer, key=lambda r: (r.priority, -r.weight)):
                    for ip in await self._addresses(resolver, str(record.target).rstrip(".")):
                        places.append((transport, ip, int(record.port)))
                if places:
                    return float(max(1, answer.rrset.ttl if answer.rrset else 60)), places
        proto = proto or "udp"
        addresses = await self._addresses(resolver, host)
        return 60.0, [(proto, ip, port or DEFAULT_PORTS.get(proto, 5060)) for ip in addresses]

    @staticmethod
    def _services(proto: str) -> list[tuple[str, str]]:
        table = {"udp": "_sip._udp", "tcp": "_sip._tcp", "tls": "_sips._tcp"}
        if proto:
            return [(table[proto], proto)] if proto in table else []
        return [("_sip._udp", "udp"), ("_sip._tcp", "tcp")]

    async def _addresses(self, resolver: Any, name: str) -> list[str]:
        found: list[str] = []
        for kind in ("A", "AAAA") if self.try_ipv6 else ("A",):
            try:
                found += [str(record) for record in await resolver.resolve(name, kind)]
            except Exception:
                continue
        if found:
            return found
        loop = asyncio.get_running_loop()
        try:  # /etc/hosts
            infos = await loop.getaddrinfo(name, None)
        except OSError:
            return []
        return list(dict.fromkeys(str(info[4][0]) for info in infos))
