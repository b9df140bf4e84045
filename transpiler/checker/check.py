"""The checker: modules, parameters, routes, and every statement."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import stdlib
from runtime.declare import Function, Module, Transformation
from runtime.declare import Variable as Declared
from transpiler import nodes
from transpiler.checker.known import KNOWN_MODULES, TRANSPORTS
from transpiler.checker.statements import StatementChecker
from transpiler.diagnostics import Diagnostics, Note
from transpiler.emitter.analysis import walk
from transpiler.nodes import Span

__all__ = ["CheckedScript", "check"]

_GATHERED = frozenset(("socket", "listen", "alias", "dst_blacklist", "auto_scaling_profile", "mpath"))


@dataclass(slots=True)
class CheckedScript:
    """A script with what its names mean."""

    script: nodes.Script
    modules: list[Module] = field(default_factory=list)
    functions: dict[str, Function] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    missing: bool = False
    """A module of the script is not available: unknown names may be its."""

    @property
    def xlog_print_level(self) -> int:
        """The level of xlog() without one."""
        level = self.settings.get("core", {}).get("xlog_print_level", 2)
        return level if isinstance(level, int) else 2

    def settings_of(self, name: str) -> Any:
        """The value of a core parameter the script sets, None otherwise."""
        return self.settings.get("core", {}).get(name)

    def find_variable(self, name: str) -> Declared | None:
        for module in self.modules:
            found = module.variables.get(name)
            if found is not None:
                return found
        return None

    def variable(self, node: nodes.Variable) -> Declared:
        """The declaration of a variable that was checked."""
        found = self.find_variable(node.name)
        assert found is not None, node.text
        return found

    def find_transformation(self, node: nodes.Transformation) -> Transformation | None:
        for module in self.modules:
            found = module.transformations.get((node.cls, node.name))
            if found is not None:
                return found
            for (cls, name), made in module.transformations.items():
                if made.prefix_match and cls == node.cls and node.name.startswith(name):
                    return made
        return None

    def transformation(self, node: nodes.Transformation) -> Transformation:
        """The declaration of a transformation that was checked."""
        found = self.find_transformation(node)
        assert found is not None, f"{node.cls}.{node.name}"
        return found


def similar(name: str, known: Iterable[str]) -> str:
    """A hint with the nearest known names, "" when nothing is near."""
    found = difflib.get_close_matches(name, list(known), 2, 0.7)
    return f"did you mean {' or '.join(found)}?" if found else ""


def check(script: nodes.Script, sink: Diagnostics) -> CheckedScript:
    """Check a script; findings go to the sink.  Only a result without errors may be emitted."""
    made = CheckedScript(script)
    core = stdlib.load("core")
    assert core is not None
    made.modules.append(core)
    made.settings = {"core": {}, "sockets": [], "aliases": [], "modules": [], "modparams": []}
    for item in script.items:
        if isinstance(item, nodes.LoadModule):
            _load(item, made, sink)
        elif isinstance(item, nodes.ModParam):
            _modparam(item, made, sink)
        elif isinstance(item, nodes.GlobalParam):
            _global(item, made, core, sink)
    for module in made.modules:
        for name, function in module.functions.items():
            made.functions.setdefault(name, function)
        for needed in module.requires:
            if needed not in made.settings["modules"] and not made.missing:
                place = next(i for i in script.items if isinstance(i, nodes.LoadModule) and i.name == module.name)
                sink.error("E1012", place.span, f"module {module.name} needs {needed}", f'add loadmodule "{needed}.so"')
    _routes(script, sink)
    made.settings["forwards"] = any(
        isinstance(node, nodes.Call) and node.name == "forward" for route in script.routes for node in walk(route.body)
    )
    checker = StatementChecker(made, sink, similar)
    for route in script.routes:
        checker.route(route)
    checker.finish()
    return made


def _load(item: nodes.LoadModule, made: CheckedScript, sink: Diagnostics) -> None:
    names = made.settings["modules"]
    if item.name in names:
        sink.error("E1011", item.span, f"module {item.name} is loaded twice", "remove this line")
        return
    module = stdlib.load(item.name)
    if module is None:
        if item.name in TRANSPORTS:
            names.append(item.name)
            return
        made.missing = True
        if item.name in KNOWN_MODULES:
            hint = "sipc does not have this module of OpenSIPS yet; what it offers is not checked"
        else:
            hint = similar(item.name, [*stdlib.available(), *KNOWN_MODULES]) or "there is no such module"
        sink.error("E1010", item.span, f"failed to load module {item.name}: not found", hint)
        return
    names.append(item.name)
    made.modules.append(module)


def _modparam(item: nodes.ModParam, made: CheckedScript, sink: Diagnostics) -> None:
    try:
        pattern = re.compile(item.modules, re.IGNORECASE)
    except re.error as error:
        sink.error("E1020", item.span, f'"{item.modules}" is not a regular expression: {error}')
        return
    matched = [m for m in made.modules if m.name != "core" and pattern.fullmatch(m.name)]
    if not matched:
        parts = item.modules.split("|")
        if made.missing and any(p not in made.settings["modules"] for p in parts):
            return
        if all(p in TRANSPORTS for p in parts):
            return
        hint = similar(item.modules, made.settings["modules"]) or f'is loadmodule "{item.modules}.so" missing or below?'
        sink.error("E1021", item.span, f"no module matching {item.modules} found", hint)
        return
    for module in matched:
        parameter = module.parameters.get(item.name)
        if parameter is None:
            hint = similar(item.name, module.parameters)
            sink.error("E1022", item.span, f"parameter {item.name} not found in module {module.name}", hint)
            continue
        if not isinstance(item.value, parameter.types):
            wanted = " or ".join("a string" if t is str else "a number" for t in parameter.types)
            text = f"type mismatch for parameter {item.name} of module {module.name}: it takes {wanted}"
            hint = f'write "{item.value}"' if str in parameter.types else "write the number without quotes"
            sink.error("E2020", item.span, text, hint)
            continue
        if parameter.check is not None:
            try:
                parameter.check(item.value)
            except ValueError as error:
                sink.error("E2021", item.span, f"{module.name}: {item.name}: {error}")
                continue
        if parameter.note:
            sink.note("W0030", item.span, parameter.note)
        span = item.span
        made.settings["modparams"].append([module.name, item.name, item.value, f"{span.file}:{span.line}"])
        parameter.apply(item.value)


def _global(item: nodes.GlobalParam, made: CheckedScript, core: Module, sink: Diagnostics) -> None:
    name = item.name
    parameter = core.parameters.get(name)
    if parameter is None:
        sink.error("E1030", item.span, f"unknown core parameter {name}", similar(name, core.parameters))
        return
    if item.value is None:
        return
    place = f"{item.span.file}:{item.span.line}"
    if name in ("socket", "listen"):
        made.settings["sockets"].append({**item.value, "place": place})  # type: ignore[dict-item]
        return
    if name == "alias":
        made.settings["aliases"].append([item.value, place])
        return
    if name in _GATHERED:
        made.settings["core"].setdefault(name, []).append(item.value)
        return
    value = item.value["workers"] if isinstance(item.value, dict) else item.value
    if parameter.types and not isinstance(value, parameter.types):
        number_word = int in parameter.types
        text = f"{'number' if number_word else 'string'} value expected for {name}"
        sink.error("E2022", item.value_span or item.span, text)
        return
    if parameter.note:
        sink.note("W0030", item.span, parameter.note)
    made.settings["core"][parameter.name] = value


def _routes(script: nodes.Script, sink: Diagnostics) -> None:
    seen: dict[tuple[str, str], nodes.Route] = {}
    for route in script.routes:
        key = (route.kind, route.name)
        if key in seen and route.kind != "timer_route":
            first = seen[key]
            label = f"{route.kind}[{route.name}]" if route.name else route.kind
            notes = [Note(route.head or route.span, "it begins here"), Note(first.head or first.span, "first defined here")]
            # at its closing brace, where OpenSIPS notices it
            whole = route.span
            end = Span(whole.file, whole.end_line, max(whole.end_col - 1, 1), whole.end_line, whole.end_col)
            sink.error("E1040", end, f"{label} is redefined", "rename or remove one", notes)
        seen.setdefault(key, route)
