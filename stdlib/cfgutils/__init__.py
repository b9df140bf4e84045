"""cfgutils: random decisions, shared variables, time, sleeping, script locks."""

from stdlib.cfgutils import functions, variables
from stdlib.cfgutils.settings import module

__all__ = ["functions", "module", "variables"]
