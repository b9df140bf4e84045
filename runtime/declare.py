"""How everything a script can name is declared, once, by the module that owns it.

A stdlib module makes one `Module` and hangs its functions, variables, transformations, parameters, statistics, MI
commands and events on it.  The checker, the emitter, `sipc explain`, the MI and the runtime read these declarations;
nothing else in the tree lists names.

    module = Module("maxfwd", "Max-Forwards processing, RFC 3261 section 16.3.")

    @module.function(routes=Routes.REQUEST)
    def mf_process_maxfwd_header(msg: SipMessage, max_value: int) -> int: ...

Parameter kinds are read from the annotations of the Python function:

    int         INT: a number or a variable with an integer value
    str         STR: a string (a format when it holds `$`) or a variable
    Static      a literal string, neither a variable nor a format
    Raw         a string that is not expanded (NO_EXPAND), or a variable
    Pattern     REGEX: an extended regular expression, compiled when literal (see runtime.regex)
    Var         a writable variable, passed as a reference with get() and set()
    ReadVar     any variable, passed as a reference
    *Route      FailureRoute, BranchRoute, ReplyRoute, RequestRoute: a route by name; the function receives the
                callable itself, so that what is armed stays on the generation that armed it

A default makes a parameter optional (OpenSIPS: OPT); a missing one is passed as the default.  `Annotated[str,
Check(f)]` lets `f(value)` refuse a literal at compile time by raising ValueError.

What the return annotation tells the emitter:

    bool        true or false; never ends the script
    int         OpenSIPS's own code: > 0 true, < 0 false, 0 ends the script
    None        always true (1)
"""

from __future__ import annotations

import enum
import inspect
import re
import typing
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

from runtime import statistics

if TYPE_CHECKING:
    from runtime.sip.message import SipMessage

__all__ = [
    "ALL",
    "NO_VALUE",
    "BranchRoute",
    "Check",
    "Command",
    "Constant",
    "Event",
    "FailureRoute",
    "Function",
    "Module",
    "NoValue",
    "Param",
    "ParamKind",
    "Parameter",
    "Pattern",
    "Raw",
    "ReadVar",
    "Ref",
    "ReplyRoute",
    "RequestRoute",
    "RouteCallable",
    "Routes",
    "Static",
    "Statistic",
    "StrInt",
    "Transformation",
    "Value",
    "ValueType",
    "Var",
    "Variable",
]  # fmt: skip

F = TypeVar("F", bound=Callable[..., Any])


class Routes(enum.IntFlag):
    """Kinds of route a function may stand in, with OpenSIPS's own bit values."""

    REQUEST = 1
    FAILURE = 2
    ONREPLY = 4
    BRANCH = 8
    ERROR = 16
    LOCAL = 32
    STARTUP = 64
    TIMER = 128
    EVENT = 256
    ANY = 511


# ---------------------------------------------------------------------------------------------------- script values
class StrInt(str):
    """A string with an integer shadow (`$rp` when explicit, `$return(1)` of a literal): string-typed, counts as int."""

    __slots__ = ("num",)
    num: int

    def __new__(cls, text: str, num: int) -> StrInt:
        self = super().__new__(cls, text)
        self.num = num
        return self


Value = int | str | None
"""What a script value is: int (32 bit signed), str (one character per byte, latin-1), None (NULL), or a StrInt."""


class NoValue(enum.Enum):
    """The outcome of an expression that failed: assignments of it do nothing and count as false."""

    NO_VALUE = "no value"

    def __bool__(self) -> bool:
        return False


NO_VALUE = NoValue.NO_VALUE


class _All(enum.Enum):
    ALL = "*"


ALL: Literal[_All.ALL] = _All.ALL
"""The index `[*]`."""

ValueType = Literal["str", "int", "strint", "any"]


# ------------------------------------------------------------------------------------------------ parameter kinds
class ParamKind(enum.Enum):
    INT = "int"
    STR = "str"
    STATIC = "static"
    RAW = "raw"
    REGEX = "regex"
    VAR = "var"
    READ_VAR = "read_var"
    ROUTE = "route"


class Ref:
    """A variable passed by reference to a function (kinds VAR and READ_VAR)."""

    __slots__ = ("index", "name", "operator", "variable")

    def __init__(self, variable: Variable, name: Any = None, index: Any = None) -> None:
        self.variable = variable
        self.name = name
        self.index = index

    def _arguments(self) -> list[Any]:
        found: list[Any] = []
        if self.variable.named != "no":
            found.append(self.name)
        if self.variable.indexed:
            found.append(self.index)
        return found

    def get(self, msg: SipMessage) -> Value:
        """The value, or None for NULL."""
        return typing.cast(Value, self.variable.get(msg, *self._arguments()))

    def set(self, msg: SipMessage, value: Value, operator: str = "=") -> bool:
        """Assign as the script would (`operator` is "=" or ":="); False when the variable refuses the value."""
        if self.variable.set is None:
            return False
        return bool(self.variable.set(msg, value, *self._arguments(), *([operator] if self.variable.operator else [])))

    @property
    def label(self) -> str:
        """How the script spells it, for messages: `$avp(x)`."""
        return f"${self.variable.name}({self.name})" if self.name is not None else f"${self.variable.name}"


@dataclass(frozen=True, slots=True)
class _Kind:
    kind: ParamKind
    route: str = ""


@dataclass(frozen=True, slots=True)
class Check:
    """Refuses a literal argument at compile time: `test(value)` raises ValueError with the text to show."""

    test: Callable[[Any], object]


@dataclass(frozen=True, slots=True)
class Constant:
    """A transformation's argument that OpenSIPS takes only as written, never from a variable."""


RouteCallable = Callable[..., Any]
Static = Annotated[str, _Kind(ParamKind.STATIC)]
Raw = Annotated[str, _Kind(ParamKind.RAW)]
Pattern = Annotated[re.Pattern[str], _Kind(ParamKind.REGEX)]
Var = Annotated[Ref, _Kind(ParamKind.VAR)]
ReadVar = Annotated[Ref, _Kind(ParamKind.READ_VAR)]
RequestRoute = Annotated[RouteCallable, _Kind(ParamKind.ROUTE, "route")]
FailureRoute = Annotated[RouteCallable, _Kind(ParamKind.ROUTE, "failure_route")]
BranchRoute = Annotated[RouteCallable, _Kind(ParamKind.ROUTE, "branch_route")]
ReplyRoute = Annotated[RouteCallable, _Kind(ParamKind.ROUTE, "onreply_route")]


@dataclass(frozen=True, slots=True)
class Param:
    """One parameter of a script function."""

    name: str
    kind: ParamKind
    optional: bool = False
    default: Any = None
    route: str = ""
    check: Callable[[Any], object] | None = None
    constant: bool = False
    """Takes no variable."""


# --------------------------------------------------------------------------------------------------- declarations
@dataclass(frozen=True, slots=True)
class Function:
    """A function a script may call.  `call(msg, *arguments)`; a coroutine function when `suspends`."""

    module: str
    name: str
    call: Callable[..., Any]
    params: tuple[Param, ...]
    routes: Routes
    returns: Literal["bool", "int", "none"]
    suspends: bool
    is_async: bool
    """May stand in async() and launch()."""
    doc: str
    since: str = ""
    instead: str = ""
    """What to write now, for functions kept from older dialects; shown as a note."""


@dataclass(frozen=True, slots=True)
class Variable:
    """A `$variable`.

    `get(msg[, name][, index])` and `set(msg, value[, name][, index][, operator]) -> bool`: name only if `named` is not
    "no", index only if `indexed`, operator (":=" or "=") only if `operator`.  The generated code reads
    `msg.<attribute>` (a property when there is neither name nor index, else a method) and writes `msg.set_<attribute>`.
    """

    module: str
    name: str
    """Canonical spelling, e.g. `ru`."""
    aliases: tuple[str, ...]
    attribute: str
    get: Callable[..., Any]
    set: Callable[..., Any] | None
    type: ValueType
    null: bool
    """May be NULL."""
    named: Literal["no", "yes", "optional"]
    indexed: bool
    index_words: tuple[str, ...]
    operator: bool
    dynamic_name: bool
    """The name may itself be a variable: `$hdr($var(n))`."""
    check_name: Callable[[str], object] | None
    doc: str
    static: str = ""
    """Known to the emitter: "cfg_line", "cfg_file", "route", "rc", "param", "return", "var", "avp"; else ""."""


@dataclass(frozen=True, slots=True)
class Transformation:
    """A transformation `{class.name,args}`: `call(msg, value, *arguments) -> Value`; None input never reaches it."""

    module: str
    cls: str
    name: str
    aliases: tuple[str, ...]
    call: Callable[..., Any]
    params: tuple[Param, ...]
    type: ValueType
    needs_message: bool
    pure: bool
    """Same input, same result: constants fold."""
    prefix_match: bool
    doc: str


@dataclass(slots=True)
class Parameter:
    """A modparam or core parameter: declared once, set from the script, read as `.value` at run time."""

    module: str
    name: str
    types: tuple[type, ...]
    default: Any
    unit: str
    hot: Literal["now", "new objects", "restart"]
    doc: str
    repeat: bool = False
    """Each modparam line appends: value is a list."""
    check: Callable[[Any], Any] | None = None
    """Turns the raw value into the one kept; raises ValueError with the text to show."""
    aliases: tuple[str, ...] = ()
    note: str = ""
    value: Any = None

    def reset(self) -> None:
        self.value = list(self.default or ()) if self.repeat else self.default

    def apply(self, raw: Any) -> None:
        """Set from the script's literal; ValueError when it does not fit."""
        value = self.check(raw) if self.check else raw
        if self.repeat:
            self.value.append(value)
        else:
            self.value = value


@dataclass(frozen=True, slots=True)
class Event:
    module: str
    name: str
    params: tuple[str, ...]
    doc: str


@dataclass(frozen=True, slots=True)
class Command:
    """An MI command `module:name`; `call(**params)` returns JSON data, None for "OK", or raises runtime.mi.MiError."""

    module: str
    name: str
    alias: tuple[str, ...]
    call: Callable[..., Any]
    recipes: tuple[tuple[str, ...], ...]
    types: dict[str, type]
    named_only: bool
    where: Literal["supervisor", "worker", "every"]
    """supervisor: once there; worker: any one worker; every: each worker, results joined by `merge`."""
    merge: Callable[[list[Any]], Any] | None
    doc: str


@dataclass(slots=True)
class Statistic:
    """A counter (one slot a worker in shared memory, see runtime.statistics) or, with `read`, a computed gauge."""

    module: str
    name: str
    kind: Literal["incremental", "non-incremental"]
    doc: str
    read: Callable[[], int] | None = None
    slot: int = -1

    def inc(self, step: int = 1) -> None:
        statistics.counts[self.slot] += step


_ROUTE_MASK = Routes.ANY


class Module:
    """The declarations of one script module and its life-cycle hooks."""

    registry: typing.ClassVar[dict[str, Module]] = {}

    def __init__(self, name: str, doc: str, *, requires: tuple[str, ...] = (), after: tuple[str, ...] = ()) -> None:
        self.name = name
        self.doc = doc
        self.requires = requires
        self.after = after
        self.functions: dict[str, Function] = {}
        self.variables: dict[str, Variable] = {}
        self.transformations: dict[tuple[str, str], Transformation] = {}
        self.parameters: dict[str, Parameter] = {}
        self.statistics: dict[str, Statistic] = {}
        self.commands: dict[str, Command] = {}
        self.events: dict[str, Event] = {}
        self.on_init: list[Callable[[], None]] = []
        """Run once in the supervisor after the parameters are set; ValueError refuses to start."""
        self.on_worker: list[Callable[[], None]] = []
        """Run in each worker before traffic, with the loop running and runtime.core filled in."""
        self.on_exit: list[Callable[[], None]] = []
        self.management: list[Callable[[Any], Any]] = []
        """Made with the supervisor when the module is loaded: transports of management."""
        Module.registry[name] = self

    def init(self, hook: Callable[[], None]) -> Callable[[], None]:
        self.on_init.append(hook)
        return hook

    def worker(self, hook: Callable[[], None]) -> Callable[[], None]:
        self.on_worker.append(hook)
        return hook

    def exit(self, hook: Callable[[], None]) -> Callable[[], None]:
        self.on_exit.append(hook)
        return hook

    def function(
        self, name: str = "", *, routes: Routes = Routes.ANY, is_async: bool = False, since: str = "", instead: str = ""
    ) -> Callable[[F], F]:
        def declare(call: F) -> F:
            params, returns = _read_signature(call)
            suspends = inspect.iscoroutinefunction(call)
            self.functions[name or call.__name__] = Function(
                self.name, name or call.__name__, call, params, routes, returns, suspends, is_async or suspends,
                inspect.getdoc(call) or "", since, instead,
            )  # fmt: skip
            return call

        return declare

    def variable(
        self,
        name: str,
        *aliases: str,
        type: ValueType = "str",
        null: bool = True,
        named: Literal["no", "yes", "optional"] = "no",
        indexed: bool = False,
        index_words: tuple[str, ...] = (),
        operator: bool = False,
        dynamic_name: bool = False,
        check_name: Callable[[str], object] | None = None,
        set: Callable[..., Any] | None = None,
        attribute: str = "",
        static: str = "",
    ) -> Callable[[F], F]:
        """Declare a variable by its getter; the getter's docstring is the documentation."""

        def declare(get: F) -> F:
            variable = Variable(
                self.name, name, aliases, attribute or get.__name__, get, set, type, null, named, indexed, index_words,
                operator, dynamic_name, check_name, inspect.getdoc(get) or "", static,
            )  # fmt: skip
            for spelling in (name, *aliases):
                self.variables[spelling] = variable
            if not static:
                _install(variable)
            return get

        return declare

    def transformation(
        self,
        cls: str,
        name: str,
        *aliases: str,
        type: ValueType = "str",
        needs_message: bool = False,
        pure: bool = True,
        prefix_match: bool = False,
    ) -> Callable[[F], F]:
        """Declare `{cls.name,…}`; the function is `f(value: str, *args)` (or `f(msg, value, *args)` if needs_message)."""

        def declare(call: F) -> F:
            params, _ = _read_signature(call, skip=2 if needs_message else 1)
            made = Transformation(
                self.name, cls, name, aliases, call, params, type, needs_message, pure and not needs_message,
                prefix_match, inspect.getdoc(call) or "",
            )  # fmt: skip
            for spelling in (name, *aliases):
                self.transformations[(cls, spelling)] = made
            return call

        return declare

    def parameter(
        self,
        name: str,
        types: type | tuple[type, ...],
        default: Any = None,
        doc: str = "",
        *,
        unit: str = "",
        hot: Literal["now", "new objects", "restart"] = "restart",
        repeat: bool = False,
        check: Callable[[Any], Any] | None = None,
        aliases: tuple[str, ...] = (),
        note: str = "",
    ) -> Parameter:
        made = Parameter(
            self.name, name, types if isinstance(types, tuple) else (types,), default, unit, hot, doc, repeat, check,
            aliases, note,
        )  # fmt: skip
        made.reset()
        for spelling in (name, *aliases):
            self.parameters[spelling] = made
        return made

    def statistic(
        self,
        name: str,
        doc: str = "",
        *,
        kind: Literal["incremental", "non-incremental"] = "incremental",
        read: Callable[[], int] | None = None,
    ) -> Statistic:
        from runtime import statistics

        made = Statistic(self.name, name, "non-incremental" if read else kind, doc, read)
        made.slot = statistics.allot(made)
        self.statistics[name] = made
        return made

    def command(
        self,
        name: str,
        *alias: str,
        recipes: tuple[tuple[str, ...], ...] | None = None,
        named_only: bool = False,
        where: Literal["supervisor", "worker", "every"] = "worker",
        merge: Callable[[list[Any]], Any] | None = None,
    ) -> Callable[[F], F]:
        """Declare an MI command; without `recipes` they follow from the optional parameters."""

        def declare(call: F) -> F:
            hints = typing.get_type_hints(call)
            names = list(inspect.signature(call).parameters.values())
            ways = recipes
            if ways is None:
                needed = [p.name for p in names if p.default is p.empty]
                ways = tuple(tuple(p.name for p in names[:n]) for n in range(len(needed), len(names) + 1))
            self.commands[name] = Command(
                self.name, name, alias, call, ways, {p.name: _plain(hints.get(p.name, str)) for p in names}, named_only,
                where, merge, inspect.getdoc(call) or "",
            )  # fmt: skip
            return call

        return declare

    def event(self, name: str, *params: str, doc: str = "") -> Event:
        made = Event(self.name, name, params, doc)
        self.events[name] = made
        return made


def _plain(hint: Any) -> type:
    """`int` for `int | None`, `list` for `list[str]`."""
    if typing.get_origin(hint) in (list, dict):
        return typing.cast(type, typing.get_origin(hint))
    for choice in typing.get_args(hint) or (hint,):
        origin = typing.get_origin(choice) or choice
        if origin in (int, str, list, dict, bool):
            return typing.cast(type, origin)
    return str


_PLAIN_KINDS: dict[Any, ParamKind] = {
    int: ParamKind.INT, str: ParamKind.STR, re.Pattern[str]: ParamKind.REGEX, Ref: ParamKind.VAR,
}  # fmt: skip


def _read_signature(call: Callable[..., Any], skip: int = 1) -> tuple[tuple[Param, ...], Literal["bool", "int", "none"]]:
    hints = typing.get_type_hints(call, globalns=_globals_of(call), include_extras=True)
    params: list[Param] = []
    for parameter in list(inspect.signature(call).parameters.values())[skip:]:
        params.append(_param(parameter, hints[parameter.name]))
    result = hints.get("return")
    returns: Literal["bool", "int", "none"] = "bool" if result is bool else "int" if result is int else "none"
    return tuple(params), returns


def _globals_of(call: Callable[..., Any]) -> dict[str, Any]:
    names = dict(getattr(call, "__globals__", {}))
    if "SipMessage" not in names:  # imported for type checkers only
        names["SipMessage"] = object
    return names


def _param(parameter: inspect.Parameter, hint: Any) -> Param:
    optional = parameter.default is not parameter.empty
    kind, route, check, constant = None, "", None, False
    for choice in [hint, *typing.get_args(hint)] if typing.get_origin(hint) is not Annotated else [hint]:
        plain = choice
        if typing.get_origin(choice) is Annotated:
            plain, *marks = typing.get_args(choice)
            for mark in marks:
                if isinstance(mark, _Kind):
                    kind, route = mark.kind, mark.route
                elif isinstance(mark, Check):
                    check = mark.test
                elif isinstance(mark, Constant):
                    constant = True
        if kind is None:
            kind = _PLAIN_KINDS.get(plain)
        if kind is not None:
            break
    if kind is None:
        raise TypeError(f"parameter {parameter.name}: no script parameter kind for {hint!r}")
    return Param(parameter.name, kind, optional, parameter.default if optional else None, route, check, constant)


def _install(variable: Variable) -> None:
    """Give SipMessage the attribute by which generated code reads and writes this variable."""
    from runtime.sip.message import SipMessage

    attribute = variable.attribute
    if hasattr(SipMessage, attribute):
        raise TypeError(f"${variable.name}: SipMessage already has an attribute {attribute!r}")
    setter = variable.set
    if variable.named == "no" and not variable.indexed:
        setattr(SipMessage, attribute, property(variable.get, setter))
    else:
        setattr(SipMessage, attribute, variable.get)
    if setter is not None:
        setattr(SipMessage, f"set_{attribute}", setter)
