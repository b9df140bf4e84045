"""The reductions of the grammar: tokens and nodes in, nodes of transpiler/nodes.py out."""

from __future__ import annotations

from typing import Any

from transpiler import nodes
from transpiler.diagnostics import Diagnostics
from transpiler.lexer import Scanner, Tok
from transpiler.nodes import Span
from transpiler.parsing.literals import string_value
from transpiler.variables import SpecError, parse_format, parse_spec, text_traps

__all__ = ["Builder"]


class Builder:
    """A method for every rule and alias of the grammar; the children are tokens and nodes."""

    def __init__(self, scanner: Scanner, sink: Diagnostics) -> None:
        self.scanner = scanner
        self.sink = sink

    def _span(self, *children: Any) -> Span:
        """From the first to the last child."""
        real = [child for child in children if child is not None]
        spans = [self._place(real[0]), self._place(real[-1])]
        first, last = spans
        if first.file != last.file or (last.end_line, last.end_col) < (first.line, first.col):
            return first
        return Span(first.file, first.line, first.col, last.end_line, last.end_col)

    def _place(self, child: Any) -> Span:
        if isinstance(child, Tok):
            return self.scanner.span_of(child)
        if isinstance(child, list):
            return self._span(*child)
        return child.span  # type: ignore[no-any-return]

    # ------------------------------------------------------------------------------------------------ file level
    def start(self, items: list[Any]) -> list[Any]:
        return items

    def global_param(self, parts: list[Any]) -> Any:
        name, value = parts
        span = self._span(name, value)
        return nodes.GlobalParam(span=span, name=str(name), value=value.value, value_span=self._place(value))

    def loadmodule(self, parts: list[Any]) -> Any:
        path = parts[1].value
        name = path.rpartition("/")[2]
        if path and not name.endswith(".so") and name not in ("proto_udp", "proto_tcp"):
            self.sink.error("E0121", self._place(parts[1]), f'"{path}" is not a module file', f'write "{name}.so"')
        return nodes.LoadModule(span=self._span(*parts), path=path, name=name.removesuffix(".so"))

    def modvalue(self, parts: list[Any]) -> Any:
        if isinstance(parts[0], Tok):
            return "".join(token.value for token in parts)
        return parts[0].value

    def modparam(self, parts: list[Any]) -> Any:
        return nodes.ModParam(
            span=self._span(parts[0], parts[-1]), modules=parts[2].value, name=parts[4].value, value=parts[6]
        )

    def snumber(self, parts: list[Any]) -> Any:
        value = parts[-1].value
        if len(parts) == 2 and parts[0] == "-":
            value = -value if value != -(1 << 31) else value
        text = "".join(str(part) for part in parts)
        return nodes.Number(span=self._span(*parts), value=value, text=text)

    def number(self, parts: list[Any]) -> Any:
        return nodes.Number(span=self._span(*parts), value=parts[0].value, text=str(parts[0]))

    def rname(self, parts: list[Any]) -> Any:
        token = parts[0]
        return nodes.Name(span=self._place(token), value=str(token.value))

    def body_of_route(self, parts: list[Any]) -> Any:
        return parts

    def _route(self, kind: Tok, name: str, block: list[Any], head: Span, interval: int = 0) -> Any:
        body, end = block[1:-1], self._place(block[-1])
        if name == "0" and kind.type == "ROUTE":
            name = ""
        span = head
        if end.file == head.file and end.end_line >= head.line:
            span = Span(head.file, head.line, head.col, end.end_line, end.end_col)
        return nodes.Route(
            span=span, kind=str(kind), name=name, body=body, interval=interval, head=head,  # type: ignore[arg-type]
        )  # fmt: skip

    def main_route(self, parts: list[Any]) -> Any:
        return self._route(parts[0], "", parts[1], self._place(parts[0]))

    def named_route(self, parts: list[Any]) -> Any:
        return self._route(parts[0], parts[2].value, parts[4], self._span(parts[0], parts[3]))

    def timer_route(self, parts: list[Any]) -> Any:
        return self._route(parts[0], parts[2].value, parts[6], self._span(parts[0], parts[5]), parts[4].value)

    # ------------------------------------------------------------------------------------------------- operands
    def var(self, parts: list[Any]) -> Any:
        return self._variable(parts[0])

    def _variable(self, token: Tok) -> nodes.Variable:
        span = self._place(token)
        try:
            node, used = parse_spec(str(token), span)
        except SpecError as error:
            place = Span(span.file, span.line, span.col + error.offset, span.line, span.end_col)
            self.sink.error("E0122", place, error.message, error.hint)
            return nodes.Variable(span=span, name="var", inner="_", text=str(token))
        rest = str(token)[used:]
        if rest:
            self._rest(token, node, used, rest)
        return node

    def _rest(self, token: Tok, node: nodes.Variable, used: int, rest: str) -> None:
        """What the scanner took into a bare variable and nobody reads."""
        where = self.scanner.span_between(token.start + used, token.end)
        name = node.text[1:]
        if rest[0] == "{" and "." in rest:
            hint = f"write $({name}{rest})" if rest.endswith("}") else f"write $({name}{{…}})"
            self.sink.warning("W0108", where, "a transformation of a bare variable is ignored", hint)
        elif rest[0] == "[":
            hint = f"write $({name}{rest})" if rest.endswith("]") else f"write $({name}[…])"
            self.sink.warning("W0108", where, "an index of a bare variable is ignored", hint)
        else:
            self.sink.warning("W0109", where, f"'{rest}' behind {node.text} is ignored", f"write $({name}) or a blank")

    def string(self, parts: list[Any]) -> Any:
        token = parts[0]
        return nodes.String(span=self._place(token), value=token.value, quote=token.quote)

    def pattern(self, parts: list[Any]) -> Any:
        return nodes.Pattern(span=self._place(parts[0]), value=parts[0].value)

    def subnet(self, parts: list[Any]) -> Any:
        return nodes.Subnet(span=self._place(parts[0]), value=str(parts[0]))

    def null(self, parts: list[Any]) -> Any:
        return nodes.Null(span=self._place(parts[0]))

    def name(self, parts: list[Any]) -> Any:
        return nodes.Name(span=self._place(parts[0]), value=str(parts[0]))

    def parens(self, parts: list[Any]) -> Any:
        return parts[1]

    # ---------------------------------------------------------------------------------------------- expressions
    def binary(self, parts: list[Any]) -> Any:
        return nodes.Binary(span=self._span(*parts), op=str(parts[1].value), left=parts[0], right=parts[2])

    def complement(self, parts: list[Any]) -> Any:
        return nodes.Complement(span=self._span(*parts), operand=parts[1])

    def compare(self, parts: list[Any]) -> Any:
        left = self._variable(parts[0])
        return nodes.Compare(span=self._span(*parts), op=str(parts[1].value), left=left, right=parts[2])

    def call(self, parts: list[Any]) -> Any:
        name, _, arguments, close = parts
        return nodes.Call(span=self._span(name, close), name=str(name), arguments=arguments)

    def named(self, parts: list[Any]) -> Any:
        name, _, value = parts
        return nodes.Named(span=self._span(name, value), name=str(name), value=value)

    def args(self, parts: list[Any]) -> Any:
        """Arguments between commas; None where one is left out."""
        found: list[Any] = []
        current: Any = None
        for part in parts:
            if isinstance(part, Tok) and part.type == "COMMA":
                found.append(current)
                current = None
            elif part is not None:
                current = part
        if not found and current is None:
            return []
        return [*found, current]

    def route_name(self, parts: list[Any]) -> Any:
        return parts[0]

    def route_call(self, parts: list[Any]) -> Any:
        target = parts[2]
        if isinstance(target, Tok):
            target = self._format([target], self._place(target)) if "$" in target.value else self.string([target])
        arguments = [part for part in parts[3:-1] if not isinstance(part, Tok)]
        return nodes.RouteCall(span=self._span(parts[0], parts[-1]), target=target, arguments=arguments)

    def _format(self, tokens: list[Tok], span: Span) -> nodes.Format:
        """The text of adjacent strings as a format; its variables know where they stand."""
        text = "".join(token.value for token in tokens)
        at: list[int] = []
        for token in tokens:
            offsets = string_value(token)[1] if token else None
            size = len(token.value)
            at += (token.start + (offsets[i] if offsets and i < len(offsets) else i + 1) for i in range(size))
        at.append(tokens[-1].end - 1)

        def locate(start: int, end: int) -> Span:
            last = at[max(start, min(end, len(at)) - 1)]
            return self.scanner.span_between(at[min(start, len(at) - 1)], last + 1)

        try:
            made = parse_format(text, span, locate)
        except SpecError as error:
            self.sink.error("E0122", locate(error.offset, error.offset + 1), error.message, error.hint)
            return nodes.Format(span=span, parts=[text], text=text)
        for variable, tail in text_traps(made):
            hint = f"write $({variable.text[1:]}{tail})"
            self.sink.warning("W0114", variable.span, f"'{tail}' behind {variable.text} is printed as it stands", hint)
        return made

    # --------------------------------------------------------------------------------------------- log statements
    def strings(self, tokens: list[Any]) -> Any:
        return tokens

    def _text(self, tokens: list[Tok]) -> nodes.Format:
        return self._format(tokens, self._span(tokens[0], tokens[-1]))

    def xlog(self, parts: list[Any]) -> Any:
        span = self._span(parts[0], parts[-1])
        return nodes.Xlog(span=span, name=str(parts[0]), level=None, format=self._text(parts[2]))

    def xlog_level(self, parts: list[Any]) -> Any:
        span = self._span(parts[0], parts[-1])
        return nodes.Xlog(span=span, name="xlog", level=self.string([parts[2]]), format=self._text(parts[4]))

    def log(self, parts: list[Any]) -> Any:
        level = parts[2].value if isinstance(parts[2], nodes.Number) else None
        return nodes.Log(span=self._span(parts[0], parts[-1]), level=level, text=self.string([parts[-2]]))

    def error(self, parts: list[Any]) -> Any:
        first, second = self.string([parts[2]]), self.string([parts[4]])
        return nodes.Error(span=self._span(parts[0], parts[-1]), first=first, second=second)

    # ------------------------------------------------------------------------------------------------ statements
    def assign(self, parts: list[Any]) -> Any:
        target = self._variable(parts[0])
        return nodes.Assign(span=self._span(*parts), target=target, op=str(parts[1].value), value=parts[2])

    def assign_null(self, parts: list[Any]) -> Any:
        target, op = self._variable(parts[0]), str(parts[1].value)
        if op not in ("=", ":="):
            self.sink.error("E0123", self._place(parts[1]), f"NULL cannot stand behind '{op}'", "write = NULL")
        return nodes.Assign(span=self._span(*parts), target=target, op=op, value=self.null([parts[2]]))

    def exit(self, parts: list[Any]) -> Any:
        return nodes.Exit(span=self._span(*parts))

    def drop(self, parts: list[Any]) -> Any:
        return nodes.Drop(span=self._span(*parts))

    def break_(self, parts: list[Any]) -> Any:
        return nodes.Break(span=self._place(parts[0]))

    def empty(self, parts: list[Any]) -> Any:
        return nodes.Empty(span=self._place(parts[0]))

    def return_(self, parts: list[Any]) -> Any:
        given = [part for part in parts[1:] if not isinstance(part, Tok)]
        return nodes.Return(span=self._span(*parts), code=given[0] if given else None, values=given[1:])

    def return_values(self, parts: list[Any]) -> Any:
        given = [part for part in parts[1:] if not isinstance(part, Tok)]
        return nodes.Return(span=self._span(*parts), code=None, values=given)

    def assert_(self, parts: list[Any]) -> Any:
        text = parts[-2] if isinstance(parts[-2], Tok) and parts[-2].type == "STRING" else None
        made = self.string([text]) if text is not None else None
        return nodes.Assert(span=self._span(parts[0], parts[-1]), condition=parts[2], text=made)

    def async_(self, parts: list[Any]) -> Any:
        timeout = next((p.value for p in parts if isinstance(p, Tok) and p.type == "NUMBER"), None)
        return nodes.AsyncCall(span=self._span(parts[0], parts[-1]), call=parts[2], resume=parts[4], timeout=timeout)

    def launch(self, parts: list[Any]) -> Any:
        report = next((p for p in parts[3:] if isinstance(p, nodes.Name)), None)
        text = next((p for p in parts[3:] if isinstance(p, Tok) and p.type == "STRING"), None)
        parameter = self._format([text], self._place(text)) if text is not None else None
        return nodes.Launch(span=self._span(parts[0], parts[-1]), call=parts[2], report=report, parameter=parameter)

    def statement(self, parts: list[Any]) -> Any:
        return parts[0]

    def single(self, parts: list[Any]) -> Any:
        return [parts[0]]

    def block(self, parts: list[Any]) -> Any:
        return [part for part in parts if not isinstance(part, Tok)]

    def if_(self, parts: list[Any]) -> Any:
        then = parts[4]
        otherwise = parts[6] if len(parts) > 6 else None
        return nodes.If(span=self._span(parts[0], parts[3]), condition=parts[2], then=then, otherwise=otherwise)

    def while_(self, parts: list[Any]) -> Any:
        return nodes.While(span=self._span(parts[0], parts[3]), condition=parts[2], body=parts[4])

    def for_(self, parts: list[Any]) -> Any:
        return nodes.ForEach(
            span=self._span(parts[0], parts[5]), target=self._variable(parts[2]), source=self._variable(parts[4]),
            body=parts[6],
        )  # fmt: skip

    def case(self, parts: list[Any]) -> Any:
        return nodes.Case(span=self._span(*parts[:3]), value=parts[1], body=parts[3:])

    def default(self, parts: list[Any]) -> Any:
        return nodes.Case(span=self._span(*parts[:2]), value=None, body=parts[2:])

    def switch(self, parts: list[Any]) -> Any:
        cases = [part for part in parts[5:] if isinstance(part, nodes.Case)]
        return nodes.Switch(span=self._span(parts[0], parts[3]), subject=self._variable(parts[2]), cases=cases)

    # ------------------------------------------------------------------------------------------------ conditions
    def and_(self, parts: list[Any]) -> Any:
        return nodes.Logical(span=self._span(*parts), op="and", left=parts[0], right=parts[2])

    def or_(self, parts: list[Any]) -> Any:
        return nodes.Logical(span=self._span(*parts), op="or", left=parts[0], right=parts[2])

    def not_(self, parts: list[Any]) -> Any:
        return nodes.Not(span=self._span(*parts), operand=parts[1])

    def brackets(self, parts: list[Any]) -> Any:
        return nodes.Brackets(span=self._span(*parts), expression=parts[1])

    def cond_statement(self, parts: list[Any]) -> Any:
        return nodes.ConditionBlock(span=self._span(*parts), body=[parts[0]])

    def cond_block(self, parts: list[Any]) -> Any:
        return nodes.ConditionBlock(span=self._span(*parts), body=[p for p in parts if not isinstance(p, Tok)])
