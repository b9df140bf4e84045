"""registrar: REGISTER processing and look-up (RFC 3261 section 10), with Path (RFC 3327) and GRUU (RFC 5627)."""

from stdlib.registrar import lookup, save
from stdlib.registrar.settings import module

__all__ = ["lookup", "module", "save"]
