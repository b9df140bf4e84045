"""Whatever the text: a tree or diagnostics with a place, never a Python exception and never a hang."""

from __future__ import annotations

import time

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from preprocessors import Expansion, Origin
from transpiler.diagnostics import Diagnostics, render
from transpiler.lexer import Scanner
from transpiler.parser import parse

SCRIPT = """\
log_level=3
socket=udp:127.0.0.1:5060 use_workers 2
alias=udp:me.example:5060 accept_subdomain
mpath="modules/"
loadmodule "proto_udp.so"
modparam("tm", "fr_timeout", 5)
route {
  if (!mf_process_maxfwd_header(10)) {
    send_reply(483, "Too Many Hops");
    exit;
  } else if ($rm == "ACK" && $(ru{uri.user}) != NULL || has_totag()) drop();
  $var(i) = ($var(i) + 1) * 2 | ~3;
  while ($var(i) < 10) { $avp(x) := "a" + $rU; if (1) break; }
  for ($var(x) in $(avp(y)[*])) xlog("L_INFO", "value $var(x) " "of $(hdr(X)[0]{s.len})\\n");
  switch ($rs) { case 200: exit; case "b": drop; default: route(relay, 1, "a", $var(i)); }
  return(1, "a"); # done
}
failure_route[missed] { if ($si == 10.0.0.0/8) { async(usleep(10), resume, 5); } }
timer_route[t, 30] { launch(usleep(1), report, "x"); assert([$var(i) - 1], "text"); }
"""


def run(text: str) -> Diagnostics:
    lines = text.split("\n")
    expansion = Expansion(lines, [Origin("a.cfg", n) for n in range(1, len(lines) + 1)], {"a.cfg": text})
    sink = Diagnostics()
    begun = time.perf_counter()
    parse(expansion, sink)
    assert time.perf_counter() - begun < 5.0
    for item in sink.items:
        assert item.span.file == "a.cfg"
        assert 1 <= item.span.line <= len(lines)
        assert item.span.col >= 1 and item.message and item.code
    render(sink.sorted(), expansion.files)
    return sink


def pieces() -> list[tuple[int, int]]:
    lines = SCRIPT.split("\n")
    tokens = Scanner(Expansion(lines, [Origin("a.cfg", n) for n in range(1, len(lines) + 1)], {})).scan()
    return [(token.start, token.end) for token in tokens if token.end > token.start]


PIECES = pieces()
KINDS = ["drop", "twice", "swap", "cut", "insert"]
QUICK = settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def test_the_script_itself_is_good() -> None:
    assert not run(SCRIPT).items


@QUICK
@given(st.lists(st.tuples(st.sampled_from(KINDS), st.integers(0, 999), st.integers(0, 999)), min_size=1, max_size=4))
def test_mutated_scripts(changes: list[tuple[str, int, int]]) -> None:
    text = SCRIPT
    places = sorted({PIECES[at % len(PIECES)] for _, at, _ in changes}, reverse=True)
    for (kind, _, other), (start, end) in zip(changes, places, strict=False):
        first, last = PIECES[other % len(PIECES)]
        piece = SCRIPT[first:last]
        if kind == "drop":
            text = text[:start] + text[end:]
        elif kind == "twice":
            text = f"{text[:end]} {SCRIPT[start:end]}{text[end:]}"
        elif kind == "swap":
            text = text[:start] + piece + text[end:]
        elif kind == "insert":
            text = f"{text[:start]} {piece} {text[start:]}"
        else:
            text = text[: start + 1]
    run(text)


@QUICK
@given(st.lists(st.sampled_from([SCRIPT[a:b] for a, b in PIECES] + ["\n", '"', "'", "$(", "/*", "\\", "{", "}"]), max_size=40))
def test_soups_of_tokens(parts: list[str]) -> None:
    run(" ".join(parts))


@QUICK
@given(st.text(st.characters(min_codepoint=0, max_codepoint=255), max_size=200))
def test_soups_of_bytes(text: str) -> None:
    run(text.replace("\r", " "))


def test_one_token_gone_gives_few_errors_nearby() -> None:
    """Leaving out any one token that is no brace: at most three errors, the first within a line of the place."""
    for start, end in PIECES:
        piece = SCRIPT[start:end]
        if piece in "{}":
            continue
        sink = run(SCRIPT[:start] + SCRIPT[end:])
        errors = [item for item in sink.sorted() if item.severity == "error"]
        line = SCRIPT.count("\n", 0, start) + 1
        shown = f"without {piece!r} in line {line}:\n" + render(errors, {"a.cfg": SCRIPT})
        assert len(errors) <= 3, shown
        assert not errors or min(abs(item.span.line - line) for item in errors) <= 1, shown
