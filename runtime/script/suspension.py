"""Work that waits: `async()` with its resume route, `launch()` with its report route."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from runtime import log
from runtime.core import core
from runtime.declare import Routes, Value
from runtime.script.flow import Exit, Outcome, code_of, give_back, run_route, takes_params, var

if TYPE_CHECKING:
    from runtime.sip.message import SipMessage

__all__ = ["launch", "settle", "suspend"]

logger = log.engine("core")


async def settle(msg: SipMessage, result: Any) -> Any:
    """The result of a route called by name, awaited when that route suspends; its code is left in `$rc`."""
    if inspect.isawaitable(result):
        result = await result
        if type(result) is int:
            msg.rc = result
    return result


def suspend(msg: SipMessage, work: Callable[[], Any], resume: str, timeout: int = 0) -> None:
    """`async()`: start the work, end the script; the resume route runs with `$rc` when the work is done."""
    kind = msg.route_kind
    generation = msg.generation
    function = generation.route("route", resume) if generation is not None else None
    waits = kind in (Routes.REQUEST, Routes.ONREPLY) and msg.method != "ACK"
    if waits and core.ensure_transaction is not None and msg.is_request and not core.ensure_transaction(msg):
        msg.rc = -1
        if function is not None:
            function(msg)
        raise Exit
    core.spawn(_resume(msg, work, function, timeout, kind, dict(var.__dict__)))
    msg.__dict__["suspended"] = True
    raise Exit


async def _resume(
    msg: SipMessage,
    work: Callable[[], Any],
    function: Callable[..., Any] | None,
    timeout: int,
    kind: Routes,
    values: dict[str, Value],
) -> None:
    try:
        result = work()
        if inspect.isawaitable(result):
            result = await asyncio.wait_for(result, timeout or None)
        msg.rc = code_of(result)
    except TimeoutError:
        msg.rc = -1
    except Exit:
        msg.rc = 0
    msg.__dict__.pop("suspended", None)
    if function is None:
        return
    hooks = core.post_script_hooks if kind is Routes.REQUEST else []

    def finished(_: Outcome) -> None:
        if not msg.__dict__.get("suspended"):
            for hook in hooks:
                hook(msg)

    if inspect.iscoroutinefunction(function):
        msg.__dict__["_own_vars"] = values
        run_route(function, msg, kind, finished)
        return
    shared, mine = var.__dict__, dict(values)
    var.__dict__ = mine
    try:
        run_route(function, msg, kind, finished)
    finally:
        give_back(shared, mine, values)


def launch(msg: SipMessage, work: Callable[[], Any], report: str | None = None, text: Value = None) -> None:
    """`launch()`: start the work and go on; the report route gets the text as `$param(1)` and `$rc`."""
    function = None
    if report is not None:
        generation = msg.generation or core.generation
        function = generation.route("route", report) if generation is not None else None
        if function is None:
            logger.error("report route [%s] not present in the script", report)
    core.spawn(_report(work, function, text, msg.generation))


async def _report(work: Callable[[], Any], function: Callable[..., Any] | None, text: Value, generation: Any) -> None:
    try:
        result = work()
        if inspect.isawaitable(result):
            result = await result
        code = code_of(result)
    except Exit:
        code = 0
    if function is None:
        return
    from runtime.dispatch import dummy_message

    blank = dummy_message()
    blank.rc = code
    blank.generation = generation or blank.generation
    arguments = (text,) if takes_params(function) else ()
    run_route(function, blank, Routes.REQUEST, None, *arguments)
