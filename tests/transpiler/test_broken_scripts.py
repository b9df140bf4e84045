"""Sixty broken scripts: each gets a diagnostic that names the right line (and nothing is ever a Python error)."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from transpiler.builder import BuildOptions, check_only

HEAD = [
    "socket=udp:127.0.0.1:5060", 'loadmodule "proto_udp.so"', 'loadmodule "signaling.so"', 'loadmodule "sl.so"',
    'loadmodule "tm.so"', 'loadmodule "rr.so"', 'loadmodule "maxfwd.so"', 'loadmodule "sipmsgops.so"', 'loadmodule "textops.so"',
]  # fmt: skip
BODY = len(HEAD)

# (code, line counted from the first line after HEAD, script)
BROKEN = [
    ("E0110", 2, 'route {\n  xlog("a")\n  exit;\n}'),
    ("E0110", 2, "route {\n  $var(a) = 1\n  $var(b) = 2;\n}"),
    ("E0110", 3, 'route {\n  if (has_totag()) {\n    exit\n  }\n}'),
    ("E0111", 2, 'route {\n  if (has_totag( {\n    exit;\n  }\n}'),
    ("E0111", 2, 'route {\n  if (is_method("INVITE") {\n    exit;\n  }\n}'),
    ("E0112", 3, "route {\n  exit;\n"),
    ("E0113", 4, "route {\n  exit;\n}\n}\n"),
    ("E0114", 1, "route { }\n"),
    ("E0115", 3, "route {\n  exit;\n  else exit;\n}"),
    ("E0116", 4, 'route {\n  if (has_totag()) {\n    exit;\n  } elseif (1) { exit; }\n}'),
    ("E0117", 1, "foo bar\nroute { exit; }"),
    ("E0118", 2, "route {\n  has_totag;\n}"),
    ("E0119", 2, "route {\n  setflag(X);\n}"),
    ("E0119", 2, "route {\n  if ($rm == INVITE) exit;\n}"),
    ("E0103", 2, 'route {\n  xlog("never closed);\n  exit;\n}'),
    ("E0103", 2, "route {\n  $var(a) = 'x;\n  exit;\n}"),
    ("E0104", 2, 'route {\n  $var(a = 1;\n  exit;\n}'),
    ("E0106", 2, "route {\n  // comment\n  exit;\n}"),
    ("E0102", 3, "route {\n  $var(x) = 1;\n  , exit;\n}"),
    ("E0102", 2, "route {\n  $var(a) == 1;\n}"),
    ("E0129", 1, "route[] { exit; }"),
    ("E0122", 2, 'route {\n  xlog("cost: 5$");\n}'),
    ("E0122", 2, 'route {\n  xlog("$(ru{s.len)");\n}'),
    ("E0123", 2, "route {\n  $var(a) += NULL;\n}"),
    ("E0131", 1, "log_level=08\nroute { exit; }"),
    ("E0134", 1, "socket=127.0.0.1:x\nroute { exit; }"),
    ("E0133", 1, "socket=carrier:127.0.0.1:5060\nroute { exit; }"),
    ("E0134", 1, "socket=udp:127.0.0.1:99999\nroute { exit; }"),
    ("E0135", 1, "socket=udp:127.0.0.999:5060\nroute { exit; }"),
    ("E0136", 1, "socket=udp:127.0.0.1:5070 with cream\nroute { exit; }"),
    ("E0121", 1, 'loadmodule "textops"\nroute { exit; }'),
    ("E1001", 2, "route {\n  t_rely();\n}"),
    ("E1001", 3, 'route {\n  if (has_totag())\n    sl_send_replay(200, "OK");\n}'),
    ("E1010", 1, 'loadmodule "no_such_module.so"\nroute { exit; }'),
    ("E1010", 1, 'loadmodule "dialog.so"\nroute { exit; }'),
    ("E1011", 1, 'loadmodule "tm.so"\nroute { exit; }'),
    ("E1021", 1, 'modparam("usrloc", "hash_size", 9)\nroute { exit; }'),
    ("E1022", 1, 'modparam("tm", "fr_timeot", 9)\nroute { exit; }'),
    ("E1030", 1, "log_levle=3\nroute { exit; }"),
    ("E1040", 2, "route[a] { exit; }\nroute[a] { exit; }\nroute { route(a); }"),
    ("E1041", 2, "route {\n  route(nowhere);\n}"),
    ("E1041", 2, 'route {\n  t_on_failure("nowhere");\n}'),
    ("E1050", 2, 'route {\n  xlog("$nosuch");\n}'),
    ("E1050", 2, "route {\n  if ($rUx == NULL) exit;\n}"),
    ("E1051", 2, 'route {\n  xlog("$avp");\n}'),
    ("E1051", 2, 'route {\n  xlog("$ru(a)");\n}'),
    ("E1053", 2, 'route {\n  xlog("$(ru[1])");\n}'),
    ("E1060", 2, 'route {\n  xlog("$(ru{s.lenn})");\n}'),
    ("E2001", 2, 'branch_route[b] {\n  t_newtran();\n}\nroute { t_on_branch("b"); }'),
    ("E2002", 2, "route {\n  sl_send_reply(200);\n}"),
    ("E2003", 2, "route {\n  has_totag(1);\n}"),
    ("E2004", 2, 'route {\n  sl_send_reply(, "OK");\n}'),
    ("E2011", 2, 'route {\n  pv_printf("text", "x");\n}'),
    ("E2012", 2, "route {\n  sl_send_reply(200, 1);\n}"),
    ("E2013", 2, 'route {\n  sl_send_reply("200", "OK");\n}'),
    ("E2020", 1, 'modparam("tm", "fr_timeout", "soon")\nroute { exit; }'),
    ("E0131", 1, 'log_level="high"\nroute { exit; }'),
    ("E2031", 2, 'route {\n  xlog("LOUD", "x");\n}'),
    ("E2040", 2, 'route {\n  if ($ru =~ "(unclosed") exit;\n}'),
    ("E2050", 2, "route {\n  $si = 1;\n}"),
    ("E2051", 2, 'route {\n  $(ru{s.len}) = "x";\n}'),
    ("E2060", 2, 'route {\n  xlog("$(ru{s.substr,1})");\n}'),
]


def findings(tmp_path: Path, script: str) -> list[tuple[str, int]]:
    file = tmp_path / "broken.cfg"
    file.write_text("\n".join(HEAD) + "\n" + script + "\n", "latin-1")
    result = check_only(BuildOptions(str(file)))
    return [(item.code, item.span.line) for item in result.diagnostics if item.severity == "error"]


def test_there_are_sixty() -> None:
    assert len(BROKEN) >= 60


@pytest.mark.parametrize(("code", "line", "script"), BROKEN)
def test_the_right_line_is_named(tmp_path: Path, code: str, line: int, script: str) -> None:
    found = findings(tmp_path, script)
    assert (code, BODY + line) in found, found


def test_all_errors_come_in_one_run(tmp_path: Path) -> None:
    script = 'route {\n  xlog("a")\n  t_rely();\n  $var(x) = ;\n  exit;\n}\nroute[b] {\n  sl_send_reply("200", "OK");\n}\n'
    lines = {line - BODY for _, line in findings(tmp_path, script)}
    assert {2, 3, 4, 8} <= lines


GOOD = """route {
  if (!mf_process_maxfwd_header(10)) { sl_send_reply(483, "Too Many Hops"); exit; }
  if (is_method("INVITE|BYE") && $rU =~ "^[0-9]+$") { $var(x) = $(rU{s.len}) + 1; route(relay, "a", 1); }
  switch ($var(x)) { case 1: xlog("L_INFO", "one $ru\\n"); break; default: exit; }
  while ($var(i) < 3) { $var(i) = $var(i) + 1; }
}
route[relay] { if (!t_relay()) sl_reply_error(); return(1); }
"""


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_mutations_never_raise(tmp_path: Path, data: st.DataObject) -> None:
    text = GOOD
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(text)))
        width = data.draw(st.integers(0, 6))
        new = data.draw(st.sampled_from(["", ";", "}", "{", "(", '"', "$", "if", " ", "\n", "/*", "\xff", "0x"]))
        text = text[:at] + new + text[at + width :]
    assert all(line >= 1 for _, line in findings(tmp_path, text))


def test_numbers_in_quotes_are_read_in_an_old_script_only(tmp_path: Path) -> None:
    old = tmp_path / "old.cfg"
    old.write_text('children=4\nlisten=udp:127.0.0.1:5060\nloadmodule "sl.so"\nroute {\n  sl_send_reply("404", "No");\n}\n')
    result = check_only(BuildOptions(str(old)))
    assert not [item for item in result.diagnostics if item.severity == "error"]
    assert ("W0153", 5) in [(item.code, item.span.line) for item in result.diagnostics]
    assert ("E2013", BODY + 2) in findings(tmp_path, 'route {\n  sl_send_reply("404", "No");\n}')
