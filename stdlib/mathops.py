"""mathops: floating-point arithmetic for scripts.

Expressions are read by a small recursive descent parser with the grammar of OpenSIPS's: `^` binds left to right and a
sign binds tighter than it, so `-2^2` is 4; functions need no parentheses (`sqrt 4`).
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING

from runtime import log
from runtime.declare import Module, Value, Var

if TYPE_CHECKING:
    from runtime.sip.message import SipMessage

__all__ = [
    "evaluate", "evaluate_rpn", "math_ceil", "math_compare", "math_eval", "math_floor", "math_round", "math_round_sf",
    "math_rpn", "math_trunc", "module",
]  # fmt: skip

module = Module("mathops", "Floating-point arithmetic: expressions, reverse Polish notation, rounding.")
logger = log.engine("mathops")

decimal_digits = module.parameter("decimal_digits", int, 6, "Digits after the point in results.", hot="now")

MAX_DEPTH = 60
"""Deepest nesting of an expression."""
MAX_STACK = 200
"""Most numbers on the stack of a reverse Polish expression, and most words in one."""


# ------------------------------------------------------------------------------ C's functions on doubles, never raising
def _guarded(function: Callable[..., float]) -> Callable[..., float]:
    """The function with C's results where Python raises: infinity for overflow, NaN outside the domain."""

    def call(*arguments: float) -> float:
        try:
            return float(function(*arguments))
        except OverflowError:
            return math.inf
        except ValueError:
            return math.nan

    return call


def _divide(left: float, right: float) -> float:
    if right:
        return left / right
    if not left or math.isnan(left):
        return math.nan
    return math.copysign(math.inf, left) * math.copysign(1.0, right)


def _log(function: Callable[[float], float]) -> Callable[[float], float]:
    return lambda value: -math.inf if value == 0 else _guarded(function)(value)


def _whole(function: Callable[[float], int]) -> Callable[[float], float]:
    """floor and the like, which C has for infinities too."""
    return lambda value: math.copysign(float(function(value)), value) if math.isfinite(value) else value


def _round(value: float) -> float:
    """To the nearest whole number, halves away from zero."""
    if not math.isfinite(value):
        return value
    return math.copysign(math.floor(abs(value)) + (1 if abs(value) - math.floor(abs(value)) >= 0.5 else 0), value)


_FUNCTIONS: dict[str, Callable[[float], float]] = {
    "abs": abs, "acos": _guarded(math.acos), "asin": _guarded(math.asin), "atan": math.atan, "ceil": _whole(math.ceil),
    "cos": _guarded(math.cos), "cosh": _guarded(math.cosh), "exp": _guarded(math.exp), "floor": _whole(math.floor),
    "ln": _log(math.log), "log": _log(math.log10), "sin": _guarded(math.sin),
    "sinh": _guarded(lambda value: math.copysign(math.inf, value) if abs(value) > 710.4 else math.sinh(value)),
    "sqrt": _guarded(math.sqrt), "tan": _guarded(math.tan), "tanh": math.tanh,
}  # fmt: skip


def _pow(base: float, exponent: float) -> float:
    odd = math.fmod(exponent, 2) in (1.0, -1.0) if math.isfinite(exponent) else False
    try:
        return math.pow(base, exponent)
    except OverflowError:
        return -math.inf if base < 0 and odd else math.inf
    except ValueError:
        if base == 0:
            return math.copysign(math.inf, base) if odd else math.inf
        return math.nan


_fmod = _guarded(math.fmod)

_NUMBER = re.compile(r"0[xX][0-9A-Fa-f]+|(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")


def _number(text: str) -> float:
    return _guarded(lambda: float(int(text, 16)))() if text[:2] in ("0x", "0X") else float(text)


class _Parser:
    """Parses and calculates in one go.  ValueError when the text is no expression."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.depth = 0
        self.token: str | float | None = None
        """An operator or parenthesis, the name of a function, a number; None at the end."""
        self.advance()

    def advance(self) -> None:
        text = self.text
        while self.at < len(text) and text[self.at] in " \t\r\n":
            self.at += 1
        if self.at >= len(text):
            self.token = None
            return
        char = text[self.at]
        match = _NUMBER.match(text, self.at)
        if match is not None:
            self.token, self.at = _number(match[0]), match.end()
        elif "a" <= char <= "z":
            end = self.at
            while end < len(text) and "a" <= text[end] <= "z":
                end += 1
            name = text[self.at : end]
            if name not in _FUNCTIONS:
                raise ValueError(f"unknown function {name}")
            self.token, self.at = name, end
        elif char in "+-*/^%()":
            self.token, self.at = char, self.at + 1
        else:
            raise ValueError(f"unexpected {char!r}")

    def sum(self) -> float:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise ValueError("nested too deeply")
        value = self.product()
        while self.token in ("+", "-"):
            operator = self.token
            self.advance()
            right = self.product()
            value = value + right if operator == "+" else value - right
        self.depth -= 1
        return value

    def product(self) -> float:
        value = self.power()
        while self.token in ("*", "/", "%"):
            operator = self.token
            self.advance()
            right = self.power()
            value = value * right if operator == "*" else (_divide if operator == "/" else _fmod)(value, right)
        return value

    def power(self) -> float:
        value = self.signed()
        while self.token == "^":
            self.advance()
            value = _pow(value, self.signed())
        return value

    def signed(self) -> float:
        negative = False
        while self.token in ("+", "-"):
            negative ^= self.token == "-"
            self.advance()
        value = self.base()
        return -value if negative else value

    def base(self) -> float:
        token = self.token
        if isinstance(token, float):
            self.advance()
            return token
        if token == "(":
            self.advance()
            value = self.sum()
            if self.token != ")":
                raise ValueError("missing )")
            self.advance()
            return value
        if token in _FUNCTIONS:
            self.depth += 1
            if self.depth > MAX_DEPTH:
                raise ValueError("nested too deeply")
            self.advance()
            value = _FUNCTIONS[token](self.signed())
            self.depth -= 1
            return value
        raise ValueError("operand expected")


@lru_cache(maxsize=512)
def evaluate(expression: str) -> float:
    """The value of an arithmetic expression; ValueError when it is none or has no value."""
    parser = _Parser(expression)
    value = parser.sum()
    if parser.token is not None:
        raise ValueError("operator expected")
    if math.isnan(value):
        raise ValueError("not a number")
    return value


# --------------------------------------------------------------------------------------------- reverse Polish notation
_BINARY: dict[str, Callable[[float, float], float]] = {
    "+": lambda left, right: left + right, "-": lambda left, right: left - right,
    "*": lambda left, right: left * right, "/": _divide, "mod": _fmod, "pow": _pow,
}  # fmt: skip
_UNARY: dict[str, Callable[[float], float]] = {
    "neg": lambda value: -value, "exp": _FUNCTIONS["exp"], "ln": _FUNCTIONS["ln"], "log10": _FUNCTIONS["log"],
    "abs": abs, "sqrt": _FUNCTIONS["sqrt"], "cbrt": math.cbrt, "floor": _FUNCTIONS["floor"], "ceil": _FUNCTIONS["ceil"],
    "round": _round, "nearbyint": _whole(round), "trunc": _whole(math.trunc),
}  # fmt: skip
_CONSTANTS = {"e": math.e, "pi": math.pi}


def _words(expression: str) -> list[str | float]:
    found: list[str | float] = []
    at = 0
    while at < len(expression):
        if expression[at] in " \t\r\n":
            at += 1
            continue
        signed = expression[at] == "-" and expression[at + 1 : at + 2].isdigit()
        match = _NUMBER.match(expression, at + signed) if signed or expression[at].isdigit() else None
        if match is not None:
            found.append(-_number(match[0]) if signed else _number(match[0]))
            at = match.end()
            continue
        end = at
        while end < len(expression) and expression[end] not in " \t\r\n":
            end += 1
        found.append(expression[at:end])
        at = end
    return found


@lru_cache(maxsize=512)
def evaluate_rpn(expression: str) -> float:
    """The value of an expression in reverse Polish notation; ValueError when it is none."""
    stack: list[float] = []
    words = _words(expression)
    if len(words) > MAX_STACK:
        raise ValueError("expression too long")
    for word in words:
        if isinstance(word, float):
            stack.append(word)
        elif word in _CONSTANTS:
            stack.append(_CONSTANTS[word])
        elif not _apply(stack, word):
            raise ValueError(f"invalid operator or too few numbers for <{word}>")
    if len(stack) != 1:
        raise ValueError(f"stack has {len(stack)} elements")
    return stack[0]


def _apply(stack: list[float], word: str) -> bool:
    """Run one operation on the stack; False when it is none or the stack is too short."""
    if word in _UNARY and stack:
        stack[-1] = _UNARY[word](stack[-1])
    elif word in _BINARY and len(stack) > 1:
        right = stack.pop()
        stack[-1] = _BINARY[word](stack[-1], right)
    elif word == "drop" and stack:
        stack.pop()
    elif word == "dup" and stack:
        stack.append(stack[-1])
    elif word == "swap" and len(stack) > 1:
        stack[-1], stack[-2] = stack[-2], stack[-1]
    else:
        return False
    return True


# ----------------------------------------------------------------------------------------------------------- functions
def _print(value: float, digits: int) -> str:
    """As C's printf("%.*lf")."""
    if math.isnan(value):
        return "-nan" if math.copysign(1, value) < 0 else "nan"
    return f"{value:.{max(digits, 0)}f}"


def _set(msg: SipMessage, result: Var, value: Value) -> bool:
    if result.set(msg, value):
        return True
    logger.error("SET output value failed.")
    return False


_LEADING = re.compile(r"\s*([+-]?)(0[xX][0-9A-Fa-f]+|(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)")


def _strtod(text: str) -> float:
    """The number at the beginning of a text, 0 when there is none."""
    match = _LEADING.match(text)
    if match is None:
        return 0.0
    value = _number(match[2])
    return -value if match[1] == "-" else value


def _to_int(value: float) -> int:
    """As C converts a double to int on x86-64: the lowest int when it does not fit."""
    return int(value) if math.isfinite(value) and -(2**31) - 1 < value < 2**31 else -(2**31)


@module.function()
def math_eval(msg: SipMessage, expression: str, result: Var) -> bool:
    """Calculate an expression of + - * / % ^ ( ) and functions as C has them.

    Functions: abs acos asin atan ceil cos cosh exp floor ln log (base 10) sin sinh sqrt tan tanh.  The result is a
    string with `decimal_digits` digits after the point.
    """
    try:
        value = evaluate(expression.strip())
    except ValueError:
        logger.error("Failed to run math expression: <%s>", expression)
        return False
    return _set(msg, result, _print(value, decimal_digits.value))


@module.function()
def math_rpn(msg: SipMessage, expression: str, result: Var) -> bool:
    """Calculate an expression in reverse Polish notation.

    + - / * mod pow; neg exp ln log10 abs sqrt cbrt floor ceil round nearbyint trunc; e pi; drop dup swap.
    """
    try:
        value = evaluate_rpn(expression.strip())
    except ValueError:
        logger.error("Mismatched tokens in expression: <%s>", expression)
        return False
    return _set(msg, result, _print(value, decimal_digits.value))


@module.function()
def math_trunc(msg: SipMessage, number: str, result: Var) -> bool:
    """Cut off the fraction; the result is an integer."""
    return _set(msg, result, _to_int(_strtod(number)))


@module.function()
def math_floor(msg: SipMessage, number: str, result: Var) -> bool:
    """The next integer towards minus infinity."""
    return _set(msg, result, _to_int(_FUNCTIONS["floor"](_strtod(number))))


@module.function()
def math_ceil(msg: SipMessage, number: str, result: Var) -> bool:
    """The next integer towards infinity."""
    return _set(msg, result, _to_int(_FUNCTIONS["ceil"](_strtod(number))))


@module.function()
def math_round(msg: SipMessage, number: str, result: Var, decimals: int = 0) -> bool:
    """The nearest integer, halves away from zero; with `decimals` a string with so many digits after the point."""
    value = _strtod(number)
    if not decimals:
        return _set(msg, result, _to_int(_round(value)))
    return _set(msg, result, _print(value, decimals if decimals > 0 else 6))


@module.function()
def math_round_sf(msg: SipMessage, number: str, result: Var, figures: int = 0) -> bool:
    """Round to so many significant figures; without them to an integer."""
    value = _strtod(number)
    if not figures:
        return _set(msg, result, _to_int(_round(value)))
    if not value:
        return _set(msg, result, _print(math.copysign(math.nan, -1), decimal_digits.value))
    factor = _pow(10.0, figures - math.ceil(math.log10(abs(value))))
    return _set(msg, result, _print(_divide(_round(value * factor), factor), decimal_digits.value))


@module.function()
def math_compare(msg: SipMessage, left: str, right: str, result: Var) -> bool:
    """Compare two expressions: 1, 0 or -1 goes into the variable."""
    values: list[float] = []
    for expression in (left, right):
        try:
            values.append(evaluate(expression.strip()))
        except ValueError:
            logger.error("Failed to run math expression: <%s>", expression)
            return False
    return _set(msg, result, (values[0] > values[1]) - (values[0] < values[1]))
