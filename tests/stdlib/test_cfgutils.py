"""cfgutils: shared variables, locks, time recurrences, chance."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runtime.core import core
from runtime.declare import Ref
from stdlib.cfgutils import functions, variables
from stdlib.cfgutils import settings as configuration
from stdlib.cfgutils.settings import module
from stdlib.cfgutils.shared import CAPACITY, ScriptLocks, SharedVariables
from stdlib.cfgutils.time_rec import check_expression, parse_recurrence
from tests.stdlib.sipmessages import Box, request

MSG = request()


class MiError(Exception):
    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code


@pytest.fixture(autouse=True)
def _fresh(monkeypatch):
    made = SharedVariables()
    for where in (configuration, variables, functions):
        monkeypatch.setattr(where, "shared", made)
    monkeypatch.setattr(functions, "locks", ScriptLocks())
    monkeypatch.setitem(sys.modules, "runtime.mi.engine", SimpleNamespace(MiError=MiError))
    yield
    configuration.config_hash.clear()
    for parameter in module.parameters.values():
        parameter.reset()


def in_child(work) -> int:
    """Run `work` in a forked process; its exit status."""
    pid = os.fork()
    if not pid:
        try:
            os._exit(0 if work() else 1)
        except BaseException:
            os._exit(2)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


# ---------------------------------------------------------------------------------------------------- shared variables
def test_shv_starts_as_zero_and_is_shared_with_forked_workers():
    made = configuration.shared
    assert MSG.shv("x") == 0
    assert MSG.set_shv("text", "x")
    assert in_child(lambda: made.get("x") == "text" and made.set("x", 7) and made.set("y", "\xff")) == 0
    assert (MSG.shv("x"), MSG.shv("y")) == (7, "\xff")
    MSG.set_shv(None, "x")
    assert MSG.shv("x") == 0
    assert MSG.shv(None) is None
    assert not MSG.set_shv(1, None)
    assert MSG.set_shv(5, 42)
    assert MSG.shv("42") == 5


def test_no_room():
    made = configuration.shared
    assert not made.set("big", "x" * CAPACITY)
    assert made.get("big") == 0


def test_parameters():
    module.parameters["shvset"].apply("debug=i:1")
    module.parameters["shvset"].apply("gw=s:sip:10.0.0.1;a=b")
    module.parameters["initial_probability"].apply(50)
    module.on_init[0]()
    assert (MSG.shv("debug"), MSG.shv("gw")) == (1, "sip:10.0.0.1;a=b")
    assert configuration.shared.probability == 50
    for text in ("x", "x=", "x=i", "x=i:a", "=i:1", "x=q:1"):
        with pytest.raises(ValueError):
            module.parameters["shvset"].apply(text)
    with pytest.raises(ValueError):
        module.parameters["initial_probability"].apply(101)
    with pytest.raises(ValueError):
        module.parameters["lock_pool_size"].apply(0)


def test_mi_of_shared_variables():
    command = {name: declared.call for name, declared in module.commands.items()}
    assert command["shv_set"]("a", "int", "5") is None
    command["shv_set"]("b", "str", "x")
    assert command["shv_get"]("a") == {"VAR": {"type": "integer", "value": 5}}
    assert command["shv_get"]() == [
        {"VARs": [{"name": "a", "type": "integer", "value": 5}, {"name": "b", "type": "string", "value": "x"}]}
    ]
    for arguments in (("a", "int", "x"), ("a", "str", ""), ("", "int", "1"), ("a", "", "1")):
        with pytest.raises(MiError):
            command["shv_set"](*arguments)
    with pytest.raises(MiError) as error:
        command["shv_get"]("none")
    assert error.value.code == 404


def test_mi_of_probability_and_hash(tmp_path):
    command = {name: declared.call for name, declared in module.commands.items()}
    command["rand_set_prob"](33)
    assert command["rand_get_prob"]() == {"actual probability percent": 33}
    with pytest.raises(MiError):
        command["rand_set_prob"](101)
    command["rand_reset_prob"]()
    assert functions.rand_get_prob(MSG) == 10
    with pytest.raises(MiError):
        command["get_config_hash"]()
    file = tmp_path / "x.cfg"
    file.write_text("route { }")
    module.parameters["hash_file"].apply(str(file))
    module.on_init[0]()
    assert command["get_config_hash"]() == configuration.file_hash(str(file))
    assert "identical" in command["check_config_hash"]()
    file.write_text("route { exit; }")
    with pytest.raises(MiError) as error:
        command["check_config_hash"]()
    assert error.value.code == 400
    file.unlink()
    with pytest.raises(MiError) as error:
        command["check_config_hash"]()
    assert error.value.code == 500
    with pytest.raises(ValueError):
        module.on_init[0]()


# -------------------------------------------------------------------------------------------------------------- chance
def test_chance():
    assert not any(functions.rand_event(MSG, 0) for _ in range(50))
    assert all(functions.rand_event(MSG, 100) for _ in range(50))
    functions.rand_set_prob(MSG, 100)
    assert all(functions.rand_event(MSG) for _ in range(50))
    functions.rand_reset_prob(MSG)
    assert functions.rand_get_prob(MSG) == 10
    assert 0 <= MSG.cfg_random < 2**31


def _avp(*values):
    """A reference to an AVP of a message that has these values."""
    msg = request()
    msg.avps["x"] = list(values)

    def get(msg, name, index):
        found = msg.avps[name]
        return found[index] if index is None or index < len(found) else None

    return msg, Ref(SimpleNamespace(name="avp", get=get, indexed=True, named="yes", set=None), "x", 0)


def test_counting_choosing_shuffling():
    msg, ref = _avp(10, 20, 30)
    result = Box()
    assert functions.set_count(msg, ref, result)
    assert result.values == [3]
    assert functions.set_select_weight(msg, ref) in (0, 1, 2)
    msg.avps["x"] = [0, 5, 0]
    assert functions.set_select_weight(msg, ref) == 1
    for values, code in (([], -1), ([5], 0), ([1, "a"], -1), ([0, 0], -1)):
        msg.avps["x"] = values
        assert functions.set_select_weight(msg, ref) == code
    msg.avps["x"] = list(range(20))
    assert functions.shuffle_avps(msg, ref)
    assert sorted(msg.avps["x"]) == list(range(20))
    assert not functions.set_count(msg, ref, Box(writable=False))


# ---------------------------------------------------------------------------------------------------------------- time
def test_clock_variables(monkeypatch):
    monkeypatch.setattr(core, "wall", lambda: 1_000_000_000.25)
    monkeypatch.setenv("TZ", "UTC")
    import time

    time.tzset()
    names = ("sec", "min", "hour", "mday", "mon", "year", "wday", "yday", "isdst")
    assert [MSG.ctime(name) for name in names] == [40, 46, 1, 9, 9, 2001, 1, 252, 0]
    with pytest.raises(ValueError):
        module.variables["ctime"].check_name("century")
    seconds, fraction, text = Box(), Box(), Box()
    assert functions.get_accurate_time(MSG, seconds, fraction, text)
    assert (seconds.values, fraction.values, text.values) == ([1_000_000_000], [250_000], ["1000000000.250000"])


def test_env(monkeypatch):
    monkeypatch.setenv("SIPC_TEST", "yes")
    assert MSG.env("SIPC_TEST") == "yes"
    assert MSG.env("SIPC_NOT_THERE") is None


def test_ts_usec_delta():
    text, number = Box(), Box()
    assert functions.ts_usec_delta(MSG, 10, 300, 12, 100, text, number)
    assert (text.values, number.values) == (["1999800"], [1999800])
    assert not functions.ts_usec_delta(MSG, 0, 0, 10_000, 0, text, number)
    assert text.values[0] == "10000000000"


def when(*moment: int) -> int:
    return int(datetime(*moment, tzinfo=UTC).timestamp())


WORK = "UTC|20210104T080000|20210104T180000||WEEKLY|||MO,TU,WE,TH,FR"
HOLIDAYS = "UTC|20210427T000000|20210428T000000 / UTC|20211227T000000|20211228T000000"
OFFICE = "UTC|20210104T090000||PT8H|weekly|||MO,TU,WE,TH,FR"


@pytest.mark.parametrize(("text", "now", "code"), [
    ("UTC|20120101T000000|20130101T000000", when(2012, 6, 1), 1),
    ("UTC|20120101T000000|20130101T000000", when(2013, 1, 1), -1),
    ("UTC|20120101T000000|20130101T000000", when(2011, 12, 31), -1),
    ("UTC|20121101T000000||p30d", when(2012, 11, 20), 1), ("UTC|20121101T000000||p30d", when(2012, 12, 2), -1),
    (WORK, when(2021, 3, 1, 10), 1), (WORK, when(2021, 3, 6, 10), -1), (WORK, when(2021, 3, 1, 7, 59), -1),
    (WORK, when(2021, 3, 1, 18), -1),
    (OFFICE, when(2021, 3, 1, 16, 59, 59), 1), (OFFICE, when(2021, 3, 1, 17), -1), (OFFICE, when(2021, 3, 7, 10), -1),
    ("UTC|20210104T220000|20210105T060000||daily", when(2021, 5, 5, 23), 1),
    ("UTC|20210104T220000|20210105T060000||daily", when(2021, 5, 5, 3), 1),
    ("UTC|20210104T220000|20210105T060000||daily", when(2021, 5, 5, 12), -1),
    ("UTC|20210101T000000||p1d|daily||2", when(2021, 1, 3, 5), 1),
    ("UTC|20210101T000000||p1d|daily||2", when(2021, 1, 4, 5), -1),
    ("UTC|20210101T000000||p1d|daily|20210110T000000", when(2021, 1, 11), -1),
    ("UTC|20210101T000000||p1d|monthly|||2MO", when(2021, 3, 8), 1),
    ("UTC|20210101T000000||p1d|monthly|||2MO", when(2021, 3, 15), -1),
    ("UTC|20210101T000000||p1d|monthly|||-1FR", when(2021, 3, 26), 1),
    ("UTC|20210101T000000||p1d|monthly||||-1", when(2021, 2, 28), 1),
    ("UTC|20210101T000000||p1d|monthly||||31", when(2021, 3, 31), 1),
    ("UTC|20210101T000000||p1d|yearly|||||1,-1", when(2022, 12, 31), 1),
    ("UTC|20210101T000000||p1d|yearly|||||1,-1", when(2022, 6, 1), -1),
    ("UTC|20210101T000000||p31d|yearly|||||||6", when(2022, 6, 5), 1),
    ("UTC|20210101T000000||p31d|yearly|||||||6", when(2022, 7, 5), -1),
    ("Europe/Bucharest|20120101T000000|20130101T000000", when(2011, 12, 31, 22, 30), 1),
    (f"{WORK} & !UTC|20210104T120000|20210104T140000||WEEKLY|||MO,TU,WE,TH,FR", when(2021, 3, 1, 13), -1),
    (f"{WORK} & !UTC|20210104T120000|20210104T140000||WEEKLY|||MO,TU,WE,TH,FR", when(2021, 3, 1, 15), 1),
    (f"{WORK} & !({HOLIDAYS})", when(2021, 4, 27, 10), -1), (f"{WORK} & !({HOLIDAYS})", when(2021, 4, 28, 10), 1),
    ("", 0, -1), ("nonsense", 0, -2), ("UTC|2012", 0, -2), ("UTC|20120101T000000||x", 0, -2), ("(", 0, -2),
    ("UTC|20120101T000000 & ", 0, -2), ("UTC|20120101T000000 & UTC|20120101T000000 / UTC|20120101T000000", 0, -2),
    ("UTC|20120101T000000|||||2", 0, -2), ("UTC|20210101T000000||p1d|weekly|||XX", 0, -2),
])  # fmt: skip
def test_time_recurrence(text, now, code):
    assert functions.check_time_rec(MSG, text, now) == code


def test_now_and_the_system_zone(monkeypatch):
    monkeypatch.setattr(core, "wall", lambda: when(2012, 6, 1))
    assert functions.check_time_rec(MSG, "20120101T000000|20130101T000000") == 1
    assert parse_recurrence("|20120101T000000") == parse_recurrence("20120101T000000")


@settings(max_examples=80, deadline=None)
@given(st.text(st.sampled_from("UTC|20210104T08p1dweekly,MO&/!() -"), max_size=40), st.integers(0, 2**32))
def test_recurrence_never_raises_but_value_error(text, now):
    with contextlib.suppress(ValueError):
        check_expression(text, now)


# --------------------------------------------------------------------------------------------------------------- locks
def test_hash_and_sharing():
    assert functions.core_hash("", 32) == 0
    assert all(0 <= functions.core_hash(text, 32) < 32 for text in ("a", "abcd", "abcde", "\xff\xfe\x80abc"))
    assert functions.strings_share_lock(MSG, "a", "a")
    module.parameters["lock_pool_size"].apply(1)
    assert functions.strings_share_lock(MSG, "a", "b")


async def test_locks_are_served_in_order():
    order = []

    async def worker(number: int) -> None:
        await functions.get_static_lock(MSG, "zone")
        order.append(number)
        await asyncio.sleep(0)
        functions.release_static_lock(MSG, "zone")

    await asyncio.wait_for(asyncio.gather(*(worker(number) for number in range(4))), 5)
    assert order == [0, 1, 2, 3]
    functions.release_static_lock(MSG, "zone")  # not held: nothing happens
    await asyncio.wait_for(functions.get_dynamic_lock(MSG, "a"), 5)
    functions.release_dynamic_lock(MSG, "a")


async def test_a_waiter_that_gives_up_does_not_keep_the_lock():
    await functions.get_dynamic_lock(MSG, "a")
    waiter = asyncio.ensure_future(functions.get_dynamic_lock(MSG, "a"))
    await asyncio.sleep(0)
    waiter.cancel()
    await asyncio.gather(waiter, return_exceptions=True)
    functions.release_dynamic_lock(MSG, "a")
    await asyncio.wait_for(functions.get_dynamic_lock(MSG, "a"), 5)


def test_locks_hold_over_processes():
    locks = ScriptLocks()
    assert locks.try_acquire(3)

    def blocked() -> bool:
        locks._held.clear()
        return not locks.try_acquire(3) and locks.try_acquire(4)

    assert in_child(blocked) == 0
    locks.release(3)
    assert in_child(lambda: locks.try_acquire(3)) == 0


async def test_sleeping():
    assert await functions.sleep(MSG, 0)
    assert await functions.usleep(MSG, 10)
    assert await functions.usleep(MSG, -5)
    assert module.functions["sleep"].suspends and module.functions["usleep"].is_async


def test_status_functions():
    assert functions.pkg_status(MSG)
    assert functions.shm_status(MSG)

    def killed() -> bool:
        import faulthandler
        import resource

        faulthandler.disable()
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        return functions.abort(MSG)

    assert in_child(killed) == -signal.SIGABRT
