"""Checks of statements and expressions."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from runtime import regex
from runtime.declare import Function, Param, ParamKind, Routes
from runtime.log import level_number
from runtime.script.operators import wrap
from transpiler import nodes
from transpiler.diagnostics import Diagnostics, Note
from transpiler.nodes import Span
from transpiler.variables import SpecError, parse_format, parse_spec

__all__ = ["StatementChecker"]

_KINDS = {
    "route": Routes.REQUEST, "failure_route": Routes.FAILURE, "onreply_route": Routes.ONREPLY,
    "branch_route": Routes.BRANCH, "error_route": Routes.ERROR, "local_route": Routes.LOCAL,
    "startup_route": Routes.STARTUP, "timer_route": Routes.TIMER, "event_route": Routes.EVENT,
}  # fmt: skip
_GRAMMAR = ("xlog", "xdbg", "log", "exit", "drop", "return", "route", "assert", "async", "launch")
_BRACKETS = re.compile(r"\[\^?\]?(?:\[[:.=].*?[:.=]\]|[^\]])*\]", re.DOTALL)
_ESCAPE = re.compile(r"\\.", re.DOTALL)
_ENDS = (nodes.Exit, nodes.Drop, nodes.Return, nodes.AsyncCall)


class StatementChecker:
    """Walks route bodies; findings go to the sink."""

    def __init__(self, checked: Any, sink: Diagnostics, similar: Callable[[str, Any], str]) -> None:
        self.checked = checked
        self.sink = sink
        self.similar = similar
        self.kind = Routes.REQUEST
        self.kind_name = "route"
        self.named = {(route.kind, route.name): route for route in checked.script.routes}
        self.used: set[tuple[str, str]] = set()
        self.dynamic = False
        self.old = any(item.code.startswith("W015") for item in sink.items)
        """The script is of an older release: its parser has translated something."""

    # -------------------------------------------------------------------------------------------------------- routes
    def route(self, route: nodes.Route) -> None:
        self.kind, self.kind_name = _KINDS[route.kind], route.kind
        real = [s for s in route.body if not isinstance(s, nodes.Empty)]
        if not real:
            self.sink.warning("W0050", route.head or route.span, "the route is empty and cannot be called")
        self.block(route.body)

    def finish(self) -> None:
        """Lints that need the whole script."""
        for (kind, name), route in self.named.items():
            armed = kind in ("route", "failure_route", "branch_route", "onreply_route") and name
            if armed and (kind, name) not in self.used and not self.dynamic:
                label = f"{kind}[{name}]"
                self.sink.warning("W0051", route.head or route.span, f"{label} is never used")

    def _use_route(self, kind: str, name: str, span: Span) -> None:
        self.used.add((kind, name))
        if (kind, name) not in self.named or not name:
            names = [n for k, n in self.named if k == kind and n]
            label = {"route": "route"}.get(kind, kind.replace("_", " "))
            hint = self.similar(name, names) or f"define {kind}[{name}] {{ … }}"
            self.sink.error("E1041", span, f"{label} [{name}] is not defined", hint)

    # ---------------------------------------------------------------------------------------------------- statements
    def block(self, statements: Sequence[Any]) -> None:
        ended: Any = None
        for statement in statements:
            if ended is not None and not isinstance(statement, (nodes.Empty, nodes.Break)):
                note = Note(ended.span, "the route ends here")
                self.sink.warning("W0052", statement.span, "this statement is never reached", "", [note])
                ended = None
            self.statement(statement)
            if isinstance(statement, _ENDS):
                ended = statement

    def statement(self, node: Any) -> None:
        match node:
            case nodes.If():
                self.condition(node.condition)
                self.block(node.then)
                self.block(node.otherwise or [])
            case nodes.While():
                self.condition(node.condition)
                self.block(node.body)
            case nodes.ForEach():
                self._for(node)
            case nodes.Switch():
                self.variable(node.subject)
                if not any(case.value is not None for case in node.cases):
                    self.sink.error("E0140", node.span, "a switch needs at least one case")
                for case in node.cases:
                    self.block(case.body)
            case nodes.Xlog():
                self._xlog(node)
            case nodes.Assign():
                self.assign(node)
            case nodes.Return():
                for value in [node.code, *node.values]:
                    self.expression(value)
                for value in node.values:
                    if isinstance(value, nodes.Number) and value.value < 0:
                        text = f"OpenSIPS gives {value.text} back as a number of 20 digits; here it stays what it is"
                        self.sink.warning("W0164", value.span, text, "return it in a variable")
            case nodes.Assert():
                self.condition(node.condition)
            case nodes.AsyncCall():
                self._deferred(node.call, "async")
                self._use_route("route", str(node.resume.value), node.resume.span)
            case nodes.Launch():
                self._deferred(node.call, "launch")
                if node.report is not None:
                    self._use_route("route", str(node.report.value), node.report.span)
                if node.parameter is not None:
                    self.format(node.parameter)
            case nodes.Call() | nodes.RouteCall():
                self.expression(node)

    def _for(self, node: nodes.ForEach) -> None:
        if node.target.name not in ("var", "avp", "json"):
            text = 'only "var", "avp" and "json" iterators are supported'
            self.sink.error("E2030", node.target.span, text, "write for ($var(x) in …)")
        self.variable(node.target, writes=True)
        self.variable(node.source)
        if node.source.index != "*":
            hint = f"write {_star(node.source)}"
            self.sink.warning("W0053", node.source.span, "the loop needs an index [*] and is skipped", hint)
        self.block(node.body)

    def _xlog(self, node: nodes.Xlog) -> None:
        if node.level is not None:
            level = node.level.value
            if level.startswith("$"):
                self.embedded(level, node.level.span)
            elif level_number(level) is None:
                known = "L_ALERT L_CRIT L_ERR L_WARN L_NOTICE L_INFO L_DBG"
                self.sink.error("E2031", node.level.span, f"unknown log level {level!r}", f"levels are {known}")
        if not node.format.text:
            self.sink.error("E2032", node.format.span, "xlog without text")
        self.format(node.format)

    def _deferred(self, call: nodes.Call, word: str) -> None:
        declared = self.checked.functions.get(call.name)
        if declared is not None and not declared.is_async:
            text = f"{call.name} cannot be used in {word}()"
            self.sink.error("E2033", call.span, text, f"call it plainly; {word}() is for functions that wait")
        self.expression(call)

    # ---------------------------------------------------------------------------------------------------- conditions
    def condition(self, node: Any) -> None:
        match node:
            case nodes.Logical():
                self.condition(node.left)
                self.condition(node.right)
            case nodes.Not():
                self.condition(node.operand)
            case nodes.Brackets():
                self.expression(node.expression)
            case nodes.ConditionBlock():
                if not node.body:
                    self.sink.error("E0141", node.span, "an empty block cannot be a condition")
                self.block(node.body)
            case nodes.Compare() | nodes.Variable() | nodes.Number() | nodes.Call() | nodes.RouteCall():
                self.expression(node)
            case _:
                self.statement(node)

    def expression(self, node: Any) -> None:
        match node:
            case nodes.Variable():
                self.variable(node)
            case nodes.Binary():
                self._zero(node.op, node.right)
                self.expression(node.left)
                self.expression(node.right)
            case nodes.Complement():
                self.expression(node.operand)
            case nodes.Compare():
                self._compare(node)
            case nodes.Call():
                self.call(node)
            case nodes.RouteCall():
                self._route_call(node)
            case nodes.Brackets():
                self.expression(node.expression)
            case nodes.Named():
                self.expression(node.value)
            case nodes.Format():
                self.format(node)
            case nodes.Not() | nodes.Logical() | nodes.ConditionBlock():
                self.condition(node)
            case None | nodes.Number() | nodes.String() | nodes.Null() | nodes.Name():
                pass
            case _:
                self.statement(node)

    def _brackets(self, node: nodes.Brackets) -> None:
        """`[ … ]` as a condition."""
        inner = node.expression
        bits = isinstance(inner, nodes.Binary) and inner.op in ("&", "|", "^")
        if isinstance(inner, nodes.Complement) or (
            bits and isinstance(inner, nodes.Binary) and "str" in (self._kind_of(inner.left), self._kind_of(inner.right))
        ):
            text = "this expression as a condition kills OpenSIPS; here it is worked out"
            self.sink.warning("W0162", node.span, text, "assign it to a variable before")
        self.expression(inner)

    def _escapes(self, pattern: str, span: Span) -> None:
        """`\\d` and the like, which POSIX does not have."""
        outside = _BRACKETS.sub("", pattern)
        found = next((m[0] for m in _ESCAPE.finditer(outside) if m[0][1] in "acdefghijklmnopqrtuvxyz"), "")
        if found:
            hint = {"\\d": "write [0-9]", "\\n": 'put a newline: "\\n" in double quotes is one'}.get(found, f"write {found[1]}")
            self.sink.warning("W0165", span, f"{found} in a regular expression matches nothing in OpenSIPS", hint)

    def _zero(self, op: str, right: Any) -> None:
        if op in ("/", "%") and isinstance(right, nodes.Number) and right.value == 0:
            self.sink.warning("W0160", right.span, "division by zero", "in `/=` and `%=` it kills OpenSIPS")

    def _compare(self, node: nodes.Compare) -> None:
        self.variable(node.left)
        right = node.right
        if isinstance(right, nodes.Pattern):
            try:
                regex.compile(right.value)
            except ValueError as error:
                self.sink.error("E2040", right.span, f"bad regular expression: {error}")
            self._escapes(right.value, right.span)
            return
        if isinstance(right, nodes.Subnet):
            import ipaddress

            try:
                ipaddress.ip_network(right.value, strict=False)
            except ValueError:
                self.sink.error("E2041", right.span, f"{right.value} is no address or network")
            return
        declared = self.checked.find_variable(node.left.name)
        kind = declared.type if declared is not None and not node.left.transformations else "any"
        if declared is not None and not declared.static and kind == "str" and isinstance(right, nodes.Number):
            text = f"{node.left.text} is text: comparing it with a number is always an error"
            self.sink.warning("W0054", node.span, text, f'write "{right.text}", or {{s.int}} on the left')
        self.expression(right)

    def _route_call(self, node: nodes.RouteCall) -> None:
        target = node.target
        if isinstance(target, (nodes.Name, nodes.String)):
            self._use_route("route", target.value, target.span)
        elif isinstance(target, nodes.Number):
            self._use_route("route", str(target.value), target.span)
        else:
            self.dynamic = True
            self.expression(target)
        if len(node.arguments) > 8:
            self.sink.error("E2034", node.span, "a route takes 8 arguments at most")
        for argument in node.arguments:
            self.expression(argument)

    # ----------------------------------------------------------------------------------------------------- variables
    def variable(self, node: nodes.Variable, writes: bool = False) -> None:
        if not node.name or node.name == "$":
            return
        declared = self.checked.find_variable(node.name)
        if declared is None:
            if not self.checked.missing:
                names = [name for module in self.checked.modules for name in module.variables]
                hint = self.similar(node.name, names) or "is a loadmodule missing?"
                self.sink.error("E1050", node.span, f"unknown script variable ${node.name}", hint)
            else:
                self.sink.warning("W0055", node.span, f"unknown script variable ${node.name}", "a module is missing")
                self.sink.error("E1050", node.span, f"unknown script variable ${node.name}", "it may belong to a missing module")
            return
        if declared.named == "yes" and node.inner is None:
            self.sink.error("E1051", node.span, f"${node.name} needs a name", f"write ${node.name}(name)")
            return
        if declared.named == "no" and node.inner is not None:
            self.sink.error("E1051", node.span, f"${node.name} takes no name", f"write ${node.name}")
            return
        if declared.check_name is not None and isinstance(node.inner, str):
            try:
                declared.check_name(node.inner)
            except ValueError as error:
                self.sink.error("E1052", node.span, f"{node.text}: {error}")
        if isinstance(node.inner, nodes.Variable) and declared.dynamic_name:
            self.variable(node.inner)
        if node.index is not None:
            if not declared.indexed and declared.static not in ("route",):
                self.sink.error("E1053", node.span, f"${node.name} does not get an index")
            elif isinstance(node.index, nodes.Variable):
                self.variable(node.index)
            elif isinstance(node.index, str) and node.index != "*" and node.index not in declared.index_words:
                self.sink.error("E1053", node.span, f"${node.name} has an invalid index {node.index!r}")
        if node.context and node.context not in ("request", "reply"):
            text = f"unknown context <{node.context}>"
            self.sink.error("E1054", node.span, text, "the contexts are <request> and <reply>")
        elif node.context and "tm" not in self.checked.settings["modules"]:
            self.sink.error("E1054", node.span, "contexts need tm", 'add loadmodule "tm.so"')
        if writes and declared.set is None and declared.static not in ("var",):
            self.sink.error("E2050", node.span, f"{node.text} is read-only: invalid left operand in assignment")
        for transformation in node.transformations:
            self._transformation(transformation)

    def _transformation(self, node: nodes.Transformation) -> None:
        declared = self.checked.find_transformation(node)
        if declared is None:
            known = [f"{cls}.{name}" for m in self.checked.modules for cls, name in m.transformations]
            hint = self.similar(f"{node.cls}.{node.name}", known)
            self.sink.error("E1060", node.span, f"unknown transformation {{{node.cls}.{node.name}}}", hint)
            return
        needed = sum(1 for p in declared.params if not p.optional)
        if len(node.arguments) > len(declared.params):
            text = f"{{{node.cls}.{node.name}}} takes {len(declared.params)} arguments: the rest is ignored"
            self.sink.warning("W0109", node.span, text, "remove what it does not take")
        elif len(node.arguments) < needed:
            count = str(needed) if needed == len(declared.params) else f"{needed} to {len(declared.params)}"
            text = f"invalid {node.name} transformation: it takes {count} arguments, not {len(node.arguments)}"
            self.sink.error("E2060", node.span, text)
            return
        if (node.cls, node.name) == ("s", "crc32"):
            text = "OpenSIPS appends garbage to a checksum of fewer than 10 digits; here it is the number alone"
            self.sink.warning("W0163", node.span, text, "cut it at the same place before comparing results of both")
        for parameter, argument in zip(declared.params, node.arguments, strict=False):
            if isinstance(argument, nodes.Variable):
                self.variable(argument)
                if parameter.constant and node.cls == "s":
                    text = f"{{{node.cls}.{node.name}}} does not allow variables"
                    self.sink.error("E2061", node.span, text)
                elif parameter.constant:
                    text = f"{{{node.cls}.{node.name}}} with a variable as {parameter.name} is always NULL"
                    self.sink.warning("W0109", node.span, text, "write the name as it is")
            elif parameter.kind is ParamKind.INT and not isinstance(argument, nodes.Number):
                text = f"{{{node.cls}.{node.name}}}: {parameter.name} is a number"
                self.sink.error("E2061", node.span, text)
            elif parameter.kind is ParamKind.STR and isinstance(argument, nodes.String) and not argument.value:
                self.sink.error("E2061", node.span, f"{{{node.cls}.{node.name}}}: {parameter.name} is empty")
            fits = isinstance(argument, nodes.Number if parameter.kind is ParamKind.INT else nodes.String)
            if parameter.check is not None and fits and isinstance(argument, (nodes.String, nodes.Number)):
                try:
                    parameter.check(argument.value)
                except ValueError as error:
                    self.sink.error("E2061", node.span, f"{{{node.cls}.{node.name}}}: {error}")

    def format(self, node: nodes.Format) -> None:
        for part in node.parts:
            if isinstance(part, nodes.Variable):
                self.variable(part)

    def embedded(self, text: str, span: Span) -> None:
        """A string that is evaluated as a format."""
        inside = Span(span.file, span.line, span.col + 1, span.end_line, span.end_col)
        try:
            self.format(parse_format(text, inside))
        except SpecError as error:
            place = Span(span.file, span.line, inside.col + error.offset, span.line, inside.col + error.offset + 1)
            self.sink.error("E0122", place if "\n" not in text else span, error.message, error.hint)

    def assign(self, node: nodes.Assign) -> None:
        if node.target.transformations:
            text = "transformations are not accepted in the left side of an assignment"
            self.sink.error("E2051", node.target.span, text)
        self.variable(node.target, writes=True)
        if node.op not in ("=", ":="):
            self._zero(node.op[:-1], node.value)
            if isinstance(node.value, nodes.Variable) and self._kind_of(node.value) == "strint":
                text = f"OpenSIPS stores the text of {node.value.text} here; sipc calculates with its number"
                self.sink.warning("W0161", node.span, text, "write {s.int} to have a number in both")
        self.expression(node.value)

    # --------------------------------------------------------------------------------------------------------- calls
    def call(self, node: nodes.Call) -> None:
        declared: Function | None = self.checked.functions.get(node.name)
        if declared is None:
            if self.checked.missing:
                hint = "it may belong to a module that is not available"
            else:
                hint = self.similar(node.name, [*self.checked.functions, *_GRAMMAR]) or "is a loadmodule missing?"
            self.sink.error("E1001", node.span, f"unknown command {node.name}", hint)
            for argument in node.arguments:
                self.expression(argument)
            return
        if not declared.routes & self.kind:
            allowed = ", ".join(name for name, kind in _KINDS.items() if declared.routes & kind)
            text = f"Command {node.name} cannot be used in {self.kind_name}"
            self.sink.error("E2001", node.span, text, f"it is for {allowed}")
        if declared.instead:
            self.sink.note("W0031", node.span, f"{node.name} is of an older OpenSIPS", declared.instead)
        if any(isinstance(argument, nodes.Named) for argument in node.arguments) and not self._positional(node, declared):
            return
        params, arguments = declared.params, node.arguments
        needed = sum(1 for p in params if not p.optional)
        if len(arguments) < needed:
            self.sink.error("E2002", node.span, f"too few parameters for command {node.name}", _signature(declared))
            return
        if len(arguments) > len(params):
            self.sink.error("E2003", node.span, f"too many parameters for command {node.name}", _signature(declared))
            return
        for number, (parameter, argument) in enumerate(zip(params, arguments, strict=False), 1):
            if argument is None:
                if not parameter.optional:
                    text = f"mandatory parameter {number} ({parameter.name}) of {node.name} is left out"
                    self.sink.error("E2004", node.span, text, _signature(declared))
                continue
            if self.old and parameter.kind is ParamKind.INT and isinstance(argument, nodes.String):
                argument = arguments[number - 1] = self._unquoted(argument)
            self._argument(node, number, parameter, argument)

    def _unquoted(self, argument: nodes.String) -> nodes.String | nodes.Number:
        """The number in quotes, as scripts up to OpenSIPS 2.x have them; the text itself when it is none."""
        value = argument.value.strip()
        if not value.lstrip("-").isdigit():
            return argument
        text = f'numbers stand without quotes since OpenSIPS 3.0: "{value}"'
        self.sink.note("W0153", argument.span, text, f"write {value}")
        return nodes.Number(span=argument.span, value=wrap(int(value)), text=value)

    def _positional(self, node: nodes.Call, declared: Function) -> bool:
        """Put named arguments where their parameters stand; False (and a finding) when that cannot be."""
        names = [p.name for p in declared.params]
        found: dict[int, Any] = {}
        named = False
        for number, argument in enumerate(node.arguments):
            if not isinstance(argument, nodes.Named):
                if named and argument is not None:
                    text = "an argument without a name stands behind one that has a name"
                    self.sink.error("E2006", argument.span, text, "put named arguments last")
                    return False
                if argument is not None:
                    found[number] = argument
                continue
            named = True
            if argument.name not in names:
                text = f"{node.name} has no parameter {argument.name}"
                self.sink.error("E2005", argument.span, text, self.similar(argument.name, names) or _signature(declared))
                return False
            place = names.index(argument.name)
            if place in found:
                self.sink.error("E2006", argument.span, f"parameter {argument.name} of {node.name} is given twice")
                return False
            found[place] = argument.value
        missing = [p.name for i, p in enumerate(declared.params) if not p.optional and i not in found]
        if missing:
            text = f"too few parameters for command {node.name}: {', '.join(missing)} is missing"
            self.sink.error("E2002", node.span, text, _signature(declared))
            return False
        node.arguments = [found.get(i) for i in range(max(found, default=-1) + 1)]
        return True

    def _kind_of(self, node: Any) -> str:
        """What an expression is: "int", "str", or "any" when only the run tells."""
        match node:
            case nodes.Number() | nodes.Complement() | nodes.Compare() | nodes.Call() | nodes.RouteCall():
                return "int"
            case nodes.String() | nodes.Format():
                return "str"
            case nodes.Brackets():
                return self._kind_of(node.expression)
            case nodes.Binary():
                left = self._kind_of(node.left)
                return left if node.op == "+" or left == "str" else "int"
            case nodes.Variable():
                if node.transformations:
                    made = self.checked.find_transformation(node.transformations[-1])
                    return made.type if made is not None else "any"
                declared = self.checked.find_variable(node.name)
                return declared.type if declared is not None and not declared.static else "any"
        return "any"

    def _argument(self, call: nodes.Call, number: int, parameter: Param, argument: Any) -> None:
        kind = parameter.kind
        label = f"parameter {number} ({parameter.name}) of {call.name}"
        span = argument.span
        if isinstance(argument, nodes.Variable):
            self.variable(argument, writes=kind is ParamKind.VAR)
            if kind is ParamKind.STATIC:
                self.sink.error("E2010", span, f"{label} does not support variables", "write a plain string")
            elif kind is ParamKind.INT and self._kind_of(argument) == "str":
                text = f"{label} takes an integer: {argument.text} is text and the call always fails"
                self.sink.warning("W0056", span, text, "convert it with {s.int}")
            return
        if isinstance(argument, nodes.Brackets):
            self.expression(argument.expression)
            if kind in (ParamKind.VAR, ParamKind.READ_VAR):
                self.sink.error("E2011", span, f"{label} is expected to be a variable", "write $var(name) or $avp(name)")
            elif kind is ParamKind.STATIC:
                self.sink.error("E2010", span, f"{label} does not support expressions", "write a plain string")
            elif kind is ParamKind.INT and self._kind_of(argument) == "str":
                self.sink.error("E2013", span, f"{label} is expected to be an integer, and this expression is text")
            elif kind is ParamKind.ROUTE:
                self.dynamic = True
            return
        if kind in (ParamKind.VAR, ParamKind.READ_VAR):
            text = getattr(argument, "value", "")
            if isinstance(argument, nodes.String) and text.startswith("$"):
                try:
                    self.variable(parse_spec(text, span)[0], writes=kind is ParamKind.VAR)
                except SpecError as error:
                    self.sink.error("E0122", span, error.message, error.hint)
                return
            self.sink.error("E2011", span, f"{label} is expected to be a variable", "write $var(name) or $avp(name)")
            return
        if isinstance(argument, nodes.Number):
            if kind is not ParamKind.INT and kind is not ParamKind.ROUTE:
                self.sink.error("E2012", span, f"{label} is expected to be a string or variable", f'write "{argument.text}"')
            elif parameter.check is not None:
                self._value(parameter, argument.value, span, label)
            return
        if not isinstance(argument, nodes.String):
            return
        value = argument.value
        if kind is ParamKind.INT:
            hint = f"write {value} without quotes" if value.lstrip("+-").isdigit() else ""
            self.sink.error("E2013", span, f"{label} is expected to be an integer or variable", hint)
            return
        if kind is ParamKind.STATIC:
            if "$" in value:
                self.sink.error("E2010", span, f"{label} does not support formatted strings")
        elif kind is ParamKind.REGEX:
            try:
                regex.compile(value, newline=True)
            except ValueError as error:
                self.sink.error("E2040", span, f"{label}: bad regular expression: {error}")
            self._escapes(value, span)
        elif kind is ParamKind.ROUTE:
            if "$" in value:
                self.dynamic = True
                self.embedded(value, span)
            else:
                self._use_route(parameter.route, value, span)
        elif kind is ParamKind.STR and "$" in value:
            self.embedded(value, span)
            return
        if parameter.check is not None and "$" not in value:
            self._value(parameter, value, span, label)

    def _value(self, parameter: Param, value: Any, span: Span, label: str) -> None:
        assert parameter.check is not None
        try:
            parameter.check(value)
        except ValueError as error:
            self.sink.error("E2014", span, f"{label}: {error}")


def _signature(function: Function) -> str:
    """`t_relay([flags], [dest])` for hints."""
    shown = [f"[{p.name}]" if p.optional else p.name for p in function.params]
    return f"{function.name}({', '.join(shown)})"


def _star(node: nodes.Variable) -> str:
    inner = f"({node.inner if isinstance(node.inner, str) else node.inner.text})" if node.inner else ""
    return f"$({node.name}{inner}[*])"
