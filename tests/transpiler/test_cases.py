"""Broken scripts in tests/transpiler/cases/*.txt: each gets its diagnostics at the lines a person would name, no others.

The format of a case file (text before the first case is a remark):

    ##### title
    the script, as many lines as it takes
    ----- E0110 2
    ----- E0118 5

A case begins with a line `##### title`.  Then comes the script; lines count from its first one.  Then one line
`----- CODE LINE` for every *error* expected, in any order; none when the script is good.  Warnings and notes are not
errors: they are expected only where a line `----- W0105 3` names them, and others are ignored.

A file named syntax*.txt is only parsed.  Any other one is parsed and checked as a whole: put names.txt, types.txt and
the like beside it, each script with the loadmodule lines it needs.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from preprocessors import Expansion, Origin
from transpiler.diagnostics import CODES, Diagnostics, render
from transpiler.parser import parse

CASES = Path(__file__).with_name("cases")


@dataclass
class Case:
    file: str
    title: str
    script: str
    expected: list[tuple[str, int]]


def read_cases(path: Path) -> list[Case]:
    found = []
    for block in path.read_text("latin-1").split("\n##### ")[1:]:
        title, _, rest = block.partition("\n")
        lines = rest.rstrip("\n").split("\n")
        marks = [line.split() for line in lines if line.startswith("----- ")]
        script = "\n".join(line for line in lines if not line.startswith("----- ")).rstrip("\n") + "\n"
        found.append(Case(path.stem, title, script, [(mark[1], int(mark[2])) for mark in marks]))
    return found


ALL = [case for path in sorted(CASES.glob("*.txt")) for case in read_cases(path)]


def expansion_of(text: str, name: str = "opensips.cfg") -> Expansion:
    lines = text.removesuffix("\n").split("\n")
    return Expansion(lines, [Origin(name, n) for n in range(1, len(lines) + 1)], {name: text})


def diagnose(case: Case) -> Diagnostics:
    sink = Diagnostics()
    script = parse(expansion_of(case.script), sink)
    if not case.file.startswith("syntax"):
        from transpiler.checker import check

        check(script, sink)
    return sink


@pytest.mark.parametrize("case", ALL, ids=lambda case: f"{case.file}:{case.title}")
def test_each_broken_script_gets_its_diagnostics(case: Case) -> None:
    sink = diagnose(case)
    found = sorted((item.code, item.span.line) for item in sink.items if item.severity == "error")
    text = render(sink.sorted(), {"opensips.cfg": case.script})
    assert found == sorted(mark for mark in case.expected if mark[0][0] == "E"), text
    for code, line in case.expected:
        if code[0] == "W":
            assert (code, line) in [(item.code, item.span.line) for item in sink.items], text


def test_there_are_sixty_broken_scripts_and_more() -> None:
    assert sum(bool(case.expected) for case in ALL) >= 60


def test_all_codes_expected_are_registered() -> None:
    assert {code for case in ALL for code, _ in case.expected} <= CODES.keys()


def test_sixty_broken_scripts_in_one_run() -> None:
    """One file made of all broken route bodies: one mistake never hides the next."""
    bodies = [case for case in ALL if case.file == "syntax" and case.script.startswith("route {\n") and len(case.expected) == 1]
    unclosed = {"E0112", "E0113", "E0116"}
    bodies = [case for case in bodies if case.expected[0][0] not in unclosed and case.script.count("route") == 1]
    text, expected = "", []
    for number, case in enumerate(bodies):
        first = text.count("\n")
        text += case.script.replace("route {", f"route[r{number}] {{", 1)
        expected.append((case.expected[0][0], first + case.expected[0][1]))
    sink = Diagnostics()
    script = parse(expansion_of(text), sink)
    found = [(item.code, item.span.line) for item in sink.sorted() if item.severity == "error"]
    assert len(expected) >= 45
    assert found == expected, render(sink.sorted(), {"opensips.cfg": text})
    assert [route.name for route in script.routes] == [f"r{n}" for n in range(len(bodies))]
