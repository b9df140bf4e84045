"""Values, conditions and calls as Python expressions, with what is known of their types."""

from __future__ import annotations

import inspect
import ipaddress
import keyword
import re
from dataclasses import dataclass
from typing import Any

import libcst as cst

from runtime.declare import Function, Param, ParamKind
from runtime.declare import Variable as Declared
from runtime.script.operators import lowered
from transpiler import nodes
from transpiler.emitter import build as b
from transpiler.emitter.names import Names
from transpiler.nodes import Span
from transpiler.variables import parse_format, parse_spec

__all__ = ["Expressions", "Typed"]

_INT_COMPARE = {"==": "equal_int", "!=": "differs_int", "<": "less_int", "<=": "less_equal_int", ">": "greater_int",
                ">=": "greater_equal_int"}  # fmt: skip
_COMPARE = {"==": "equal", "!=": "differs", "<": "less", "<=": "less_equal", ">": "greater", ">=": "greater_equal"}
_BINARY = {"-": "subtract", "*": "multiply", "/": "divide", "%": "modulo", "&": "bit_and", "|": "bit_or",
           "^": "bit_xor", "<<": "shift_left", ">>": "shift_right"}  # fmt: skip


@dataclass(slots=True)
class Typed:
    """An expression and what is known of it: type "str", "int", "strint", "any"; NULL or no value possible."""

    node: Any
    type: str = "any"
    null: bool = True
    fails: bool = False
    bare_int: bool = False
    """An integer without text form (a literal or the result of arithmetic)."""


class Expressions:
    """Expression emission; RouteEmitter adds the statements."""

    def __init__(self, checked: Any, names: Names) -> None:
        self.checked = checked
        self.names = names
        self.in_fstring = False
        self.in_condition = False
        self.line = 0
        """Line of the statement being emitted, as `$cfg_line` tells it: its last one."""

    # ------------------------------------------------------------------------------------------------------- helpers
    def use(self, name: str) -> str:
        """A name of the vocabulary."""
        return self.names.vocabulary(name)

    def text(self, value: str) -> Any:
        return b.literal(value, "'" if self.in_fstring else '"')

    def parse(self, node: nodes.String) -> nodes.Variable:
        return parse_spec(node.value, node.span)[0]

    def function(self, declared: Function) -> str:
        """The imported name of a script function."""
        return self.names.imported(declared.call.__module__, declared.call.__name__)

    # ------------------------------------------------------------------------------------------------------ variables
    def variable(self, node: nodes.Variable) -> Typed:
        """Reading a variable, transformations included."""
        special = self._special(node)
        if special is not None:
            base = special
        else:
            declared = self.checked.variable(node)
            base = Typed(self.read_variable(node, declared), declared.type, declared.null)
        for transformation in node.transformations:
            base = self._transformed(base, transformation)
        return base

    def _special(self, node: nodes.Variable) -> Typed | None:
        """Variables that the emitter itself knows."""
        name = node.name
        if name == "$":
            return Typed(self.text("$"), "str", False)
        if name == "var":
            inner = node.inner if isinstance(node.inner, str) else ""
            if _plain(inner):
                return Typed(b.attribute(self.use("var"), inner))
            return Typed(b.index(self.use("var"), self.text(inner)))
        if name in ("rc", "retcode"):
            return Typed(b.attribute("msg", "rc"), "int", False)
        if name == "cfg_line":
            return Typed(b.integer(self.line or node.span.line), "int", False)
        if name == "cfg_file":
            return Typed(self.text(node.span.file), "str", False)
        if name == "param":
            key = self._name_argument(node)
            return Typed(b.call(self.use("param"), cst.Name("params"), key))
        if name == "return":
            key = self._name_argument(node)
            return Typed(b.call(self.use("returned"), cst.Name("msg"), key))
        if name in ("route", "route.name", "route.type"):
            what = name.partition(".")[2] or "label"
            position: Any = b.integer(0)
            if node.index == "*":
                position = b.name(self.use("ALL"))
            elif isinstance(node.index, int):
                position = b.integer(node.index)
            elif isinstance(node.index, nodes.Variable):
                position = self.variable(node.index).node
            return Typed(b.call(self.use("route_of"), self.text(what), position), "str")
        return None

    def _name_argument(self, node: nodes.Variable) -> Any:
        inner = node.inner
        if isinstance(inner, nodes.Variable):
            return self.variable(inner).node
        text = str(inner or "")
        return b.integer(int(text)) if re.fullmatch(r"-?\d+", text) else self.text(text)

    def read_variable(self, node: nodes.Variable, declared: Declared, index: Any = None) -> Any:
        """`msg.attribute`, `msg.attribute(name, index)`; from another message when the variable names a context."""
        arguments = self._arguments(node, declared, index)
        message: Any = cst.Name("m") if node.context else cst.Name("msg")
        made: Any = b.attribute(message, declared.attribute)
        if declared.named != "no" or declared.indexed:
            made = b.call(made, *arguments)
        if node.context:
            return b.call(self.use("read_in"), cst.Name("msg"), self.text(node.context), b.lambda_(["m"], made))
        return made

    def _arguments(self, node: nodes.Variable, declared: Declared, index: Any = None) -> list[Any]:
        arguments: list[Any] = []
        if declared.named != "no":
            if node.inner is None:
                arguments.append(b.none())
            elif isinstance(node.inner, nodes.Variable) and declared.dynamic_name:
                arguments.append(self.variable(node.inner).node)
            elif isinstance(node.inner, nodes.Variable):
                arguments.append(self.text(node.inner.text))
            else:
                arguments.append(self.text(node.inner))
        if declared.indexed:
            at = self._index(node.index) if index is None else index
            if at is not None:
                arguments.append(at)
        while arguments and isinstance(arguments[-1], cst.Name) and arguments[-1].value == "None" and (
            declared.named != "yes" and len(arguments) == 1
        ):
            arguments.pop()
        return arguments

    def _index(self, index: Any) -> Any:
        if index is None:
            return None
        if index == "*":
            return b.name(self.use("ALL"))
        if isinstance(index, int):
            return b.integer(index)
        if isinstance(index, nodes.Variable):
            return self.variable(index).node
        return self.text(str(index))

    def _transformed(self, base: Typed, node: nodes.Transformation) -> Typed:
        declared = self.checked.transformation(node)
        function = self.names.imported(declared.call.__module__, declared.call.__name__)
        arguments: list[Any] = []
        fixed = True
        for parameter, argument in zip(declared.params, node.arguments, strict=False):
            if isinstance(argument, nodes.Number) and parameter.kind is ParamKind.INT:
                arguments.append(b.integer(argument.value))
            elif not isinstance(argument, nodes.Variable):
                text = argument.text if isinstance(argument, nodes.Number) else argument.value
                arguments.append(self.text(text))
            else:
                fixed = False
                arguments.append(self._transformation_argument(parameter, argument))
        if declared.needs_message:
            made = b.call(self.use("transform_in"), cst.Name("msg"), base.node, b.name(function), *arguments)
        elif fixed and base.type == "str" and not base.null and not base.fails and isinstance(base.node, cst.Attribute):
            made = b.call(function, base.node, *arguments)
        else:
            made = b.call(self.use("transform"), base.node, b.name(function), *arguments)
        return Typed(made, declared.type, True)

    def _transformation_argument(self, parameter: Param, argument: nodes.Variable) -> Any:
        """A variable as an argument: an integer or a text that is not empty, None (and a NULL result) otherwise."""
        if parameter.constant:
            return b.none()
        typed = self.variable(argument)
        if parameter.kind is ParamKind.INT:
            return typed.node if typed.type == "int" else b.call(self.use("as_int"), typed.node)
        return b.call(self.use("as_text"), typed.node)

    # ---------------------------------------------------------------------------------------------------------- values
    def value(self, node: Any) -> Typed:
        """Any operand or expression."""
        match node:
            case nodes.Variable():
                return self.variable(node)
            case nodes.Number():
                return Typed(b.integer(node.value), "int", False, bare_int=True)
            case nodes.String():
                return Typed(self.text(node.value), "str", False)
            case nodes.Format():
                return Typed(self.format(node), "str", False)
            case nodes.Null():
                return Typed(b.none(), "any", True)
            case nodes.Name():
                return Typed(self.text(node.value), "str", False)
            case nodes.Binary():
                return self._binary(node)
            case nodes.Complement():
                return Typed(b.call(self.use("complement"), self.value(node.operand).node), "int", False, True, True)
            case nodes.Compare():
                test, fails = self.comparison(node)
                plain = isinstance(test, cst.Comparison)
                made = b.call("int", test) if plain else b.call(self.use("bit_literal"), test)
                return Typed(made, "int", False, fails, True)
            case nodes.Call():
                declared = self.checked.functions[node.name]
                code: Any = b.call(self.use("code_of"), self.call(node))
                if declared.returns == "int":
                    code = b.call(self.use("stop"), code)
                return Typed(code, "int", False, bare_int=True)
            case nodes.RouteCall():
                return Typed(self.route_call(node), "int", False, bare_int=True)
        return Typed(b.call(self.use("code_of"), self.condition(node, False)), "int", False, bare_int=True)

    def route_call(self, node: nodes.RouteCall) -> Any:
        """Provided by the route emitter, which knows the routes."""
        raise AssertionError

    def _binary(self, node: nodes.Binary) -> Typed:
        left, right = self.value(node.left), self.value(node.right)
        if node.op == "+":
            if left.type == "str" and not left.fails and right.type in ("str", "strint") and not right.fails:
                if not left.null and not right.null and right.type == "str":
                    return Typed(cst.BinaryOperation(left.node, cst.Add(), right.node), "str", False)
                return Typed(b.call(self.use("concat"), left.node, right.node), "str", False)
            if right.bare_int:
                if left.type == "int" and not left.null and isinstance(left.node, cst.Integer):
                    pass
                return Typed(b.call(self.use("add_literal"), left.node, right.node), "any", False, True, left.type == "int")
            fails = left.fails or right.fails or left.type != "str"
            kind = "str" if left.type == "str" else "any"
            return Typed(b.call(self.use("add"), left.node, right.node), kind, False, fails, left.type == "int")
        function = _BINARY[node.op]
        return Typed(b.call(self.use(function), left.node, right.node), "any", False, True, True)

    # --------------------------------------------------------------------------------------------------------- formats
    def format(self, node: nodes.Format) -> Any:
        """A format as an f-string, or as a call where an f-string cannot say it."""
        if not any(isinstance(part, nodes.Variable) for part in node.parts):
            return self.text("".join(str(part) for part in node.parts))
        if self.in_fstring:
            return self._joined(node)
        self.in_fstring = True
        try:
            parts: list[Any] = []
            for part in node.parts:
                if isinstance(part, str):
                    text = b.string_code(part)[1:-1].replace("{", "{{").replace("}", "}}")
                    parts.append(cst.FormattedStringText(text))
                    continue
                made = self._shown(part)
                code = cst.Module([]).code_for_node(made)
                if '"' in code or "\\" in code or "\n" in code:
                    break
                parts.append(cst.FormattedStringExpression(made))
            else:
                return cst.FormattedString(parts)
        finally:
            self.in_fstring = False
        return self._joined(node)

    def _shown(self, part: nodes.Variable) -> Any:
        typed = self.variable(part)
        if typed.type in ("str", "int", "strint") and not typed.null:
            return typed.node
        return b.call(self.use("show"), typed.node)

    def _joined(self, node: nodes.Format) -> Any:
        pieces = [self.text(part) if isinstance(part, str) else self.variable(part).node for part in node.parts]
        return b.call(self.use("joined"), *pieces)

    # ------------------------------------------------------------------------------------------------------ comparison
    def comparison(self, node: nodes.Compare) -> tuple[Any, bool]:
        """(test, whether it can be an error)."""
        left = self.variable(node.left)
        op, right = node.op, node.right
        if isinstance(right, nodes.Null):
            return b.compare(left.node, "is" if op == "==" else "is not", b.none()), False
        if isinstance(right, nodes.Pattern):
            compiled = b.call(self.use("ere"), b.literal(right.value))
            name = self.names.constant("RE_", compiled, f"re:{right.value}")
            function = "matches" if op == "=~" else "not_matches"
            return b.call(self.use(function), left.node, cst.Name(name)), False
        if isinstance(right, nodes.Subnet):
            return self._subnet(left, op, right), True
        if op in ("=~", "!~"):
            function = "matches" if op == "=~" else "not_matches"
            return b.call(self.use(function), left.node, self.value(right).node), True
        if isinstance(right, nodes.Number):
            number = b.integer(right.value)
            if left.type == "int" and not left.fails and (not left.null or op in ("==", "!=")):
                return b.compare(left.node, op, number), False
            return b.call(self.use(_INT_COMPARE[op]), left.node, number), left.type != "int"
        if isinstance(right, nodes.String) and op in ("==", "!="):
            constant = self.text(lowered(right.value))
            return b.call(self.use("same" if op == "==" else "not_same"), left.node, constant), False
        return b.call(self.use(_COMPARE[op]), left.node, self.value(right).node), False

    def _subnet(self, left: Typed, op: str, right: nodes.Subnet) -> Any:
        module = self.names.imported("ipaddress", "ip_network")
        network = str(ipaddress.ip_network(right.value, strict=False))
        name = self.names.constant("NET_", b.call(module, b.literal(network)), f"net:{network}")
        return b.call(self.use("in_subnet" if op == "==" else "not_in_subnet"), left.node, cst.Name(name))

    # ------------------------------------------------------------------------------------------------------- conditions
    def condition(self, node: Any, live: bool) -> Any:
        """A test for `if` and `while`.  `live`: `$rc` is read inside, so calls leave their code there."""
        return self.test(node, live)[0]

    def test(self, node: Any, live: bool) -> tuple[Any, bool]:
        """(Python test, whether it can be an error: None)."""
        match node:
            case nodes.Logical():
                return self._logical(node, live)
            case nodes.Not():
                inner, fails = self.test(node.operand, live)
                if fails:
                    return b.call(self.use("negate"), inner), True
                if isinstance(inner, cst.Comparison) and isinstance(inner.comparisons[0].operator, (cst.Is, cst.IsNot)):
                    target = inner.comparisons[0]
                    turned = cst.IsNot() if isinstance(target.operator, cst.Is) else cst.Is()
                    return inner.with_changes(comparisons=[target.with_changes(operator=turned)]), False
                return b.not_(inner), False
            case nodes.Compare():
                return self.comparison(node)
            case nodes.Variable():
                return self.variable(node).node, False
            case nodes.Number():
                return cst.Name("True" if node.value else "False"), False
            case nodes.Brackets():
                return self._brackets(node)
            case nodes.ConditionBlock():
                return self.statements_as_condition(node.body), False
            case nodes.Assign():
                return self._kept(self.assignment(node), live, truth=True), False
            case nodes.Call():
                return self._called(node, live), False
            case nodes.RouteCall():
                made = self.route_call(node)
                if live:
                    made = b.call(self.use("keep"), cst.Name("msg"), made)
                return b.compare(made, ">", b.integer(0)), False
            case _:
                return self.statements_as_condition([node]), False

    def statements_as_condition(self, body: Any) -> Any:
        """Provided by the route emitter."""
        raise AssertionError

    def _logical(self, node: nodes.Logical, live: bool) -> tuple[Any, bool]:
        left, left_fails = self.test(node.left, live)
        right, right_fails = self.test(node.right, live)
        if node.op == "and":
            return b.boolean("and", left, right), left_fails or right_fails
        if not left_fails:
            return b.boolean("or", left, right), right_fails
        # An error on the left is the result: the right side is not looked at.
        kept = b.compare(b.named("c", left), "is not", cst.Name("False"))
        return b.conditional(cst.Name("c"), kept, right), True

    def _brackets(self, node: nodes.Brackets) -> tuple[Any, bool]:
        inner = node.expression
        if isinstance(inner, nodes.Variable):
            return b.compare(self.variable(inner).node, "is not", b.none()), False
        if isinstance(inner, (nodes.Call, nodes.RouteCall, nodes.Compare)):
            return self.test(inner, False)
        return self.value(inner).node, False

    def _kept(self, made: Any, live: bool, truth: bool) -> Any:
        if not live:
            return made
        kept = b.call(self.use("keep"), cst.Name("msg"), made)
        return b.compare(kept, ">", b.integer(0)) if truth else kept

    def _called(self, node: nodes.Call, live: bool) -> Any:
        declared: Function = self.checked.functions[node.name]
        made: Any = self.call(node)
        if live:
            made = b.call(self.use("keep"), cst.Name("msg"), made)
            if declared.returns == "int":
                return b.call(self.use("true"), made)
            return b.compare(made, ">", b.integer(0))
        if declared.returns == "int":
            return b.call(self.use("true"), made)
        if declared.returns == "none":
            return b.compare(b.call(self.use("code_of"), made), ">", b.integer(0))
        return made

    # ------------------------------------------------------------------------------------------------------ assignment
    def assigned_value(self, node: nodes.Assign) -> tuple[Any, bool]:
        """(value to store, whether there certainly is one)."""
        if node.op in ("=", ":="):
            typed = self.value(node.value)
            if typed.type == "strint" or (typed.type == "any" and isinstance(node.value, nodes.Variable)
                                          and node.value.name in ("return", "param") and not typed.fails):
                return b.call(self.use("plain"), typed.node), True
            return typed.node, not typed.fails
        left = self.variable(node.target).node
        right = self.value(node.value).node
        return b.call(self.use("compound"), left, self.text(node.op[:-1]), right), False

    def store(self, target: nodes.Variable, op: str, value: Any, certain: bool) -> Any:
        """The expression that stores a value and tells whether that worked."""
        if target.name == "var":
            inner = target.inner if isinstance(target.inner, str) else ""
            return b.call(self.use("assign_var"), self.text(inner), value)
        declared = self.checked.variable(target)
        more = self._arguments(target, declared)
        setter = b.attribute("msg", f"set_{declared.attribute}")
        if declared.operator:
            if declared.indexed and len(more) < (declared.named != "no") + 1:
                more.append(b.none())
            if op == ":=":
                more.append(self.text(":="))
            elif declared.indexed and more and isinstance(more[-1], cst.Name) and more[-1].value == "None":
                more.pop()
        if certain:
            return b.call(setter, value, *more)
        return b.call(self.use("assign"), setter, value, *more)

    def assignment(self, node: nodes.Assign) -> Any:
        """An assignment whose outcome is looked at."""
        value, _ = self.assigned_value(node)
        return self.store(node.target, node.op, value, False)

    # ----------------------------------------------------------------------------------------------------------- calls
    def call(self, node: nodes.Call, bare: bool = False) -> Any:
        """`function(msg, arguments)`; through `invoke` where a type is known only at run time."""
        declared: Function = self.checked.functions[node.name]
        function = b.name(self.function(declared))
        arguments: list[Any] = []
        checked_late = False
        for parameter, argument in zip(declared.params, node.arguments, strict=False):
            made, certain = self._argument(parameter, argument)
            checked_late = checked_late or not certain
            arguments.append(made)
        while arguments and _is_default(arguments[-1], declared.params[len(arguments) - 1]):
            arguments.pop()
        if checked_late:
            made_call = b.call(self.use("invoke"), function, cst.Name("msg"), *arguments)
        else:
            made_call = b.call(function, cst.Name("msg"), *arguments)
        suspends = inspect.iscoroutinefunction(declared.call)
        return b.await_(made_call) if suspends and not bare else made_call

    def _argument(self, parameter: Param, argument: Any) -> tuple[Any, bool]:
        """(expression, whether it certainly fits)."""
        if argument is None:
            return _default(parameter), True
        kind = parameter.kind
        if kind in (ParamKind.VAR, ParamKind.READ_VAR):
            return self._reference(argument), True
        if kind is ParamKind.ROUTE:
            return self._route_argument(parameter, argument)
        if kind is ParamKind.REGEX and isinstance(argument, nodes.String):
            compiled = b.call(self.use("ere"), b.literal(argument.value), newline=cst.Name("True"))
            return cst.Name(self.names.constant("PATTERN_", compiled, f"pattern:{argument.value}")), True
        if isinstance(argument, nodes.String) and kind is ParamKind.STR and "$" in argument.value:
            inside = argument.span
            where = Span(inside.file, inside.line, inside.col + 1, inside.end_line, inside.end_col)
            parts = parse_format(argument.value, where)
            only = parts.parts[0] if len(parts.parts) == 1 else None
            if isinstance(only, nodes.Variable):
                typed = self.variable(only)
                if not (typed.type == "str" and not typed.null):
                    return b.call(self.use("show"), typed.node), True
                return typed.node, True
            return self.format(parts), True
        if isinstance(argument, nodes.Format):
            return self.format(argument), True
        typed = self.value(argument.expression if isinstance(argument, nodes.Brackets) else argument)
        wanted = "int" if kind is ParamKind.INT else "str"
        return typed.node, typed.type == wanted and not typed.null and not typed.fails

    def _reference(self, node: Any) -> Any:
        if isinstance(node, nodes.String):
            node = self.parse(node)
        arguments: list[Any] = [b.literal(node.name)]
        stem = node.name.replace(".", "_").upper()
        if node.inner is not None:
            text = node.inner if isinstance(node.inner, str) else node.inner.text
            arguments.append(b.literal(text))
            stem += "_" + re.sub(r"\W+", "_", text).strip("_").upper()
        elif node.index is not None:
            arguments.append(b.none())
        if node.index is not None and not isinstance(node.index, nodes.Variable):
            arguments.append(self._index(node.index))
        made = b.call(self.use("ref"), *arguments)
        return cst.Name(self.names.constant(stem if stem[0].isalpha() else f"V_{stem}", made, f"ref:{node.text}"))

    def _route_argument(self, parameter: Param, argument: Any) -> tuple[Any, bool]:
        static = None
        if isinstance(argument, (nodes.String, nodes.Name)) and "$" not in argument.value:
            static = argument.value
        elif isinstance(argument, nodes.Number):
            static = str(argument.value)
        if static is not None:
            for route in self.checked.script.routes:
                if route.kind == parameter.route and route.name == static:
                    return cst.Name(self.names.route(route)), True
        if isinstance(argument, nodes.String):
            target = self.format(parse_format(argument.value, argument.span))
        else:
            target = self.value(argument.expression if isinstance(argument, nodes.Brackets) else argument).node
        return b.call(self.use("route_named"), cst.Name("msg"), b.literal(parameter.route), target), False


def _plain(text: str) -> bool:
    return text.isidentifier() and text.isascii() and not keyword.iskeyword(text) and not text.startswith("_")


def _default(parameter: Param) -> Any:
    value = parameter.default
    if value is None:
        return b.none()
    if isinstance(value, bool):
        return cst.Name(str(value))
    if isinstance(value, int):
        return b.integer(value)
    return b.literal(str(value))


def _is_default(made: Any, parameter: Param) -> bool:
    if not parameter.optional:
        return False
    default = _default(parameter)
    return type(made) is type(default) and made.deep_equals(default)
