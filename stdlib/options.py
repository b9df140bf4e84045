"""options: answer OPTIONS requests (RFC 3261 section 11.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runtime import log
from runtime.declare import Module, Routes
from runtime.sip.build import reply_headers
from runtime.sip.message import ParseError

if TYPE_CHECKING:
    from runtime.sip.message import SipMessage

__all__ = ["module", "options_reply"]

module = Module("options", "Answers to OPTIONS requests.", requires=("signaling",))
logger = log.engine("options")

accept = module.parameter("accept", str, "*/*", 'Value of Accept; "" for none.', hot="now")
accept_encoding = module.parameter("accept_encoding", str, "", 'Value of Accept-Encoding; "" for none.', hot="now")
accept_language = module.parameter("accept_language", str, "en", 'Value of Accept-Language; "" for none.', hot="now")
support = module.parameter("support", str, "", 'Value of Supported; "" for none.', hot="now")

_HEADERS = (
    ("Accept", accept), ("Accept-Encoding", accept_encoding), ("Accept-Language", accept_language),
    ("Supported", support),
)  # fmt: skip


@module.function(routes=Routes.REQUEST)
def options_reply(msg: SipMessage) -> int:
    """Answer an OPTIONS request to the server itself with 200 and our capabilities; this ends the script.

    -1 for another method, an R-URI with a user part, or when the reply cannot be sent.
    """
    if msg.method != "OPTIONS":
        logger.error("called for non-OPTIONS request")
        return -1
    try:
        user = msg.ruri_parsed.user
    except ParseError:
        logger.error("ERROR while parsing the R-URI")
        return -1
    if user:
        logger.error("ruri contains username")
        return -1
    reply_headers(msg).extend(f"{name}: {value.value}\r\n" for name, value in _HEADERS if value.value)
    send_reply = Module.registry["signaling"].functions["send_reply"].call
    if int(send_reply(msg, 200, "OK")) <= 0:
        logger.error("failed to send 200 via send_reply")
        return -1
    return 0
