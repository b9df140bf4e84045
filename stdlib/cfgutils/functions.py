"""The script functions of cfgutils."""

from __future__ import annotations

import asyncio
import gc
import os
import random
import resource
from typing import TYPE_CHECKING, Annotated

from runtime.core import core
from runtime.declare import Check, ReadVar, Ref, Routes, Var
from stdlib.cfgutils.settings import initial_probability, lock_pool_size, locks, logger, module, shared
from stdlib.cfgutils.shared import CAPACITY
from stdlib.cfgutils.time_rec import check_expression

if TYPE_CHECKING:
    from runtime.sip.message import SipMessage

__all__ = [
    "abort", "check_time_rec", "core_hash", "get_accurate_time", "get_dynamic_lock", "get_static_lock", "pkg_status",
    "rand_event", "rand_get_prob", "rand_reset_prob", "rand_set_prob", "release_dynamic_lock", "release_static_lock",
    "set_count", "set_select_weight", "shm_status", "shuffle_avps", "sleep", "strings_share_lock", "ts_usec_delta",
    "usleep",
]  # fmt: skip

_ROUTES = Routes.ANY & ~Routes.ERROR


# -------------------------------------------------------------------------------------------------------------- chance
@module.function(routes=_ROUTES)
def rand_set_prob(msg: SipMessage, probability: int) -> bool:
    """Set the probability of rand_event(), in percent, for all workers."""
    shared.probability = probability
    return True


@module.function(routes=_ROUTES)
def rand_reset_prob(msg: SipMessage) -> bool:
    """Set the probability of rand_event() to the initial one."""
    shared.probability = initial_probability.value
    return True


@module.function(routes=_ROUTES)
def rand_get_prob(msg: SipMessage) -> int:
    """The probability of rand_event() in percent as the return code; 0 ends the script, as any code 0."""
    return shared.probability


@module.function(routes=_ROUTES)
def rand_event(msg: SipMessage, probability: int | None = None) -> bool:
    """True with this probability in percent, or with the one that was set."""
    return random.random() < (shared.probability if probability is None else probability) / 100


# ------------------------------------------------------------------------------------------------------------- waiting
@module.function(routes=_ROUTES, is_async=True)
async def sleep(msg: SipMessage, seconds: int) -> bool:
    """Wait; other messages go on meanwhile."""
    await asyncio.sleep(max(seconds, 0))
    return True


@module.function(routes=_ROUTES, is_async=True)
async def usleep(msg: SipMessage, useconds: int) -> bool:
    """Wait for microseconds; other messages go on meanwhile."""
    await asyncio.sleep(max(useconds, 0) / 1e6)
    return True


# ----------------------------------------------------------------------------------------------------------- debugging
@module.function(routes=_ROUTES)
def abort(msg: SipMessage) -> bool:
    """Kill this process at once with SIGABRT, for debugging; it may leave a core dump."""
    logger.critical("abort called")
    os.abort()


@module.function(routes=_ROUTES)
def pkg_status(msg: SipMessage) -> bool:
    """Log how much memory this process uses."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    logger.notice("memory of this process: %d KiB at most, %d objects", usage.ru_maxrss, len(gc.get_objects()))
    return True


@module.function(routes=_ROUTES)
def shm_status(msg: SipMessage) -> bool:
    """Log how much of the memory for shared variables is used."""
    logger.notice("shared variables: %d, %d of %d bytes", len(shared.all()), shared.used, CAPACITY)
    return True


# ------------------------------------------------------------------------------------------------ variables with values
def _count(msg: SipMessage, variable: Ref) -> list[object]:
    """All values of a variable that can have several."""
    if not variable.variable.indexed:
        value = variable.get(msg)
        return [] if value is None else [value]
    found: list[object] = []
    index = 0
    while (value := Ref(variable.variable, variable.name, index).get(msg)) is not None:
        found.append(value)
        index += 1
    return found


@module.function(routes=_ROUTES)
def set_count(msg: SipMessage, variable: ReadVar, result: Var) -> bool:
    """Write the number of values of a variable (AVP, header) into another."""
    if not result.set(msg, len(_count(msg, variable))):
        logger.error("SET output value failed.")
        return False
    return True


@module.function(routes=_ROUTES)
def set_select_weight(msg: SipMessage, variable: ReadVar) -> int:
    """Choose one of the values of a variable, which are integer weights; its index is the return code.

    -1 when there is none or one is no integer; 0 ends the script, as any code 0.
    """
    weights = _count(msg, variable)
    numbers = [weight for weight in weights if isinstance(weight, int)]
    if not weights or len(numbers) != len(weights):
        logger.error("Applied select weight algorithm for a variable set containing not only integer values")
        return -1
    if len(numbers) == 1:
        return 0
    if sum(numbers) <= 0 or min(numbers) < 0:
        return -1
    return random.choices(range(len(numbers)), numbers)[0]


def _avp(variable: Ref) -> bool:
    return variable.variable.name == "avp"


@module.function()
def shuffle_avps(msg: SipMessage, name: Var) -> bool:
    """Put the values of an AVP in random order."""
    if not _avp(name):
        logger.error("param spec must be an AVP")
        return False
    values = msg.avps.get(str(name.name))
    if values:
        random.shuffle(values)
    return True


# ---------------------------------------------------------------------------------------------------------------- time
@module.function(routes=_ROUTES)
def get_accurate_time(msg: SipMessage, seconds: Var, microseconds: Var, text: Var | None = None) -> bool:
    """Write the UNIX time: seconds, microseconds, and both as `1234567890.123456`."""
    whole, fraction = divmod(int(core.wall() * 1_000_000), 1_000_000)
    if not seconds.set(msg, whole) or not microseconds.set(msg, fraction):
        return False
    return text is None or text.set(msg, f"{whole}.{fraction:06d}")


@module.function(routes=_ROUTES)
def ts_usec_delta(
    msg: SipMessage,
    t1_sec: int,
    t1_usec: int,
    t2_sec: int,
    t2_usec: int,
    delta_str: Var | None = None,
    delta_int: Var | None = None,
) -> bool:
    """Write the distance of two times in microseconds as a string and as an integer; false when that is too small."""
    delta = abs(1_000_000 * (t1_sec - t2_sec) + t1_usec - t2_usec)
    if delta_str is not None and not delta_str.set(msg, str(delta)):
        return False
    if delta_int is not None:
        if delta >= 2**31:
            logger.error(
                "diff is too large to store in 'delta_int' (%d us), use the 'delta_str' output variable instead!", delta
            )
            return False
        return delta_int.set(msg, delta)
    return True


def _recurrence(text: str) -> None:
    check_expression(text.strip(), 0)


@module.function()
def check_time_rec(
    msg: SipMessage, time_string: Annotated[str, Check(_recurrence)], timestamp: int | None = None
) -> int:
    """Does the time (now, or a UNIX time) match a time recurrence?  1 yes, -1 no, -2 the text is none."""
    try:
        matches = check_expression(time_string.strip(), int(core.wall()) if timestamp is None else timestamp)
    except ValueError as error:
        logger.error("failed to parse time rec '%s': %s", time_string, error)
        return -2
    return 1 if matches else -1


# --------------------------------------------------------------------------------------------------------------- locks
_STATIC_FIRST = 1 << 16
"""Numbers of static locks begin here; those below are the dynamic ones."""


def core_hash(text: str, size: int) -> int:
    """OpenSIPS's hash of a string, below `size` (a power of two)."""
    data = [byte - 256 if byte > 127 else byte for byte in text.encode("latin-1", "replace")]
    mask = 0xFFFFFFFF
    value = 0
    whole = len(data) // 4 * 4
    for i in range(0, whole, 4):
        word = ((data[i] << 24) + (data[i + 1] << 16) + (data[i + 2] << 8) + data[i + 3]) & mask
        value = (value + (word ^ (word >> 3))) & mask
    word = 0
    for byte in data[whole:]:
        word = ((word << 8) + byte) & mask
    value = (value + (word ^ (word >> 3))) & mask
    value = (value + (value >> 11) + (value >> 13) + (value >> 23)) & mask
    return value & (size - 1)


def _static_number(key: str) -> int:
    """The number of a static lock, the same in every worker: keys that differ practically never share one."""
    import hashlib

    digest = hashlib.blake2b(key.encode("latin-1", "replace"), digest_size=6).digest()
    return _STATIC_FIRST + int.from_bytes(digest, "big")


@module.function(routes=_ROUTES)
async def get_static_lock(msg: SipMessage, key: str) -> bool:
    """Take the lock of this name, waiting while any worker holds it.  Taking it twice without release never ends."""
    await locks.acquire(_static_number(key))
    return True


@module.function(routes=_ROUTES)
def release_static_lock(msg: SipMessage, key: str) -> bool:
    """Give the lock of this name back; nothing happens when this worker does not hold it."""
    locks.release(_static_number(key))
    return True


@module.function(routes=_ROUTES)
async def get_dynamic_lock(msg: SipMessage, key: str) -> bool:
    """Take the lock that this string hashes to, waiting while any worker holds it; see strings_share_lock()."""
    await locks.acquire(core_hash(key, lock_pool_size.value))
    return True


@module.function(routes=_ROUTES)
def release_dynamic_lock(msg: SipMessage, key: str) -> bool:
    """Give back the lock that this string hashes to."""
    locks.release(core_hash(key, lock_pool_size.value))
    return True


@module.function(routes=_ROUTES)
def strings_share_lock(msg: SipMessage, key1: str, key2: str) -> bool:
    """Do two strings hash to the same dynamic lock?"""
    return core_hash(key1, lock_pool_size.value) == core_hash(key2, lock_pool_size.value)
