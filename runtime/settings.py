"""The script's settings (core parameters, modparams) in force: at the start, and when a reload brings other ones.

A generation's settings are plain data, as the checker left them:

    core        parameter -> value
    modparams   [module, parameter, value, "file:line"], in order
    sockets     what `socket=` says, each with its "place"
    aliases     [value of `alias=`, "file:line"]
    modules     names in order of loading
    xlog_prefix the command line's, or None
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from runtime import log
from runtime.core import core
from runtime.declare import Module, Parameter
from runtime.script.flow import Rounds
from runtime.script.output import default_prefix, prefix

__all__ = [
    "Change", "SettingsError", "apply_changes", "apply_core", "apply_modparams", "core_value", "differences", "read_aliases",
    "validate",
]  # fmt: skip

Hot = Literal["now", "new objects", "restart"]

_EFFECT = {"now": "in force now", "new objects": "in force for what is made from now on", "restart": "needs a restart"}


class SettingsError(Exception):
    """A value that a module refuses; the text begins with file:line."""


@dataclass(frozen=True, slots=True)
class Change:
    """One difference between the settings of two generations."""

    what: str
    hot: Hot

    def __str__(self) -> str:
        return f"{self.what} changed: {_EFFECT[self.hot]}"


def core_value(settings: dict[str, Any], name: str) -> Any:
    """A core parameter: the script's value, else the declared default."""
    if name in settings["core"]:
        return settings["core"][name]
    return Module.registry["core"].parameters[name].default


# ------------------------------------------------------------------------------------------------------ core parameters
def apply_core(settings: dict[str, Any]) -> None:
    """Put the core parameters of a script into force in this process, as far as they can change while it runs."""

    def value(name: str) -> Any:
        return core_value(settings, name)

    for name, given in settings["core"].items():
        found = Module.registry["core"].parameters.get(name)
        if found is not None and not found.repeat:
            found.value = given
    debug = bool(value("debug_mode"))
    log.configure(
        stderr=debug or bool(value("stderror_enabled")), stderr_format=value("stderror_log_format"),
        stderr_filter=value("stderror_level_filter"), syslog=bool(value("syslog_enabled")),
        syslog_format=value("syslog_log_format"), syslog_filter=value("syslog_level_filter"),
        facility=value("syslog_facility"), name=value("syslog_name"), prefix=value("log_prefix"),
    )  # fmt: skip
    log.levels.set_log(4 if debug else value("log_level"))
    log.levels.set_xlog(value("xlog_level"))
    Rounds.limit = value("max_while_loops")
    prefix.buffer = value("xlog_buf_size")
    core.advertised_address = str(value("advertised_address") or "")
    core.advertised_port = value("advertised_port") or 0
    stateless = value("disable_stateless_fwd")
    core.stateless_replies = stateless == 0 or (stateless == -1 and bool(settings.get("forwards")))
    from runtime.sip import build

    build.settings.server_signature = bool(value("server_signature"))
    build.settings.sip_warning = bool(value("sip_warning"))
    if value("server_header"):
        build.settings.server_header = value("server_header")
    set_prefix(settings)


def set_prefix(settings: dict[str, Any]) -> None:
    """The prefix of script lines: the command line's, else the script's, else file, line and route."""
    wanted = settings.get("xlog_prefix")
    if wanted is None:
        wanted = settings["core"].get("xlog_prefix")
    if wanted is None:
        prefix.make = default_prefix
    elif wanted == "":
        prefix.make = None
    else:
        prefix.make = _formatted(wanted)


def _formatted(text: str) -> Callable[[Any], str]:
    """A prefix with variables; those that the compiler knows are those of the xlog statement."""
    from runtime.format import expand
    from runtime.script.flow import route_place

    def make(msg: Any) -> str:
        file, line, route = route_place()
        ready = text
        for name, shown in (("cfg_file", file), ("cfg_line", str(line)), ("route", route)):
            ready = ready.replace(f"$({name})", shown).replace(f"${name}", shown)
        return expand(msg, ready)

    return make


def read_aliases(settings: dict[str, Any]) -> set[tuple[str, str, int]]:
    """`alias=` as core.aliases keeps them: (proto or "", lower-case host, port or 0)."""
    found: set[tuple[str, str, int]] = set()
    for value, _ in settings["aliases"]:
        for entry in [_alias(part) for part in value.split()] if isinstance(value, str) else value:
            proto = entry["proto"].lower()
            found.add(("" if proto == "any" else proto, entry["host"].strip("[]").lower(), entry["port"] or 0))
    return found


def _alias(text: str) -> dict[str, Any]:
    """`[proto:]host[:port]`."""
    parts = text.strip("\"'").split(":")
    proto = parts.pop(0).lower() if parts[0].lower() in ("udp", "tcp", "tls", "ws", "wss", "sctp", "any") else "any"
    port = int(parts.pop()) if len(parts) > 1 and parts[-1].isdigit() else 0
    return {"proto": proto, "host": ":".join(parts).strip("\"'"), "port": port}


# ----------------------------------------------------------------------------------------------------------- modparams
def apply_modparams(settings: dict[str, Any]) -> None:
    """Give every module's parameters their values; SettingsError for a value that does not fit."""
    for name, module in Module.registry.items():
        if name != "core":
            for parameter in module.parameters.values():
                parameter.reset()
    for module_name, name, value, place in settings["modparams"]:
        try:
            Module.registry[module_name].parameters[name].apply(value)
        except ValueError as error:
            raise SettingsError(f"{place}: {module_name}: {name}: {error}") from None


def _given(settings: dict[str, Any]) -> dict[tuple[str, str], list[tuple[Any, str]]]:
    """Values by module and parameter, each with its place."""
    found: dict[tuple[str, str], list[tuple[Any, str]]] = {}
    for module, name, value, place in settings["modparams"]:
        found.setdefault((module, name), []).append((value, place))
    return found


# --------------------------------------------------------------------------------------------------------- differences
def validate(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """Why the new settings cannot be taken over by the running server, each with file:line; [] when they can."""
    refusals = []
    for name in new["modules"]:
        module = Module.registry.get(name)
        if name in old["modules"] or module is None:
            continue
        if module.on_init or module.on_worker or module.management:
            refusals.append(f"loadmodule {name}: the module starts with the server, so this needs a restart")
    before = _given(old)
    for (module_name, name), values in _given(new).items():
        parameter = _parameter(module_name, name)
        if parameter is None or parameter.check is None or before.get((module_name, name)) == values:
            continue
        for value, place in values:
            try:
                parameter.check(value)
            except ValueError as error:
                refusals.append(f"{place}: {module_name}: {name}: {error}")
    return refusals


def _parameter(module: str, name: str) -> Parameter | None:
    found = Module.registry.get(module)
    return found.parameters.get(name) if found is not None else None


def differences(old: dict[str, Any], new: dict[str, Any]) -> list[Change]:
    """What changed outside the routes, item by item, and when each takes effect."""
    changes: list[Change] = []
    if [{**s, "place": ""} for s in old["sockets"]] != [{**s, "place": ""} for s in new["sockets"]]:
        changes.append(Change("socket", "restart"))
    if read_aliases(old) != read_aliases(new):
        changes.append(Change("alias", "now"))
    for name in new["modules"]:
        if name not in old["modules"]:
            changes.append(Change(f"loadmodule {name}: the set of modules", "now"))
    for name in old["modules"]:
        if name not in new["modules"]:
            changes.append(Change(f"loadmodule {name} is gone: the set of modules", "restart"))
    for name in sorted({*old["core"], *new["core"]}):
        if old["core"].get(name) != new["core"].get(name):
            parameter = _parameter("core", name)
            changes.append(Change(name, parameter.hot if parameter is not None else "restart"))
    before, after = _given(old), _given(new)
    for key in sorted({*before, *after}):
        if [value for value, _ in before.get(key, [])] != [value for value, _ in after.get(key, [])]:
            parameter = _parameter(*key)
            changes.append(Change(f"{key[0]}: {key[1]}", parameter.hot if parameter is not None else "restart"))
    return changes


def apply_changes(old: dict[str, Any], new: dict[str, Any]) -> None:
    """Put into force what can change while the server runs (in one process); `validate` has agreed to it."""
    kept = dict(new["core"])
    for name in {*old["core"], *new["core"]}:
        parameter = _parameter("core", name)
        if parameter is None or parameter.hot == "restart":
            kept.pop(name, None)
            if name in old["core"]:
                kept[name] = old["core"][name]
        elif name not in new["core"]:
            parameter.reset()
    if kept != old["core"] or new.get("xlog_prefix") != old.get("xlog_prefix"):
        apply_core({**new, "core": kept})
    core.aliases.clear()
    core.aliases.update(read_aliases(new))
    before, after = _given(old), _given(new)
    for key in {*before, *after}:
        values = [value for value, _ in after.get(key, [])]
        parameter = _parameter(*key)
        if parameter is None or parameter.hot == "restart" or values == [value for value, _ in before.get(key, [])]:
            continue
        parameter.reset()
        for value in values:
            parameter.apply(value)
