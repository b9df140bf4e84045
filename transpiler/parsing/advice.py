"""What a syntax error probably is: the message, the hint, and the tokens that would have made it right."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from transpiler.lexer import Tok
from transpiler.parsing.params import KINDS

if TYPE_CHECKING:
    from transpiler.parsing.machine import Machine

__all__ = ["Finding", "Mending", "explain", "mend"]


@dataclass(slots=True)
class Finding:
    """A message; it stands at the token, at the one before (`on_previous`), or behind that (`behind_previous`)."""

    code: str
    message: str
    hint: str = ""
    on_previous: bool = False
    behind_previous: bool = False
    close: bool = True
    """When it cannot be mended: give up only the rest of the brackets."""


@dataclass(slots=True)
class Mending:
    """Put in these types, then go on `skip` tokens further."""

    finding: Finding
    put: list[str] = field(default_factory=list)
    skip: int = 0


_COMPARE = frozenset(("EQUAL", "ORDER", "MATCH"))
_ARITHMETIC = frozenset(("PLUS", "MINUS", "TIMES", "BIT"))
_LITERALS = frozenset(("NUMBER", "STRING", "NULLV", "IPNET"))
_OPERANDS = _LITERALS | {"VAR"}
_BRACKETED = frozenset(("IF", "WHILE", "FOR", "SWITCH", "XLOG", "XDBG", "LOG", "ASSERT", "ASYNC", "LAUNCH", "ERROR", "MODPARAM"))
_NAMED = frozenset(("FAILURE_ROUTE", "BRANCH_ROUTE", "EVENT_ROUTE", "TIMER_ROUTE"))
_NAMELESS = frozenset(("ERROR_ROUTE", "LOCAL_ROUTE", "STARTUP_ROUTE"))
_ROUTES = _NAMED | _NAMELESS | {"ROUTE", "ONREPLY_ROUTE"}


_HIDDEN = re.compile(r"and|or|not")


class _View:
    """The tokens around an error."""

    def __init__(self, machine: Machine, i: int) -> None:
        self.machine = machine
        self.i = i
        self.token = self.at(0)
        self.kind = self.token.type
        self.previous = self.at(-1)
        self.before = self.previous.type if i else ""
        self.next = self.at(1).type

    def at(self, ahead: int) -> Tok:
        tokens = self.machine.tokens
        return tokens[max(0, min(self.i + ahead, len(tokens) - 1))]

    def accepts(self, kind: str) -> bool:
        return self.machine.accepts(kind)

    def follow(self, *kinds: str) -> bool:
        return self.machine.follow(list(kinds))

    @property
    def adjacent(self) -> bool:
        """No blank between the token and the one before."""
        return self.token.start == self.previous.end

    def find(self, kind: str, limit: int = 12) -> int:
        """Distance to the next token of this type on the same line; 0 if there is none."""
        for ahead in range(1, limit):
            found = self.at(ahead)
            if found.line != self.token.line or found.type == "$END":
                return 0
            if found.type == kind:
                return ahead
        return 0

    @property
    def keyword(self) -> str:
        """The type of the statement's word whose bracket is the innermost open one, "" if there is none."""
        values = self.machine.values
        for number in range(len(values) - 1, 0, -1):
            value = values[number]
            if isinstance(value, Tok) and value.type == "LPAR":
                owner = values[number - 1]
                return owner.type if isinstance(owner, Tok) else ""
            if isinstance(value, Tok) and value.type in ("LBRACE", "RBRACE", "SEMI"):
                return ""
        return ""


def mend(machine: Machine, i: int) -> Mending | None:
    """How to mend the error at token i; None if it is not one of the usual."""
    view = _View(machine, i)
    steps = (_variable, _condition, _route_body, _operator, _arguments) if machine.blocks() else (_top_level, _route_head)
    for step in steps:
        made = step(view)
        if made is not None:
            return made
    return None


# ---------------------------------------------------------------------------------------------------- file level
def _top_level(view: _View) -> Mending | None:
    kind, token, before = view.kind, view.token, view.before
    if kind == "SEMI" and view.accepts("LOADMODULE"):
        return Mending(Finding("E0128", "there is no ';' at file level", "remove it"), skip=1)
    if kind == "RBRACE" and view.accepts("LOADMODULE"):
        return Mending(Finding("E0113", "'}' without '{'", "remove it, or look for a '}' too much above"), skip=1)
    if before in _BRACKETED and view.accepts("LPAR") and view.follow("LPAR", kind):
        return Mending(Finding("E0124", f"missing '(' behind {view.previous}", "add it", behind_previous=True), ["LPAR"])
    if view.accepts("STRING") and kind in ("NAME", "RESERVED") and before != "RBRACE":
        end = 1
        while view.at(end).start == view.at(end - 1).end and view.at(end).type in ("DOT", "NAME", "MINUS", "TIMES", "RESERVED"):
            end += 1
        text = "".join(view.at(n) for n in range(end))
        return Mending(Finding("E0119", f"{text} is not in quotes", f'write "{text}"'), ["STRING"], end)
    if view.accepts("STRING") and kind == "VAR" and view.follow("STRING", view.next):
        return Mending(Finding("E0145", "no variables here: they have values only in routes"), ["STRING"], 1)
    if view.accepts("COMMA") and kind in ("STRING", "NUMBER") and view.follow("COMMA", kind):
        return Mending(Finding("E0128", "missing ','", "add it", behind_previous=True), ["COMMA"])
    if kind == "RPAR" and view.accepts("COMMA") and view.keyword == "MODPARAM":
        text = 'modparam takes three things: modparam("module", "parameter", value)'
        put = ["COMMA", "NUMBER"] if view.follow("COMMA", "NUMBER", "RPAR") else ["COMMA", "STRING", "COMMA", "NUMBER"]
        return Mending(Finding("E0160", "modparam without a value", text), put)
    if view.accepts("RPAR") and kind != "COMMA" and (token.line != view.previous.end_line) and view.follow("RPAR", kind):
        return Mending(Finding("E0111", "missing ')'", "add it here", behind_previous=True), ["RPAR"])
    return None


def _route_head(view: _View) -> Mending | None:
    kind, token, before = view.kind, view.token, view.before
    word = str(view.previous)
    if kind == "LSQB" and before in _NAMELESS and (end := view.find("RSQB")):
        return Mending(Finding("E0129", f"{word} has no name", f"write {word} {{"), skip=end + 1)
    if before in _NAMED and kind == "LBRACE":
        name = f"{word}[name, seconds]" if before == "TIMER_ROUTE" else f"{word}[name]"
        put = ["LSQB", "NAME", *(["COMMA", "NUMBER"] if before == "TIMER_ROUTE" else []), "RSQB"]
        return Mending(Finding("E0129", f"{word} needs a name", f"write {name} {{", on_previous=True), put)
    if before in _ROUTES and kind in ("NAME", "NUMBER", "STRING", "LPAR", "LT") and view.accepts("LSQB"):
        end = view.find("LBRACE", 6)
        if end:
            inner = "".join(view.at(n) for n in range(end)).strip("()<>")
            put = ["LSQB", "NAME", "COMMA", "NUMBER", "RSQB"] if before == "TIMER_ROUTE" else ["LSQB", "NAME", "RSQB"]
            return Mending(Finding("E0129", "the name of a route stands in brackets", f"write {word}[{inner}]"), put, end)
    if view.accepts("NAME") and before == "LSQB":
        if kind in ("RSQB", "COMMA"):
            return Mending(Finding("E0129", "the route has no name", f"write {view.at(-2)}[name]"), ["NAME"])
        end = view.find("RSQB")
        if end and (token.isidentifier() or kind == "RESERVED"):
            comma = view.find("COMMA")
            hint = f'choose another, or put it in quotes: "{token}"'
            return Mending(Finding("E0107", f"'{token}' is a reserved word", hint), ["NAME"], comma or end)
        if end:
            hint = "names are words, numbers or strings"
            return Mending(Finding("E0129", f"'{token}' cannot begin the name of a route", hint), ["NAME"], end)
    if kind == "RSQB" and view.follow("COMMA", "NUMBER", "RSQB"):
        finding = Finding("E0129", "timer_route needs its interval", "write timer_route[name, seconds]")
        return Mending(finding, ["COMMA", "NUMBER"])
    if before == "COMMA" and view.follow("NUMBER", "RSQB"):
        end = view.find("RSQB", 6) if kind != "RSQB" else 0
        if end or kind == "RSQB":
            hint = "write timer_route[name, 30]"
            return Mending(Finding("E0129", "the interval is a number of seconds", hint), ["NUMBER"], end)
    if view.accepts("RSQB") and kind not in ("LBRACE", "$END") and (end := view.find("RSQB", 8)):
        name = view.previous
        text = "".join(view.at(n) if n >= -1 else "" for n in range(-1, end))
        hint = f'put it in quotes: "{text.strip(chr(34))}"'
        return Mending(Finding("E0129", f"'{name}{token}…' is not the name of a route", hint), skip=end)
    if view.accepts("LBRACE") and kind != "$END" and view.follow("LBRACE", kind):
        hint = "the body of a route stands between { and }"
        return Mending(Finding("E0124", "missing '{'", hint, behind_previous=True), ["LBRACE"])
    return None


# ------------------------------------------------------------------------------------------------------ variables
def _variable(view: _View) -> Mending | None:
    """What ends a bare variable too early."""
    if view.before != "VAR":
        return None
    kind, previous = view.kind, view.previous
    bare = "(" not in previous
    if kind in ("ANDOP", "OROP", "NOT", "NAME") and view.adjacent and bare and _HIDDEN.match(view.token):
        rest = str(view.token)
        skip = 1
        while view.at(skip).start == view.at(skip - 1).end and view.at(skip).type in ("NAME", "DOT", "ANDOP", "OROP", "NOT"):
            rest += view.at(skip)
            skip += 1
        name = previous[1:] + rest
        text = f"OpenSIPS takes '{_HIDDEN.match(view.token)[0]}' in the name for the operator"  # type: ignore[index]
        return Mending(Finding("E0122", text, f"write $({name})"), skip=skip)
    if kind in ("LSQB", "LBRACE") and view.adjacent and not bare:
        closing = "RSQB" if kind == "LSQB" else "RBRACE"
        end = view.find(closing)
        if end:
            inner = view.machine.scanner.text[view.token.start : view.at(end).end]
            what = "an index" if kind == "LSQB" else "a transformation"
            name = previous[1:] if not previous.startswith("$(") else previous[2:-1]
            return Mending(Finding("E0122", f"{what} stands inside of $( )", f"write $({name}{inner})"), skip=end + 1)
    if "{" in previous and kind in ("COMMA", "COLON", "TIMES", "MINUS", "PLUS") and (end := view.find("RBRACE")):
        rest = view.machine.scanner.text[view.token.start : view.at(end).end]
        return Mending(Finding("E0122", "a transformation stands inside of $( )", f"write $({previous[1:]}{rest})"), skip=end + 1)
    if previous.endswith("]") and bare and view.accepts("RSQB"):
        name = previous[1:-1]
        text = "OpenSIPS takes the ']' for a part of the variable"
        return Mending(Finding("E0122", text, f"write ${name} with a blank before ], or $({name})]", on_previous=True), ["RSQB"])
    return None


# ----------------------------------------------------------------------------------------------------- statements
def _route_body(view: _View) -> Mending | None:
    kind, token, before = view.kind, view.token, view.before
    starts = view.accepts("IF") and view.accepts("SEMI")
    if kind == "ELSE":
        behind = before == "SEMI" and view.at(-2).type == "RBRACE"
        hint = "remove the ';' before it" if behind else "is there a ';' or '}' too much before it?"
        put = ["IF", "LPAR", "NUMBER", "RPAR"] if view.next == "LBRACE" and starts else []
        return Mending(Finding("E0115", "'else' without 'if'", hint), put, 1)
    if kind == "RBRACE" and view.accepts("CASE"):
        finding = Finding("E0126", "a switch without a case", "write case 1: or case \"x\":")
        return Mending(finding, ["CASE", "NUMBER", "COLON"])
    if kind == "RBRACE" and before == "LBRACE":
        return Mending(Finding("E0114", "an empty route", "a route needs a statement, e.g. exit;"), ["SEMI"])
    if kind == "RBRACE" and starts:
        text = "a statement is missing here" if before != "ELSE" else "a statement is missing behind 'else'"
        return Mending(Finding("E0143", text, "write one, or { }"), ["SEMI"])
    if kind == "LBRACE" and starts:
        text = "a block cannot stand alone"
        hint = "it belongs behind if, else, while, for or switch"
        return Mending(Finding("E0147", text, hint), ["IF", "LPAR", "NUMBER", "RPAR"])
    if kind == "RPAR" and starts:
        return Mending(Finding("E0128", "')' without '('", "remove it"), skip=1)
    if kind in ("CASE", "DEFAULT"):
        return _case(view)
    if before == "CASE" and not view.accepts(kind):
        return _case_value(view)
    if view.accepts("COLON") and before in ("NUMBER", "STRING", "DEFAULT"):
        skip = 1 if kind == "SEMI" else 0
        return Mending(Finding("E0126", "missing ':'", "write case value:", behind_previous=True), ["COLON"], skip)
    if view.accepts("IN"):
        skip = 1 if kind in ("NAME", "COLON", "COMMA", "ASSIGN") else 0
        return Mending(Finding("E0149", "missing 'in'", "write for ($var(x) in $(avp(y)[*]))"), ["IN"], skip)
    if before in _BRACKETED and view.accepts("LPAR") and view.follow("LPAR", kind):
        return Mending(Finding("E0124", f"missing '(' behind {view.previous}", "add it", behind_previous=True), ["LPAR"])
    if before == "RPAR" and kind != "LBRACE" and view.follow("LBRACE", kind) and not view.accepts("SEMI"):
        return Mending(Finding("E0124", "missing '{'", "add it", behind_previous=True), ["LBRACE"])
    if kind == "RPAR" and not view.accepts("RPAR") and view.follow(view.next):
        return Mending(Finding("E0128", "')' without '('", "remove it"), skip=1)
    if kind == "RSQB" and view.follow(view.next):
        return Mending(Finding("E0128", "']' without '['", "remove it"), skip=1)
    if before == "VAR" and kind == "SEMI" and view.follow("ASSIGN", "NUMBER", "SEMI"):
        hint = f"assign to it: {view.previous} = value;"
        return Mending(Finding("E0146", "a variable alone does nothing", hint, on_previous=True), ["ASSIGN", "NUMBER"])
    if kind in ("PLUS", "MINUS") and view.next == kind and view.at(1).start == token.end and view.follow("ASSIGN", "NUMBER"):
        hint = f"write {view.previous} {token}= 1;"
        return Mending(Finding("E0120", f"there is no {token}{token}", hint), ["ASSIGN", "NUMBER"], 2)
    if before == "NAME" and not view.accepts(kind):
        return _bare_word(view)
    return None


def _case(view: _View) -> Mending | None:
    """`case` and `default` where they do not fit."""
    colon = view.find("COLON")
    if view.accepts("CASE") and view.kind == "DEFAULT":
        text = "a switch needs a case before its default"
        return Mending(Finding("E0126", text, "write a case, or drop the switch"), ["CASE", "NUMBER"], 1)
    inside = any(isinstance(v, Tok) and v.type == "SWITCH" for v in view.machine.values)
    if inside and any(isinstance(v, Tok) and v.type == "DEFAULT" for v in view.machine.values):
        finding = Finding("E0126", f"'{view.token}' behind 'default'", "default is the last one of a switch")
    else:
        finding = Finding("E0126", f"'{view.token}' outside of a switch", "it stands directly in switch ($x) { … }")
    return Mending(finding, skip=colon + 1 if colon else 1)


def _case_value(view: _View) -> Mending | None:
    if view.kind in ("NAME", "RESERVED") and view.next == "COLON":
        return Mending(Finding("E0119", f"'{view.token}' is not in quotes", f'write case "{view.token}":'), ["STRING"], 1)
    colon = view.find("COLON")
    if colon or view.kind == "COLON":
        return Mending(Finding("E0126", "a case takes a number or a string", "write case 1: or case \"x\":"), ["NUMBER"], colon)
    return None


def _bare_word(view: _View) -> Mending | None:
    """A word behind which a bracket should be."""
    word, kind = view.previous, view.kind
    if kind == "ASSIGN":
        return None
    if kind in _OPERANDS and view.follow("LPAR", kind) and view.find("RPAR"):
        return Mending(Finding("E0124", f"missing '(' behind {word}", "add it", behind_previous=True), ["LPAR"])
    value = view.at(-2).type in ("ASSIGN", *_ARITHMETIC)
    hint = f'write {word}(), or "{word}" if it is text' if value else f"write {word}();"
    finding = Finding("E0118", f"bare word '{word}': commands are called with ()", hint, on_previous=True)
    if view.follow("LPAR", "RPAR", kind):
        return Mending(finding, ["LPAR", "RPAR"])
    if view.follow("LPAR", "RPAR", "SEMI", kind) and view.token.line != word.end_line:
        return Mending(finding, ["LPAR", "RPAR", "SEMI"])
    return None


# ----------------------------------------------------------------------------------------------------- conditions
def _condition(view: _View) -> Mending | None:
    kind, token, before = view.kind, view.token, view.before
    condition = view.follow("NOT", "VAR")
    if condition:
        if kind == "RPAR" and before == "LPAR":
            return Mending(Finding("E0142", "an empty condition", "write what is to be tested"), ["NUMBER"])
        if kind == "RPAR" or (kind in ("ANDOP", "OROP") and before in ("LPAR", "ANDOP", "OROP", "NOT")):
            where = "behind" if kind == "RPAR" else "before"
            word = view.previous if kind == "RPAR" else token
            return Mending(Finding("E0142", f"a condition is missing {where} '{word}'"), ["NUMBER"])
        if kind in _LITERALS:
            return _literal_first(view)
    if kind in _COMPARE and before in ("RPAR", "RSQB", "NUMBER", "STRING", "VAR", "IPNET", "NULLV") and not view.accepts(kind):
        return _second_comparison(view)
    if before == "ORDER" and kind == "NULLV":
        hint = f"== NULL and != NULL are all; '{view.previous}' orders strings and numbers"
        return Mending(Finding("E0127", f"NULL cannot stand behind '{view.previous}'", hint), ["NUMBER"], 1)
    if before == "MATCH" and kind == "NUMBER":
        return Mending(Finding("E0127", "a regular expression is a string", f'write "{token}"'), ["STRING"], 1)
    if before in _COMPARE and kind in ("NAME", "RESERVED") and view.next != "LPAR":
        return Mending(Finding("E0119", f"'{token}' is not in quotes", f'write "{token}"'), ["STRING"], 1)
    if before in _COMPARE and kind == "IPNET":
        text = "addresses can only be compared with == and !="
        return Mending(Finding("E0127", text, f'write "{token}" to compare text'), ["STRING"], 1)
    return None


def _literal_first(view: _View) -> Mending:
    """`"x" == $var(a)` and the like."""
    token = view.token
    right = view.at(2)
    what = {"STRING": "a string", "NULLV": "NULL", "IPNET": "an address", "NUMBER": "a number"}[view.kind]
    if view.next in _COMPARE:
        swapped = {"<": ">", ">": "<", "<=": ">=", ">=": "<="}.get(view.at(1), str(view.at(1)))
        text = "the variable stands on the left of a comparison"
        return Mending(Finding("E0127", text, f"write {right} {swapped} {token}"), ["NUMBER"], 3)
    return Mending(Finding("E0127", f"{what} is no condition", "compare a variable with it"), ["NUMBER"], 1)


def _second_comparison(view: _View) -> Mending | None:
    """A comparison whose left side is no variable."""
    kind, before, token = view.next, view.before, view.token
    skip = 2
    if kind in ("MINUS", "PLUS"):
        skip = 3
    elif kind in ("NAME", "ROUTE") and view.at(2).type == "LPAR" and (end := view.find("RPAR")):
        skip = end + 1
    elif kind not in _OPERANDS:
        return None
    if before == "RPAR":
        text, hint = "the result of a call cannot be compared", "test the call alone, or call it before and test $rc"
    elif before == "RSQB":
        text, hint = "the value of [ ] cannot be compared", "assign it to a variable before"
    elif view.at(-2).type in _COMPARE:
        text, hint = "comparisons cannot be chained", "join two of them with &&"
    else:
        text, hint = "the variable stands on the left of a comparison", f"write {view.at(1)} {token} {view.previous}"
    while view.at(skip).type in _COMPARE:
        skip += 2
    return Mending(Finding("E0127", text, hint), skip=skip)


# ------------------------------------------------------------------------------------------------------ operators
_MISWRITTEN = {
    "=<": "<=", "=>": ">=", "<>": "!=", "===": "==", "!==": "!=", "==~": "=~", "~=": "=~", "=!": "!=", "==!": "!=",
    "====": "==", "=~=": "=~", "&&&": "&&", "|||": "||", "+==": "+=",
}  # fmt: skip


def _operator(view: _View) -> Mending | None:
    kind, token, before, previous = view.kind, view.token, view.before, view.previous
    if before in (*_COMPARE, "ASSIGN", "ANDOP", "OROP", "NOT") and kind in (*_COMPARE, "ASSIGN", "BIT", "NOT", "TILDE"):
        joined = f"{previous}{token}"
        meant = _MISWRITTEN.get(joined, "") if view.adjacent else ""
        if meant or (before != "ASSIGN" and view.follow(view.next)):
            hint = f"write {meant}" if meant else "operators are == != < > <= >= =~ !~"
            shown = joined if view.adjacent else f"{previous} {token}"
            return Mending(Finding("E0120", f"'{shown}' is no operator", hint), skip=1)
    if before == "ASSIGN" and kind == "ASSIGN" and view.follow(view.next):
        return Mending(Finding("E0120", f"'{previous} {token}' is no operator", "compare with =="), skip=1)
    if kind == "TILDE" and view.at(1) == "=":
        return Mending(Finding("E0120", "'~=' is no operator", "write =~"), skip=1)
    if kind == "NOT" and view.follow(view.next):
        text = "'!' stands only in conditions"
        return Mending(Finding("E0127", text, "compare instead: ($x == 0)"), skip=1)
    if before == "MINUS" and kind == "VAR" and view.follow("NUMBER", "MINUS", "VAR"):
        text = "a sign stands only before a number"
        return Mending(Finding("E0127", text, f"write 0 - {token}", on_previous=True), ["NUMBER", "MINUS"])
    if kind in ("SEMI", "RPAR", "RSQB", "COMMA", "LBRACE") and before in (*_ARITHMETIC, *_COMPARE, "ASSIGN", "TILDE"):
        for dummy in ("NUMBER", "STRING"):
            if view.follow(dummy, kind):
                text = f"a value is missing behind '{previous}'"
                return Mending(Finding("E0144", text, behind_previous=True), [dummy])
    if kind in _ARITHMETIC and before in ("ASSIGN", *_ARITHMETIC) and view.follow("NUMBER", kind):
        text = f"'{previous}{token}' is no operator" if view.adjacent else f"a value is missing before '{token}'"
        return Mending(Finding("E0144", text), ["NUMBER"])
    return None


# ------------------------------------------------------------------------------------------------------ arguments
def _arguments(view: _View) -> Mending | None:
    kind, token, before, keyword = view.kind, view.token, view.before, view.keyword
    if kind == "COMMA" and view.follow(view.next) and before in ("LPAR", "COMMA"):
        return Mending(Finding("E0128", "nothing before the ','", "remove it"), skip=1)
    if kind == "RPAR" and before in ("LPAR", "COMMA") and keyword:
        for dummy in ("STRING", "NUMBER", "VAR", "NAME"):
            if view.follow(dummy, "RPAR"):
                word = {"XLOG": "xlog", "XDBG": "xdbg", "LOG": "log", "ROUTE": "route"}.get(keyword, "this")
                text = "nothing behind the ','" if before == "COMMA" else f"{word} needs an argument"
                return Mending(Finding("E0128" if before == "COMMA" else "E0145", text), [dummy])
    if before == "NAME" and view.accepts("COLON") and kind in ("COMMA", "RPAR", "SEMI"):
        # a word where the name of an argument could stand
        finding = Finding("E0119", f"'{view.previous}' is not in quotes", f'write "{view.previous}"', on_previous=True)
        return Mending(finding, ["COLON", "STRING"])
    if kind in ("NAME", "RESERVED") and view.accepts("STRING") and view.next in ("COMMA", "RPAR", "SEMI"):
        return Mending(Finding("E0119", f"'{token}' is not in quotes", f'write "{token}"'), ["STRING"], 1)
    if kind == "IPNET" and view.accepts("STRING"):
        return Mending(Finding("E0119", f"{token} is not in quotes", f'write "{token}"'), ["STRING"], 1)
    if kind in ("VAR", "NUMBER", "NULLV") and view.follow("STRING", view.next):
        if keyword in ("XLOG", "XDBG", "LOG", "ERROR"):
            level = kind == "NUMBER" and view.next == "COMMA"
            hint = 'a level is a string: "L_ERR"' if level else f'write {keyword.lower()}("{token}")'
            return Mending(Finding("E0145", f"{keyword.lower()} takes a string, not '{token}'", hint), ["STRING"], 1)
        if kind == "NULLV":
            return Mending(Finding("E0145", "NULL cannot be an argument", "leave the argument out"), ["STRING"], 1)
    if kind in _OPERANDS and before in _OPERANDS and view.follow("COMMA", kind):
        return Mending(Finding("E0128", "missing ','", "arguments are separated by commas", behind_previous=True), ["COMMA"])
    return None


# ---------------------------------------------------------------------------------------- what cannot be mended
_MOVE = "move it out, or is a '}' missing before it?"
_STATEMENTS = frozenset("IF WHILE FOR SWITCH XLOG XDBG LOG EXIT DROP RETURN ASSERT ASYNC LAUNCH VAR".split())


def explain(machine: Machine, i: int) -> Finding:
    """The message for token i that fits nowhere."""
    view = _View(machine, i)
    kind, token, before, previous = view.kind, view.token, view.before, view.previous
    text = str(token)
    if not machine.blocks():
        return _explain_top(view)
    if before == "NAME" and kind == "ASSIGN" and view.at(-2).type in ("SEMI", "LBRACE", "RBRACE", "RPAR", "ELSE"):
        return Finding("E0118", f"'{previous}' is no variable", f"variables begin with $: $var({previous})", on_previous=True)
    if before == "NAME" and view.accepts("LPAR"):
        text = f"bare word '{previous}': commands are called with ()"
        return Finding("E0118", text, f"write {previous}();", on_previous=True)
    if kind == "RESERVED":
        what = "a core parameter: it is set outside of routes" if text in KINDS else "a reserved word"
        return Finding("E0107", f"'{text}' is {what}")
    keyword = view.keyword
    if keyword in ("EXIT", "DROP") or (before == "LPAR" and view.at(-2).type in ("EXIT", "DROP")):
        return Finding("E0145", f"{view.at(-2)} takes no value", "write return(…) to hand a value to the caller")
    if keyword == "RETURN" or before == "RETURN" or view.at(-2).type == "RETURN":
        if kind == "COMMA":
            return Finding("E0145", "several values need brackets", "write return(code, value, …)")
        return Finding("E0145", f"return takes a number or a variable, not {text}", "values of other kinds follow: return(1, …)")
    if keyword in ("XLOG", "LOG") and kind == "COMMA":
        return Finding("E0145", f"{keyword.lower()} takes a level and a text", "adjacent strings are joined")
    if keyword == "SWITCH":
        return Finding("E0145", f"switch takes a variable, not {text}", "write switch ($var(x))")
    if keyword == "FOR":
        return Finding("E0149", "for takes a variable and a list", "write for ($var(x) in $(avp(y)[*]))")
    if keyword in ("IF", "WHILE", "ASSERT") or view.follow("ANDOP", "VAR"):
        if kind in _ARITHMETIC:
            hint = "write [$x + 1], or assign to a variable and compare that"
            return Finding("E0127", f"'{text}' in a condition needs brackets", hint)
        if before in _COMPARE and kind == "NAME":
            return Finding("E0127", "a call cannot stand on the right of a comparison", "assign it to a variable before")
        if kind in ("VAR", "NAME", "NOT", "LPAR") and view.follow("ANDOP", kind):
            return Finding("E0127", f"'&&' or '||' is missing before '{text}'", "conditions are joined by && and ||")
    if keyword == "NAME" and kind in _ARITHMETIC:
        return Finding("E0145", "an expression as an argument needs brackets", "write [$var(x) + 1]")
    if keyword == "NAME" and before == "NAME" and kind == "LPAR":
        return Finding("E0145", "a call as an argument needs brackets", "write [f()], or assign its result to a variable before")
    starts = view.accepts("IF") and view.accepts("SEMI")
    if starts and kind in ("NUMBER", "STRING", "IPNET"):
        return Finding("E0102", f"a statement cannot begin with {text}", "is the statement before it complete?", close=False)
    if starts and kind in _NAMED | _NAMELESS | {"ONREPLY_ROUTE", "LOADMODULE", "MODPARAM"}:
        return Finding("E0148", f"{text} cannot stand inside of a route", _MOVE, close=False)
    if kind == "LSQB" and before == "ROUTE":
        return Finding("E0148", "a route cannot stand inside of a route", _MOVE, on_previous=True, close=False)
    if view.accepts("SEMI") and kind == "STRING":
        return Finding("E0102", f"unexpected string {text[:30]}", "join texts with +")
    return _unexpected(view)


def _explain_top(view: _View) -> Finding:
    kind, token = view.kind, view.token
    text = str(token)
    if view.accepts("LOADMODULE"):
        if kind in _STATEMENTS or (kind == "NAME" and view.next == "LPAR"):
            return Finding("E0117", "statements stand inside of routes", "write route { … } around it")
        if kind in ("NAME", "RESERVED") and text in KINDS:
            return Finding("E0117", f"{text} without '='", f"write {text}=value")
        hint = 'core parameters are written name=value, modules are loaded with loadmodule "x.so"'
        return Finding("E0117", f"'{text}' cannot stand outside of a route", hint)
    return _unexpected(view)


def _unexpected(view: _View) -> Finding:
    text = str(view.token)
    expected = _list(view.machine.expected())
    shown = text if len(text) < 40 else f"{text[:36]}…"
    message = f"unexpected {shown}" if view.kind == "STRING" else f"unexpected '{shown}'"
    return Finding("E0102", message, f"expected {expected}" if expected else "")


_SHOWN = {
    "SEMI": "';'", "LPAR": "'('", "RPAR": "')'", "LBRACE": "'{'", "RBRACE": "'}'", "LSQB": "'['", "RSQB": "']'",
    "COMMA": "','", "COLON": "':'", "STRING": "a string", "NUMBER": "a number", "VAR": "a variable", "NAME": "a name",
    "ASSIGN": "'='", "CASE": "'case'", "IN": "'in'", "NULLV": "NULL", "EQUAL": "an operator", "ANDOP": "'&&'",
}  # fmt: skip


def _list(expected: set[str]) -> str:
    shown = [_SHOWN[name] for name in _SHOWN if name in expected]
    if not shown or len(shown) > 6:
        return ""
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} or {shown[-1]}"
