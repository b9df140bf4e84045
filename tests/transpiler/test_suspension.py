"""Routes that wait: plain calls, async(), launch(), and that `$var` of one execution stays its own."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from runtime import log
from runtime.core import core
from runtime.declare import Routes
from runtime.generation import load
from runtime.script.flow import run_route, var
from tests.transpiler.scripts import HEAD, built, message

TM = HEAD + 'loadmodule "sl.so"\nloadmodule "tm.so"\nloadmodule "cfgutils.so"\n'


def lines(script: str, monkeypatch: pytest.MonkeyPatch, times: int = 1) -> list[str]:
    """What the script logs when `times` messages run through it at once."""
    result = built(script, TM)
    assert result.artefact is not None, result.diagnostics
    generation = load(result.artefact)
    found: list[str] = []

    def seen(level: int, module: str, function: str, text: str) -> None:
        if not module:
            found.append(text)

    async def whole() -> None:
        tasks: list[asyncio.Task[Any]] = []

        def spawn(coroutine: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
            tasks.append(asyncio.ensure_future(coroutine))
            return tasks[-1]

        monkeypatch.setattr(core, "spawn", spawn)
        monkeypatch.setattr(core, "ensure_transaction", None)
        for number in range(times):
            msg = message()
            msg.generation = generation
            msg.avps["n"] = [number]
            assert generation.main is not None
            run_route(generation.main, msg, Routes.REQUEST)
        done = 0
        while done < len(tasks):
            await asyncio.wait_for(tasks[done], 5)
            done += 1

    var.__dict__.clear()
    log.hooks.on_line.append(seen)
    try:
        asyncio.run(whole())
    finally:
        log.hooks.on_line.remove(seen)
    return found


def test_plain_calls_wait_in_loops_conditions_and_other_routes(monkeypatch: pytest.MonkeyPatch) -> None:
    script = (
        "route { $var(i) = 0; while ($var(i) < 3) { usleep(1); $var(i) = $var(i) + 1; }\n"
        '  if (usleep(1) && $var(i) == 3) xlog("looped"); route(a); $var(n) = "b"; route($var(n)); xlog("rc=$rc");\n'
        '  switch ($rm) { case "INVITE": usleep(1); case "x": xlog("fell"); } exit; }\n'
        'route[a] { usleep(1); xlog("a"); }\nroute[b] { usleep(1); return(7); }\n'
    )
    assert lines(script, monkeypatch) == ["looped", "a", "rc=7", "fell"]


def test_async_ends_the_script_and_goes_on_in_the_resume_route(monkeypatch: pytest.MonkeyPatch) -> None:
    script = (
        'route { $var(x) = 1; $avp(a) = 2; async(usleep(1), resume); xlog("never"); }\n'
        'route[resume] { xlog("rc=$rc $avp(a) $var(x)"); }\n'
    )
    assert lines(script, monkeypatch) == ["rc=1 2 1"]
    assert "async def" not in built(script, TM).python


def test_launch_goes_on_at_once_and_reports_later(monkeypatch: pytest.MonkeyPatch) -> None:
    script = (
        'route { launch(usleep(1), report, "for $rU"); xlog("on rc=$rc"); }\n'
        'route[report] { xlog("$param(1) rc=$rc $rm $rU"); }\n'
    )
    assert lines(script, monkeypatch) == ["on rc=1", "for bob rc=1 DUMMY user"]


def test_var_of_a_waiting_execution_stays_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    script = 'route { $var(n) = $avp(n); usleep(2000); xlog("$avp(n)=$var(n)"); $var(n) = "x"; usleep(1); xlog("$var(n)"); }'
    assert sorted(lines(script, monkeypatch, 3)) == ["0=0", "1=1", "2=2", "x", "x", "x"]
    assert var["n"] == "x"


def test_var_reaches_the_resume_route_whoever_ran_between(monkeypatch: pytest.MonkeyPatch) -> None:
    script = 'route { $var(n) = $avp(n); async(usleep(1000), resume); }\nroute[resume] { xlog("$avp(n)=$var(n)"); }\n'
    assert sorted(lines(script, monkeypatch, 3)) == ["0=0", "1=1", "2=2"]
    script = script.replace("{ xlog", "{ usleep(1); xlog")
    assert sorted(lines(script, monkeypatch, 3)) == ["0=0", "1=1", "2=2"]


def test_what_a_waiting_execution_changed_counts_when_it_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    script = 'route { $var(kept) = 1; usleep(1); $var(kept) = 2; $var(new) = 3; }'
    assert lines(script, monkeypatch) == []
    assert (var["kept"], var["new"]) == (2, 3)
