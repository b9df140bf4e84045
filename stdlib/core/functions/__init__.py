"""Core functions, by what they work on."""

from stdlib.core.functions import branches, flags, routing, uri

__all__ = ["branches", "flags", "routing", "uri"]
