"""The core of the script language: variables, transformations, functions, parameters and management commands."""

from stdlib.core import commands, functions, parameters, transformations, variables
from stdlib.core.module import core

__all__ = ["commands", "core", "functions", "parameters", "transformations", "variables"]
