"""Scripts as people have them: OpenSIPS's samples and templates, and the scenarios of sipssert.  Skipped where absent."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest

from preprocessors import Expansion, Origin
from transpiler.diagnostics import Diagnostics, render
from transpiler.nodes import Script
from transpiler.parser import parse

SHARED = Path(__file__).resolve().parents[3] / "shared"
OFFICIAL = SHARED / "corpus" / "official"
SIPSSERT = SHARED / "sipssert" / "tests"

pytestmark = pytest.mark.skipif(not OFFICIAL.is_dir(), reason="no corpus beside the checkout")


@lru_cache
def index() -> list[dict[str, Any]]:
    path = OFFICIAL / "INDEX.json"
    return json.loads(path.read_text()) if path.exists() else []  # type: ignore[no-any-return]


def parsed(text: str, name: str) -> tuple[Script, Diagnostics]:
    lines = text.split("\n")
    sink = Diagnostics()
    return parse(Expansion(lines, [Origin(name, n) for n in range(1, len(lines) + 1)], {name: text}), sink), sink


def assert_clean(text: str, name: str) -> Script:
    script, sink = parsed(text, name)
    assert not sink.has_errors, render([d for d in sink.items if d.severity == "error"], {name: text})
    return script


def samples(accepted: bool) -> list[str]:
    found = []
    for entry in index():
        if entry["templating"] != "none":
            continue
        missing = re.search(r"not found|failed to load module|no transport", entry.get("reason", ""))
        if entry["accepted_by_4_1"] if accepted else (not entry["accepted_by_4_1"] and missing):
            found.append(entry["file"])
    return found


@pytest.mark.parametrize("name", samples(True))
def test_what_opensips_accepts_parses(name: str) -> None:
    script = assert_clean((OFFICIAL / name).read_text("latin-1"), name)
    assert script.items


@pytest.mark.parametrize("name", samples(False))
def test_what_opensips_rejects_for_missing_modules_parses(name: str) -> None:
    text = (OFFICIAL / name).read_text("latin-1")
    if "osp" in name:  # this sample has a bracket too much in line 1008
        _, sink = parsed(text, name)
        assert [(d.code, d.span.line) for d in sink.items if d.severity == "error"] == [("E0128", 1008)]
        return
    assert_clean(text, name)


@pytest.mark.parametrize(
    ("name", "codes"),
    [
        ("modules__jabber__doc__jabber.cfg", {"W0150", "W0132", "W0125", "W0151"}),
        ("modules__jabber__doc__jabberx.cfg", {"W0150", "W0132", "W0125"}),
        ("modules__imc__doc__imc.cfg", {"W0150", "W0132"}),
        ("modules__mangler__mangler.cfg", {"W0150", "W0125"}),
        ("modules__sipcapture__examples__opensips.cfg", {"W0150"}),
        ("utils__profile__profile.cfg", {"W0150", "W0151"}),
        ("modules__pi_http__samples__opensips-pi_http.cfg", set()),
    ],
)
def test_older_scripts_are_read_with_notes(name: str, codes: set[str]) -> None:
    text = (OFFICIAL / name).read_text("latin-1")
    _, sink = parsed(text, name)
    notes = [d for d in sink.items if d.severity == "note"]
    assert not sink.has_errors, render(sink.items, {name: text})
    assert {d.code for d in notes} == codes
    assert all(d.hint for d in notes)


def matrix() -> list[tuple[str, tuple[str, ...]]]:
    path = OFFICIAL / "m4-matrix.json"
    if not path.exists():
        return []
    return [(entry["template"], tuple(entry["set"])) for entry in json.loads(path.read_text())]


@pytest.mark.skipif(shutil.which("m4") is None, reason="no m4")
@pytest.mark.parametrize("template", sorted({name for name, _ in matrix()}))
def test_rendered_templates_parse(template: str) -> None:
    source = (OFFICIAL / f"examples__templates__{template}.m4").read_text("latin-1")
    for name, options in matrix():
        if name != template:
            continue
        text = source
        for option in options:
            text = re.sub(rf"define\(`{option}', `no'\)", f"define(`{option}', `yes')", text)
        done = subprocess.run(["m4", "-"], input=text.encode("latin-1"), capture_output=True, timeout=20, check=True)
        rendered = done.stdout.decode("latin-1")
        _, sink = parsed(rendered, template)
        errors = [d for d in sink.items if d.severity == "error"]
        assert not errors, f"{options}: " + render(errors, {template: rendered})


def test_scenarios_of_sipssert_parse() -> None:
    files = sorted(SIPSSERT.rglob("*.cfg"))
    if not files:
        pytest.skip("no sipssert beside the checkout")
    for path in files:
        text = re.sub(r"(?m)^\s*(?:include_file|import_file).*$", "", path.read_text("latin-1"))
        assert_clean(text, str(path))
