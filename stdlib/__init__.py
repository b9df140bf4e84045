"""The modules a script can load, one file or package each, named as in OpenSIPS."""

from __future__ import annotations

import importlib
import pkgutil

from runtime.declare import Module

__all__ = ["available", "load"]


def available() -> list[str]:
    """Names of all modules there are."""
    return sorted(found.name for found in pkgutil.iter_modules(__path__) if found.name != "core")


def load(name: str) -> Module | None:
    """The declarations of a module, None when there is no such module.  `core` is always loadable."""
    if name in Module.registry:
        return Module.registry[name]
    if not name.isidentifier() or (name != "core" and name not in available()):
        return None
    importlib.import_module(f"stdlib.{name}")
    return Module.registry.get(name)
