"""Core variables, by what they read."""

from stdlib.core.variables import addressing, branches, headers, identity, process, sdp, transport, user

__all__ = ["addressing", "branches", "headers", "identity", "process", "sdp", "transport", "user"]
