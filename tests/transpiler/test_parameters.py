"""Parameters of functions: any variable, format, transformation or expression in each, and names (DEV-3)."""

from __future__ import annotations

import pytest

import stdlib
from runtime.declare import Function, ParamKind, Routes
from tests.transpiler.scripts import HEAD, built, run

_BY_KIND = {
    ParamKind.INT: ("$var(i)", "$avp(i)", "$(avp(i)[1])", "$(rU{s.len})", "[$var(i) + 1]", "[1 + 2 * 3]"),
    ParamKind.STR: ('"a $rU b"', "$var(s)", "$(avp(s)[0])", "$(rU{s.toupper})", '["a" + $(rU)]', "[$var(i) + 1]"),
    ParamKind.RAW: ("$var(s)", "$avp(s)", '["a" + $(rU)]'),
    ParamKind.REGEX: ("$var(s)", "$avp(s)", '["a" + $(rU)]'),
}
_PLAIN = {
    ParamKind.INT: "1", ParamKind.STR: '"x"', ParamKind.STATIC: '"x"', ParamKind.RAW: '"x"', ParamKind.REGEX: '"x"',
    ParamKind.VAR: "$avp(out)", ParamKind.READ_VAR: "$avp(in)", ParamKind.ROUTE: '"r"',
}  # fmt: skip
_MODULES = ("sl", "tm", "rr", "signaling", "usrloc", "registrar", "maxfwd", "textops", "sipmsgops", "cfgutils", "mathops")


def _calls(function: Function) -> list[str]:
    """Calls in which each parameter in turn is everything it may be."""
    made = []
    for at, parameter in enumerate(function.params):
        for text in _BY_KIND.get(parameter.kind, ()):
            arguments = [text if i == at else _PLAIN[p.kind] for i, p in enumerate(function.params)]
            made.append(f"{function.name}({', '.join(arguments)});")
            named = [f"{p.name}: {a}" for p, a in zip(function.params, arguments, strict=True)]
            made.append(f"{function.name}({', '.join(reversed(named))});")
    return made


def test_every_function_takes_everything_in_every_parameter() -> None:
    functions = [f for name in ("core", *_MODULES) for f in stdlib.load(name).functions.values()]  # type: ignore[union-attr]
    calls = [call for f in functions if f.routes & Routes.REQUEST for call in _calls(f)]
    assert len(calls) > 1000
    routes = "".join(f"{kind}[r] {{ exit; }}\n" for kind in ("route", "failure_route", "branch_route", "onreply_route"))
    head = HEAD + "".join(f'loadmodule "{name}.so"\n' for name in _MODULES)
    result = built(f"route {{\n{chr(10).join(calls)}\n}}\n{routes}", head)
    # a plain value that stands beside the one being tried may be refused for what it is, never for how it is written
    wrong = [d for d in result.diagnostics if d.severity == "error" and d.code != "E2014"]
    assert not wrong, wrong[:3]


def _lines(body: str) -> list[str]:
    return run(f"route {{ {body} }}").lines


def test_an_expression_is_worked_out_before_the_call() -> None:
    assert _lines('strip([1 + 1]); xlog("$ru");') == ["sip:b@127.0.0.1:16060"]
    assert _lines('$var(n) = 2; prefix(["x" + $var(n)]); xlog("$rU");') == ["x2bob"]
    assert _lines('prefix([$(rU{s.len}) * 10]); xlog("$rU");') == ["30bob"]


def test_names_may_come_in_any_order() -> None:
    assert _lines('append_msg_branch(q: "0.5", uri: "sip:x@y"); xlog("$msg.branch.uri $msg.branch.q");') == ["sip:x@y 0.5"]


@pytest.mark.parametrize(
    ("call", "code"),
    [
        ('strip(cuont: 1);', "E2005"),
        ('append_msg_branch(uri: "sip:x", "0.5");', "E2006"),
        ('append_msg_branch("sip:x", uri: "sip:y");', "E2006"),
        ('append_msg_branch(q: "0.5");', "E2002"),
        ('strip(["a" + $(rU)]);', "E2013"),
        ('strip("1");', "E2013"),
        ("prefix(5);", "E2012"),
        ("strip(1 + 1);", "E0145"),
        ('setflag(["a" + $(rU)]);', "E2010"),
        ('pv_printf(["a" + $(rU)], "x");', "E2011"),
        ('append_msg_branch("sip:x", "1.5");', "E2014"),
    ],
)
def test_what_cannot_be_is_refused_when_it_is_built(call: str, code: str) -> None:
    found = [d.code for d in built(f"route {{ {call} }}").diagnostics if d.severity == "error"]
    assert code in found


def test_text_where_a_number_is_needed_is_warned_of() -> None:
    result = built("route { strip($cs); }")
    assert result.ok
    assert [d.code for d in result.diagnostics if d.severity == "warning"] == ["W0056"]


def test_what_fails_at_run_time_names_line_parameter_and_value() -> None:
    ran = run('route {\n  $var(x) = "zz";\n  strip($var(x));\n  xlog("$rc $ru");\n}')
    assert ran.lines == ["-1 sip:bob@127.0.0.1:16060"]
    assert len(ran.engine) == 1
    assert "strip: parameter 1 (count) takes an integer and not 'zz'" in ran.engine[0]
    assert ran.engine[0].endswith("opensips.cfg:5")
    ran = run("route {\n  strip($var(nothing)); strip([$var(nothing) - 1]); strip([7 / 0]);\n}")
    assert len(ran.engine) == 4
