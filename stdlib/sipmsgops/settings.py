"""Module and log of sipmsgops, and how it names headers."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from runtime import log
from runtime.declare import Module, Routes
from runtime.sip.message import COMPACT

if TYPE_CHECKING:
    from runtime.sip.message import Header, SipMessage

__all__ = ["ANY_MESSAGE", "header_key", "headers_named", "logger", "module"]

module = Module("sipmsgops", "Operations on SIP messages: headers, bodies, codecs, checks.")
logger = log.engine("sipmsgops")

ANY_MESSAGE = Routes.REQUEST | Routes.ONREPLY | Routes.FAILURE | Routes.BRANCH | Routes.LOCAL
"""Where there is a message to work on."""


@lru_cache(maxsize=256)
def header_key(name: str) -> str:
    """The key under which a message indexes headers of this name (compact forms included)."""
    key = name.strip().lower()
    return COMPACT.get(key, key)


def headers_named(msg: SipMessage, name: str) -> list[Header]:
    """All headers of a name as a script gives it.  `Via` is the topmost one only, as in OpenSIPS."""
    key = header_key(name)
    found = msg.headers_of(key)
    return found[:1] if key == "via" else found
