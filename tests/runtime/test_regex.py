"""POSIX extended expressions: what they match, and that they do so as the C library does where it is at hand."""

from __future__ import annotations

import ctypes
import ctypes.util

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runtime import regex

Span = tuple[int, int]


def span(pattern: str, text: str, icase: bool = True, newline: bool = False) -> Span | None:
    match = regex.compile(pattern, icase, newline, longest=True).search(text)
    return match.span() if match is not None else None


@pytest.mark.parametrize(
    ("pattern", "text", "found"),
    [
        ("B", "abc", (1, 2)),
        ("a.c", "a\nc", (0, 3)),
        ("^b", "a\nb", None),
        ("(a|ab)(c|bcd)", "abcd", (0, 4)),
        ("x|xy|xyz", "xyz", (0, 3)),
        ("a{2,3}", "aaaa", (0, 3)),
        ("a{,2}b", "aab", (0, 3)),
        ("a**", "aa", (0, 2)),
        ("(ab)+?", "ab", (0, 2)),
        ("[]a]+", "]a]", (0, 3)),
        ("[^]a]", "]ab", (2, 3)),
        ("[[:digit:]-]+", "a1-2", (1, 4)),
        ("[\\w]", "\\", (0, 1)),
        ("\\w+", "a_1", (0, 3)),
        ("\\d", "1d", None),
        ("\\.", "a.", (1, 2)),
        ("\\<b", "a b", (2, 3)),
        ("(a)\\1", "baa", (1, 3)),
        ("a)", "a)", (0, 2)),
        ("}", "}", (0, 1)),
        ("", "abc", (0, 0)),
        ("()", "abc", (0, 0)),
    ],
)
def test_what_is_found(pattern: str, text: str, found: Span | None) -> None:
    assert span(pattern, text) == found


@pytest.mark.parametrize(
    "pattern", ["*", "a|*b", "(+", "(", "[a", "[[:foo:]]", "a{", "a{x}", "a{2,1}", "a{99999}", "\\", "^*", "\\1(a)"]
)
def test_what_is_no_expression_is_refused(pattern: str) -> None:
    with pytest.raises(ValueError):
        regex.compile(pattern)


def test_lines_count_where_asked_for() -> None:
    assert span("^b$", "a\nb\nc", newline=True) == (2, 3)
    assert span("a.b", "a\nb", newline=True) is None
    assert span("a[^x]b", "a\nb", newline=True) is None


class _Match(ctypes.Structure):
    _fields_ = [("start", ctypes.c_int), ("end", ctypes.c_int)]


def _library() -> ctypes.CDLL | None:
    try:
        found = ctypes.CDLL("libc.so.6")
        found.gnu_get_libc_version  # noqa: B018  the same name in other libraries means other flags
        return found
    except (OSError, AttributeError):
        return None


LIBC = _library()


def glibc(pattern: str, text: str, icase: bool, newline: bool) -> Span | str | None:
    assert LIBC is not None
    compiled = ctypes.create_string_buffer(512)
    if LIBC.regcomp(compiled, pattern.encode("latin-1"), 1 | (2 if icase else 0) | (4 if newline else 0)):
        return "refused"
    match = (_Match * 1)()
    missed = LIBC.regexec(compiled, text.encode("latin-1"), 1, match, 0)
    LIBC.regfree(compiled)
    return None if missed else (match[0].start, match[0].end)


# without anchors in the middle and reversed ranges, which glibc itself reads in more than one way
PIECES = st.sampled_from(
    "a b A 1 - . [ab] [^a] [[:alpha:]] []a] [a-c] [c-a] [\\a] (a|ab) (b|) ( | ) * + ? {2} {1,2} {,2} { } \\w \\. \\d "
    "\\S \\< \\b".split(" ")
)


@pytest.mark.skipif(LIBC is None, reason="no GNU C library here")
@settings(max_examples=400, deadline=None)
@given(
    pieces=st.lists(PIECES, min_size=1, max_size=5),
    text=st.text(st.sampled_from("abABcC1.- "), max_size=6),
    icase=st.booleans(),
    newline=st.booleans(),
)
def test_the_same_as_the_c_library(pieces: list[str], text: str, icase: bool, newline: bool) -> None:
    pattern = "".join(pieces)
    try:
        ours: Span | str | None = span(pattern, text, icase, newline)
    except ValueError:
        ours = "refused"
    assert ours == glibc(pattern, text, icase, newline), pattern


@settings(max_examples=200, deadline=None)
@given(st.text(st.characters(max_codepoint=255), max_size=20), st.booleans())
def test_nothing_raises_anything_but_value_error(pattern: str, newline: bool) -> None:
    try:
        regex.compile(pattern, newline=newline, longest=True)
    except ValueError as error:
        assert str(error)
