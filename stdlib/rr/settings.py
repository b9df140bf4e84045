"""Module, parameters and log of rr."""

from __future__ import annotations

from runtime import log
from runtime.declare import Module

__all__ = ["add_username", "append_fromtag", "enable_double_rr", "enable_socket_mismatch_warning", "logger", "module"]

module = Module("rr", "Record-Route and Route processing, RFC 3261 sections 16.4, 16.6 and 16.12.")
logger = log.engine("rr")

append_fromtag = module.parameter(
    "append_fromtag", int, 1, "Put the From tag into Record-Route (`;ftag=`), which tells directions apart.", hot="now"
)
enable_double_rr = module.parameter(
    "enable_double_rr", int, 1, "Insert two Record-Routes when a request leaves by another socket than it came in.",
    hot="now",
)  # fmt: skip
add_username = module.parameter(
    "add_username", int, 0, "Put the user part of the R-URI into the Record-Route URI.", hot="now"
)
enable_socket_mismatch_warning = module.parameter(
    "enable_socket_mismatch_warning", int, 1, "Warn when a Route that we inserted names none of our sockets.", hot="now"
)
