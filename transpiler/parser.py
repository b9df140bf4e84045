"""Tokens to syntax tree with Lark's LALR parser, and recovery so that all errors of a file come in one run."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import lark
from lark import Lark, Transformer
from lark.exceptions import UnexpectedToken

from preprocessors import Expansion
from transpiler import cache, nodes, settings
from transpiler.diagnostics import Diagnostics, Note
from transpiler.nodes import Span
from transpiler.scanner import Scanner, Tok
from transpiler.variables import SpecError, parse_format, parse_spec

__all__ = ["parse"]

_GRAMMAR = Path(__file__).with_name("syntax.lark")
_ITEM_STARTS = frozenset(
    """PARAM LOADMODULE MODPARAM ROUTE FAILURE_ROUTE BRANCH_ROUTE ONREPLY_ROUTE ERROR_ROUTE LOCAL_ROUTE STARTUP_ROUTE
    TIMER_ROUTE EVENT_ROUTE""".split()
)
_STATEMENT_STARTS = frozenset(
    "IF WHILE FOR SWITCH BREAK NAME VAR XLOG XDBG LOG ERROR DROP EXIT RETURN ASSERT ASYNC LAUNCH ROUTE RBRACE".split()
)


class _NoLexer(lark.lexer.Lexer):
    """Tokens are fed by hand."""

    def __init__(self, conf: Any) -> None:
        del conf

    def lex(self, lexer_state: Any, parser_state: Any) -> Any:
        return iter(())


def _lark(transformer: Any) -> Lark:
    """The parser, its tables from the cache when they are there."""
    grammar = _GRAMMAR.read_text()
    key = hashlib.sha256(f"{lark.__version__}\0{grammar}".encode()).hexdigest()[:20]
    path = cache.directory() / f"grammar-{key}.lark"
    options: dict[str, Any] = {
        "parser": "lalr", "lexer": _NoLexer, "maybe_placeholders": True, "transformer": transformer,
    }  # fmt: skip
    return Lark(grammar, cache=str(path), **options)


def parse(expansion: Expansion, sink: Diagnostics) -> nodes.Script:
    """The tree of a script.  Everything that is wrong goes to the sink; what can be understood is in the tree."""
    scanner = Scanner(expansion, sink)
    tokens = scanner.scan()
    builder = _Builder(scanner, sink)
    items = _Machine(_lark(builder), tokens, scanner, sink).run()
    if not items and not sink.has_errors:
        sink.error("E0101", scanner.span_of(tokens[-1]), "the script is empty", "write at least a socket and a route")
    return nodes.Script(items=items, files=dict(expansion.files))


# ------------------------------------------------------------------------------------------------- driving and recovery
class _Machine:
    """Feeds tokens; at an error says what is wrong and finds a place to go on."""

    def __init__(self, parser: Lark, tokens: list[Tok], scanner: Scanner, sink: Diagnostics) -> None:
        self.parser = parser
        self.tokens = tokens
        self.scanner = scanner
        self.sink = sink
        self.blocks: list[Tok] = []
        """Opening braces not yet closed."""
        self.state = parser.parse_interactive("")
        self.last_error = -1
        self.errors_at = 0

    def run(self) -> list[Any]:
        i = 0
        while i < len(self.tokens):
            token = self.tokens[i]
            try:
                result = self.state.feed_token(token)  # type: ignore[arg-type]
            except UnexpectedToken:
                self.errors_at = self.errors_at + 1 if i == self.last_error else 1
                self.last_error = i
                if self.errors_at > 3:  # no way of going on from here: leave this item
                    if token.type == "$END":
                        return []
                    self._rewind_to_top()
                    i += 1
                    continue
                i = self._recover(i)
                continue
            if token.type == "LBRACE":
                self.blocks.append(token)
            elif token.type == "RBRACE" and self.blocks:
                self.blocks.pop()
            i += 1
            if token.type == "$END":
                return [item for item in (result or []) if item is not None]
        return []

    def _feed(self, type_: str, near: Tok, value: Any = "") -> None:
        """Feed a token that the author left out."""
        made = Tok(type_, "", value, near.end_line, near.end_column, near.end_line, near.end_column)
        self.state.feed_token(made)  # type: ignore[arg-type]

    def _accepts(self) -> set[str]:
        return set(self.state.accepts())  # type: ignore[no-untyped-call]

    def _after(self, token: Tok) -> Span:
        """Just behind a token."""
        return self.scanner.span(token.end_line, token.end_column, token.end_line, token.end_column + 1)

    def _recover(self, i: int) -> int:
        """Report the error at token i; the index to go on at."""
        token = self.tokens[i]
        previous = self.tokens[i - 1] if i else token
        accepts = self._accepts()
        span = self.scanner.span_of(token)
        if token.type == "$END" and self.blocks:
            return self._unclosed_block(i)
        if token.type == "LBRACE" and i > 1 and (word := self._call_word(i)) in ("elseif", "elif", "elsif"):
            self.sink.error("E0116", self.scanner.span_of(token), f"'{word}' is not a statement", "write: else if (…)")
            return self._resynchronise(i)
        begins = token.type in _STATEMENT_STARTS or token.type in ("ELSE", "CASE", "DEFAULT")
        if begins and "SEMI" in accepts and previous.type not in ("SEMI", "LBRACE"):
            where = self._after(previous)
            notes = []
            if token.line != previous.end_line:
                notes = [Note(span, "the next statement begins here")]
            self.sink.error("E0110", where, "missing ';'", "end the statement with ;", notes)
            self._feed("SEMI", previous)
            return i
        if "RPAR" in accepts and token.type in ("LBRACE", "SEMI") and "LBRACE" not in accepts:
            self.sink.error("E0111", self._after(previous), "missing ')'", "close the bracket before this")
            for _ in range(8):
                if "RPAR" not in self._accepts():
                    break
                self._feed("RPAR", previous)
                if token.type in self._accepts():
                    return i
        else:
            message, hint, code = self._explain(token, previous, accepts, i)
            self.sink.error(code, span, message, hint)
        return self._resynchronise(i)

    def _call_word(self, i: int) -> str:
        """The name before the brackets that end just before token i, "" when there are none."""
        depth = 0
        for at in range(i - 1, max(0, i - 60), -1):
            depth += (self.tokens[at].type == "RPAR") - (self.tokens[at].type == "LPAR")
            if depth == 0:
                return str(self.tokens[at - 1]) if at < i - 1 else ""
        return ""

    def _unclosed_block(self, i: int) -> int:
        opening = self.blocks[0]
        note = Note(self.scanner.span_of(opening), "this '{' is never closed")
        self.sink.error(
            "E0112", self.scanner.span_of(self.tokens[i]), "the file ends inside a block", "add the missing }", [note]
        )
        self._rewind_to_top()
        return i

    def _explain(self, token: Tok, previous: Tok, accepts: set[str], i: int) -> tuple[str, str, str]:
        """(message, hint, code) for a token that fits nowhere."""
        text, kind = str(token), token.type
        following = self.tokens[i + 1] if i + 1 < len(self.tokens) else token
        if kind == "$END":
            return "unexpected end of file", "something is missing", "E0112"
        if kind == "RBRACE" and not self.blocks:
            return "'}' without an opening '{'", "remove it, or look for a '{' that is missing above", "E0113"
        if kind == "RBRACE" and previous.type == "LBRACE":
            return "an empty block", "a route needs at least one statement", "E0114"
        if kind == "ELSE":
            return "'else' without an 'if'", "is there a ';' or '}' too much before it?", "E0115"
        if kind == "NAME" and text in ("elseif", "elif", "elsif"):
            return f"'{text}' is not a statement", "write: else if (…)", "E0116"
        if kind == "NAME" and text in ("endif", "then", "fi", "done", "end"):
            return f"'{text}' is not a statement", "blocks stand between { and }", "E0116"
        if kind == "NAME" and not self.blocks:
            hint = "core parameters are written name = value, modules are loaded with loadmodule"
            return f"'{text}' cannot stand outside of a route", hint, "E0117"
        if previous.type == "NAME" and "LPAR" in accepts:
            return f"bare word '{previous}': a command is called with ()", f"write {previous}();", "E0118"
        if previous.type in ("EQUAL", "ORDER", "MATCH") and kind == "NAME":
            return f"'{text}' is not a value", f'put text in quotes: "{text}"', "E0119"
        if previous.type == "ASSIGN" and previous == "=" and "RPAR" not in accepts and kind == "ASSIGN":
            return "'= =' is no operator", "compare with ==", "E0120"
        if kind == "ASSIGN" and previous.type in ("ORDER", "EQUAL"):
            return f"'{previous}{text}' is no operator", "the operators are == != < > <= >= =~ !~", "E0120"
        if kind == "NAME" and "STRING" in accepts:
            return f"'{text}' is not a parameter", f'put text in quotes: "{text}"', "E0119"
        if previous.type == "NAME" and kind != "LPAR" and self.blocks:
            return f"bare word '{previous}': a command is called with ()", f"write {previous}();", "E0118"
        if kind == "NAME" and following.type != "LPAR":
            return f"bare word '{text}': a command is called with ()", f"write {text}();", "E0118"
        expected = _expected(accepts)
        return f"unexpected '{text}'", f"expected {expected}" if expected else "", "E0102"

    # -------------------------------------------------------------------------------------------- going on
    def _rewind(self, wanted: frozenset[str]) -> bool:
        """Drop parser states until one accepts all of `wanted`."""
        parser = self.state.parser_state
        states = parser.parse_conf.parse_table.states
        while len(parser.state_stack) > 1:
            parser.state_stack.pop()
            parser.value_stack.pop()
            if wanted <= states[parser.state_stack[-1]].keys():
                return True
        return False

    def _rewind_to_top(self) -> None:
        """Forget the item begun; keep the items before it."""
        self._rewind(frozenset(("ROUTE", "PARAM", "LOADMODULE")))
        self.blocks.clear()

    def _resynchronise(self, i: int) -> int:
        tokens = self.tokens
        if not self.blocks:
            self._rewind_to_top()
            if tokens[i].type != "$END":
                i += 1
            depth = 0
            while tokens[i].type != "$END":
                kind = tokens[i].type
                if depth == 0 and kind in _ITEM_STARTS:
                    break
                depth += (kind == "LBRACE") - (kind == "RBRACE")
                depth = max(0, depth)
                i += 1
            return i
        depth = 0
        while tokens[i].type != "$END":
            kind = tokens[i].type
            if kind == "LBRACE":
                depth += 1
            elif kind == "RBRACE":
                if depth == 0:
                    break
                depth -= 1
                if depth == 0:
                    i += 1
                    break
            elif kind == "SEMI" and depth == 0:
                i += 1
                break
            elif kind in _ITEM_STARTS and kind not in ("ROUTE", "PARAM") and tokens[i].column == 1:
                self._rewind_to_top()
                return i
            i += 1
        if tokens[i].type == "$END":
            return self._unclosed_block(i) if self.blocks else i
        if not self._rewind(frozenset(("IF", "WHILE", "SEMI"))):
            self.blocks.clear()
            return i
        self._feed("SEMI", tokens[max(0, i - 1)])
        return i


_SHOWN = {
    "SEMI": "';'", "LPAR": "'('", "RPAR": "')'", "LBRACE": "'{'", "RBRACE": "'}'", "LSQB": "'['", "RSQB": "']'",
    "COMMA": "','", "COLON": "':'", "STRING": "a string", "NUMBER": "a number", "VAR": "a variable", "NAME": "a name",
    "ASSIGN": "'='", "CASE": "'case'", "IN": "'in'", "NULLV": "NULL",
}  # fmt: skip


def _expected(accepts: set[str]) -> str:
    shown = [_SHOWN[name] for name in _SHOWN if name in accepts]
    if not shown or len(shown) > 6:
        return ""
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} or {shown[-1]}"


# --------------------------------------------------------------------------------------------------------- tree building
class _Builder(Transformer[Any, Any]):
    """Rule callbacks: children are tokens and nodes."""

    def __init__(self, scanner: Scanner, sink: Diagnostics) -> None:
        super().__init__(visit_tokens=False)
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
        made = settings.parse_value(str(name), str(value), self.scanner.span_of(value), self.sink)
        return nodes.GlobalParam(span=span, name=str(name), value=made, value_span=self.scanner.span_of(value))

    def loadmodule(self, parts: list[Any]) -> Any:
        path = parts[1].value
        name = path.rpartition("/")[2]
        if not name.endswith(".so"):
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
            value = -value
        text = "".join(str(part) for part in parts)
        return nodes.Number(span=self._span(*parts), value=value, text=text)

    def number(self, parts: list[Any]) -> Any:
        return nodes.Number(span=self._span(*parts), value=parts[0].value, text=str(parts[0]))

    def rname(self, parts: list[Any]) -> Any:
        token = parts[0]
        value = str(token.value) if token.type != "STRING" else token.value
        return nodes.Name(span=self._place(token), value=value)

    def body_of_route(self, parts: list[Any]) -> Any:
        return list(parts[1:-1])

    def _route(self, kind: Tok, name: str, body: list[Any], head: Span, interval: int = 0) -> Any:
        if name == "0" and kind.type == "ROUTE":
            name = ""
        span = Span(head.file, head.line, head.col, body[-1].span.end_line, body[-1].span.end_col) if body else head
        if body and body[-1].span.file != head.file:
            span = head
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
            return nodes.Variable(span=span, name="", text=str(token))
        rest = str(token)[used:]
        if rest:
            where = Span(span.file, span.line, span.col + used, span.line, span.end_col)
            self.sink.warning("W0109", where, f"'{rest}' after {node.text} is ignored", "put brackets around: $( … )")
        return node

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

    def route_call(self, parts: list[Any]) -> Any:
        target = parts[2]
        if isinstance(target, nodes.String) and "$" in target.value:
            target = self._format(target.value, target.span)
        arguments = [part for part in parts[3:-1] if not isinstance(part, Tok)]
        return nodes.RouteCall(span=self._span(parts[0], parts[-1]), target=target, arguments=arguments)

    def _format(self, text: str, span: Span) -> nodes.Format:
        inside = Span(span.file, span.line, span.col + 1, span.end_line, span.end_col)
        try:
            return parse_format(text, inside)
        except SpecError as error:
            line = inside.line + text.count("\n", 0, error.offset)
            col = inside.col + error.offset if line == inside.line else error.offset - text.rfind("\n", 0, error.offset)
            place = Span(span.file, line, col, line, col + 1)
            self.sink.error("E0122", place, error.message, error.hint)
            return nodes.Format(span=span, parts=[text], text=text)

    # --------------------------------------------------------------------------------------------- log statements
    def _texts(self, tokens: list[Tok]) -> nodes.Format:
        first, last = self._place(tokens[0]), self._place(tokens[-1])
        span = Span(first.file, first.line, first.col, last.end_line, last.end_col)
        text = "".join(token.value for token in tokens)
        made = self._format(text, span)
        made.span = span
        return made

    def xlog(self, parts: list[Any]) -> Any:
        inside = parts[2:-1]
        level = None
        commas = [i for i, part in enumerate(inside) if part.type == "COMMA"]
        if commas:
            level = self.string([inside[0]])
            inside = inside[commas[0] + 1 :]
        return nodes.Xlog(span=self._span(parts[0], parts[-1]), name="xlog", level=level, format=self._texts(inside))

    def xdbg(self, parts: list[Any]) -> Any:
        span = self._span(parts[0], parts[-1])
        return nodes.Xlog(span=span, name="xdbg", level=None, format=self._texts(parts[2:-1]))

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
            self.sink.error("E0123", self._place(parts[1]), f"NULL cannot be used with '{op}'", "write = NULL")
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
        parameter = self._format(text.value, self._place(text)) if text is not None else None
        return nodes.Launch(span=self._span(parts[0], parts[-1]), call=parts[2], report=report, parameter=parameter)

    def stmt(self, parts: list[Any]) -> Any:
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
