"""Transformations, by class."""

from stdlib.core.transformations import addresses, lists, messages, strings

__all__ = ["addresses", "lists", "messages", "strings"]
