"""The core's declarations hang on this."""

from __future__ import annotations

from runtime import counters
from runtime.declare import Module

__all__ = ["core"]

core = Module("core", "What every script has: variables, transformations, functions, core parameters.")
core.statistics.update(counters.CORE)
