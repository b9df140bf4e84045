"""rr: Record-Route and Route (RFC 3261 sections 16.4, 16.6, 16.12).

Other modules use `on_loose_route(callback)`, `add_rr_param(msg, text)`, `get_route_param(msg, name)`,
`get_route_params(msg)`, `is_direction(msg, "upstream")`, `get_remote_target(msg)` and `get_route_set(msg)`.
"""

from stdlib.rr.loose import (
    check_route_param,
    get_remote_target,
    get_route_param,
    get_route_params,
    get_route_set,
    is_direction,
    loose_route,
    on_loose_route,
)
from stdlib.rr.record import add_rr_param, listener_address, record_route, record_route_preset, same_realm
from stdlib.rr.settings import module

__all__ = [
    "add_rr_param", "check_route_param", "get_remote_target", "get_route_param", "get_route_params", "get_route_set",
    "is_direction", "listener_address", "loose_route", "module", "on_loose_route", "record_route",
    "record_route_preset", "same_realm",
]  # fmt: skip
