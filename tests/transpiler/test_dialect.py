"""Older scripts: read with notes, unless the script is plainly of today."""

from __future__ import annotations

from typing import Any

from preprocessors import Expansion, Origin
from transpiler import nodes
from transpiler.diagnostics import Diagnostics, render
from transpiler.parser import parse

TODAY = 'loadmodule "proto_udp.so"\nsocket=udp:127.0.0.1:5060\nudp_workers=2\n'


def read(text: str) -> tuple[Any, list[tuple[str, str, int]]]:
    lines = text.rstrip("\n").split("\n")
    sink = Diagnostics()
    script: Any = parse(Expansion(lines, [Origin("a.cfg", n) for n in range(1, len(lines) + 1)], {"a.cfg": text}), sink)
    assert all(item.hint for item in sink.items), render(sink.items, {"a.cfg": text})
    return script, [(item.severity, item.code, item.span.line) for item in sink.sorted()]


def settings_of(script: Any) -> dict[str, Any]:
    return {item.name: item.value for item in script.items if isinstance(item, nodes.GlobalParam)}


def test_parameters_of_old_become_those_of_today() -> None:
    script, found = read(
        "debug=3\nfork=no\nlog_stderror=yes\nlog_facility=LOG_LOCAL0\nchildren=4\nport=5070\n"
        "listen=udp:10.0.0.1\nlisten=tcp:10.0.0.1:5061\nroute { exit; }\n"
    )
    assert settings_of(script) == {
        "log_level": 3, "stderror_enabled": 1, "syslog_facility": "LOG_LOCAL0", "udp_workers": 4,
        "socket": {"proto": "tcp", "host": "10.0.0.1", "ports": [5061]},
    }  # fmt: skip
    sockets = [item.value for item in script.items if isinstance(item, nodes.GlobalParam) and item.name == "socket"]
    assert sockets[0] == {"proto": "udp", "host": "10.0.0.1", "ports": [5070]}
    assert {(severity, code) for severity, code, _ in found} == {("note", "W0150")}
    assert [line for _, _, line in found] == [1, 2, 3, 4, 5, 6, 7, 8]


def test_a_single_old_parameter_in_a_script_of_today_is_an_error() -> None:
    for line in ("children=4", "listen=udp:127.0.0.1:5070", "fork=no", "port=5060", "debug=3"):
        _, found = read(f"{TODAY}{line}\nroute {{ exit; }}\n")
        assert found == [("error", "E0150", 4)], line


def test_what_went_later_than_the_script_is_a_note() -> None:
    _, found = read(f"{TODAY}log_stderror=no\nroute {{ exit; }}\n")
    assert found == [("note", "W0150", 4)]
    _, found = read(f"{TODAY}stderror_enabled=yes\nlog_stderror=no\nroute {{ exit; }}\n")
    assert found == [("error", "E0150", 5)]


def test_bare_tests_become_variables() -> None:
    script, found = read(
        'route {\n  if (method == "INVITE" || uri =~ "^sip:1" && src_port != 5060) exit;\n'
        "  if (method == ACK) exit;\n  if (msg:len > 2000) exit;\n  if (retcode == -1) exit;\n"
        '  if (status =~ "2[0-9][0-9]") exit;\n}\n'
    )
    conditions = [statement.condition for statement in script.routes[0].body]
    first = conditions[0]
    assert isinstance(first, nodes.Logical) and isinstance(first.left, nodes.Logical)
    assert first.left.left.left.text == "$rm" and first.left.right.left.text == "$ru"
    assert first.right.left.text == "$sp"
    assert conditions[1].right.value == "ACK"
    assert [c.left.text for c in conditions[2:]] == ["$ml", "$rc", "$rs"]
    assert {severity for severity, _, _ in found} == {"note"}


def test_myself() -> None:
    script, found = read("route {\n  if (uri == myself) exit;\n  if (src_ip != myself) exit;\n}\n")
    same, other = (statement.condition for statement in script.routes[0].body)
    assert isinstance(same, nodes.Call) and same.name == "is_myself" and same.arguments[0].value == "$rd"
    assert isinstance(other, nodes.Not) and other.operand.arguments[0].value == "$si"
    assert [code for _, code, _ in found] == ["W0151", "W0151"]


def test_flags_by_number_and_word() -> None:
    script, found = read("children=4\nfork=yes\nroute {\n  setflag(5);\n  if (isflagset(NAT)) exit;\n}\n")
    call, test = script.routes[0].body
    assert call.arguments[0].value == "5" and test.condition.arguments[0].value == "NAT"
    assert [code for _, code, _ in found][2:] == ["W0152", "W0119"]
    _, found = read(f"{TODAY}route {{ setflag(5); }}\n")
    assert found == [("error", "E0152", 4)]


def test_break_of_old_leaves_the_route() -> None:
    script, found = read("fork=no\nport=5060\nroute {\n  if (1) { break; };\n  while (1) { if (2) break; }\n  break;\n}\n")
    first, _, loop, last = script.routes[0].body
    assert isinstance(first.then[0], nodes.Return) and isinstance(last, nodes.Return)
    assert isinstance(loop.body[0].then[0], nodes.Break)
    assert [(code, line) for _, code, line in found][2:] == [("W0125", 4), ("W0125", 6)]


def test_break_in_every_body_of_a_loop_or_switch_is_fine() -> None:
    _, found = read(
        f"{TODAY}route {{ while (1) break; for ($var(x) in $(avp(y)[*])) {{ break; }}\n"
        "switch ($rs) { case 1: if (1) { break; } break; default: break; } while (1) if (2) { break; } }\n"
    )
    assert found == []


def test_destinations_of_forward() -> None:
    script, _ = read("port=5080\nroute[0] {\n  forward( 127.0.0.1, 9 );\n  forward(uri:host, uri:port);\n}\n")
    first, second = script.routes[0].body
    assert first.arguments[0].value == "127.0.0.1:9" and second.arguments == []


def test_mode_of_an_event_route() -> None:
    script, found = read("route { exit; }\nevent_route[E_X, sync] { exit; }\n")
    assert script.routes[1].name == "E_X" and found == [("note", "W0151", 2)]
    _, found = read(f"{TODAY}event_route[E_X, async] {{ exit; }}\n")
    assert found == [("error", "E0151", 4)]
