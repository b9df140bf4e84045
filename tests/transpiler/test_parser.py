"""The tree of every construct of the language."""

from __future__ import annotations

from typing import Any

import pytest

from preprocessors import Expansion, Origin
from transpiler import nodes
from transpiler.diagnostics import Diagnostics, render
from transpiler.parser import parse


def read(text: str, *, errors: bool = False) -> tuple[Any, Diagnostics]:
    lines = text.split("\n")
    sink = Diagnostics()
    script = parse(Expansion(lines, [Origin("a.cfg", n) for n in range(1, len(lines) + 1)], {"a.cfg": text}), sink)
    if not errors:
        assert not sink.has_errors, render(sink.items, {"a.cfg": text})
    return script, sink


def body(statements: str) -> Any:
    script, _ = read(f"route {{ {statements} }}")
    return script.routes[0].body


def one(statement: str) -> Any:
    [found] = body(statement)
    return found


def value(text: str) -> Any:
    return one(f"$var(x) = {text};").value


def condition(text: str) -> Any:
    return one(f"if ({text}) exit;").condition


def shape(node: Any) -> Any:
    """An expression or condition as nested tuples."""
    match node:
        case nodes.Binary() | nodes.Logical() | nodes.Compare():
            return (shape(node.left), node.op, shape(node.right))
        case nodes.Not() | nodes.Complement():
            return ("!" if isinstance(node, nodes.Not) else "~", shape(node.operand))
        case nodes.Number() | nodes.String() | nodes.Pattern() | nodes.Subnet():
            return node.value
        case nodes.Variable():
            return node.text
        case nodes.Null():
            return None
        case nodes.Call():
            return (node.name, [shape(a) for a in node.arguments])
        case nodes.Brackets():
            return [shape(node.expression)]
    return type(node).__name__


# ------------------------------------------------------------------------------------------------------ expressions
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1 + 2 * 3", ((1, "+", 2), "*", 3)),
        ("2 | 4 & 1", ((2, "|", 4), "&", 1)),
        ("1 << 2 + 1", (1, "<<", (2, "+", 1))),
        ("~ 5 + 1", (("~", 5), "+", 1)),
        ("$a == 5 + 10", (("$a", "==", 5), "+", 10)),
        ("($a + 1) - 2", (("$a", "+", 1), "-", 2)),
        ("$x -1", ("$x", "-", 1)),
        ("$x-1", ("$x", "-", 1)),
        ("- 3", -3),
        ("+3", 3),
        ('"a" + $rU + "b"', (("a", "+", "$rU"), "+", "b")),
        ("f(1, $x)", ("f", [1, "$x"])),
        ("($b == 1)", ("$b", "==", 1)),
        ("NULL", None),
        ("5 -2", (5, "-", 2)),
    ],
)
def test_expressions(text: str, expected: Any) -> None:
    assert shape(value(text)) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1 || 0 && 0", ((1, "or", 0), "and", 0)),
        ("$a and $b or $c", (("$a", "and", "$b"), "or", "$c")),
        ("!$a == 3", ("!", ("$a", "==", 3))),
        ("not $a && $b", (("!", "$a"), "and", "$b")),
        ("$a && ($b || $c)", ("$a", "and", ("$b", "or", "$c"))),
        ("$si == 10.0.0.0/8", ("$si", "==", "10.0.0.0/8")),
        ("$si != ::1", ("$si", "!=", "::1")),
        ("$si == 2001:db8::/32", ("$si", "==", "2001:db8::/32")),
        ('$ru =~ "^sip:$"', ("$ru", "=~", "^sip:$")),
        ("$ru =~ $var(p)", ("$ru", "=~", "$var(p)")),
        ("$x == NULL", ("$x", "==", None)),
        ("$x >= -1", ("$x", ">=", -1)),
        ("[$x + 1]", [("$x", "+", 1)]),
        ("is_method(\"ACK\")", ("is_method", ["ACK"])),
        ("5", 5),
        ("-5", -5),
        ("$x = 5", "Assign"),
        ("route(a)", "RouteCall"),
        ("{exit;}", "ConditionBlock"),
        ("if (1) exit;", "ConditionBlock"),
        ("return(1)", "Return"),
    ],
)
def test_conditions(text: str, expected: Any) -> None:
    assert shape(condition(text)) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0x1f", 31), ("010", 8), ("4294967297", 1), ("2147483648", -2147483648), ("-2147483648", -2147483648),
        ("0xffffffff", -1), ("yes", 1), ("enable", 1), ("off", 0), ("false", 0), ("0", 0), ("00", 0),
    ],
)  # fmt: skip
def test_numbers(text: str, expected: int) -> None:
    assert value(text).value == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (r'"a\n\t\"\\"', 'a\n\t"\\'), (r'"\x41\x4"', "A\x04"), (r'"\101\12\1"', "A\n\\1"), (r'"\.\d"', "\\.\\d"),
        (r"'a\n'", "a\\n"), ('"two\nlines"', "two\nlines"), ('""', ""), (r'"a\x00b"', "a"),
    ],
)  # fmt: skip
def test_strings(text: str, expected: str) -> None:
    assert value(text).value == expected


# ------------------------------------------------------------------------------------------------------- statements
def test_assignments() -> None:
    for op in ("=", ":=", "+=", "-=", "*=", "/=", "%=", "&=", "|=", "^="):
        node = one(f"$var(x) {op} 1;")
        assert (node.op, node.target.name, node.target.inner) == (op, "var", "x")
    assert isinstance(one("$avp(x) := NULL;").value, nodes.Null)


def test_calls_and_their_arguments() -> None:
    assert shape(one('f("a", 1, $x, -2);')) == ("f", ["a", 1, "$x", -2])
    assert one("f(,1);").arguments[0] is None
    assert [a if a is None else a.value for a in one("f(1,);").arguments] == [1, None]
    assert one("f(,);").arguments == [None, None]
    assert one("f();").arguments == []
    assert one("f(yes);").arguments[0].value == 1


def test_route_calls() -> None:
    node = one('route(next, "a", 1, $x, NULL);')
    assert node.target.value == "next"
    assert [type(a).__name__ for a in node.arguments] == ["String", "Number", "Variable", "Null"]
    assert one("route(5);").target.value == 5
    assert isinstance(one("route($var(r));").target, nodes.Variable)
    assert isinstance(one('route("static");').target, nodes.String)
    target = one('route("to_$rU");').target
    assert isinstance(target, nodes.Format) and target.parts[0] == "to_"


def test_logging() -> None:
    node = one('xlog("L_INFO", "a $ru" " b\\n");')
    assert node.level.value == "L_INFO"
    assert [part if isinstance(part, str) else part.name for part in node.format.parts] == ["a ", "ru", " b\n"]
    assert node.format.text == "a $ru b\n"
    assert one('xdbg("x");').name == "xdbg"
    node = one('log(-1, "plain $text");')
    assert (node.level, node.text.value) == (-1, "plain $text")
    assert one('log("x");').level is None
    assert isinstance(one('error("a", "b");'), nodes.Error)


def test_variables_in_formats_know_their_place() -> None:
    script, _ = read('route {\n  xlog("a\\"b $ru" \n       " c\\t$rU $(tu{uri.user})");\n}')
    places = {part.text: part.span for part in script.routes[0].body[0].format.parts if isinstance(part, nodes.Variable)}
    assert places["$ru"][1:] == (2, 14, 2, 17)
    assert places["$rU"][1:] == (3, 13, 3, 16)
    assert places["$(tu{uri.user})"][1:] == (3, 17, 3, 32)


def test_control_flow() -> None:
    node = one("if (1) exit; else if (2) { drop; } else { return; }")
    assert isinstance(node.then[0], nodes.Exit)
    inner = node.otherwise[0]
    assert isinstance(inner.then[0], nodes.Drop) and isinstance(inner.otherwise[0], nodes.Return)
    assert one("if (1) {} else exit;").then == []
    dangling = one("if (1) if (2) exit; else drop;")
    assert dangling.otherwise is None and dangling.then[0].otherwise is not None
    loop = one("while ($var(i) < 3) { if (1) break; $var(i) += 1; }")
    assert isinstance(loop.body[0].then[0], nodes.Break)
    each = one("for ($var(x) in $(avp(y)[*])) xlog(\"$var(x)\");")
    assert (each.target.name, each.source.index) == ("var", "*")
    assert isinstance(one(";"), nodes.Empty)


def test_switch() -> None:
    node = one('switch ($rs) { case 200: exit; break; case "x": case -1: drop; default: ; }')
    assert [case.value and case.value.value for case in node.cases] == [200, "x", -1, None]
    assert [len(case.body) for case in node.cases] == [2, 0, 1, 1]
    assert one("switch ($x){ case 1: exit; }").subject.name == "x"


def test_returns() -> None:
    assert one("return;").code is None
    assert one("return();").code is None
    assert one("return -1;").code.value == -1
    assert one("return $var(x);").code.name == "var"
    node = one('return(1, "a", $x, NULL);')
    assert node.code.value == 1 and len(node.values) == 3
    node = one("return(, 5);")
    assert node.code is None and node.values[0].value == 5
    assert isinstance(one("exit();"), nodes.Exit) and isinstance(one("drop();"), nodes.Drop)


def test_assert_async_launch() -> None:
    assert one("assert($x == 1);").text is None
    assert one('assert($x == 1 && $y, "text");').text.value == "text"
    node = one('async(usleep(1), resume, 5);')
    assert (node.call.name, node.resume.value, node.timeout) == ("usleep", "resume", 5)
    assert one("async(f(), 7);").timeout is None
    node = one('launch(f("a"), done, "fmt $ru");')
    assert node.report.value == "done" and len(node.parameter.parts) == 2
    assert one("launch(f());").report is None


# ------------------------------------------------------------------------------------------------------- file level
def test_routes() -> None:
    script, _ = read(
        "route { exit; } route[a] { exit; } route[007] { exit; } route[yes] { exit; } route[\"x y\"] { exit; }\n"
        "failure_route[f] { exit; } onreply_route { exit; } onreply_route[0] { exit; } branch_route[b] { exit; }\n"
        "error_route { exit; } local_route { exit; } startup_route { exit; } timer_route[t, 30] { exit; }\n"
        "event_route[E_CORE_LOG] { exit; } route[0] { exit; } route[as] { exit; }"
    )
    assert [(route.kind, route.name) for route in script.routes] == [
        ("route", ""), ("route", "a"), ("route", "7"), ("route", "1"), ("route", "x y"), ("failure_route", "f"),
        ("onreply_route", ""), ("onreply_route", "0"), ("branch_route", "b"), ("error_route", ""), ("local_route", ""),
        ("startup_route", ""), ("timer_route", "t"), ("event_route", "E_CORE_LOG"), ("route", ""), ("route", "as"),
    ]  # fmt: skip
    assert script.routes[12].interval == 30


def test_modules() -> None:
    script, _ = read(
        'loadmodule "/usr/lib/x/tm.so" loadmodule \'rr.so\'\n'
        'modparam("tm|rr", "a", -5) modparam("tm", "b", "x" "y") modparam("tm", "c", yes)\nroute { exit; }'
    )
    modules = [(item.path, item.name) for item in script.items if isinstance(item, nodes.LoadModule)]
    assert modules == [("/usr/lib/x/tm.so", "tm"), ("rr.so", "rr")]
    assert [item.value for item in script.items if isinstance(item, nodes.ModParam)] == [-5, "xy", 1]


def test_several_parameters_on_one_line() -> None:
    script, _ = read("log_level=3 debug_mode=yes udp_workers = 4 route { exit; } max_while_loops=5")
    values = [(item.name, item.value) for item in script.items if isinstance(item, nodes.GlobalParam)]
    assert values == [("log_level", 3), ("debug_mode", 1), ("udp_workers", 4), ("max_while_loops", 5)]


def test_comments_nest_and_crlf_is_harmless() -> None:
    script, sink = read("# one\r\n/* a /* b */ c */ route { /* x */ exit; # done\r\n}\r\n/* open /* */\n")
    assert isinstance(script.routes[0].body[0], nodes.Exit)
    assert [(d.code, d.span.line) for d in sink.items] == [("W0107", 4)]


def test_characters_without_meaning_are_warned_about() -> None:
    script, sink = read("route[_a] { @f(); `x`(); xlog(\"a\")?; }")
    assert script.routes[0].name == "a"
    assert {d.code for d in sink.items} == {"W0105"}
    assert len(sink.items) == 5


def test_what_stands_behind_bare_variables_is_warned_about() -> None:
    script, sink = read("route { $var(n) = $ru{s.len}; switch ($rs){ case 1: exit; } $var(a) = $tu:x ; }")
    assert [(d.code, d.span.col) for d in sink.items] == [("W0108", 22), ("W0109", 74)]
    assert script.routes[0].body[0].value.name == "ru"


def test_traps_in_formats_are_warned_about() -> None:
    _, sink = read('route { xlog("$avp(x)[1] $ru{s.len} $rU[a] $(ru{s.len}){x}"); }')
    assert [d.code for d in sink.items] == ["W0114", "W0114"]
    assert sink.items[1].hint == "write $(ru{s.len})"


def test_numbers_too_large_are_warned_about() -> None:
    _, sink = read("route { $var(x) = 4294967297; }")
    assert [d.code for d in sink.items] == ["W0112"]


def test_statements_survive_an_error_between_them() -> None:
    script, sink = read('route { xlog("a"); xlog(1 2 3); xlog("b"); }\nroute[x] { exit; }', errors=True)
    assert len([d for d in sink.items if d.severity == "error"]) >= 1
    logs = [s for s in script.routes[0].body if isinstance(s, nodes.Xlog)]
    assert logs[0].format.text == "a" and logs[-1].format.text == "b"
    assert script.routes[1].name == "x"


def test_spans_are_the_authors_through_includes() -> None:
    lines = ["route {", '  xlog("a");', "  foo bar;", "}"]
    origins = [Origin("main.cfg", 5), Origin("inc.cfg", 1), Origin("inc.cfg", 2), Origin("main.cfg", 7)]
    sink = Diagnostics()
    script = parse(Expansion(lines, origins, {}), sink)
    assert script.routes[0].body[0].span == nodes.Span("inc.cfg", 1, 3, 1, 12)
    assert (sink.items[0].span.file, sink.items[0].span.line) == ("inc.cfg", 2)


def test_spans_in_templates_are_where_the_text_is() -> None:
    template = "  xlog(`MESSAGE'); # define\n"
    lines = ["route {", '  xlog("hello");', "}"]
    origins = [Origin("t.m4", 9), Origin("t.m4", 1, False), Origin("t.m4", 9)]
    script = parse(Expansion(lines, origins, {"t.m4": template}), Diagnostics())
    span = script.routes[0].body[0].span
    assert (span.line, span.col) == (1, 3)


def test_six_thousand_lines_in_a_second() -> None:
    import time

    block = '  if (is_method("INVITE") && $rU != NULL) {\n    xlog("L_INFO", "call of $rU\\n");\n  }\n'
    part = "route[r%d] {\n" + block * 20 + "}\n"
    text = "".join(part % n for n in range(82))
    assert text.count("\n") > 5000
    read("route { exit; }")
    best = 9.9
    for _ in range(2):
        begun = time.perf_counter()
        read(text)
        best = min(best, time.perf_counter() - begun)
    assert best < 1.0
