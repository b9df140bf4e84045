"""mathops: expressions, reverse Polish notation, rounding as C does it."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stdlib import mathops
from tests.stdlib.sipmessages import Box, request

MSG = request()


@pytest.fixture(autouse=True)
def _defaults():
    yield
    mathops.decimal_digits.reset()


@pytest.mark.parametrize(("expression", "value"), [
    ("1 + 2 * 3", "7.000000"), ("1 / 3", "0.333333"), ("(1+2)*3", "9.000000"), ("2^3^2", "64.000000"),
    ("-2^2", "4.000000"), ("2^-1", "0.500000"), ("--2", "2.000000"), ("7 % 4", "3.000000"), ("-7 % 4", "-3.000000"),
    ("sqrt 16 + 1", "5.000000"), ("sqrt(16)", "4.000000"), ("log 1000", "3.000000"), ("ln exp 2", "2.000000"),
    ("abs -3", "3.000000"), ("floor 2.7", "2.000000"), ("ceil -2.7", "-2.000000"), ("0x10", "16.000000"),
    ("1e3", "1000.000000"), (".5", "0.500000"), ("1/0", "inf"), ("-1/0", "-inf"), ("0^-1", "inf"), ("10^400", "inf"),
    ("sinh 1000", "inf"), ("1 - -1", "2.000000"), ("ceil -0.5", "-0.000000"),
])  # fmt: skip
def test_expressions(expression, value):
    result = Box()
    assert mathops.math_eval(MSG, f" {expression}\t", result)
    assert result.values == [value]


@pytest.mark.parametrize("expression", [
    "", "1 +", "1 2", "(1", "1)", "foo 1", "Sqrt 4", "sqrt", "0/0", "sqrt -1", "1 % 0", "$", "2 ** 3", "acos 2", "1,2",
    "(" * 5000 + "1", "abs " * 5000 + "1",
])  # fmt: skip
def test_no_expression(expression):
    result = Box()
    assert not mathops.math_eval(MSG, expression, result)
    assert result.values == []


def test_decimal_digits_and_refused_result():
    mathops.decimal_digits.apply(2)
    result = Box()
    mathops.math_eval(MSG, "2/3", result)
    assert result.values == ["0.67"]
    assert not mathops.math_eval(MSG, "1", Box(writable=False))


@pytest.mark.parametrize(("expression", "value"), [
    ("1 3 swap swap dup drop / exp ln 1 swap /", "3.000000"), ("2 3 pow", "8.000000"), ("7 4 mod", "3.000000"),
    ("-1.5 abs", "1.500000"), ("2.5 round", "3.000000"), ("-2.5 round", "-3.000000"), ("2.5 nearbyint", "2.000000"),
    ("27 cbrt", "3.000000"), ("pi floor", "3.000000"), ("1000 log10", "3.000000"), ("5 neg", "-5.000000"),
    ("-2.9 trunc", "-2.000000"), ("1 0 /", "inf"), ("2 sqrt dup *", "2.000000"), ("e ln", "1.000000"),
])  # fmt: skip
def test_rpn(expression, value):
    result = Box()
    assert mathops.math_rpn(MSG, expression, result)
    assert result.values == [value]


@pytest.mark.parametrize("expression", ["", "+", "1 +", "1 2", "1 foo", "drop", "swap", "1 swap", "1 " * 300])
def test_no_rpn(expression):
    assert not mathops.math_rpn(MSG, expression, Box())


@pytest.mark.parametrize(("function", "number", "value"), [
    ("math_trunc", "3.7", 3), ("math_trunc", "-2.9", -2), ("math_floor", "-2.9", -3), ("math_floor", "3.7", 3),
    ("math_ceil", "3.2", 4), ("math_ceil", "-2.9", -2), ("math_round", "1.2", 1), ("math_round", "0.5", 1),
    ("math_round", "-0.5", -1), ("math_round", "0.49999999999999994", 0), ("math_trunc", "abc", 0),
    ("math_trunc", "12abc", 12), ("math_trunc", "1e99", -(2**31)), ("math_round_sf", "2.5", 3),
])  # fmt: skip
def test_rounding_to_integers(function, number, value):
    result = Box()
    assert getattr(mathops, function)(MSG, number, result)
    assert result.values == [value]


def test_rounding_to_digits():
    result = Box()
    mathops.math_round(MSG, "2.567", result, 1)
    mathops.math_round(MSG, "3.141492", result, 4)
    assert result.values == ["3.1415", "2.6"]


@pytest.mark.parametrize(
    ("figures", "value"), [(1, 20000), (2, 18000), (3, 17900), (4, 17890), (5, 17893), (6, 17893.0), (7, 17892.99)]
)
def test_significant_figures(figures, value):
    result = Box()
    assert mathops.math_round_sf(MSG, "17892.987", result, figures)
    assert result.values == [f"{value:.6f}"]


def test_compare():
    result = Box()
    for left, right in (("1 + 8", "7/2"), ("1", "1.0"), ("1", "2")):
        assert mathops.math_compare(MSG, left, right, result)
    assert result.values == [-1, 0, 1]
    assert not mathops.math_compare(MSG, "1", "x", result)


@settings(max_examples=80, deadline=None)
@given(st.text(st.sampled_from("0123456789.+-*/^%() esinqrtx"), max_size=30))
def test_never_raises_but_value_error(text):
    for evaluate in (mathops.evaluate, mathops.evaluate_rpn):
        try:
            value = evaluate(text)
        except ValueError:
            continue
        assert isinstance(value, float)
        assert not (evaluate is mathops.evaluate and math.isnan(value))
