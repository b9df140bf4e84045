"""What tm's parameters set for new transactions; seconds throughout."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

__all__ = ["Settings", "settings"]


class Settings:
    """Timers and choices; defaults are OpenSIPS's."""

    fr_timeout = 30.0
    fr_inv_timeout = 120.0
    wait = 5.0
    t1 = 0.5
    t2 = 4.0
    restart_fr = True
    """restart_fr_on_each_reply."""
    auto_100 = True
    six_hundred_blocks = True
    """A 6xx ends the fork (RFC 3261 section 16.7 step 5)."""
    translate_503 = True
    shared_avps = False
    """onreply_avp_mode: reply routes see the transaction's AVPs."""
    created: ClassVar[list[Callable[[Any, Any], object]]] = []
    """Called with (transaction, request) for every new transaction."""


settings = Settings()
