"""Module, parameters and the shared memory of cfgutils."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from runtime import log
from runtime.declare import Module
from stdlib.cfgutils.shared import ScriptLocks, SharedVariables

if TYPE_CHECKING:
    from runtime.mi.engine import MiError

__all__ = [
    "config_hash", "file_hash", "hash_file", "initial_probability", "lock_pool_size", "locks", "logger", "mi_error",
    "module", "shared",
]  # fmt: skip

module = Module("cfgutils", "Random decisions, shared variables, time, sleeping and script locks.")
logger = log.engine("cfgutils")

shared = SharedVariables()
locks = ScriptLocks()


def _percent(value: int) -> int:
    if value > 100:
        raise ValueError(f"invalid probability <{value}>")
    return value


def _assignment(text: str) -> tuple[str, int | str]:
    """`name=i:1` or `name=s:text`."""
    name, equals, rest = text.partition("=")
    kind, colon, value = rest.partition(":")
    if not name or not equals or not colon or kind not in ("s", "S", "i", "I"):
        raise ValueError(f"expected NAME=i:NUMBER or NAME=s:TEXT, not {text!r}")
    if kind in "sS":
        return name, value
    return name, int(value)


def _power_of_two(value: int) -> int:
    if value < 1:
        raise ValueError(f"Invalid lock size parameter ({value})!")
    return value


initial_probability = module.parameter(
    "initial_probability", int, 10, "Probability of rand_event() at the start.", unit="%", check=_percent
)
hash_file = module.parameter("hash_file", str, None, "File whose hash is kept at the start for check_config_hash.")
shv_hash_size = module.parameter(
    "shv_hash_size", int, 64, "Size of OpenSIPS's table of shared variables; nothing depends on it here."
)
shvset = module.parameter(
    "shvset", str, None, "First value of a `$shv`: `name=i:1` or `name=s:text`.", repeat=True, check=_assignment
)
varset = module.parameter(
    "varset", str, None, "First value of a `$var`: `name=i:1` or `name=s:text`.", repeat=True, check=_assignment
)
lock_pool_size = module.parameter(
    "lock_pool_size", int, 32, "Number of dynamic locks, a power of two.", check=_power_of_two
)

config_hash: list[str] = []
"""The hash of hash_file at the start, if there is one."""


def file_hash(path: str) -> str:
    """MD5 of a file in hexadecimal; OSError when it cannot be read."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def mi_error(code: int, text: str) -> MiError:
    """The exception that answers an MI call with an error."""
    from runtime.mi.engine import MiError

    return MiError(code, text)


@module.init
def _init() -> None:
    """Set what the parameters say; the workers inherit it."""
    shared.probability = initial_probability.value
    for name, value in shvset.value:
        if not shared.set(name, value):
            raise ValueError(f"unable to set shv parameter [{name}]")
    if varset.value:
        from runtime.script import var

        for name, value in varset.value:
            var[name] = value
    if hash_file.value:
        try:
            config_hash[:] = [file_hash(hash_file.value)]
        except OSError as error:
            raise ValueError(f"could not hash the config file: {error}") from None
