"""Text to syntax tree: `parse` runs the scanner, the older dialects' translation and the LALR machine."""

from __future__ import annotations

from preprocessors import Expansion
from transpiler import nodes
from transpiler.diagnostics import Diagnostics
from transpiler.lexer import Scanner
from transpiler.parsing.machine import Machine

__all__ = ["parse"]


def parse(expansion: Expansion, sink: Diagnostics) -> nodes.Script:
    """The tree of a script.  Everything that is wrong goes to the sink; what could be understood is in the tree.

    Never raises for what is in the text.  All syntax errors are reported in one run.
    """
    scanner = Scanner(expansion)
    items = Machine(scanner, sink).run()
    if not items and not sink.has_errors:
        span = scanner.span(0, 1, 0, 2)
        sink.error("E0101", span, "the script is empty", "write at least a socket and a route")
    return nodes.Script(items=items, files=dict(expansion.files))
