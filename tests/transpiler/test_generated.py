"""What a script becomes, and that Python's own tools speak of the script's lines."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from runtime.core import Listener, Received
from runtime.generation import ArtefactError, Generation, load
from runtime.sip.parser import parse_message
from transpiler.builder import BuildOptions, BuildResult, build

HEAD = (
    'socket=udp:127.0.0.1:5060\nloadmodule "signaling.so"\nloadmodule "sl.so"\n'
    'loadmodule "maxfwd.so"\nloadmodule "sipmsgops.so"\n'
)
INVITE = (
    b"INVITE sip:bob@example.org SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:5070;branch=z9hG4bK1\r\n"
    b"From: <sip:alice@example.org>;tag=a\r\nTo: <sip:bob@example.org>\r\nCall-ID: c\r\nCSeq: 1 INVITE\r\n"
    b"Max-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
)


def message() -> Any:
    return parse_message(INVITE, Received("127.0.0.1", 5070, Listener("udp", "127.0.0.1", 5060)))


def built(tmp_path: Path, text: str) -> BuildResult:
    script = tmp_path / "opensips.cfg"
    script.write_text(HEAD + text)
    result = build(BuildOptions(str(script)))
    assert result.ok, result.diagnostics
    return result


def loaded(tmp_path: Path, text: str) -> Generation:
    artefact = built(tmp_path, text).artefact
    assert artefact is not None
    return load(artefact)


@pytest.mark.parametrize(
    ("script", "python"),
    [
        ('if ($rm == "INVITE") exit;', 'if same(msg.rm, "invite"):\n        return'),
        ("if ($rU == NULL) exit;", "if msg.rU is None:"),
        ("if (!($rU == NULL)) exit;", "if msg.rU is not None:"),
        ('if (is_method("INVITE") && has_totag()) exit;', 'if is_method(msg, "INVITE") and has_totag(msg):'),
        ('if (!mf_process_maxfwd_header(10)) exit;', "if not true(mf_process_maxfwd_header(msg, 10)):"),
        ("$var(x) = 5;", "var.x = 5"),
        ('$ru = "sip:a@b";', 'msg.ru = "sip:a@b"'),
        ('$avp(a) = "b";', 'msg.set_avp("b", "a")'),
        ('xlog("L_ERR", "at $si");', 'if levels.xlog >= L_ERR:\n        xlog(msg, L_ERR, f"at {msg.si}")'),
        ("if ($rs >= 200) exit;", "greater_equal_int(msg.rs, 200)"),
        ('if ($ua =~ "sipsak") exit;', "if matches(msg.ua, RE):"),
        ("$var(x) = $(rU{s.len});", "var.x = transform(msg.rU, s_len)"),
        ("while ($var(x) < 3) $var(x) = $var(x) + 1;", "while rounds.more() and less_int(var.x, 3):"),
    ],
)
def test_statements_read_as_python(tmp_path: Path, script: str, python: str) -> None:
    text = built(tmp_path, f"route {{\n  {script}\n}}\n").python.replace("RE_1", "RE")
    assert python in text, text


def test_filtered_lines_evaluate_nothing_and_routes_keep_their_names(tmp_path: Path) -> None:
    text = built(tmp_path, 'route { route(relay); }\nroute[relay] { exit; }\n').python
    assert '@route("relay")\ndef route_relay(msg):\n    raise Exit' in text
    assert "    route_relay(msg)\n" in text


def test_results_are_carried_only_where_somebody_looks(tmp_path: Path) -> None:
    plain = built(tmp_path, 'route { route(a); }\nroute[a] { $var(x) = 1; }\n').python
    assert "return" not in plain.split("def route_a")[1]
    looked = built(tmp_path, 'route { if (route(a)) exit; }\nroute[a] { $var(x) = 1; }\n').python
    assert "return" in looked.split("def route_a")[1]


def test_a_traceback_names_the_script_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    generation = loaded(tmp_path, 'route {\n  $var(a) = 1;\n  setflag("F");\n}\n')
    assert generation.main is not None

    class Broken:
        def add(self, name: str) -> None:
            raise RuntimeError("boom")

    msg = message()
    msg.flags = Broken()
    with pytest.raises(RuntimeError) as caught:
        generation.main(msg)
    names = [(entry.path, entry.lineno + 1) for entry in caught.traceback]
    assert (Path(tmp_path / "opensips.cfg"), 8) in [(Path(str(path)), line) for path, line in names]


def test_a_breakpoint_by_script_line_stops_there(tmp_path: Path) -> None:
    script = tmp_path / "opensips.cfg"
    script.write_text(HEAD + 'route {\n  $var(a) = 1;\n  $var(b) = 2;\n}\n')
    program = tmp_path / "debug.py"
    program.write_text(
        "import pdb, sys\n"
        "from transpiler.builder import BuildOptions, build\n"
        "from runtime.generation import load\n"
        f"generation = load(build(BuildOptions({str(script)!r})).artefact)\n"
        "debugger = pdb.Pdb()\n"
        f"debugger.set_break({str(script)!r}, 8)\n"
        "debugger.rcLines = ['continue', 'where', 'quit']\n"
        "debugger.runcall(generation.main, None)\n"
    )
    done = subprocess.run(
        [sys.executable, str(program)], capture_output=True, text=True, timeout=60, check=False,
        cwd=Path(__file__).resolve().parents[2], env={"PYTHONPATH": str(Path(__file__).resolve().parents[2]), "PATH": "/usr/bin"},
        input="continue\nwhere\nquit\n",
    )  # fmt: skip
    assert "opensips.cfg(8)main()" in done.stdout, done.stdout + done.stderr
    assert "$var(b) = 2;" in done.stdout


def test_coverage_counts_script_lines(tmp_path: Path) -> None:
    coverage = pytest.importorskip("coverage")
    generation = loaded(tmp_path, 'route {\n  if ($rU == "bob")\n    $var(a) = 1;\n  else\n    $var(a) = 2;\n}\n')
    measured = coverage.Coverage(data_file=None, include=[str(tmp_path / "*")])
    measured.start()
    assert generation.main is not None
    generation.main(message())
    measured.stop()
    lines = set(measured.get_data().lines(str(tmp_path / "opensips.cfg")) or ())
    assert {7, 8} <= lines
    assert 10 not in lines


def test_positions_cover_every_statement(tmp_path: Path) -> None:
    result = built(tmp_path, 'route {\n  xlog("a");\n  if (has_totag()) {\n    exit;\n  }\n  xlog("b");\n}\n')
    lines = result.python.split("\n")
    by_script: dict[int, list[str]] = {}
    for generated, _, script in result.positions:
        by_script.setdefault(script, []).append(lines[generated - 1])
    assert any("has_totag" in line for line in by_script[8])
    assert any("return" in line for line in by_script[9])
    assert any('"b"' in line for line in by_script[11])


def test_a_damaged_artefact_is_refused(tmp_path: Path) -> None:
    artefact = built(tmp_path, "route { exit; }\n").artefact
    assert artefact is not None
    with pytest.raises(ArtefactError):
        load(artefact[:-1] + bytes([artefact[-1] ^ 1]))
    with pytest.raises(ArtefactError):
        load(b"junk")


def test_a_generation_goes_with_its_last_user(tmp_path: Path) -> None:
    generation = loaded(tmp_path, "route { exit; }\n")
    route = generation.main
    assert route is not None
    generation.close()
    assert generation.main is None
