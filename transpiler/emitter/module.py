"""The whole generated module: header, imports, constants and one function per route, formatted and with positions."""

from __future__ import annotations

import ast
import hashlib
import re
from dataclasses import dataclass, field
from typing import Any

import libcst as cst

from transpiler import cache, nodes
from transpiler.emitter.analysis import analyse
from transpiler.emitter.names import Names
from transpiler.emitter.route import RouteEmitter
from transpiler.nodes import Span

__all__ = ["EmittedModule", "EmittedRoute", "emit"]

_LINE_LENGTH = 100


@dataclass(slots=True)
class EmittedRoute:
    """One route: its formatted text and the script position of each statement in preorder."""

    name: str
    kind: str
    route_name: str
    text: str
    spans: list[Span]
    file: str


@dataclass(slots=True)
class EmittedModule:
    header: str
    """Docstring, imports and constants."""
    routes: list[EmittedRoute] = field(default_factory=list)

    @property
    def text(self) -> str:
        """The module as it is written to a file."""
        return "\n\n".join([self.header.rstrip("\n") + "\n", *[r.text for r in self.routes]])

    def positions(self) -> list[tuple[int, str, int]]:
        """(generated line, script file, script line) for every statement, in order of generated lines."""
        found: list[tuple[int, str, int]] = []
        start = self.header.rstrip("\n").count("\n") + 1 + 2
        for route in self.routes:
            for statement, span in zip(statements_of(ast.parse(route.text)), route.spans, strict=True):
                found.append((start + statement.lineno, span.file, span.line))
            start += route.text.count("\n") + 2
        return found


def statements_of(tree: ast.AST) -> list[ast.stmt]:
    """Every statement in preorder, as they stand in the text."""
    found: list[ast.stmt] = []

    def visit(node: ast.AST) -> None:
        if isinstance(node, ast.stmt):
            found.append(node)
        for name in ("body", "orelse", "finalbody"):
            for child in getattr(node, name, ()) if isinstance(getattr(node, name, None), list) else ():
                visit(child)

    visit(tree)
    return found


def _preorder(node: Any, spans: dict[int, Span], fallback: Span) -> list[Span]:
    """Spans of the statements of a libcst function, in the order of `statements_of`."""
    found: list[Span] = []

    def visit(item: Any, near: Span) -> None:
        if isinstance(item, cst.SimpleStatementLine):
            found.append(spans.get(id(item), near))
            return
        if isinstance(item, (cst.If, cst.While, cst.For, cst.FunctionDef)):
            span = spans.get(id(item), near)
            found.append(span)
            for child in item.body.body:
                visit(child, span)
            orelse = getattr(item, "orelse", None)
            if isinstance(orelse, cst.If):
                visit(orelse, span)
            elif isinstance(orelse, cst.Else):
                for child in orelse.body.body:
                    visit(child, span)

    visit(node, fallback)
    return found


def _format(text: str) -> str:
    """The text as black has it; kept by content, since formatting is most of a build."""
    key = "black-" + hashlib.sha256(f"{_LINE_LENGTH}\0{text}".encode("latin-1", "replace")).hexdigest()[:32]
    known = cache.read(key)
    if known is not None:
        return known.decode("latin-1")
    import black
    import black.mode

    made = black.format_str(text, mode=black.Mode(line_length=_LINE_LENGTH, target_versions={black.mode.TargetVersion.PY311}))
    cache.write(key, made.encode("latin-1"))
    return made


def _imports(names: Names) -> str:
    lines = []
    for module in sorted(names.imports, key=lambda m: (m.split(".")[0] in ("runtime", "stdlib"), m)):
        wanted = sorted(names.imports[module].items())
        parts = [there if there == here else f"{there} as {here}" for there, here in wanted]
        lines.append(f"from {module} import {', '.join(parts)}")
    return "\n".join(lines)


def emit(checked: Any, title: str) -> EmittedModule:
    """The module of a checked script; `title` is the script's file name."""
    script: nodes.Script = checked.script
    analysis = analyse(script, checked.functions)
    names = Names(script.routes)
    made = EmittedModule("")
    for route in script.routes:
        emitter = RouteEmitter(route, checked, analysis, names)
        function = emitter.emit()
        head = route.head or route.span
        spans = _preorder(function, emitter.spans, head)
        code = cst.Module([function]).code
        text = _format(f"# {head.file.rpartition('/')[2]}:{head.line}\n{code}")
        made.routes.append(EmittedRoute(names.route(route), route.kind, route.name, text, spans, head.file))
    constants = "\n".join(
        f"{name} = {cst.Module([]).code_for_node(value)}" for name, value in names.constants.values()
    )
    doc = re.sub(r'["\\]', "", title)
    header = f'"""{doc}, compiled by sipc.  Edit the script, not this file."""\n\n{_imports(names)}\n\n{constants}\n'
    made.header = _format(header)
    return made
