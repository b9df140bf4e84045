"""Everything a script names is held against the declarations; all findings come in one run."""

from transpiler.checker.check import CheckedScript, check

__all__ = ["CheckedScript", "check"]
