"""How routes run: registration, calls, leaving early and top routes."""

from __future__ import annotations

import inspect
import sys
import traceback
import types
from collections.abc import Callable, Coroutine, Generator, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from runtime import counters, log
from runtime.core import core
from runtime.declare import NO_VALUE, Module, NoValue, ParamKind, Ref, Routes, StrInt, Value
from runtime.script import operators

if TYPE_CHECKING:
    from runtime.sip.message import SipMessage

__all__ = [
    "Drop", "Exit", "Outcome", "Rounds", "StrInt", "VarStore", "assertion_failed", "assign", "assign_var", "branch_route",
    "call_named", "code_of", "compound", "error_route", "event_route", "failure_route", "forget_returned", "invoke",
    "is_case", "items", "joined", "keep", "local_route", "nested", "not_a_list", "onreply_route", "param",
    "plain", "read_in", "ref", "request_route", "return_code", "returned", "route", "route_named", "route_of",
    "route_place", "route_stack", "run_error_route", "run_route", "startup_route", "stop", "timer_route",
    "transform", "transform_in", "true", "var",
]  # fmt: skip

logger = log.engine("core")


class Exit(BaseException):
    """`exit`, `return(0)`: the top route ends here."""


class Drop(Exit):
    """`drop`: the top route ends and what it worked on is dropped."""


class VarStore:
    """`$var`: values of this process that outlive messages and scripts.  `var.x` is None until it is set."""

    def __getattr__(self, name: str) -> Value:
        return None

    def __getitem__(self, name: str) -> Value:
        return self.__dict__.get(name)

    def __setitem__(self, name: str, value: Value) -> None:
        self.__dict__[name] = value

    if TYPE_CHECKING:  # generated code sets var.anything

        def __setattr__(self, name: str, value: Any) -> None: ...


var = VarStore()


def give_back(shared: dict[str, Value], mine: dict[str, Value], base: dict[str, Value]) -> None:
    """Make the process's values current again, with what an execution of its own has changed since `base`."""
    var.__dict__ = shared
    for name, value in mine.items():
        if name not in base or base[name] is not value:
            shared[name] = value


@types.coroutine
def _own_vars(coroutine: Coroutine[Any, Any, Any], mine: dict[str, Value] | None = None) -> Generator[Any, Any, Any]:
    """Drive a suspended route.  From its first suspension on it has its own `$var` values; others never see them change
    under their hands.  What it changed counts for the whole process when it ends.  `mine`: values it begins with."""
    base = dict(mine) if mine is not None else {}
    step: Callable[[Any], Any] = coroutine.send
    argument: Any = None
    while True:
        shared = var.__dict__
        if mine is not None:
            var.__dict__ = mine
        try:
            waiting = step(argument)
        except StopIteration as done:
            if mine is not None:
                give_back(shared, mine, base)
            return done.value
        except BaseException:
            if mine is not None:
                give_back(shared, mine, base)
            raise
        if mine is None:
            mine, base = dict(shared), dict(shared)
        var.__dict__ = shared
        try:
            argument = yield waiting
            step = coroutine.send
        except BaseException as error:
            step, argument = coroutine.throw, error


# -------------------------------------------------------------------------------------------------------- registration
def _register(kind: str) -> Callable[..., Any]:
    def named(name: str = "", interval: int = 0) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
            function.__route__ = (kind, name, interval)  # type: ignore[attr-defined]
            return function

        return decorate

    named.__name__ = kind
    named.__doc__ = f"Marks a function of generated code as `{kind}[name]`."
    return named


route = _register("route")
failure_route = _register("failure_route")
branch_route = _register("branch_route")
onreply_route = _register("onreply_route")
timer_route = _register("timer_route")
event_route = _register("event_route")


def _register_single(kind: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        function.__route__ = (kind, "", 0)  # type: ignore[attr-defined]
        return function

    decorate.__name__ = kind
    decorate.__doc__ = f"Marks a function of generated code as `{kind}`."
    return decorate


request_route = _register_single("request_route")
error_route = _register_single("error_route")
local_route = _register_single("local_route")
startup_route = _register_single("startup_route")


# ------------------------------------------------------------------------------------------------------ inside of routes
def true(code: int) -> bool:
    """The truth of a function's code; 0 ends the script."""
    if code == 0:
        raise Exit
    return code > 0


def stop(code: int) -> int:
    """Pass a code on; 0 ends the script."""
    if code == 0:
        raise Exit
    return code


def code_of(result: bool | int | None) -> int:
    """What a function returned as an OpenSIPS code: True and None are 1, False is -1."""
    if result is True or result is None:
        return 1
    if result is False:
        return -1
    return result


def invoke(function: Callable[..., Any], msg: SipMessage, *arguments: Any) -> Any:
    """Call a script function with arguments whose types are known only now.

    When one does not fit its declaration the function is not called and the outcome is false, as in OpenSIPS; the error
    line names the script line, the parameter and the value.
    """
    declared = _declaration(function)
    ready: list[Any] = []
    for parameter, value in zip(declared.params, arguments, strict=False):
        kind = parameter.kind
        wanted = ""
        if value is None or value is NO_VALUE:
            if value is NO_VALUE or not parameter.optional:
                wanted = "an integer" if kind is ParamKind.INT else "a string"
            value = parameter.default
        elif kind is ParamKind.INT and isinstance(value, str):
            if isinstance(value, StrInt):
                value = value.num
            else:
                wanted = f"an integer and not {value!r}"
        elif kind in (ParamKind.STR, ParamKind.RAW) and isinstance(value, int):
            value = str(value)
        elif kind is ParamKind.REGEX and isinstance(value, (str, int)):
            from runtime import regex

            try:
                value = regex.compile(str(value), newline=True)
            except ValueError as error:
                wanted = f"a regular expression and not {value!r}: {error}"
        if wanted:
            number = len(ready) + 1
            log.script_error(f"{declared.name}: parameter {number} ({parameter.name}) takes {wanted}; it is not called")
            return False if declared.returns != "int" else -1
        ready.append(value)
    return function(msg, *ready)


_declarations: dict[Callable[..., Any], Any] = {}


def _declaration(function: Callable[..., Any]) -> Any:
    found = _declarations.get(function)
    if found is None:
        for module in Module.registry.values():
            for declared in module.functions.values():
                _declarations[declared.call] = declared
        found = _declarations[function]
    return found


def assign(setter: Callable[..., Any], value: Value | NoValue, *more: Any) -> bool:
    """Set a variable; False (and nothing changed) when there is no value or the variable refuses it."""
    if value is NO_VALUE:
        log.script_warning("no value in right expression")
        return False
    return setter(value, *more) is not False


def assign_var(name: str, value: Value | NoValue) -> bool:
    """`$var(name) = value`."""
    if value is NO_VALUE:
        log.script_warning("no value in right expression")
        return False
    var.__dict__[name] = str(value) if isinstance(value, StrInt) else value
    return True


def compound(left: Value, operator: str, right: Value | NoValue) -> Value | NoValue:
    """`left op= right`: both integers, or both texts and `+=`."""
    if right is NO_VALUE:
        return NO_VALUE
    if left is None or right is None:
        log.script_error(f"NULL operand of '{operator}='")
        return NO_VALUE
    left_int, right_int = operators.as_int(left), operators.as_int(right)
    if left_int is not None and right_int is not None:
        if operator in "/%" and right_int == 0:
            log.script_error("divide by 0")
            return NO_VALUE
        return operators._calculate(left_int, right_int, operator)
    if isinstance(left, str) and isinstance(right, str) and operator == "+":
        return str.__add__(left, right)
    log.script_error(f"unsupported operand type(s) for {operator}=: {type(left).__name__} and {type(right).__name__}")
    return NO_VALUE


def items(read: Callable[[int], Value]) -> Iterator[Value]:
    """The values of `$(x[*])` for a loop: index 0, 1, 2… until NULL, read as the loop goes."""
    index = 0
    while (value := read(index)) is not None:
        yield value
        index += 1


def param(params: Any, key: Any) -> Value:
    """`$param(key)`: an argument of the route by number (1 the first), or an event attribute by name."""
    if isinstance(params, dict):
        if key in params:
            return params[key]  # type: ignore[no-any-return]
        if isinstance(key, int) or (isinstance(key, str) and key.isdigit()):
            values = list(params.values())
            return values[int(key) - 1] if 0 < int(key) <= len(values) else None
        log.script_warning(f"no such event attribute: {key}")
        return None
    try:
        number = int(key)
    except (TypeError, ValueError):
        return None
    return params[number - 1] if 0 < number <= len(params) else None


def returned(msg: SipMessage, index: Any) -> Value:
    """`$return(index)`: a value of the last route that returned some."""
    values = msg.__dict__.get("_returned", ())
    return values[index] if isinstance(index, int) and 0 <= index < len(values) else None


def forget_returned(msg: SipMessage) -> None:
    """A route is entered: what others returned is no longer to be had."""
    msg.__dict__.pop("_returned", None)


def not_a_list(source: str) -> None:
    """`for` over something without [*]: nothing is run."""
    log.script_error(f'for-each must be used on a "[*]" index: {source} is skipped')


def ref(variable: str, name: Any = None, index: Any = None) -> Ref:
    """A variable to be handed to a function by reference."""
    if variable == "var":
        return _VarRef(name)
    for module in Module.registry.values():
        if variable in module.variables:
            return Ref(module.variables[variable], name, index)
    raise LookupError(f"${variable}")


class _VarRef(Ref):
    """`$var(name)` by reference."""

    __slots__ = ()

    def __init__(self, name: str) -> None:
        self.variable = Module.registry["core"].variables["var"]
        self.name = name
        self.index = None

    def get(self, msg: SipMessage) -> Value:
        return var[self.name]

    def set(self, msg: SipMessage, value: Value, operator: str = "=") -> bool:
        var[self.name] = value
        return True


def nested(function: Callable[..., Any], msg: SipMessage, *arguments: Any) -> Any:
    """Call a route that can call itself; at more than 100 levels the call fails."""
    depth = msg.__dict__.get("_depth", 0)
    if depth > 100:
        log.script_error("route recursion limit reached, giving up")
        return -1
    msg.__dict__["_depth"] = depth + 1
    try:
        return function(msg, *arguments)
    finally:
        msg.__dict__["_depth"] = depth


def call_named(msg: SipMessage, name: Value, *arguments: Any) -> Any:
    """`route($var)`: call a route by the name found at run time and leave its code in `$rc`.

    An unknown one is logged and yields -5; `$rc` stays as it was.
    """
    generation = msg.generation
    function = generation.route("route", "" if name is None else str(name)) if generation is not None and name else None
    if function is None:
        if log.levels.log >= -3:
            logger.alert("unknown route(%s) at %s", "" if name is None else name, log.script_place())
        return -5
    result = nested(function, msg, *arguments[: 8 if takes_params(function) else 0])
    if type(result) is int:
        msg.rc = result
    return result


def takes_params(function: Callable[..., Any]) -> bool:
    return bool(function.__code__.co_flags & inspect.CO_VARARGS)


# ---------------------------------------------------------------------------------------------------- where are we
_LABELS = {"request_route": "route"}


def _label(code: Any, names: dict[str, Any]) -> str:
    function = names.get(code.co_name)
    kind, name, _ = getattr(function, "__route__", ("", "", 0))
    kind = _LABELS.get(kind, kind)
    return f"{kind}[{name}]" if name else kind


def route_stack() -> list[str]:
    """The routes being run, innermost first: `["route[relay]", "route"]`."""
    found = []
    frame: Any = sys._getframe(1)
    while frame is not None:
        if "__sipc_generation__" in frame.f_globals and (label := _label(frame.f_code, frame.f_globals)):
            found.append(label)
        frame = frame.f_back
    return found


def route_place() -> tuple[str, int, str]:
    """(file, line, route) of the statement being run; ("", 0, "") outside of scripts."""
    frame = log.script_frame(sys._getframe(1))
    if frame is None:
        return "", 0, ""
    return frame.f_code.co_filename, frame.f_lineno, _label(frame.f_code, frame.f_globals)


# ------------------------------------------------------------------------------------------------------------ top routes
@dataclass(slots=True)
class Outcome:
    """How a top route ended."""

    rc: int = 1
    dropped: bool = False
    failed: bool = False
    """A bug ended it; logged already."""


_DONE = Outcome()
_DROPPED = Outcome(dropped=True)


def run_route(
    function: Callable[..., Any],
    msg: SipMessage,
    kind: Routes,
    then: Callable[[Outcome], object] | None = None,
    *arguments: Any,
) -> None:
    """Run a top route to its end, then call `then(outcome)`: at once, or later when the route suspends.

    A bug in the route (or in what it calls) is logged with its script position and never passes on; a request being
    routed is answered 500 then.
    """
    before = msg.route_kind
    msg.route_kind = kind
    try:
        result = function(msg, *arguments)
        if type(result) is not int and inspect.iscoroutine(result):
            core.spawn(_finish(result, msg, kind, then))
            return
        outcome = _DONE
    except Drop:
        outcome = _DROPPED
    except Exit:
        outcome = _DONE
    except Exception as error:
        outcome = _bug(error, msg, kind)
    finally:
        msg.route_kind = before
    if then is not None:
        then(outcome)


async def _finish(coroutine: Any, msg: SipMessage, kind: Routes, then: Callable[[Outcome], object] | None) -> None:
    msg.route_kind = kind
    try:
        await _own_vars(coroutine, msg.__dict__.pop("_own_vars", None))
        outcome = _DONE
    except Drop:
        outcome = _DROPPED
    except Exit:
        outcome = _DONE
    except Exception as error:
        outcome = _bug(error, msg, kind)
    if then is not None:
        then(outcome)


def _bug(error: Exception, msg: SipMessage, kind: Routes) -> Outcome:
    """Log an exception with the script's frames; answer the request it happened in."""
    counters.script_bugs.inc()
    frames = list(traceback.extract_tb(error.__traceback__))
    script = [f for f in frames if _is_script(error, f)]
    place = f" at {script[-1].filename}:{script[-1].lineno}" if script else ""
    logger.critical("%s: %s%s", type(error).__name__, error, place)
    for line in traceback.format_exception(error):
        for part in line.rstrip("\n").split("\n"):
            logger.error("%s", part)
    if kind is Routes.REQUEST and core.on_script_bug is not None:
        core.on_script_bug(msg)
    return Outcome(rc=-1, failed=True)


def _is_script(error: Exception, summary: traceback.FrameSummary) -> bool:
    tb = error.__traceback__
    while tb is not None:
        if tb.tb_lineno == summary.lineno and tb.tb_frame.f_code.co_filename == summary.filename:
            return "__sipc_generation__" in tb.tb_frame.f_globals
        tb = tb.tb_next
    return False


def first_of(values: Iterable[Any]) -> Any:
    """The first value, None when there is none."""
    return next(iter(values), None)


# ------------------------------------------------------------------------------------------------------- small helpers
class Rounds:
    """Counts the rounds of a `while` against max_while_loops."""

    __slots__ = ("left",)
    limit = 10000

    def __init__(self) -> None:
        self.left = self.limit

    def more(self) -> bool:
        """May there be another round?  Logs when the limit is reached."""
        self.left -= 1
        if self.left < 0:
            log.script_error(f"max while loops reached ({self.limit}), increase max_while_loops")
            return False
        return True


def is_case(subject: Value, *constants: Value) -> bool:
    """Does a `switch` subject match one of these labels (texts in lower case)?"""
    if subject is None:
        return False
    if isinstance(subject, int):
        return any(str(subject) == c if isinstance(c, str) else subject == c for c in constants)
    text = operators.lowered(subject)
    for constant in constants:
        if isinstance(constant, str):
            if text == constant:
                return True
        elif isinstance(subject, StrInt) and subject.num == constant:
            return True
    return False


def plain(value: Value) -> Value:
    """A value as it is stored: text without its integer shadow."""
    return str.__str__(value) if isinstance(value, StrInt) else value


def keep(msg: SipMessage, result: bool | int | None) -> int:
    """Leave an outcome in `$rc`; the code."""
    code = msg.rc = code_of(result)
    return code


def return_code(value: Value) -> int:
    """The code of `return($var)`: NULL is -1, text is 1."""
    if value is None:
        return -1
    if isinstance(value, int):
        return value
    return value.num if isinstance(value, StrInt) else 1


def joined(*parts: Any) -> str:
    """Text and values in a row, as a format string prints them."""
    return "".join([part if isinstance(part, str) else operators.show(part) for part in parts])


def transform(value: Value, function: Callable[..., Value], *arguments: Any) -> Value:
    """Apply a transformation: NULL (of the value or of an argument) gives NULL, numbers are printed first.

    A function marked `keeps_numbers` is not applied to what is a number already.
    """
    if value is None or None in arguments:
        return None
    if type(value) is not str and getattr(function, "keeps_numbers", False):
        return value.num if isinstance(value, StrInt) else value
    return function(value if isinstance(value, str) else str(value), *arguments)


def transform_in(msg: SipMessage, value: Value, function: Callable[..., Value], *arguments: Any) -> Value:
    """Apply a transformation that needs the message."""
    if value is None or None in arguments:
        return None
    return function(msg, value if isinstance(value, str) else str(value), *arguments)


def read_in(msg: SipMessage, context: str, read: Callable[[Any], Value]) -> Value:
    """`$(<reply>…)` and `$(<request>…)`: read from the other message of the transaction; NULL without one."""
    transaction = msg.transaction
    if context == "request":
        other = msg if msg.is_request else getattr(transaction, "request", None)
    else:
        other = msg if not msg.is_request else getattr(transaction, "reply_in_progress", None)
    return read(other) if other is not None else None


def route_of(what: str, index: Any) -> Value:
    """`$route`, `$route.name`, `$route.type` at a depth of the stack; every entry for ALL."""
    from runtime.declare import ALL

    stack = route_stack()
    if index is ALL:
        return " > ".join(reversed(stack))
    if not isinstance(index, int) or not -len(stack) <= index < len(stack):
        return None
    kind, _, name = stack[index].partition("[")
    if what == "label":
        return stack[index]
    return kind if what == "type" else name[:-1]


def route_named(msg: SipMessage, kind: str, name: Value) -> Callable[..., Any] | None:
    """A route by the name found at run time; None (and an error line) when there is none."""
    generation = msg.generation
    function = generation.route(kind, str(name)) if generation is not None and name is not None else None
    if function is None:
        log.script_error(f"{kind} <{name}> does not exist")
    return function


def assertion_failed(msg: SipMessage, text: str) -> None:
    """A failed assert: logged, error_route run, the script ended."""
    if log.levels.log >= -2:
        logger.critical("ASSERTION FAILED (%s) at %s", text, log.script_place())
    run_error_route(msg, 4, 1, 500, f"ASSERTION FAILED ({text})")
    raise Exit


def run_error_route(msg: SipMessage, error_class: int, level: int, code: int, info: str) -> None:
    """Run error_route, if the script has one, with `$err.*` set."""
    generation = msg.generation
    function = generation.route("error_route", "") if generation is not None else None
    if function is None or msg.__dict__.get("_in_error_route"):
        return
    msg.__dict__["error"] = (error_class, level, info, code, "Server Internal Error" if code == 500 else "Bad Request")
    msg.__dict__["_in_error_route"] = True
    try:
        function(msg)
    finally:
        msg.__dict__.pop("_in_error_route", None)
        msg.__dict__.pop("error", None)
