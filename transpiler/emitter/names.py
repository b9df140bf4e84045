"""Names in the generated module: route functions, imports, constants; all unique and readable."""

from __future__ import annotations

import builtins
import keyword
import re
from typing import Any

from transpiler import nodes

__all__ = ["Names"]

_PREFIX = {
    "route": "route", "failure_route": "failure", "branch_route": "branch", "onreply_route": "onreply",
    "timer_route": "timer", "event_route": "event", "error_route": "error", "local_route": "local",
    "startup_route": "startup",
}  # fmt: skip
_VOCABULARY = "runtime.script"


class Names:
    """Hands out names; remembers what must be imported and which constants are needed."""

    def __init__(self, routes: list[nodes.Route]) -> None:
        self.imports: dict[str, dict[str, str]] = {}
        """module -> {name there: name here}."""
        self.constants: dict[str, tuple[str, Any]] = {}
        """Text of the value -> (name, libcst value)."""
        self._taken: set[str] = set(dir(builtins)) | set(keyword.kwlist) | {"msg", "params", "value", "i", "c"}
        self._routes: dict[int, str] = {}
        self._counts: dict[str, int] = {}
        for route in routes:
            self._routes[id(route)] = self._unique(self._route_stem(route))

    def _route_stem(self, route: nodes.Route) -> str:
        if route.kind == "route" and not route.name:
            return "main"
        stem = _PREFIX[route.kind]
        if not route.name:
            return f"{stem}_default" if route.kind == "onreply_route" else f"{stem}_route"
        return f"{stem}_{re.sub(r'[^A-Za-z0-9_]+', '_', route.name).strip('_') or 'unnamed'}"

    def _unique(self, stem: str) -> str:
        name, number = stem, 1
        while name in self._taken:
            number += 1
            name = f"{stem}_{number}"
        self._taken.add(name)
        return name

    def route(self, route: nodes.Route) -> str:
        """The function's name of a route."""
        return self._routes[id(route)]

    def vocabulary(self, name: str) -> str:
        """A name of runtime.script, imported."""
        return self.imported(_VOCABULARY, name)

    def imported(self, module: str, name: str) -> str:
        """A name of a module, imported; under another name when it is taken."""
        known = self.imports.setdefault(module, {})
        if name not in known:
            known[name] = self._unique(name)
        return known[name]

    def constant(self, stem: str, value: Any, key: str) -> str:
        """The name of a module constant of this value (`key` tells equal values)."""
        if key not in self.constants:
            number = self._counts[stem] = self._counts.get(stem, 0) + 1
            name = stem if number == 1 and not stem.endswith("_") else f"{stem.rstrip('_')}_{number}"
            self.constants[key] = (self._unique(name), value)
        return self.constants[key][0]
