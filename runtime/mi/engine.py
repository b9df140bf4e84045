"""JSON-RPC 2.0 as OpenSIPS's management interface speaks it: look-up of commands, matching of parameters, errors."""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable
from typing import Any

from runtime import log
from runtime.declare import Command, Module

__all__ = ["MAX_REQUEST", "Engine", "MiError"]

logger = log.engine("mi")

MAX_REQUEST = 65536
"""Longest request accepted, in bytes."""
_BATCH = 100
"""Requests of a batch that are looked at."""
_GROUPS = ("core", "statistics", "evi", "tcp")
"""Groups of commands that are there without a module being loaded."""
_NUMBER = re.compile(r"[ \t]*[+-]?[0-9]{1,10}[ \t]*\Z")


class MiError(Exception):
    """A command's own error: code (SIP-like, or a JSON-RPC one), message and data."""

    def __init__(self, code: int, message: str, data: Any = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.data = data


def _invalid(data: str) -> MiError:
    return MiError(-32602, "Invalid params", data)


class Engine:
    """Answers requests.  `run(command, params)` executes a command where it belongs."""

    def __init__(self, run: Callable[[Command, dict[str, Any]], Awaitable[Any]]) -> None:
        self._run = run

    # --------------------------------------------------------------------------------------------------- commands
    @staticmethod
    def commands(modules: list[str]) -> list[Command]:
        """Every command of the loaded modules and of the core's groups."""
        groups = dict.fromkeys([*_GROUPS, *modules])
        return [c for name in groups if name in Module.registry for c in Module.registry[name].commands.values()]

    def find(self, name: str, modules: list[str]) -> Command:
        """A command by `module:name`, unique name or old flat name."""
        known = self.commands(modules)
        if ":" in name:
            group, _, local = name.partition(":")
            found = [c for c in known if c.name == local and group in (c.module, c.module.removeprefix("proto_"))]
            found = found or [c for c in known if c.module == group and local in c.alias]
        else:
            found = [c for c in known if c.name == name]
            if len(found) > 1 and any(name in c.alias for c in found):
                found = [c for c in found if name in c.alias]
        found = found or [c for c in known if name in c.alias]
        if not found:
            raise MiError(-32601, "Method not found")
        if len(found) > 1:
            names = ", ".join(f"{c.module}:{c.name}" for c in found)
            raise MiError(-32001, "Method ambiguous", f"supported names: {names}")
        return found[0]

    def which(self, modules: list[str]) -> list[str]:
        """Every name a client may use: flat ones and module:name."""
        names: list[str] = []
        for command in self.commands(modules):
            names += [*command.alias, *([] if command.alias else [command.name]), f"{command.module}:{command.name}"]
        return list(dict.fromkeys(names))

    # ------------------------------------------------------------------------------------------------- parameters
    @staticmethod
    def bind(command: Command, params: Any) -> dict[str, Any]:
        """Match given parameters with one of the command's recipes and convert them."""
        if params in (None, [], {}):
            if () in command.recipes:
                return {}
            raise _invalid("Too few or too many parameters")
        if isinstance(params, dict):
            fitting = [r for r in command.recipes if len(r) == len(params)]
            if not fitting:
                raise _invalid("Too few or too many parameters")
            recipe = next((r for r in fitting if set(r) == set(params)), None)
            if recipe is None:
                raise _invalid("Named parameters do not match")
            given = {name: params[name] for name in recipe}
        elif isinstance(params, list):
            if command.named_only:
                raise _invalid("Command only supports named parameters")
            fitting = [r for r in command.recipes if len(r) == len(params)]
            if not fitting:
                raise _invalid("Too few or too many parameters")
            if len(fitting) > 1:
                raise _invalid("Ambiguous call, use named parameters instead")
            given = dict(zip(fitting[0], params, strict=True))
        else:
            raise MiError(-32600, "Invalid Request")
        return {name: _convert(name, value, command.types.get(name, str)) for name, value in given.items()}

    # --------------------------------------------------------------------------------------------------- requests
    async def answer(self, text: str | bytes, modules: list[str]) -> str | None:
        """The reply to a request (or batch), None for a notification."""
        try:
            request = json.loads(text)
        except (ValueError, RecursionError):
            return _failure(None, MiError(-32700, "Parse error"))
        if len(text) > MAX_REQUEST:
            return _failure(None, MiError(-32600, "Invalid Request", f"a request has at most {MAX_REQUEST} bytes"))
        if isinstance(request, list):
            if not request:
                return _failure(None, MiError(-32600, "Invalid Request"))
            if len(request) > _BATCH:
                return _failure(None, MiError(-32600, "Invalid Request", f"a batch has at most {_BATCH} requests"))
            replies = [reply for item in request if (reply := await self._one(item, modules)) is not None]
            return f"[{','.join(replies)}]" if replies else None
        return await self._one(request, modules)

    async def _one(self, request: Any, modules: list[str]) -> str | None:
        if not isinstance(request, dict):
            return _failure(None, MiError(-32600, "Invalid Request"))
        identifier = request.get("id")
        if isinstance(identifier, float) and identifier.is_integer():
            identifier = int(identifier)
        usable = isinstance(identifier, (str, int, type(None))) and not isinstance(identifier, bool)
        if not usable or request.get("jsonrpc") != "2.0" or not isinstance(request.get("method"), str):
            return _failure(identifier if usable else None, MiError(-32600, "Invalid Request"))
        try:
            command = self.find(request["method"], modules)
            result = await self._run(command, self.bind(command, request.get("params")))
            reply = {"jsonrpc": "2.0", "result": "OK" if result is None else result, "id": identifier}
            text = json.dumps(reply, separators=(",", ":"))
        except MiError as error:
            text = _failure(identifier, error)
        except Exception as error:
            log.bug(logger, f"management command {request['method']} failed", error)
            text = _failure(identifier, MiError(-32000, "Server error", "Failed to handle parameter"))
        return text if "id" in request else None


def _convert(name: str, value: Any, kind: type) -> Any:
    bad = _invalid(f"Bad type for parameter '{name}'")
    if kind is list:
        if not isinstance(value, list):
            value = [value]
        if not value:
            raise _invalid(f"Empty array in parameter '{name}'")
        if any(not isinstance(item, (str, int)) for item in value):
            raise _invalid(f"Bad type for array item in parameter '{name}'")
        return value
    if kind is int:
        if isinstance(value, bool):
            raise bad
        if isinstance(value, int) or (isinstance(value, str) and _NUMBER.match(value)):
            return int(value)
        raise bad
    if kind is str and isinstance(value, (str, int, float)) and not isinstance(value, bool):
        return str(value)
    if kind is dict and isinstance(value, (dict, list)):
        return value
    raise bad


def _failure(identifier: Any, error: MiError) -> str:
    body: dict[str, Any] = {"code": error.code, "message": error.message}
    if error.data is not None:
        body["data"] = error.data
    return json.dumps({"jsonrpc": "2.0", "error": body, "id": identifier}, separators=(",", ":"))
