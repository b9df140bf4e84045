"""One route block to one Python function."""

from __future__ import annotations

import keyword
from collections.abc import Sequence
from typing import Any

import libcst as cst

from runtime.declare import Function
from runtime.declare import Variable as Declared
from runtime.log import level_number
from runtime.script.operators import lowered
from transpiler import nodes
from transpiler.emitter import build as b
from transpiler.emitter.analysis import Analysis, RouteFacts, reads_rc, target_name
from transpiler.emitter.expressions import Expressions
from transpiler.emitter.names import Names
from transpiler.nodes import Span

__all__ = ["RouteEmitter"]

_LEVELS = {-3: "L_ALERT", -2: "L_CRIT", -1: "L_ERR", 1: "L_WARN", 2: "L_NOTICE", 3: "L_INFO", 4: "L_DBG"}
_ENDS = (nodes.Exit, nodes.Drop, nodes.Return, nodes.AsyncCall)


class RouteEmitter(Expressions):
    """Emits the statements of one route.  `spans` maps id() of each statement node to its script position."""

    def __init__(self, route: nodes.Route, checked: Any, analysis: Analysis, names: Names) -> None:
        super().__init__(checked, names)
        self.route = route
        self.analysis = analysis
        self.facts: RouteFacts = analysis.of(route)
        self.top = not (route.kind == "route" and route.name)
        self.spans: dict[int, Span] = {}
        self.keep_alive: list[Any] = []
        self.pending: list[Any] = []
        """Statements that must stand before the one being emitted (functions for conditions with statements)."""
        self.counter = 0
        self.break_counts = False
        """Is the value of the innermost loop or switch looked at?"""

    # -------------------------------------------------------------------------------------------------- the function
    def emit(self) -> cst.FunctionDef:
        body = self.block(self.route.body, needed=self.facts.needed and not self.top, live=False)
        if self.analysis.reads_return and not self.top:
            forget = b.expression(b.call(self.use("forget_returned"), cst.Name("msg")))
            body = [self.at(forget, self.route.head or self.route.span), *body]
        parameters = [cst.Param(cst.Name("msg"))]
        star: Any = cst.MaybeSentinel.DEFAULT
        if self.route.kind == "event_route":
            parameters.append(cst.Param(cst.Name("params"), default=cst.Dict([])))
        elif self.facts.params:
            star = cst.Param(cst.Name("params"))
        made = cst.FunctionDef(
            name=cst.Name(self.names.route(self.route)),
            params=cst.Parameters(parameters, star_arg=star),
            body=b.block(body or [self.at(b.pass_(), self.route.head or self.route.span)]),
            decorators=[cst.Decorator(self._decorator())],
            asynchronous=cst.Asynchronous() if self.facts.suspends else None,
        )
        return self.at(made, self.route.head or self.route.span)

    def _decorator(self) -> Any:
        kind, name = self.route.kind, self.route.name
        if kind == "route" and not name:
            return b.name(self.use("request_route"))
        if kind in ("error_route", "local_route", "startup_route"):
            return b.name(self.use(kind))
        arguments = [b.literal(name)] if name else []
        if kind == "timer_route":
            arguments.append(b.integer(self.route.interval))
        return b.call(self.use(kind), *arguments)

    # ---------------------------------------------------------------------------------------------------- statements
    def at(self, statement: Any, span: Span) -> Any:
        """Remember where a statement comes from."""
        self.spans[id(statement)] = span
        self.keep_alive.append(statement)
        return statement

    def block(self, statements: Sequence[Any], *, needed: bool, live: bool) -> list[Any]:
        """Statements in order.  `needed`: the value of the last one is the route's result; `live`: somebody reads
        `$rc` after the last one."""
        out: list[Any] = []
        real = [s for s in statements if not isinstance(s, nodes.Empty)]
        lives = [live]
        for statement in reversed(real[1:]):
            # a route that is not found leaves $rc alone
            keeps = isinstance(statement, nodes.RouteCall) and target_name(statement) is None
            lives.insert(0, reads_rc(statement) or (keeps and lives[0]))
        for i, (statement, rc_live) in enumerate(zip(real, lives, strict=False)):
            following = real[i + 1] if i + 1 < len(real) else None
            last = following is None
            ends_next = isinstance(following, (nodes.Exit, nodes.Drop)) or (last and self.top and not live)
            made = self.statement(statement, needed and last, rc_live, ends_next)
            out += self.pending
            self.pending = []
            out += made
            if isinstance(statement, (*_ENDS, nodes.Break)):
                break
        return out

    def _ends(self, statements: Sequence[Any]) -> bool:
        return bool(statements) and isinstance(statements[-1], _ENDS)

    def statement(self, node: Any, needed: bool, live: bool, ends_next: bool) -> list[Any]:
        span = node.span
        self.line = span.line if isinstance(node, (nodes.If, nodes.While, nodes.ForEach, nodes.Switch)) else span.end_line
        match node:
            case nodes.Exit():
                return [self.at(self._leave("Exit"), span)]
            case nodes.Drop():
                return [self.at(self._leave("Drop"), span)]
            case nodes.Return():
                return self._return(node)
            case nodes.Break():
                broke = [self.at(b.assign(b.attribute("msg", "rc"), b.integer(-5)), span)] if self.break_counts else []
                return [*broke, self.at(cst.SimpleStatementLine([cst.Break()]), span)]
            case nodes.If():
                return [self._if(node, needed, live)] + self._default_result(needed, span)
            case nodes.While():
                return self._while(node, needed, live)
            case nodes.ForEach():
                return self._for(node, needed, live)
            case nodes.Switch():
                return self._switch(node, needed, live)
            case nodes.Xlog():
                return self._xlog(node) + self._value(1, needed, live, span)
            case nodes.Log():
                level = b.name(self.use(_LEVELS.get(node.level or 4, "L_DBG")))
                made = b.expression(b.call(self.use("plain_log"), level, b.literal(node.text.value)))
                return [self.at(made, span), *self._value(1, needed, live, span)]
            case nodes.Error():
                text = f"error function not implemented: {node.first.value} {node.second.value}"
                made = b.expression(b.call(self.use("plain_log"), b.name(self.use("L_WARN")), b.literal(text)))
                return [self.at(made, span), *self._value(1, needed, live, span)]
            case nodes.Assign():
                return self._assign(node, needed, live)
            case nodes.Assert():
                return self._assert(node) + self._value(1, needed, live, span)
            case nodes.Call():
                return self._call(node, needed, live, ends_next)
            case nodes.RouteCall():
                return self._route_call(node, needed, live)
            case nodes.AsyncCall():
                return self._async(node)
            case nodes.Launch():
                return self._launch(node) + self._value(1, needed, live, span)
        raise AssertionError(f"no emission for {type(node).__name__}")

    def _leave(self, how: str) -> Any:
        """`exit` and `drop`: a plain return where the top route ends anyway."""
        if self.top and how == "Exit" and not self.inside_function:
            return b.return_()
        return b.raise_(self.use(how))

    def _value(self, code: int, needed: bool, live: bool, span: Span) -> list[Any]:
        """After a statement with a constant outcome: the route's result, or `$rc` where it is read."""
        if needed:
            return [self.at(b.return_(b.integer(code)), span)]
        if live:
            return [self.at(b.assign(b.attribute("msg", "rc"), b.integer(code)), span)]
        return []

    def _default_result(self, needed: bool, span: Span) -> list[Any]:
        return [self.at(b.return_(b.integer(1)), span)] if needed else []

    def _return(self, node: nodes.Return) -> list[Any]:
        out = []
        if node.values:
            values = [self._returned(value) for value in node.values]
            target = b.index(b.attribute("msg", "__dict__"), b.literal("_returned"))
            out.append(self.at(b.assign(target, b.tuple_(values)), node.span))
        if self.inside_function or (isinstance(node.code, nodes.Number) and node.code.value == 0):
            out.append(self.at(self._leave("Exit"), node.span))
        elif self.top:
            out.append(self.at(b.return_(), node.span))
        elif isinstance(node.code, nodes.Variable):
            code = b.call(self.use("stop"), b.call(self.use("return_code"), self.variable(node.code).node))
            made = b.return_(code) if self.facts.needed else b.expression(code)
            out.append(self.at(made, node.span))
            if not self.facts.needed:
                out.append(self.at(b.return_(), node.span))
        else:
            code_value = node.code.value if node.code is not None else 1
            out.append(self.at(b.return_(b.integer(code_value) if self.facts.needed else None), node.span))
        return out

    def _returned(self, node: Any) -> Any:
        """A value beside the code; a literal number is text with a number, as OpenSIPS keeps it."""
        if isinstance(node, nodes.Number):
            return b.call(self.use("StrInt"), b.literal(str(node.value)), b.integer(node.value))
        return self.value(node).node

    # ---------------------------------------------------------------------------------------------------------- if
    def _if(self, node: nodes.If, needed: bool, live: bool) -> Any:
        condition_live = any(reads_rc(branch[0]) for branch in (node.then, node.otherwise or []) if branch)
        test, fails = self.test(node.condition, condition_live)
        before, self.pending = self.pending, []
        then = self.block(node.then, needed=needed, live=live)
        if live and not self._code(node.then):
            then += self._value(1, False, True, node.span)
        otherwise: Any = None
        inner = node.otherwise or []
        if len(inner) == 1 and isinstance(inner[0], nodes.If):
            nested = self._if(inner[0], needed, live)
            if self.pending:
                otherwise = cst.Else(b.block([*self.pending, nested]))
            else:
                otherwise = nested
        elif self._code(inner):
            otherwise = cst.Else(b.block(self.block(inner, needed=needed, live=live)))
        elif live:
            code: Any = b.integer(0)
            if fails:
                name = self._fresh("outcome")
                test = b.named(name, test)
                code = b.conditional(b.integer(-1), b.compare(cst.Name(name), "is", b.none()), code)
            kept = self.at(b.assign(b.attribute("msg", "rc"), code), node.span)
            otherwise = cst.Else(b.block([kept]))
        self.pending = before
        made = cst.If(test, b.block(then or [self._pass(node.span)]), orelse=otherwise)
        return self.at(made, node.span)

    @staticmethod
    def _code(statements: Sequence[Any]) -> bool:
        return any(not isinstance(statement, nodes.Empty) for statement in statements)

    def _pass(self, span: Span) -> Any:
        return self.at(b.pass_(), span)

    # ------------------------------------------------------------------------------------------------------- loops
    def _fresh(self, stem: str) -> str:
        self.counter += 1
        return stem if self.counter == 1 else f"{stem}_{self.counter}"

    def _body(self, statements: Sequence[Any], counts: bool, live: bool) -> list[Any]:
        """The body of a loop or of a switch that is one; `counts`: its own value is looked at."""
        before, self.break_counts = self.break_counts, counts
        pending, self.pending = self.pending, []
        made = self.block(statements, needed=False, live=live)
        self.break_counts, self.pending = before, pending
        return made

    def _while(self, node: nodes.While, needed: bool, live: bool) -> list[Any]:
        name = self._fresh("rounds")
        counts = needed or live
        start = b.assign(cst.Name(name), b.call(self.use("Rounds")))
        test = self.condition(node.condition, bool(node.body and reads_rc(node.body[0])))
        more = b.call(b.attribute(name, "more"))
        body = self._body(node.body, counts, counts or reads_rc(node))
        breaks = counts and _has_break(node.body)
        orelse = None
        if breaks:
            orelse = cst.Else(b.block([self.at(b.assign(b.attribute("msg", "rc"), b.integer(1)), node.span)]))
        made = cst.While(b.boolean("and", more, test), b.block(body or [self._pass(node.span)]), orelse=orelse)
        out = [self.at(start, node.span), self.at(made, node.span)]
        return out + (self._kept_value(needed, node.span) if breaks else self._value(1, needed, live, node.span))

    def _kept_value(self, needed: bool, span: Span) -> list[Any]:
        """After a statement that left its value in `$rc`."""
        return [self.at(b.return_(b.attribute("msg", "rc")), span)] if needed else []

    def _for(self, node: nodes.ForEach, needed: bool, live: bool) -> list[Any]:
        source = node.source
        if source.index != "*":
            made: Any = b.expression(b.call(self.use("not_a_list"), self.text(source.text)))
            return [self.at(made, node.span), *self._value(-10, needed, live, node.span)]
        counts = needed or live
        declared = self.checked.variable(source)
        reader = b.lambda_(["i"], self.read_variable(source, declared, cst.Name("i")))
        values = b.call(self.use("items"), reader)
        before: list[Any] = []
        target: Any
        plain = node.target.name == "var" and isinstance(node.target.inner, str) and _identifier(node.target.inner)
        if plain:
            target = b.attribute(self.use("var"), str(node.target.inner))
        else:
            target = cst.Name("value")
            op = ":=" if node.target.name.startswith("json") else "="
            before = [self.at(self._set(node.target, op, cst.Name("value"), True), node.span)]
        body = self._body(node.body, counts, counts)
        made = self.at(cst.For(target, values, b.block([*before, *body] or [self._pass(node.span)])), node.span)
        if not counts:
            return [made]
        start = self.at(b.assign(b.attribute("msg", "rc"), b.integer(1)), node.span)
        return [start, made, *self._kept_value(needed, node.span)]

    def _switch(self, node: nodes.Switch, needed: bool, live: bool) -> list[Any]:
        subject = self.value(node.subject)
        out: list[Any] = []
        expr = subject.node
        if not isinstance(expr, cst.Name):
            name = self._fresh("subject")
            out.append(self.at(b.assign(cst.Name(name), expr), node.span))
            expr = cst.Name(name)
        groups = self._groups(node.cases)
        if groups is None:
            return out + self._falling(node, expr, needed, live)
        pending, self.pending = self.pending, []
        out.append(self._chain(groups, expr, needed, live))
        self.pending = pending
        return out + self._value(1, needed, False, node.span)

    def _groups(self, cases: list[nodes.Case]) -> list[tuple[list[nodes.Case], list[Any], bool]] | None:
        """Cases as (labels, body without its break, broke); None when some body falls through into the next."""
        groups: list[tuple[list[nodes.Case], list[Any], bool]] = []
        labels: list[nodes.Case] = []
        for i, case in enumerate(cases):
            labels.append(case)
            body = [s for s in case.body if not isinstance(s, nodes.Empty)]
            if not body and i + 1 < len(cases):
                continue
            broke = bool(body) and isinstance(body[-1], nodes.Break)
            if broke:
                body = body[:-1]
            elif i + 1 < len(cases) and not (body and isinstance(body[-1], _ENDS)):
                return None
            if _has_break(body):
                return None
            groups.append((labels, body, broke))
            labels = []
        return groups

    def _chain(self, groups: Any, subject: Any, needed: bool, live: bool) -> Any:
        first = groups[0][0][0].span
        made: Any = cst.Else(b.block(self._value(1, False, True, first))) if live else None
        for labels, body, broke in reversed(groups):
            inner = self.block(body, needed=needed and not broke, live=live)
            span = labels[0].span
            if broke:
                inner += self._value(-5, needed, live, span)
            elif live and not self._code(body):
                inner += self._value(1, False, True, span)
            if not inner:
                inner = [self._pass(span)]
            if any(case.value is None for case in labels):
                made = cst.Else(b.block(inner))
                continue
            test = self._case_test(labels, subject)
            made = self.at(cst.If(test, b.block(inner), orelse=made), span)
        if isinstance(made, cst.Else):  # only a default
            return self.at(cst.If(cst.Name("True"), made.body), first)
        return made

    def _case_test(self, labels: list[nodes.Case], subject: Any) -> Any:
        constants = [
            b.integer(case.value.value) if isinstance(case.value, nodes.Number) else b.literal(lowered(case.value.value))
            for case in labels
            if case.value is not None
        ]
        return b.call(self.use("is_case"), subject, *constants)

    def _falling(self, node: nodes.Switch, subject: Any, needed: bool, live: bool) -> list[Any]:
        """C's fall-through: a loop that runs once, in which each case sets a flag for the next."""
        counts = needed or live
        flag = self._fresh("fall")
        out = [self.at(b.assign(b.attribute("msg", "rc"), b.integer(1)), node.span)] if counts else []
        inner: list[Any] = [self.at(b.assign(cst.Name(flag), cst.Name("False")), node.span)]
        inside = False
        for case in node.cases:
            body = self._body(case.body, counts, counts)
            if case.value is None:
                inner += body
                continue
            test = self._case_test([case], subject)
            if inside:
                test = b.boolean("or", cst.Name(flag), test)
            ended = bool(case.body) and isinstance(case.body[-1], (*_ENDS, nodes.Break))
            if not ended:
                body = [*body, self.at(b.assign(cst.Name(flag), cst.Name("True")), case.span)]
            inner.append(self.at(cst.If(test, b.block(body or [self._pass(case.span)])), case.span))
            inside = True
        last = node.cases[-1]
        if not (last.value is None and last.body and isinstance(last.body[-1], (*_ENDS, nodes.Break))):
            inner.append(self.at(cst.SimpleStatementLine([cst.Break()]), node.span))
        out.append(self.at(cst.While(cst.Name("True"), b.block(inner)), node.span))
        return out + (self._kept_value(needed, node.span) if counts else [])

    # ------------------------------------------------------------------------------------------------------- logging
    def _xlog(self, node: nodes.Xlog) -> list[Any]:
        text = self.format(node.format)
        level: Any
        if node.name == "xdbg":
            level = b.name(self.use("L_DBG"))
        elif node.level is None:
            level = b.name(self.use(_LEVELS.get(self.checked.xlog_print_level, "L_NOTICE")))
        elif node.level.value.startswith("$"):
            level = b.call(self.use("level_of"), self.variable(self.parse(node.level)).node)
        else:
            level = b.name(self.use(_LEVELS[level_number(node.level.value) or 2]))
        if self.in_condition:
            return [self.at(b.expression(b.call(self.use("xlog"), cst.Name("msg"), level, text)), node.span)]
        test = b.compare(b.attribute(self.use("levels"), "xlog"), ">=", level)
        line = self.at(b.expression(b.call(self.use("xlog"), cst.Name("msg"), level, text)), node.span)
        return [self.at(cst.If(test, b.block([line])), node.span)]

    # ----------------------------------------------------------------------------------------------------- assignment
    def _assign(self, node: nodes.Assign, needed: bool, live: bool) -> list[Any]:
        if needed or live:
            outcome = self.assignment(node)
            code = b.call(self.use("code_of"), outcome)
            made = b.return_(code) if needed else b.assign(b.attribute("msg", "rc"), code)
            return [self.at(made, node.span)]
        value, certain = self.assigned_value(node)
        return [self.at(self._set(node.target, node.op, value, certain), node.span)]

    def _set(self, target: nodes.Variable, op: str, value: Any, certain: bool) -> Any:
        """The statement that stores a value."""
        if certain and target.name == "var":
            inner = target.inner if isinstance(target.inner, str) else ""
            if _identifier(inner):
                return b.assign(b.attribute(self.use("var"), inner), value)
            return b.assign(b.index(self.use("var"), b.literal(inner)), value)
        declared: Declared = self.checked.variable(target)
        if certain and declared.named == "no" and not declared.indexed and not declared.operator:
            return b.assign(b.attribute("msg", declared.attribute), value)
        return b.expression(self.store(target, op, value, certain))

    # ---------------------------------------------------------------------------------------------------------- calls
    def _call(self, node: nodes.Call, needed: bool, live: bool, ends_next: bool) -> list[Any]:
        declared: Function = self.checked.functions[node.name]
        made = self.call(node)
        if needed or live:
            code = b.call(self.use("code_of"), made)
            if declared.returns == "int":
                code = b.call(self.use("stop"), code)
            statement = b.return_(code) if needed else b.assign(b.attribute("msg", "rc"), code)
            return [self.at(statement, node.span)]
        if declared.returns == "int" and not ends_next:
            made = b.call(self.use("stop"), made)
        return [self.at(b.expression(made), node.span)]

    def _route_call(self, node: nodes.RouteCall, needed: bool, live: bool) -> list[Any]:
        made = self.route_call(node)
        if needed:
            return [self.at(b.return_(made), node.span)]
        named = target_name(node) in self.analysis.named
        if live and named:
            return [self.at(b.assign(b.attribute("msg", "rc"), made), node.span)]
        return [self.at(b.expression(made), node.span)]

    def route_call(self, node: nodes.RouteCall) -> Any:
        arguments = [self.value(argument).node for argument in node.arguments]
        static = target_name(node)
        if static is None or static not in self.analysis.named:
            target: Any
            if isinstance(node.target, nodes.Format):
                target = self.format(node.target)
            elif isinstance(node.target, nodes.Variable):
                target = self.variable(node.target).node
            else:
                target = b.literal(static or "")
            made: Any = b.call(self.use("call_named"), cst.Name("msg"), target, *arguments)
            return b.await_(b.call(self.use("settle"), cst.Name("msg"), made)) if self.facts.suspends else made
        route = self.analysis.named[static]
        facts = self.analysis.of(route)
        if not facts.params:
            arguments = []
        function = cst.Name(self.names.route(route))
        if facts.recursive:
            made = b.call(self.use("nested"), function, cst.Name("msg"), *arguments)
        else:
            made = b.call(function, cst.Name("msg"), *arguments)
        return b.await_(made) if facts.suspends else made

    def _assert(self, node: nodes.Assert) -> list[Any]:
        if not self.checked.settings_of("enable_asserts"):
            return []
        test = b.not_(self.condition(node.condition, False))
        text = b.literal(node.text.value if node.text else "")
        failed = self.at(b.expression(b.call(self.use("assertion_failed"), cst.Name("msg"), text)), node.span)
        return [self.at(cst.If(test, b.block([failed])), node.span)]

    def _async(self, node: nodes.AsyncCall) -> list[Any]:
        resume = b.literal(_route_name(node.resume))
        work = self._deferred(node.call)
        timeout = [b.integer(node.timeout)] if node.timeout else []
        made = b.call(self.use("suspend"), cst.Name("msg"), work, resume, *timeout)
        return [self.at(b.expression(made), node.span)]

    def _launch(self, node: nodes.Launch) -> list[Any]:
        arguments = [cst.Name("msg"), self._deferred(node.call)]
        arguments.append(b.literal(_route_name(node.report)) if node.report else b.none())
        if node.parameter:
            arguments.append(self.format(node.parameter))
        return [self.at(b.expression(b.call(self.use("launch"), *arguments)), node.span)]

    def _deferred(self, call: nodes.Call) -> Any:
        """The call as a function without parameters, so that it can run later."""
        return b.lambda_([], self.call(call, bare=True))

    # ------------------------------------------------------------------------------- statements inside of conditions
    inside_function = False

    def statements_as_condition(self, body: Sequence[Any]) -> Any:
        """`if ({ … })`: the statements become a function of their own."""
        name = self._fresh("test")
        was, self.inside_function = self.inside_function, True
        held, self.pending = self.pending, []
        inner = []
        real = [s for s in body if not isinstance(s, nodes.Empty)]
        for i, statement in enumerate(real):
            last = i + 1 == len(real)
            made = self.statement(statement, last, not last and reads_rc(real[i + 1]), False)
            inner += [*self.pending, *made]
            self.pending = []
        if not real:
            inner.append(self.at(b.return_(b.integer(1)), body[-1].span if body else self.route.span))
        inner = [*self.pending, *inner]
        self.pending = held
        self.inside_function = was
        function = cst.FunctionDef(
            name=cst.Name(name), params=cst.Parameters([]), body=b.block(inner),
            asynchronous=cst.Asynchronous() if self.facts.suspends else None,
        )  # fmt: skip
        self.pending.append(self.at(function, body[0].span if body else self.route.span))
        called = b.call(name)
        return b.call(self.use("true"), b.await_(called) if self.facts.suspends else called)


def _identifier(text: str) -> bool:
    return text.isidentifier() and text.isascii() and not keyword.iskeyword(text) and not text.startswith("_")


def _route_name(node: Any) -> str:
    return str(node.value)


def _has_break(statements: Sequence[Any]) -> bool:
    """Does a break in these statements leave the switch around them?"""
    for statement in statements:
        if isinstance(statement, nodes.Break):
            return True
        if isinstance(statement, nodes.If) and (_has_break(statement.then) or _has_break(statement.otherwise or [])):
            return True
    return False


