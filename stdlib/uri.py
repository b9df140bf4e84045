"""uri: the R-URI functions of OpenSIPS 2.x and 3.x scripts that need no database and no AAA server.

OpenSIPS 4 has them in sipmsgops under other names; each declaration says which.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from runtime.declare import Module, Routes
from stdlib import sipmsgops

if TYPE_CHECKING:
    from runtime.sip.message import SipMessage

__all__ = ["add_uri_param", "del_uri_param", "has_totag", "is_uri_user_e164", "module", "tel2sip", "uri_param"]

module = Module("uri", "R-URI functions of older scripts.  Write sipmsgops in new ones.")

_ROUTES = Routes.REQUEST | Routes.LOCAL


@module.function(routes=_ROUTES, instead="has_totag() of sipmsgops")
def has_totag(msg: SipMessage) -> bool:
    """Does the To header have a tag?"""
    return sipmsgops.has_totag(msg)


@module.function(routes=_ROUTES, instead="ruri_has_param()")
def uri_param(msg: SipMessage, param: str, value: str | None = None) -> bool:
    """Has the R-URI this parameter, with this value?  Without `value` it must have none."""
    return sipmsgops.ruri_has_param(msg, param, value)


@module.function(routes=Routes.REQUEST, instead="ruri_add_param()")
def add_uri_param(msg: SipMessage, param: str) -> bool:
    """Add a parameter (`name=value`) to the R-URI."""
    return sipmsgops.ruri_add_param(msg, param)


@module.function(routes=Routes.REQUEST, instead="ruri_del_param()")
def del_uri_param(msg: SipMessage, param: str) -> bool:
    """Remove a parameter from the R-URI."""
    return sipmsgops.ruri_del_param(msg, param)


@module.function(routes=Routes.REQUEST, instead="ruri_tel2sip()")
def tel2sip(msg: SipMessage) -> bool:
    """Make a tel R-URI a SIP one."""
    return sipmsgops.ruri_tel2sip(msg)


@module.function(routes=Routes.REQUEST | Routes.FAILURE | Routes.LOCAL, instead="is_uri_user_e164() of sipmsgops")
def is_uri_user_e164(msg: SipMessage, uri: str) -> bool:
    """Is the user part of the URI a global number?"""
    return sipmsgops.is_uri_user_e164(msg, uri)
