"""Comparison, arithmetic and text as scripts have them (OpenSIPS's rules of types, NULL and 32 bits).

Comparisons give True, False or None: None is the error of a type mismatch, which a condition counts as false and which
`!` and `||` pass on.  Arithmetic gives NO_VALUE when it cannot be done; an assignment of that does nothing.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from typing import Any

from runtime import log, regex
from runtime.declare import NO_VALUE, NoValue, StrInt, Value

__all__ = [
    "add", "add_literal", "as_int", "as_text", "bit_and", "bit_literal", "bit_or", "bit_xor", "complement", "concat", "differs",
    "differs_int", "divide", "equal", "equal_int", "greater", "greater_equal", "greater_equal_int", "greater_int", "in_subnet",
    "less", "less_equal", "less_equal_int", "less_int", "lowered", "matches", "modulo", "multiply", "negate", "not_in_subnet",
    "not_matches", "not_same", "same", "shift_left", "shift_right", "show", "subtract", "wrap",
]  # fmt: skip

Outcome = bool | None


def wrap(number: int) -> int:
    """A 32 bit signed integer, as C wraps it."""
    if -0x80000000 <= number <= 0x7FFFFFFF:
        return number
    number &= 0xFFFFFFFF
    return number - 0x100000000 if number > 0x7FFFFFFF else number


def show(value: Value | NoValue) -> str:
    """A value as format strings print it: NULL is <null>."""
    if value is None:
        return "<null>"
    return value if isinstance(value, str) else str(value)


def as_int(value: Value) -> int | None:
    """The integer a value has, None when it has none."""
    if isinstance(value, int):
        return value
    return value.num if isinstance(value, StrInt) else None


def as_text(value: Value | NoValue) -> str | None:
    """The text a transformation takes as its argument; None for NULL and for the empty string."""
    if value is None or value is NO_VALUE or value == "":
        return None
    return value if isinstance(value, str) else str(value)


def _kind(value: Value) -> str:
    if value is None:
        return "NULL/NULL"
    return f"INTEGER/{value}" if isinstance(value, int) else f"STRING/{value}"


def _mismatch(name: str, left: Value, right: Value) -> None:
    log.script_warning(f"invalid {name} operation: left is {_kind(left)}, right is {_kind(right)}")


_ASCII = {upper: upper + 32 for upper in range(65, 91)}


def lowered(text: str) -> str:
    """The text in lower case, as comparisons see it: ASCII letters only."""
    return text.lower() if text.isascii() else text.translate(_ASCII)


# ------------------------------------------------------------------------------------------------------ comparisons
def same(left: Value, constant: str) -> bool:
    """Is the text (or printed number) equal to a constant (given in lower case), whatever the case?"""
    if left is None:
        return False
    return (lowered(left) if isinstance(left, str) else str(left)) == constant


def not_same(left: Value, constant: str) -> bool:
    """The contrary of `same`; true for NULL."""
    return not same(left, constant)


def _comparison(name: str, test: Callable[[Any, Any], bool], null_both: bool, null_one: bool) -> Callable[..., Outcome]:
    def compare(left: Value, right: Value) -> Outcome:
        if left is None or right is None:
            return null_both if left is right else null_one
        if isinstance(left, int):
            if isinstance(right, int):
                return test(left, right)
            if isinstance(right, StrInt):
                return test(left, right.num)
            return test(str(left), lowered(right))
        if isinstance(right, int):
            if isinstance(left, StrInt):
                return test(left.num, right)
            return test(lowered(left), str(right))
        if isinstance(left, StrInt) and isinstance(right, StrInt):
            return test(left.num, right.num)
        return test(lowered(left), lowered(right))

    compare.__name__ = name
    compare.__doc__ = f"Two values by `{name}`: numbers if both have one, else text whatever the case."
    return compare


def _literal_comparison(name: str, test: Callable[[Any, Any], bool], null: bool) -> Callable[..., Outcome]:
    def compare(left: Value, right: int) -> Outcome:
        if isinstance(left, int):
            return test(left, right)
        if left is None:
            return null
        if isinstance(left, StrInt):
            return test(left.num, right)
        _mismatch(name.split("_")[0].upper(), left, right)
        return None

    compare.__name__ = name
    compare.__doc__ = f"A value by `{name}` with a literal integer; None (error) when it is text."
    return compare


equal = _comparison("equal", operator.eq, True, False)
differs = _comparison("differs", operator.ne, False, True)
less = _comparison("less", operator.lt, False, False)
less_equal = _comparison("less_equal", operator.le, False, False)
greater = _comparison("greater", operator.gt, False, False)
greater_equal = _comparison("greater_equal", operator.ge, False, False)

equal_int = _literal_comparison("equal_int", operator.eq, False)
differs_int = _literal_comparison("differs_int", operator.ne, True)
less_int = _literal_comparison("less_int", operator.lt, False)
less_equal_int = _literal_comparison("less_equal_int", operator.le, False)
greater_int = _literal_comparison("greater_int", operator.gt, False)
greater_equal_int = _literal_comparison("greater_equal_int", operator.ge, False)


def _compiled(pattern: re.Pattern[str] | Value) -> re.Pattern[str] | None:
    if isinstance(pattern, re.Pattern):
        return pattern
    try:
        return regex.compile(str(pattern))
    except ValueError as error:
        log.script_error(f"bad regular expression {pattern!r}: {error}")
        return None


def matches(value: Value, pattern: re.Pattern[str] | Value) -> Outcome:
    """`=~`: does the expression occur in the text?  A variable pattern is compiled (and kept) here."""
    if value is None:
        return pattern is None
    if pattern is None:
        return False
    compiled = _compiled(pattern)
    if compiled is None:
        return None
    return compiled.search(value if isinstance(value, str) else str(value)) is not None


def not_matches(value: Value, pattern: re.Pattern[str] | Value) -> Outcome:
    """`!~`."""
    if value is None:
        return pattern is not None
    if pattern is None:
        return True
    compiled = _compiled(pattern)
    if compiled is None:
        return None
    return compiled.search(value if isinstance(value, str) else str(value)) is None


def in_subnet(value: Value, subnet: Any) -> Outcome:
    """`var == 10.0.0.0/8` with a constant ipaddress network; None when the value is no address."""
    import ipaddress

    if value is None:
        return False
    try:
        address = ipaddress.ip_address(str(value).strip("[]"))
    except ValueError:
        log.script_warning(f"invalid EQUAL operation: {value} is not an IP address")
        return None
    return address in subnet


def not_in_subnet(value: Value, subnet: Any) -> Outcome:
    if value is None:
        return True
    return negate(in_subnet(value, subnet))


def negate(outcome: Outcome | int) -> Outcome:
    """`!` of an outcome: an error stays an error."""
    return None if outcome is None else not outcome


# ------------------------------------------------------------------------------------------------------- arithmetic
def concat(left: str | None, right: str | None) -> str:
    """`+` of two texts; NULL counts as empty."""
    return (left or "") + (right or "")


def add(left: Value | NoValue, right: Value | NoValue) -> Value | NoValue:
    """`+`: numbers if the left one is a number, else text."""
    if type(left) is int and type(right) is int:
        total = left + right
        return total if -0x80000000 <= total <= 0x7FFFFFFF else wrap(total)
    if type(left) is str and type(right) is str:
        return left + right
    if left is NO_VALUE or right is NO_VALUE:
        return NO_VALUE
    if isinstance(left, int):
        return _calculate(left, right, "+")
    text = "" if right is None else right if isinstance(right, str) else str(right)
    return text if left is None else str.__add__(left, text)


def add_literal(left: Value | NoValue, right: int | NoValue) -> Value | NoValue:
    """`+` with a number on the right that has no text form (a literal or the result of arithmetic)."""
    if isinstance(left, int) and isinstance(right, int):
        total = left + right
        return total if -0x80000000 <= total <= 0x7FFFFFFF else wrap(total)
    if left is not NO_VALUE and right is not NO_VALUE:
        log.script_error(f"invalid string operands: {_kind(left)} and {_kind(right)}")
    return NO_VALUE


def _calculate(left: int, right: Any, op: str) -> Value | NoValue:
    """Integer arithmetic; the right side needs an integer, NULL counts as 0."""
    if isinstance(right, int):
        number = right
    elif right is None:
        number = 0
    elif isinstance(right, StrInt):
        number = right.num
    else:
        log.script_error(f"invalid numeric operands: {_kind(left)} and {_kind(right)}")
        return NO_VALUE
    if op == "+":
        return wrap(left + number)
    if op == "-":
        return wrap(left - number)
    if op == "*":
        return wrap(left * number)
    if op in "/%":
        if number == 0:
            log.script_error("divide by 0")
            return 0
        quotient = abs(left) // abs(number)
        if (left < 0) != (number < 0):
            quotient = -quotient
        return wrap(quotient) if op == "/" else wrap(left - quotient * number)
    if op == "&":
        return left & number
    if op == "|":
        return left | number
    if op == "^":
        return left ^ number
    if op == "<<":
        return wrap(left << (number & 31))
    return left >> (number & 31)


def _operation(
    name: str, op: str, plain: Callable[[int, int], int] | None = None
) -> Callable[[Any, Any], Value | NoValue]:
    """The operator's function; `plain` calculates two integers when nothing can go wrong."""

    def operate(left: Any, right: Any) -> Value | NoValue:
        if plain is not None and type(left) is int and type(right) is int:
            number = plain(left, right)
            return number if -0x80000000 <= number <= 0x7FFFFFFF else wrap(number)
        if left is NO_VALUE or right is NO_VALUE:
            return NO_VALUE  # type: ignore[no-any-return]
        if isinstance(left, int):
            return _calculate(left, right, op)
        if op in "&|^" and isinstance(left, str) and isinstance(right, str):
            return _bytewise(left, right, op)
        log.script_error(f"Invalid operator {op} for {_kind(left)} and {_kind(right)}")
        return NO_VALUE

    operate.__name__ = name
    operate.__doc__ = f"`{op}` of two integers."
    return operate


def _bytewise(left: str, right: str, op: str) -> str | NoValue:
    if len(left) != len(right):
        log.script_error("Different length string operands")
        return NO_VALUE
    pairs = zip(left.encode("latin-1"), right.encode("latin-1"), strict=True)
    if op == "&":
        return bytes(a & b for a, b in pairs).decode("latin-1")
    if op == "|":
        return bytes(a | b for a, b in pairs).decode("latin-1")
    return bytes(a ^ b for a, b in pairs).decode("latin-1")


subtract = _operation("subtract", "-", operator.sub)
multiply = _operation("multiply", "*", operator.mul)
divide = _operation("divide", "/")
modulo = _operation("modulo", "%")
bit_and = _operation("bit_and", "&", operator.and_)
bit_or = _operation("bit_or", "|", operator.or_)
bit_xor = _operation("bit_xor", "^", operator.xor)
shift_left = _operation("shift_left", "<<")
shift_right = _operation("shift_right", ">>")


def complement(value: Value | NoValue) -> Value | NoValue:
    """`~`: needs an integer."""
    number = as_int(value) if value is not NO_VALUE else None
    if number is None:
        if value is not NO_VALUE:
            log.script_error("'~' needs an integer")
        return NO_VALUE
    return wrap(~number)


def bit_literal(outcome: Outcome) -> Value | NoValue:
    """A comparison standing in an expression: 1, 0, or no value when it is an error."""
    return NO_VALUE if outcome is None else int(outcome)
