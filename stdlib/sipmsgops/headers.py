"""Header operations: append, insert, remove, look for; headers of replies; everything as JSON."""

from __future__ import annotations

import fnmatch
import json
import re
import time
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from runtime.core import core
from runtime.declare import Pattern, Routes, Var
from runtime.sip.build import reply_headers, set_reply_body
from runtime.sip.edits import edits_of
from stdlib.sipmsgops.settings import ANY_MESSAGE, header_key, headers_named, logger, module

if TYPE_CHECKING:
    from collections.abc import Callable

    from runtime.sip.message import Header, SipMessage

__all__ = [
    "append_body_to_reply", "append_hf", "append_time", "append_to_reply", "append_urihf", "change_reply_status",
    "get_glob_headers_values", "insert_hf", "is_present_hf", "remove_hf", "remove_hf_glob", "remove_hf_re",
    "sip_to_json",
]  # fmt: skip

_REPLYING = Routes.REQUEST | Routes.FAILURE | Routes.BRANCH | Routes.ERROR


@module.function(routes=_REPLYING)
def append_to_reply(msg: SipMessage, headers: str) -> bool:
    """Add header lines (with their line ends) to all replies that we make to this request."""
    reply_headers(msg).append(headers)
    return True


@module.function(routes=_REPLYING)
def append_body_to_reply(msg: SipMessage, body: str) -> bool:
    """Give the replies that we make to this request a body; a second call replaces it."""
    set_reply_body(msg, body)
    return True


@module.function(routes=ANY_MESSAGE)
def append_hf(msg: SipMessage, header: str, after: str | None = None) -> bool:
    """Add header text (with its line end) after the first header named `after`, else after the last header."""
    edits = edits_of(msg)
    found = headers_named(msg, after) if after else []
    if found:
        edits.insert(found[0].end, header)
    else:
        edits.append_header(header)
    return True


@module.function(routes=ANY_MESSAGE)
def insert_hf(msg: SipMessage, header: str, before: str | None = None) -> bool:
    """Add header text (with its line end) before the first header named `before`, else before the first header."""
    edits = edits_of(msg)
    found = headers_named(msg, before) if before else []
    if found:
        edits.insert(found[0].start, header)
    else:
        edits.prepend_header(header)
    return True


@module.function(routes=Routes.REQUEST | Routes.FAILURE | Routes.BRANCH)
def append_urihf(msg: SipMessage, prefix: str, suffix: str) -> bool:
    """Add `prefix`, the received R-URI and `suffix` after the last header."""
    edits_of(msg).append_header(f"{prefix}{msg.request_uri}{suffix}")
    return True


_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@module.function(routes=Routes.REQUEST | Routes.FAILURE | Routes.BRANCH | Routes.LOCAL)
def append_time(msg: SipMessage) -> bool:
    """Add a Date header (RFC 3261 section 20.17) to the replies that we make to this request."""
    now = time.gmtime(core.wall())
    day = f"{_DAYS[now.tm_wday]}, {now.tm_mday:02d} {_MONTHS[now.tm_mon - 1]} {now.tm_year}"
    reply_headers(msg).append(f"Date: {day} {now.tm_hour:02d}:{now.tm_min:02d}:{now.tm_sec:02d} GMT\r\n")
    return True


# ------------------------------------------------------------------------------------------------ looking, removing
@module.function(routes=ANY_MESSAGE)
def is_present_hf(msg: SipMessage, name: str) -> bool:
    """Is there a header of this name (compact forms count)?"""
    return header_key(name) in msg.header_index


def _remove(msg: SipMessage, headers: list[Header]) -> bool:
    edits = edits_of(msg)
    count = 0
    for header in headers:
        if not edits.removed(header.start, header.end):
            edits.remove(header.start, header.end)
            count += 1
    return count > 0


@module.function(routes=ANY_MESSAGE)
def remove_hf(msg: SipMessage, name: str) -> bool:
    """Remove all headers of this name; false when none is there (any more)."""
    if header_key(name) not in msg.header_index:
        return False
    return _remove(msg, headers_named(msg, name))


@module.function(routes=ANY_MESSAGE)
def remove_hf_re(msg: SipMessage, re: Pattern) -> bool:
    """Remove all headers whose names match the expression."""
    return _remove(msg, [header for header in msg.headers if re.search(header.name)])


@lru_cache(maxsize=256)
def _glob(pattern: str) -> Callable[[str], Any]:
    return re.compile(fnmatch.translate(pattern), re.IGNORECASE).match


@module.function(routes=ANY_MESSAGE)
def remove_hf_glob(msg: SipMessage, pattern: str) -> bool:
    """Remove all headers whose names match the shell pattern, in any case."""
    matches = _glob(pattern)
    return _remove(msg, [header for header in msg.headers if matches(header.name)])


@module.function(routes=ANY_MESSAGE)
def get_glob_headers_values(msg: SipMessage, pattern: str, names: Var, values: Var) -> bool:
    """Add name and value of each header whose name matches the shell pattern to two AVPs; false when there is none."""
    for which, ref in (("names", names), ("vals", values)):
        if ref.variable.name != "avp":
            logger.error("AVP needed for %s pvar", which)
            return False
    matches = _glob(pattern)
    found = [header for header in msg.headers if matches(header.name)]
    for header in found:
        if not names.set(msg, header.name) or not values.set(msg, header.value):
            logger.error("failed to set the result to script var")
            return False
    return bool(found)


# ------------------------------------------------------------------------------------------------------------ others
@module.function(routes=Routes.ONREPLY)
def change_reply_status(msg: SipMessage, code: int, reason: str) -> bool:
    """Give a reply another status before it is sent on.

    Provisional and 2xx replies keep their class; false (and logged) otherwise, or for a code outside 100 to 699.
    """
    if not 100 <= code <= 699:
        logger.error("wrong status code: %d", code)
        return False
    if (code < 300 or msg.status < 300) and code // 100 != msg.status // 100:
        logger.error("the class of provisional or positive final replies cannot be changed")
        return False
    msg.status = code
    msg.__dict__["reply_status"] = (code, reason)
    return True


@module.function(routes=ANY_MESSAGE)
def sip_to_json(msg: SipMessage, out_json: Var) -> bool:
    """Write the received message as JSON: `first_line`, `headers` (name to list of values) and `body` if it has one."""
    headers: dict[str, list[str]] = {}
    names: dict[str, str] = {}
    for header in msg.headers:
        name = names.setdefault(header.name.lower(), header.name)
        headers.setdefault(name, []).append(header.value)
    made: dict[str, Any] = {"first_line": msg.text[: msg.text.index("\n") + 1], "headers": headers}
    if msg.body:
        made["body"] = msg.body
    if not out_json.set(msg, json.dumps(made, ensure_ascii=False, separators=(",", ":"))):
        logger.error("Failed to set out json pvar")
        return False
    return True
