"""sipmsgops: operations on SIP messages (headers, bodies, codecs, checks)."""

from stdlib.sipmsgops import bodies, checks, codecs, headers, lists, media, validate
from stdlib.sipmsgops.settings import module

__all__ = ["bodies", "checks", "codecs", "headers", "lists", "media", "module", "validate"]
