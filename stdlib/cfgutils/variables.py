"""$RANDOM, $shv, $ctime, $env, and the MI commands of the module."""

from __future__ import annotations

import os
import random
import time
from typing import TYPE_CHECKING, Any

from runtime.core import core
from runtime.declare import Value
from stdlib.cfgutils.settings import (
    config_hash,
    file_hash,
    hash_file,
    initial_probability,
    logger,
    mi_error,
    module,
    shared,
)

if TYPE_CHECKING:
    from runtime.sip.message import SipMessage

__all__ = ["cfg_random", "ctime", "env", "shv"]

_CTIME = {"sec": 5, "min": 4, "hour": 3, "mday": 2, "mon": 1, "year": 0, "yday": 7, "isdst": 8}
"""Fields of time.struct_time."""


@module.variable("RANDOM", type="int", null=False)
def cfg_random(msg: SipMessage) -> Value:
    """A random number from 0 to 2147483647."""
    return random.getrandbits(31)


def _set_shv(msg: SipMessage, value: Value, name: Any) -> bool:
    if name is None:
        logger.error("scripting error - $shv(NULL) not allowed!")
        return False
    if not shared.set(str(name), 0 if value is None else int(value) if type(value) is int else str(value)):
        logger.error("no room for $shv(%s)", name)
        return False
    return True


@module.variable("shv", type="any", named="yes", dynamic_name=True, set=_set_shv)
def shv(msg: SipMessage, name: Any) -> Value:
    """A variable that all workers share; the integer 0 until it is set, and when NULL is assigned."""
    if name is None:
        logger.error("scripting error - $shv(NULL) not allowed!")
        return None
    return shared.get(str(name))


def _check_ctime(name: str) -> None:
    if name not in _CTIME and name != "wday":
        raise ValueError(f"unknown PV time name {name}")


@module.variable("ctime", type="int", null=False, named="yes", check_name=_check_ctime)
def ctime(msg: SipMessage, name: str) -> Value:
    """Local time, by field: sec, min, hour, mday, mon (1-12), year, wday (1 Sunday), yday (1-366), isdst."""
    now = time.localtime(core.wall())
    if name == "wday":
        return (now.tm_wday + 1) % 7 + 1
    return int(now[_CTIME[name]])


@module.variable("env", named="yes")
def env(msg: SipMessage, name: str) -> Value:
    """A variable of the server's environment; NULL when it is not set."""
    return os.environ.get(name)


# ------------------------------------------------------------------------------------------------------------------ MI
@module.command("rand_set_prob")
def mi_rand_set_prob(prob_proc: int) -> None:
    """Set the probability of rand_event(), in percent."""
    if prob_proc > 100:
        logger.error("incorrect probability <%d>", prob_proc)
        raise mi_error(400, "Bad parameter value")
    shared.probability = prob_proc


@module.command("rand_reset_prob")
def mi_rand_reset_prob() -> None:
    """Set the probability of rand_event() to the initial one."""
    shared.probability = initial_probability.value


@module.command("rand_get_prob")
def mi_rand_get_prob() -> dict[str, int]:
    """The probability of rand_event(), in percent."""
    return {"actual probability percent": shared.probability}


@module.command("get_config_hash")
def mi_get_config_hash() -> str:
    """The hash of the configuration file at the start."""
    if not config_hash:
        raise mi_error(404, "Functionality disabled")
    return config_hash[0]


@module.command("check_config_hash")
def mi_check_config_hash() -> str:
    """Is the configuration file still as it was at the start?"""
    if not config_hash:
        raise mi_error(404, "Functionality disabled")
    try:
        now = file_hash(hash_file.value)
    except OSError:
        logger.error("could not hash the config file")
        raise mi_error(500, "Internal error") from None
    if now != config_hash[0]:
        raise mi_error(400, "The actual config file hash is not identical to the stored one.")
    return "The actual config file hash is identical to the stored one."


def _shown(value: int | str) -> dict[str, Any]:
    return {"type": "string" if isinstance(value, str) else "integer", "value": value}


@module.command("shv_get")
def mi_shv_get(name: str | None = None) -> dict[str, Any] | list[Any]:
    """The value of a shared variable, or of all."""
    everything = shared.all()
    if name is None:
        return [{"VARs": [{"name": key, **_shown(value)} for key, value in everything.items()]}]
    if name not in everything:
        raise mi_error(404, "Not found")
    return {"VAR": _shown(everything[name])}


@module.command("shv_set")
def mi_shv_set(name: str, type: str, value: str) -> None:
    """Set a shared variable; `type` is int or str."""
    if not name:
        raise mi_error(500, "bad shv name")
    if not type:
        raise mi_error(500, "type not found")
    made: int | str = str(value)
    if type[0] in "sS":
        if not made:
            raise mi_error(500, "value not found")
    else:
        try:
            made = int(value)
        except ValueError:
            raise mi_error(-32602, "Invalid params") from None
    if not shared.set(name, made):
        raise mi_error(500, "cannot set shv value")
