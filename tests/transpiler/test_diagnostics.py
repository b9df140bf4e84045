"""Renderings of diagnostics, and the register of codes."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from preprocessors import Origin
from transpiler.codes import CODES, explain
from transpiler.diagnostics import Diagnostics, Note, from_dict, render, render_github, render_json, summary, to_dict
from transpiler.nodes import Span

ROOT = Path(__file__).resolve().parents[2]
FILES = {"opensips.cfg": 'route {\n\txlog("a")\n\texit;\n}\n', "inc.cfg": "x\n" * 3}


def sample() -> Diagnostics:
    sink = Diagnostics()
    note = Note(Span("opensips.cfg", 3, 2, 3, 6), "the next statement begins here")
    sink.error("E0110", Span("opensips.cfg", 2, 11, 2, 12), "missing ';'", "end the statement with ;", [note])
    sink.warning("W0105", Span("opensips.cfg", 1, 1, 1, 6), "odd, 50%: that")
    return sink


def test_text() -> None:
    assert render(sample().sorted(), FILES) == (
        "opensips.cfg:1:1: warning[W0105]: odd, 50%: that\n"
        "    1 | route {\n"
        "      | ^^^^^\n"
        "opensips.cfg:2:11: error[E0110]: missing ';'\n"
        '    2 | \txlog("a")\n'
        "      | \t         ^\n"
        "      = hint: end the statement with ;\n"
        "      = note: opensips.cfg:3:2: the next statement begins here\n"
        "    3 | \texit;\n"
        "      | \t^^^^\n"
    )


def test_colours_only_on_request() -> None:
    assert "\x1b[" not in render(sample().items, FILES)
    coloured = render(sample().items, FILES, colour=True)
    assert "\x1b[1;31merror[E0110]\x1b[0m" in coloured
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == render(sample().items, FILES)


def test_include_trace() -> None:
    sink = Diagnostics()
    sink.error("E0102", Span("inc.cfg", 2, 1, 2, 2), "unexpected 'x'")
    included = {"inc.cfg": Origin("mid.cfg", 7), "mid.cfg": Origin("opensips.cfg", 3)}
    text = render(sink.items, FILES, included)
    assert text.endswith("      = included from mid.cfg:7\n      = included from opensips.cfg:3\n")
    loop = {"inc.cfg": Origin("inc.cfg", 1)}
    assert render(sink.items, FILES, loop).count("included from") == 50


def test_places_outside_of_the_text_and_unknown_files() -> None:
    sink = Diagnostics()
    sink.error("E0102", Span("nowhere.cfg", 9, 9, 9, 10), "x")
    sink.error("E0102", Span("opensips.cfg", 99, 1, 99, 2), "y")
    sink.error("E0102", Span("opensips.cfg", 1, 99, 1, 120), "z")
    assert render(sink.items, FILES).count("\n") == 5


def test_long_and_binary_lines() -> None:
    line = "a" * 500 + "\x01\x02" + "b" * 500
    sink = Diagnostics()
    sink.error("E0102", Span("f", 1, 501, 1, 503), "x")
    shown = render(sink.items, {"f": line}).split("\n")
    assert len(shown[1]) < 200 and "··" in shown[1]
    assert shown[1].index("··") == shown[2].index("^^")


def test_utf8_source_is_shown_as_written() -> None:
    line = "xlog(\"gr\u00fc\u00dfe\") oops".encode().decode("latin-1")
    sink = Diagnostics()
    at = line.index("oops") + 1
    sink.error("E0102", Span("f", 1, at, 1, at + 4), "x")
    shown = render(sink.items, {"f": line}).split("\n")
    assert "gr\u00fc\u00dfe" in shown[1] and shown[1].index("oops") == shown[2].index("^^^^")


def test_json() -> None:
    [first, second] = json.loads(render_json(sample().items))
    assert {key: first[key] for key in ("file", "line", "col", "end_line", "end_col", "code", "severity", "hint")} == {
        "file": "opensips.cfg", "line": 2, "col": 11, "end_line": 2, "end_col": 12, "code": "E0110", "severity": "error",
        "hint": "end the statement with ;",
    }  # fmt: skip
    assert second["message"] == "odd, 50%: that" and "notes" not in second
    assert [from_dict(to_dict(item)) for item in sample().items] == sample().items


def test_annotations() -> None:
    lines = render_github(sample().sorted()).split("\n")
    assert lines[0] == "::warning file=opensips.cfg,line=1,col=1,endColumn=6,title=W0105::odd, 50%25: that"
    assert lines[1].endswith("::missing ';'%0Aend the statement with ;")


def test_same_finding_once() -> None:
    sink = Diagnostics()
    for _ in range(3):
        sink.error("E0102", Span("f", 1, 1, 1, 2), "x")
    assert len(sink.items) == 1 and sink.has_errors
    assert summary(sample().items) == "1 error, 1 warning" and summary([]) == ""


def test_every_code_in_the_source_is_explained() -> None:
    used: set[str] = set()
    for top in ("preprocessors", "transpiler"):
        for path in (ROOT / top).rglob("*.py"):
            if path.name != "codes.py":
                used |= set(re.findall(r'"([EW]\d{4})"', path.read_text()))
    assert used <= CODES.keys(), sorted(used - CODES.keys())


def test_pages_of_codes() -> None:
    for code, entry in CODES.items():
        assert entry.code == code and entry.title and len(entry.text) > 20, code
    page = explain("e0110")
    assert page.startswith("E0110: Missing ';'\n\nEvery simple") and 'xlog("a")' in page
    with pytest.raises(KeyError):
        explain("E9999")
