"""Script positions in compiled code: the formatted Python is parsed and every node moved to where the script says it.

Tracebacks, pdb, coverage and profilers then speak of the script's file and line by themselves.
"""

from __future__ import annotations

import ast
from types import CodeType

from transpiler.emitter.module import EmittedRoute, statements_of
from transpiler.nodes import Span

__all__ = ["compile_route", "relocate"]


def _move(node: ast.AST, span: Span) -> None:
    """Give a node and everything in it that is not a statement of its own the position of the script."""
    line, end_line = span.line, max(span.line, span.end_line)
    col = max(0, span.col - 1)
    end_col = max(0, span.end_col - 1)
    if end_line == line:
        end_col = max(end_col, col + 1)
    if hasattr(node, "lineno"):
        node.lineno, node.end_lineno = line, end_line  # type: ignore[attr-defined]
        node.col_offset, node.end_col_offset = col, end_col  # type: ignore[attr-defined]
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, ast.stmt):
            _move(child, span)


def relocate(tree: ast.Module, spans: list[Span]) -> ast.Module:
    """Move every statement of the tree to its span (preorder).  The counts must agree."""
    statements = statements_of(tree)
    if len(statements) != len(spans):
        raise AssertionError(f"{len(statements)} statements but {len(spans)} positions")
    for statement, span in zip(statements, spans, strict=True):
        _move(statement, span)
    return tree


def compile_route(route: EmittedRoute) -> CodeType:
    """The code of one route under the script's own file name."""
    return compile(relocate(ast.parse(route.text), route.spans), route.file, "exec")
