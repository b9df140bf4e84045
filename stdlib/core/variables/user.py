"""$var, $avp and what the emitter knows by itself ($rc, $param, $route…)."""

from __future__ import annotations

from typing import Any

from runtime import log
from runtime.core import core as services
from runtime.declare import ALL, StrInt, Value
from runtime.sip.message import SipMessage
from stdlib.core.module import core
from stdlib.core.variables.common import all_of

__all__: list[str] = []


@core.variable("var", named="yes", type="any", static="var", set=lambda *_: True)
def var(msg: SipMessage, name: str) -> Value:
    """A variable of the worker process: keeps its value from message to message until it is set again."""
    from runtime.script.flow import var as store

    return store[name]


def _set_avp(msg: SipMessage, value: Value, name: Any, index: Any = None, operator: str = "=") -> bool:
    if name is None or name == "":
        log.script_error("an AVP needs a name")
        return False
    if isinstance(value, StrInt):
        value = str(value)
    avps = msg.avps
    values = avps.get(str(name))
    if operator == ":=" or index is ALL:
        if value is None:
            avps.pop(str(name), None)
        else:
            avps[str(name)] = [value]
        return True
    if index == "append":
        if value is not None:
            avps.setdefault(str(name), []).append(value)
        return True
    if index is None:
        if value is None:
            if values:
                values.pop(0)
        elif values is None:
            avps[name if type(name) is str else str(name)] = [value]
        else:
            values.insert(0, value)
        return True
    if not isinstance(index, int) or not values or not -len(values) <= index < len(values):
        log.script_error(f"no $avp({name}) at index {index}")
        return False
    if value is None:
        del values[index]
    else:
        values[index] = value
    return True


@core.variable(
    "avp", named="yes", indexed=True, index_words=("append",), operator=True, dynamic_name=True, type="any", set=_set_avp
)
def avp(msg: SipMessage, name: Any, index: Any = None) -> Value:
    """A value that travels with the message and its transaction; `=` pushes, `:=` replaces, [0] is the newest."""
    values = msg.avps.get(name if type(name) is str else str(name))
    if not values:
        return None
    if index is None:
        return values[0]  # type: ignore[no-any-return]
    if index is ALL:
        return all_of(values)
    if isinstance(index, int) and -len(values) <= index < len(values):
        return values[index]  # type: ignore[no-any-return]
    return None


def _static(name: str, doc: str, *aliases: str, **options: Any) -> None:
    def get(msg: SipMessage, *_: Any) -> Value:
        raise RuntimeError(f"${name} is known to the emitter only")

    get.__doc__ = doc
    get.__name__ = name.replace(".", "_")
    core.variable(name, *aliases, static=name.partition(".")[0], **options)(get)


_static("rc", "Code of the last action.", "retcode", type="int", null=False)
_static("param", "Argument of the route by number, or attribute of the event by name.", named="yes", dynamic_name=True,
        type="any")  # fmt: skip
_static("return", "A value the last route returned beside its code.", named="yes", dynamic_name=True, type="any")
_static("cfg_line", "Line of this statement in the script.", type="int", null=False)
_static("cfg_file", "File of this statement.", null=False)
_static("route", "The route being run; [1] its caller, [*] the whole stack.", indexed=True)
_static("route.name", "Name of the route being run.", indexed=True)
_static("route.type", "Kind of the route being run.", indexed=True)


@core.variable("argv", named="yes")
def argv(msg: SipMessage, name: str) -> Value:
    """Value of `-o name=value` on the command line."""
    return services.script_arguments.get(name)
