"""What the emitter must know before the first line: who calls whom, who may suspend, whose result is looked at."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any

from transpiler import nodes

__all__ = ["Analysis", "RouteFacts", "analyse", "reads_rc", "walk"]


def walk(node: Any) -> Iterator[Any]:
    """Every node below (and including) a node or list of nodes."""
    if isinstance(node, list):
        for item in node:
            yield from walk(item)
    elif is_dataclass(node) and isinstance(node, nodes.Node):
        yield node
        for each in fields(node):
            if each.name != "span":
                value = getattr(node, each.name)
                if isinstance(value, (list, nodes.Node)):
                    yield from walk(value)


def target_name(call: nodes.RouteCall) -> str | None:
    """The static name of the route called, None when it is found at run time."""
    target = call.target
    if isinstance(target, (nodes.Name, nodes.String)):
        return target.value
    if isinstance(target, nodes.Number):
        return str(target.value)
    return None


def is_rc(node: Any) -> bool:
    return isinstance(node, nodes.Variable) and node.name in ("rc", "retcode")


def reads_rc(statement: Any) -> bool:
    """Does the statement read `$rc` before it sets it?  May say yes where it does not."""
    if isinstance(statement, nodes.If):
        return any(is_rc(n) for n in walk(statement.condition)) or any(
            _first_reads(branch) for branch in (statement.then, statement.otherwise)
        )
    if isinstance(statement, nodes.While):
        return any(is_rc(n) for n in walk(statement.condition)) or _first_reads(statement.body)
    if isinstance(statement, nodes.Switch):
        return is_rc(statement.subject) or any(_first_reads(case.body) for case in statement.cases)
    if isinstance(statement, nodes.ForEach):
        return _first_reads(statement.body)
    return any(is_rc(n) for n in walk(statement))


def _first_reads(statements: list[Any] | None) -> bool:
    return any(reads_rc(s) for s in [s for s in statements or () if not isinstance(s, nodes.Empty)][:1])


@dataclass(slots=True)
class RouteFacts:
    """Facts of one route block."""

    suspends: bool = False
    needed: bool = False
    """Somebody looks at its result."""
    recursive: bool = False
    params: bool = False
    """It reads `$param`."""
    calls: set[str] = field(default_factory=set)
    dynamic: bool = False


@dataclass(slots=True)
class Analysis:
    facts: dict[int, RouteFacts]
    """By id() of the Route node."""
    named: dict[str, nodes.Route]
    """`route[name]` by name."""
    reads_return: bool = False
    """Somebody reads `$return`."""

    def of(self, route: nodes.Route) -> RouteFacts:
        return self.facts[id(route)]


def _suspends_here(route: nodes.Route, functions: Any) -> bool:
    everything = list(walk(route.body))
    deferred = {id(node.call) for node in everything if isinstance(node, (nodes.AsyncCall, nodes.Launch))}
    for node in everything:
        if isinstance(node, nodes.Call) and id(node) not in deferred:
            declared = functions.get(node.name)
            if declared is not None and declared.suspends:
                return True
    return False


def _mark_needed(statements: list[Any], last_needed: bool, analysis: Analysis, live: bool) -> None:
    """Mark the routes whose result is read by these statements."""
    for i, statement in enumerate(statements):
        following = statements[i + 1] if i + 1 < len(statements) else None
        used = (following is not None and reads_rc(following)) or (following is None and (live or last_needed))
        _mark_statement(statement, used, last_needed and following is None, analysis)


def _mark_statement(statement: Any, used: bool, last: bool, analysis: Analysis) -> None:
    if isinstance(statement, nodes.RouteCall):
        _need(statement, used, analysis)
        return
    if isinstance(statement, nodes.If):
        _mark_condition(statement.condition, analysis)
        _mark_needed(statement.then, last, analysis, used)
        _mark_needed(statement.otherwise or [], last, analysis, used)
    elif isinstance(statement, nodes.While):
        _mark_condition(statement.condition, analysis)
        _mark_needed(statement.body, last, analysis, True)
    elif isinstance(statement, nodes.ForEach):
        _mark_needed(statement.body, False, analysis, used or last or _first_reads(statement.body))
    elif isinstance(statement, nodes.Switch):
        for case in statement.cases:
            _mark_needed(case.body, last, analysis, used)
    else:
        for node in walk(statement):
            if isinstance(node, nodes.RouteCall):
                _need(node, True, analysis)


def _mark_condition(condition: Any, analysis: Analysis) -> None:
    for node in walk(condition):
        if isinstance(node, nodes.RouteCall):
            _need(node, True, analysis)


def _need(call: nodes.RouteCall, used: bool, analysis: Analysis) -> None:
    if not used:
        return
    name = target_name(call)
    targets = [analysis.named[name]] if name in analysis.named else []
    if name is None:
        targets = list(analysis.named.values())
    for route in targets:
        facts = analysis.of(route)
        if not facts.needed:
            facts.needed = True
            _mark_needed(route.body, True, analysis, False)


def analyse(script: nodes.Script, functions: Any) -> Analysis:
    """Facts of every route; `functions` maps names to declarations."""
    named = {route.name: route for route in script.routes if route.kind == "route" and route.name}
    made = Analysis({id(route): RouteFacts() for route in script.routes}, named)
    for route in script.routes:
        facts = made.of(route)
        facts.suspends = _suspends_here(route, functions)
        for node in walk(route.body):
            if isinstance(node, nodes.Variable) and node.name == "return":
                made.reads_return = True
            if isinstance(node, nodes.Variable) and node.name == "param":
                facts.params = True
            elif isinstance(node, nodes.RouteCall):
                name = target_name(node)
                if name is None:
                    facts.dynamic = True
                else:
                    facts.calls.add(name)
    _spread(made)
    for route in script.routes:
        _mark_needed(route.body, False, made, False)
    return made


def _spread(made: Analysis) -> None:
    """Suspension and recursion along the call graph."""
    changed = True
    while changed:
        changed = False
        any_named = any(made.of(route).suspends for route in made.named.values())
        for facts in made.facts.values():
            if not facts.suspends and (
                (facts.dynamic and any_named) or any(made.of(made.named[n]).suspends for n in facts.calls if n in made.named)
            ):
                facts.suspends = True
                changed = True
    for name, route in made.named.items():
        reached: set[str] = set()
        work = list(made.of(route).calls)
        while work:
            callee = work.pop()
            if callee in reached or callee not in made.named:
                continue
            reached.add(callee)
            inner = made.of(made.named[callee])
            work += inner.calls
        made.of(route).recursive = name in reached or made.of(route).dynamic
