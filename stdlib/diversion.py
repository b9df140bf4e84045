"""diversion: the Diversion header (RFC 5806)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runtime.declare import Module, Routes
from runtime.sip.edits import edits_of

if TYPE_CHECKING:
    from runtime.sip.message import SipMessage

__all__ = ["add_diversion", "module"]

module = Module("diversion", "Diversion headers, RFC 5806.")

suffix = module.parameter(
    "suffix", str, "", "Accepted for old scripts; nothing is made of it, as in OpenSIPS.", hot="now"
)


@module.function(routes=Routes.REQUEST | Routes.FAILURE | Routes.LOCAL)
def add_diversion(msg: SipMessage, reason: str, uri: str | None = None, counter: int | None = None) -> bool:
    """Add a Diversion header before the topmost one, else after the last header.

    `reason`: user-busy, no-answer, unconditional…; `uri`: who diverted, else the received R-URI; `counter`: how often,
    left out unless positive.
    """
    line = f"Diversion: <{msg.request_uri if uri is None else uri}>;reason={reason}"
    if counter is not None and counter > 0:
        line += f";counter={counter}"
    line += "\r\n"
    edits = edits_of(msg)
    top = msg.header("diversion")
    at = msg.body_start - 2 if top is None else top.start
    # The newest diversion stands first (RFC 5806 section 3.2): in front of those added before
    for i, (start, order, end, text) in enumerate(edits.changes):
        if start == end == at and isinstance(text, str) and text.startswith("Diversion: "):
            edits.changes[i] = (start, order, end, line + text)
            return True
    edits.insert(at, line)
    return True
