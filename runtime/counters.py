"""Statistics of the core that the runtime itself counts; stdlib.core lists them under the group `core`."""

from __future__ import annotations

from runtime import statistics
from runtime.declare import Statistic

__all__ = ["CORE"]

CORE: dict[str, Statistic] = {}


def _counter(name: str, doc: str) -> Statistic:
    made = Statistic("core", name, "incremental", doc)
    made.slot = statistics.allot(made)
    CORE[name] = made
    return made


rcv_requests = _counter("rcv_requests", "Requests received.")
rcv_replies = _counter("rcv_replies", "Replies received.")
fwd_requests = _counter("fwd_requests", "Requests forwarded statelessly.")
fwd_replies = _counter("fwd_replies", "Replies forwarded statelessly.")
drop_requests = _counter("drop_requests", "Requests dropped before routing: malformed, or out of capacity.")
drop_replies = _counter("drop_replies", "Replies dropped.")
err_requests = _counter("err_requests", "Requests that could not be sent on.")
err_replies = _counter("err_replies", "Replies that could not be sent on.")
bad_URIs_rcvd = _counter("bad_URIs_rcvd", "URIs that could not be parsed.")
unsupported_methods = _counter("unsupported_methods", "Requests of unknown methods.")
bad_msg_hdr = _counter("bad_msg_hdr", "Messages with a broken or missing header.")
slow_messages = _counter("slow_messages", "Messages slower than exec_msg_threshold.")
script_bugs = _counter("script_bugs", "Exceptions that ended a route; each is logged with its script line.")
