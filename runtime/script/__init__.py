"""The vocabulary of generated modules: what the emitter may write, and nothing else."""

from __future__ import annotations

from runtime.declare import ALL, NO_VALUE
from runtime.regex import compile as ere
from runtime.script import flow, operators, output, suspension
from runtime.script.flow import *  # noqa: F403
from runtime.script.operators import *  # noqa: F403
from runtime.script.output import *  # noqa: F403
from runtime.script.suspension import *  # noqa: F403

__all__ = ["ALL", "NO_VALUE", "ere", *flow.__all__, *operators.__all__, *output.__all__, *suspension.__all__]
