"""The syntax tree of a script: what the parser makes and the checker and emitter read.

Every node carries its `span` in the author's files (through includes and templates).  Text is one character per byte.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, NamedTuple

__all__ = [
    "ArgumentNode", "Assert", "Assign", "AsyncCall", "Binary", "Break", "Call", "Case", "Compare", "Complement",
    "Condition", "ConditionBlock", "Drop", "Exit", "Expression", "ForEach", "Format", "GlobalParam", "If", "Item",
    "Brackets", "Empty", "Error", "Launch", "LoadModule",
    "Log", "Logical", "ModParam", "Name", "Named", "Node", "Not", "Null", "Number", "Pattern",
    "Return", "Route", "RouteCall", "Script", "Span", "Statement", "String", "Subnet", "Switch", "Transformation",
    "Variable", "While", "Xlog",
]  # fmt: skip


class Span(NamedTuple):
    """A stretch of the author's text: 1-based lines and columns; end_col is one past the last character."""

    file: str
    line: int
    col: int
    end_line: int
    end_col: int


@dataclass(slots=True, kw_only=True)
class Node:
    span: Span


# ------------------------------------------------------------------------------------------------------- operands
@dataclass(slots=True)
class Number(Node):
    """A literal integer, already wrapped to 32 bit signed; `text` as written (`0x1f`, `yes`)."""

    value: int
    text: str = ""


@dataclass(slots=True)
class String(Node):
    """A literal string, escapes resolved.  `quote` is the delimiter."""

    value: str
    quote: str = '"'


@dataclass(slots=True)
class Null(Node):
    pass


@dataclass(slots=True)
class Name(Node):
    """A bare word: route names, flags of older dialects."""

    value: str


@dataclass(slots=True)
class Transformation(Node):
    """`{cls.name,arguments}`; an argument is Number, String (literal text) or Variable."""

    cls: str
    name: str
    arguments: list[Number | String | Variable]
    raw: str = ""
    """Everything after `cls.name,` as written, for transformations that parse it themselves (re.subst, s.fill)."""


@dataclass(slots=True)
class Variable(Node):
    """`$name`, `$name(inner)`, `$(<ctx>name(inner)[index]{…})`.

    `inner` is the text between the parentheses, or a Variable when it is one; `index` an int, "*", a word
    ("append") or a Variable; `context` is "", "request" or "reply".  `$$` is a Variable named "$".
    """

    name: str
    inner: str | Variable | None = None
    index: int | str | Variable | None = None
    context: str = ""
    transformations: list[Transformation] = field(default_factory=list)
    text: str = ""
    """As written."""


@dataclass(slots=True)
class Format(Node):
    """A string with variables in it, in order: text and Variable parts alternate as they stand."""

    parts: list[str | Variable]
    text: str = ""


@dataclass(slots=True)
class Pattern(Node):
    """A literal regular expression (right side of =~ and !~)."""

    value: str


@dataclass(slots=True)
class Subnet(Node):
    """An IP or network literal on the right side of == and != (`10.0.0.0/8`)."""

    value: str


# ---------------------------------------------------------------------------------------------------- expressions
@dataclass(slots=True)
class Binary(Node):
    """`left op right` with op one of + - * / % & | ^ << >>."""

    op: str
    left: Expression
    right: Expression


@dataclass(slots=True)
class Complement(Node):
    """`~ operand`."""

    operand: Expression


@dataclass(slots=True)
class Compare(Node):
    """`variable op operand`, an element both of conditions and of expressions; op one of == != < > <= >= =~ !~.

    With =~ and !~ a literal right side is a Pattern.  Left is a Variable in every 3.x+ script.
    """

    op: str
    left: Variable
    right: Variable | String | Number | Null | Subnet | Pattern


@dataclass(slots=True)
class Named(Node):
    """`name: value` as an argument.  The checker puts the value where the parameter of that name stands."""

    name: str
    value: String | Number | Variable | Brackets


@dataclass(slots=True)
class Call(Node):
    """A function call; `arguments[i]` is None where the script left it out (`f(,1)`)."""

    name: str
    arguments: list[ArgumentNode | None]


@dataclass(slots=True)
class RouteCall(Node):
    """`route(target, arguments)`; a String target holding `$` is a Format."""

    target: Name | Number | String | Format | Variable
    arguments: list[String | Number | Variable | Null]


# ----------------------------------------------------------------------------------------------------- conditions
@dataclass(slots=True)
class Logical(Node):
    """`left and right` or `left or right`, equal precedence, left associative."""

    op: Literal["and", "or"]
    left: Condition
    right: Condition


@dataclass(slots=True)
class Not(Node):
    operand: Condition


@dataclass(slots=True)
class Brackets(Node):
    """`[ expression ]` as a condition or as an argument."""

    expression: Expression


@dataclass(slots=True)
class ConditionBlock(Node):
    """`{ statements }` or an `if` standing as a condition."""

    body: list[Statement]


# ----------------------------------------------------------------------------------------------------- statements
@dataclass(slots=True)
class Assign(Node):
    """`target op value`; op one of = := += -= *= /= %= &= |= ^=.  Also an element of conditions."""

    target: Variable
    op: str
    value: Expression | Null


@dataclass(slots=True)
class Xlog(Node):
    """`xlog([level,] format)`, and `xdbg(format)` with name "xdbg".  `level` is None when not given."""

    name: str
    level: String | None
    format: Format


@dataclass(slots=True)
class Log(Node):
    """`log([n,] "text")`: plain text."""

    level: int | None
    text: String


@dataclass(slots=True)
class Error(Node):
    """`error("a", "b")`: logs that it is not implemented, as OpenSIPS does."""

    first: String
    second: String


@dataclass(slots=True)
class If(Node):
    condition: Condition
    then: list[Statement]
    otherwise: list[Statement] | None = None


@dataclass(slots=True)
class While(Node):
    condition: Condition
    body: list[Statement]


@dataclass(slots=True)
class ForEach(Node):
    """`for (target in source[*])`."""

    target: Variable
    source: Variable
    body: list[Statement]


@dataclass(slots=True)
class Case(Node):
    """One `case value:`, or `default:` with value None; falls through into the next one."""

    value: Number | String | None
    body: list[Statement]


@dataclass(slots=True)
class Switch(Node):
    subject: Variable
    cases: list[Case]


@dataclass(slots=True)
class Break(Node):
    pass


@dataclass(slots=True)
class Exit(Node):
    pass


@dataclass(slots=True)
class Drop(Node):
    pass


@dataclass(slots=True)
class Return(Node):
    """`return`, `return(code)`, `return(code, values…)`; `code` None means 1."""

    code: Number | Variable | None
    values: list[Variable | Number | String | Null]


@dataclass(slots=True)
class Assert(Node):
    condition: Condition
    text: String | None


@dataclass(slots=True)
class AsyncCall(Node):
    """`async(call, resume[, timeout])`."""

    call: Call
    resume: Name | Number | String
    timeout: int | None


@dataclass(slots=True)
class Launch(Node):
    """`launch(call[, report[, "format"]])`."""

    call: Call
    report: Name | Number | String | None
    parameter: Format | None


@dataclass(slots=True)
class Empty(Node):
    """A lone `;`."""


Expression = Binary | Complement | Compare | Call | RouteCall | Number | String | Variable
ArgumentNode = String | Number | Variable | Name | Brackets | Named
Statement = (
    Assign | Call | RouteCall | Xlog | Log | Error | If | While | ForEach | Switch | Break | Exit | Drop | Return | Assert
    | AsyncCall | Launch | Empty
)  # fmt: skip
Condition = Logical | Not | Brackets | ConditionBlock | Compare | Variable | Number | Statement


# ------------------------------------------------------------------------------------------------------ file level
@dataclass(slots=True)
class GlobalParam(Node):
    """`name = value`.  `value` is int, str or, for socket, alias, dst_blacklist and profiles, a value of settings.py."""

    name: str
    value: object
    value_span: Span | None = None


@dataclass(slots=True)
class LoadModule(Node):
    """`loadmodule "tm.so"`: `name` is the module name without path and suffix."""

    path: str
    name: str


@dataclass(slots=True)
class ModParam(Node):
    """`modparam("mods", "name", value)`; `modules` is an anchored, case-insensitive regex over loaded module names."""

    modules: str
    name: str
    value: str | int


RouteKind = Literal[
    "route", "failure_route", "onreply_route", "branch_route", "error_route", "local_route", "startup_route",
    "timer_route", "event_route",
]  # fmt: skip


@dataclass(slots=True)
class Route(Node):
    """A route block.  `name` "" is the default one (`route {…}`, `route[0]`, `onreply_route {…}`)."""

    kind: RouteKind
    name: str
    body: list[Statement]
    interval: int = 0
    """Seconds, for timer_route."""
    head: Span | None = None
    """`route[name]`, for messages."""


Item = GlobalParam | LoadModule | ModParam | Route


@dataclass(slots=True)
class Script:
    """A whole script: items in file order."""

    items: list[Item]
    files: dict[str, str]
    """Source text of every file that took part, by the name used in spans (for excerpts and linecache)."""

    @property
    def routes(self) -> list[Route]:
        return [item for item in self.items if isinstance(item, Route)]
