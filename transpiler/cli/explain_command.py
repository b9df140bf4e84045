"""`sipc explain`: documentation from the declarations."""

from __future__ import annotations

import argparse
import difflib
import sys
from typing import Any

import stdlib
from runtime.declare import Function, Module, Parameter, Routes, Transformation, Variable
from transpiler import codes

__all__ = ["add_arguments", "command", "explain"]

_ROUTES = {
    Routes.REQUEST: "route", Routes.FAILURE: "failure_route", Routes.ONREPLY: "onreply_route",
    Routes.BRANCH: "branch_route", Routes.ERROR: "error_route", Routes.LOCAL: "local_route",
    Routes.STARTUP: "startup_route", Routes.TIMER: "timer_route", Routes.EVENT: "event_route",
}  # fmt: skip


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = "example: sipc explain t_relay\n         sipc explain '$rU'\n         sipc explain E1001"
    parser.add_argument("name", metavar="NAME", help="function, $variable, {transformation}, parameter, module or code")


def _function(found: Function) -> str:
    params = ", ".join(f"[{p.name}: {p.kind.value}]" if p.optional else f"{p.name}: {p.kind.value}" for p in found.params)
    kinds = "any route" if found.routes == Routes.ANY else ", ".join(n for k, n in _ROUTES.items() if found.routes & k)
    waits = "\nIt may wait; other messages go on meanwhile." if found.suspends else ""
    return f"{found.name}({params})\n  module {found.module}, for {kinds}\n\n{found.doc}{waits}"


def _variable(found: Variable) -> str:
    name = f"${found.name}(name)" if found.named == "yes" else f"${found.name}"
    also = f", also ${', $'.join(found.aliases)}" if found.aliases else ""
    how = "read and write" if found.set is not None else "read only"
    index = ", takes an index" if found.indexed else ""
    return f"{name}{also}\n  {found.module}, {found.type}, {how}{index}\n\n{found.doc}"


def _parameter(found: Parameter) -> str:
    types = " or ".join("text" if t is str else "number" for t in found.types)
    unit = f" {found.unit}" if found.unit else ""
    return f"{found.module}: {found.name} ({types}, default {found.default!r}{unit})\n\n{found.doc}"


def _transformation(found: Transformation) -> str:
    params = "".join(f",{p.name}" for p in found.params)
    return f"{{{found.cls}.{found.name}{params}}}\n  {found.module}, gives {found.type}\n\n{found.doc}"


def explain(name: str) -> list[str]:
    """Every documentation text of that name."""
    for each in ("core", *stdlib.available()):
        stdlib.load(each)
    if name.upper() in codes.CODES:
        return [codes.explain(name)]
    bare = name.lstrip("$").strip("{}").split("(")[0].split(",")[0]
    texts: list[str] = []
    for module in Module.registry.values():
        if not name.startswith(("$", "{")):
            if bare == module.name:
                texts.append(f"module {module.name}\n\n{module.doc}\n\nFunctions: {', '.join(sorted(module.functions)) or 'none'}"
                             f"\nParameters: {', '.join(sorted(module.parameters)) or 'none'}")  # fmt: skip
            if bare in module.functions:
                texts.append(_function(module.functions[bare]))
            if bare in module.parameters:
                texts.append(_parameter(module.parameters[bare]))
            for command in module.commands.values():
                if bare in (command.name, f"{module.name}:{command.name}", *command.alias):
                    ways = " or ".join(f"({', '.join(recipe)})" for recipe in command.recipes)
                    texts.append(f"management command {module.name}:{command.name} {ways}\n\n{command.doc}")
        if bare in module.variables and not name.startswith("{"):
            texts.append(_variable(module.variables[bare]))
        for (cls, local), found in module.transformations.items():
            if bare == f"{cls}.{local}":
                texts.append(_transformation(found))
    return list(dict.fromkeys(texts))


def command(args: Any) -> int:
    texts = explain(args.name)
    if texts:
        print("\n\n".join(texts))
        return 0
    known = [n for m in Module.registry.values() for n in [*m.functions, *m.parameters, *m.variables]]
    near = difflib.get_close_matches(args.name.lstrip("$"), known, 3, 0.6)
    hint = f" Did you mean {', '.join(near)}?" if near else ""
    print(f"sipc: nothing is called {args.name}.{hint}", file=sys.stderr)
    return 1
