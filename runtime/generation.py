"""A generation: one built version of a script, loaded from an artefact's bytes.

The artefact is a JSON header (settings, routes, source texts, hash) followed by marshalled code, one piece for the module
head and one per route.  A generation is a fresh module object that is in no table: what still uses it (messages,
transactions, suspended routes hold its functions) keeps it alive, and it goes with its last user.
"""

from __future__ import annotations

import hashlib
import json
import linecache
import marshal
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

__all__ = ["ArtefactError", "Generation", "load", "pack", "unpack"]

MAGIC = b"sipc1\n"


class ArtefactError(Exception):
    """The bytes are no artefact of this version."""


def pack(header: dict[str, Any], codes: list[bytes]) -> bytes:
    """Header and marshalled code as one artefact, with a checksum over all of it."""
    head = json.dumps({**header, "python": sys.version_info[:2], "sizes": [len(code) for code in codes]}).encode()
    body = len(head).to_bytes(4, "big") + head + b"".join(codes)
    return MAGIC + hashlib.sha256(body).digest() + body


def unpack(artefact: bytes) -> tuple[dict[str, Any], list[bytes]]:
    """The reverse of `pack`; ArtefactError when something does not fit."""
    if not artefact.startswith(MAGIC):
        raise ArtefactError("not an artefact of this version")
    digest, body = artefact[len(MAGIC) : len(MAGIC) + 32], artefact[len(MAGIC) + 32 :]
    if hashlib.sha256(body).digest() != digest:
        raise ArtefactError("the artefact is damaged")
    size = int.from_bytes(body[:4], "big")
    header = json.loads(body[4 : 4 + size])
    if tuple(header["python"]) != sys.version_info[:2]:
        raise ArtefactError("the artefact was built for another Python")
    codes, at = [], 4 + size
    for length in header["sizes"]:
        codes.append(body[at : at + length])
        at += length
    return header, codes


class Generation:
    """A loaded script.  `number` counts the generations of this server from 1."""

    def __init__(self, header: dict[str, Any], codes: list[bytes], number: int = 1) -> None:
        self.number = number
        self.hash: str = header["hash"]
        self.settings: dict[str, Any] = header["settings"]
        self.files: dict[str, str] = header["files"]
        self.title: str = header["title"]
        self.module = ModuleType("script")
        namespace = self.module.__dict__
        namespace["__sipc_generation__"] = number
        namespace["__file__"] = self.title
        for file, text in self.files.items():
            linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
        for code in codes:
            exec(marshal.loads(code), namespace)
        self._routes: dict[str, dict[str, Callable[..., Any]]] = {}
        self.timers: list[tuple[str, int, Callable[..., Any]]] = []
        for value in list(namespace.values()):
            mark = getattr(value, "__route__", None)
            if mark is not None:
                kind, name, interval = mark
                self._routes.setdefault("route" if kind == "request_route" else kind, {})[name] = value
                if kind == "timer_route":
                    self.timers.append((name, interval, value))

    @property
    def main(self) -> Callable[..., Any] | None:
        """The request route."""
        return self.route("route", "")

    def route(self, kind: str, name: str) -> Callable[..., Any] | None:
        """A route by kind and name ("" for the default one), None when the script has none."""
        found = self._routes.get(kind)
        return found.get(name) if found else None

    def close(self) -> None:
        """Break the cycle between functions and their namespace, so that everything is freed at once."""
        self._routes.clear()
        self.timers.clear()
        self.module.__dict__.clear()


def load(artefact: bytes, number: int = 1) -> Generation:
    """Load an artefact into a fresh generation.  Raises ArtefactError, or what the module's head raises."""
    header, codes = unpack(artefact)
    return Generation(header, codes, number)
