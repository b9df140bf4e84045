"""maxfwd: counting down, adding, refusing."""

from __future__ import annotations

import pytest

from stdlib import maxfwd
from stdlib.maxfwd import is_maxfwd_lt, mf_process_maxfwd_header
from tests.stdlib.sipmessages import request, sent, values


@pytest.fixture(autouse=True)
def _defaults():
    yield
    maxfwd.max_limit.reset()


def test_counts_down_and_the_script_reads_the_new_value():
    msg = request(max_forwards="70")
    assert mf_process_maxfwd_header(msg, 10) == 1
    assert values(msg, "Max-Forwards") == ["69"]
    assert msg.value_of("max-forwards") == "69"


def test_twice():
    msg = request(max_forwards="70")
    assert [mf_process_maxfwd_header(msg, 10) for _ in range(2)] == [1, 1]
    assert values(msg, "Max-Forwards") == ["68"]
    assert sent(msg).count("Max-Forwards") == 1


def test_keeps_the_width_of_the_number():
    msg = request(max_forwards="100")
    mf_process_maxfwd_header(msg, 10)
    assert "Max-Forwards:  99\r\n" in sent(msg)


def test_zero_is_refused():
    msg = request(max_forwards="0")
    assert mf_process_maxfwd_header(msg, 10) == -1
    assert msg.edits is None


def test_one_becomes_zero_and_then_is_refused():
    msg = request(max_forwards="1")
    assert mf_process_maxfwd_header(msg, 10) == 1
    assert mf_process_maxfwd_header(msg, 10) == -1
    assert values(msg, "Max-Forwards") == ["0"]


def test_absent_header_is_added_in_front():
    msg = request(max_forwards=None)
    assert mf_process_maxfwd_header(msg, 10) == 2
    assert sent(msg).split("\r\n")[1] == "Max-Forwards: 10"


@pytest.mark.parametrize("value", ["abc", "-1", "7x", "123456", "1 2"])
def test_no_number(value):
    msg = request(max_forwards=value)
    assert mf_process_maxfwd_header(msg, 10) == -2
    assert is_maxfwd_lt(msg, 10) == -3


def test_large_values_are_lowered_to_max_limit():
    msg = request(max_forwards="300")
    assert mf_process_maxfwd_header(msg, 10) == 1
    assert values(msg, "Max-Forwards") == ["256"]
    maxfwd.max_limit.apply(20)
    msg = request(max_forwards="60")
    mf_process_maxfwd_header(msg, 10)
    assert values(msg, "Max-Forwards") == ["20"]


def test_lower_than():
    assert is_maxfwd_lt(request(max_forwards="10"), 20) == 1
    assert is_maxfwd_lt(request(max_forwards="20"), 20) == -1
    assert is_maxfwd_lt(request(max_forwards=None), 20) == -2
    msg = request(max_forwards="20")
    mf_process_maxfwd_header(msg, 10)
    assert is_maxfwd_lt(msg, 20) == 1


def test_arguments_out_of_range():
    check = maxfwd.module.functions["mf_process_maxfwd_header"].params[0].check
    for value in (0, 257):
        with pytest.raises(ValueError):
            check(value)
        assert mf_process_maxfwd_header(request(), value) == -1
    maxfwd.max_limit.apply(20)
    assert mf_process_maxfwd_header(request(), 21) == -1
    with pytest.raises(ValueError):
        maxfwd.max_limit.apply(0)
