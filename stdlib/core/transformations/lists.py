"""{param.…} and {csv.…}."""

from __future__ import annotations

from runtime import log
from runtime.declare import Value
from stdlib.core.module import core
from stdlib.core.transformations.syntax import read_csv, read_params

__all__: list[str] = []


def _params(value: str) -> list[tuple[str, str]]:
    """The parameters of a list, [] (and an error line) when it is none."""
    if not value:
        return []
    try:
        return read_params(value)
    except ValueError as error:
        log.script_error(f"bad parameter list [{value}]: {error}")
        return []


@core.transformation("param", "value")
def param_value(value: str, name: str) -> Value:
    """Value of a parameter by name (whatever the case); "" when it has none."""
    return next((text for key, text in _params(value) if key.lower() == name.lower()), None)


@core.transformation("param", "valueat")
def param_valueat(value: str, index: int) -> Value:
    """Value of a parameter by position."""
    found = _params(value)
    return found[index][1] if -len(found) <= index < len(found) else None


@core.transformation("param", "name")
def param_name(value: str, index: int) -> Value:
    """Name of a parameter by position."""
    found = _params(value)
    return found[index][0] if -len(found) <= index < len(found) else None


@core.transformation("param", "count", type="int")
def param_count(value: str) -> Value:
    """How many parameters there are."""
    return len(_params(value)) or None


@core.transformation("param", "exist", "exists", type="int")
def param_exist(value: str, name: str) -> Value:
    """Is there a parameter of this name (whatever the case)?"""
    found = _params(value)
    return int(any(key.lower() == name.lower() for key, _ in found)) if found else None


def _fields(value: str) -> list[str]:
    """The fields of a line, [] (and an error line) when it is none."""
    if not value:
        return []
    try:
        return read_csv(value)
    except ValueError as error:
        log.script_error(f"bad CSV line [{value}]: {error}")
        return []


@core.transformation("csv", "count", type="int")
def csv_count(value: str) -> Value:
    """How many fields there are (RFC 4180)."""
    return len(_fields(value)) or None


@core.transformation("csv", "value")
def csv_value(value: str, index: int) -> Value:
    """A field by position, its quotes removed."""
    found = _fields(value)
    if not -len(found) <= index < len(found):
        if found:
            log.script_error(f"{{csv.value,{index}}}: there are {len(found)} fields")
        return None
    return found[index]
