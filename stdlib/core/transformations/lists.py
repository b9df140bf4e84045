"""{param.…} and {csv.…}."""

from __future__ import annotations

from runtime import log
from runtime.declare import Value
from stdlib.core.module import core

__all__: list[str] = []


def _pairs(value: str) -> list[tuple[str, str]]:
    """(name, value) of `a=1;b;c="x"`, quotes removed."""
    found, current, quoted = [], "", False
    for char in value + ";":
        if char == '"':
            quoted = not quoted
        if char == ";" and not quoted:
            if current.strip():
                name, _, text = current.strip().partition("=")
                text = text.strip()
                if len(text) > 1 and text[0] == '"' and text[-1] == '"':
                    text = text[1:-1]
                found.append((name.strip(), text))
            current = ""
        else:
            current += char
    return found


@core.transformation("param", "value")
def param_value(value: str, name: str) -> Value:
    """Value of a parameter by name; "" when it has none."""
    return next((text for key, text in _pairs(value) if key.lower() == name.lower()), None)


@core.transformation("param", "valueat")
def param_valueat(value: str, index: int) -> Value:
    """Value of a parameter by position."""
    found = _pairs(value)
    return found[index][1] if -len(found) <= index < len(found) else None


@core.transformation("param", "name")
def param_name(value: str, index: int) -> Value:
    """Name of a parameter by position."""
    found = _pairs(value)
    return found[index][0] if -len(found) <= index < len(found) else None


@core.transformation("param", "count", type="int")
def param_count(value: str) -> Value:
    """How many parameters there are."""
    return len(_pairs(value))


@core.transformation("param", "exist", "exists", type="int")
def param_exist(value: str, name: str) -> Value:
    """Is there a parameter of this name (case counts)?"""
    return int(any(key == name for key, _ in _pairs(value)))


def _fields(value: str) -> list[str]:
    """The fields of a line (RFC 4180): quotes protect commas, doubled quotes are one."""
    found, current, quoted, i = [], "", False, 0
    while i < len(value):
        char = value[i]
        if quoted:
            if char == '"' and value[i + 1 : i + 2] == '"':
                current += '"'
                i += 1
            elif char == '"':
                quoted = False
            else:
                current += char
        elif char == '"' and not current:
            quoted = True
        elif char == ",":
            found.append(current)
            current = ""
        else:
            current += char
        i += 1
    return [*found, current]


@core.transformation("csv", "count", type="int")
def csv_count(value: str) -> Value:
    """How many fields there are."""
    return len(_fields(value))


@core.transformation("csv", "value")
def csv_value(value: str, index: int) -> Value:
    """A field by position."""
    found = _fields(value)
    if not -len(found) <= index < len(found):
        log.script_error(f"{{csv.value,{index}}}: there are {len(found)} fields")
        return None
    return found[index]
