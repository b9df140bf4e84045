# ruff: noqa: E501
"""The language at run time: small scripts and what they log, rule by rule."""

from __future__ import annotations

import pytest

from tests.transpiler.scripts import run

NO_CODE = "xlog(\"rc=$rc\");"


def main(body: str, more: str = "") -> list[str]:
    return run(f"route {{\n{body}\n}}\n{more}").lines


@pytest.mark.parametrize(
    ("body", "lines"),
    [
        # what counts as true
        ('if (-1) xlog("a"); if (0) xlog("b");', ["a"]),
        ('$var(x) = "0"; if ($var(x)) xlog("a"); $var(x) = ""; if ($var(x)) xlog("b");', ["a"]),
        ('$var(x) = 0; if ($var(x)) xlog("a"); if ([$var(x)]) xlog("b"); if ([$var(nothing)]) xlog("c");', ["b"]),
        ('if ($var(x) = 0) xlog("a"); if ($var(y) = NULL) xlog("b");', ["a", "b"]),
        ('if (["a" + ""]) xlog("a"); if ([""]) xlog("b"); if ([5 - 5]) xlog("c");', ["a"]),
        ('if (1 || 0 && 0) xlog("a"); if (1 || (0 && 0)) xlog("b");', ["b"]),
        ('if (!$var(a) == 3) xlog("a"); else xlog("b");', ["a"]),
        # a comparison that cannot be made is neither true nor false
        ('$var(s) = "x"; if ($var(s) == 5 || 1) xlog("a"); if (!($var(s) == 5)) xlog("b"); if ($var(s) != 5) xlog("c");', []),
        ('$var(s) = "x"; if ($var(s) == 5) xlog("a"); xlog("rc=$rc");', ["rc=-1"]),
        # NULL
        ('if ($var(a) == $var(b)) xlog("a"); if ($var(a) >= $var(b)) xlog("b"); if ($var(a) != "") xlog("c");', ["a", "c"]),
        ('$var(e) = ""; if ($var(e) == NULL) xlog("a"); if ($var(a) < 5) xlog("b"); if ($var(a) != 5) xlog("c");', ["c"]),
        # numbers and text
        ('$var(i) = 5; if ($var(i) > "10") xlog("a"); if ($var(i) == "5") xlog("b"); if ($rp == 16060) xlog("c");', ["a", "b", "c"]),
        ('$var(x) = 2147483647 + 1; xlog("$var(x)");', ["-2147483648"]),
        ('$var(x) = 1 + 2 * 3; $var(y) = 2|4&1; $var(z) = 1<<33; xlog("$var(x) $var(y) $var(z)");', ["9 0 2"]),
        ('$var(x) = -7 / 2; $var(y) = -7 % 3; $var(z) = ~5; xlog("$var(x) $var(y) $var(z)");', ["-3 -1 -6"]),
        ('$var(x) = 7 / 0; xlog("$rc $var(x)"); $var(i) = 5; $var(i) /= 0; xlog("$rc $var(i)");', ["1 0", "-1 5"]),
        ('$var(m) = -2147483648; $var(x) = $var(m) / -1; xlog("$var(x)");', ["-2147483648"]),
        ('$var(x) = "a" + 5; xlog("$rc $var(x)"); $var(i) = 5; $var(x) = "a" + $var(i); xlog("$var(x)");', ["-1 <null>", "a5"]),
        ('$var(x) = $var(n) + "abc"; xlog("$var(x)"); $var(c) = $var(c) + 1; xlog("$rc $var(c)");', ["abc", "-1 <null>"]),
        ('$var(x) = 1 + $rp; xlog("$var(x)"); $var(x) = $rp + 1; xlog("$rc");', ["16061", "-1"]),
        ('$var(a) = "ab"; $var(b) = "  "; $var(c) = $var(a) ^ $var(b); xlog("$var(c)");', ["AB"]),
        ('$var(i) = 5; $var(i) += "5"; xlog("$rc"); $var(s) = "a"; $var(s) += "b"; xlog("$var(s)");', ["-1", "ab"]),
        # regular expressions
        ('$var(t) = "a\\nb"; if ($var(t) =~ "A.B") xlog("a"); if ($var(t) =~ "^b") xlog("b");', ["a"]),
        ('$var(p) = "["; if ($rd =~ $var(p)) xlog("a"); if ($rd !~ $var(p)) xlog("b"); xlog("c");', ["c"]),
        # addresses
        ('if ($si == 127.0.0.0/8) xlog("a"); $var(x) = "bad"; if ($var(x) != 10.0.0.0/8) xlog("b");', ["a"]),
        # switch
        ('switch ($rm) { case "invite": xlog("a"); case "x": xlog("b"); break; default: xlog("c"); }', ["a", "b"]),
        ('$var(s) = "1"; switch ($var(s)) { case 1: xlog("a"); break; case "1": xlog("b"); break; }', ["b"]),
        ('switch ($var(n)) { case "": xlog("a"); break; default: xlog("b"); }', ["b"]),
        ('$var(i) = 3; switch ($var(i)) { case 3: if (1) break; xlog("a"); } xlog("rc=$rc");', ["rc=-5"]),
        ('$var(i) = 3; switch ($var(i)) { case 4: xlog("a"); } xlog("rc=$rc");', ["rc=1"]),
        ('$var(i) = 3; switch ($var(i)) { case 3: isflagset("F"); } xlog("rc=$rc");', ["rc=-1"]),
        ('$var(i) = 3; switch ($var(i)) { case 3: isflagset("F"); case 4: isflagset("G"); } xlog("rc=$rc");', ["rc=-1"]),
        # loops
        ('$var(i) = 0; while ($var(i) < 3) $var(i) = $var(i) + 1; xlog("$var(i) rc=$rc");', ["3 rc=1"]),
        ('while (1) { break; } xlog("rc=$rc");', ["rc=-5"]),
        ('while (1) { } xlog("on");', ["on"]),
        ('$avp(a) = 1; $avp(a) = 2; for ($var(v) in $(avp(a)[*])) xlog("$var(v)"); xlog("rc=$rc");', ["2", "1", "rc=1"]),
        ('$avp(a) = 1; for ($var(v) in $(avp(a)[*])) isflagset("F"); xlog("rc=$rc");', ["rc=-1"]),
        ('$avp(a) = 1; for ($var(v) in $avp(a)) xlog("$var(v)"); xlog("rc=$rc");', ["rc=-10"]),
        # if and $rc
        ('if (isflagset("F")) { } xlog("rc=$rc"); if (1) { } xlog("rc=$rc");', ["rc=0", "rc=1"]),
        ('if (isflagset("F")) xlog("a"); else isflagset("G"); xlog("rc=$rc");', ["rc=-1"]),
        ('isflagset("F"); if ($rU == "bob") { xlog("rc=$rc"); }', ["rc=-1"]),
        ('if (xlog("side")) xlog("true"); else xlog("false");', ["side", "true"]),
        ('if (return(1)) xlog("a"); xlog("b");', []),
        # avp
        ('$avp(a) = 1; $avp(a) = 2; xlog("$avp(a) $(avp(a)[1]) $(avp(a)[-1]) $(avp(a)[*])");', ["2 1 1 2, 1"]),
        ('$avp(a) = 1; $avp(a) := 2; $(avp(a)[append]) = 3; xlog("$(avp(a)[*])"); $avp(a) = NULL; xlog("$(avp(a)[*])");', ["2, 3", "3"]),
        ('$(avp(a)[0]) = 1; xlog("rc=$rc"); $avp(a) = ""; xlog("[$avp(a)]"); $avp(a) := NULL; xlog("$avp(a)");', ["rc=-1", "[]", "<null>"]),
        ('$var(n) = "x"; $avp($var(n)) = 5; xlog("$avp(x)"); $avp(x) += 5; xlog("$(avp(x)[*])");', ["5", "10, 5"]),
        # text
        ('$var(x) = "hi $rU"; xlog("$var(x) $$ $(rU{s.len})");', ["hi $rU $ 3"]),
        ('xlog("$cfg_line $route"); $var(y) = 1;', ["4 route"]),
        ('xlog("$cfg_line"\n " two");', ["5 two"]),
    ],
)  # fmt: skip
def test_what_a_body_logs(body: str, lines: list[str]) -> None:
    assert main(body) == lines


@pytest.mark.parametrize(
    ("body", "more", "lines"),
    [
        ("route(a);" + NO_CODE, "route[a] { $var(x) = 1; }", ["rc=1"]),
        ("route(a);" + NO_CODE, "route[a] { return(-3); }", ["rc=-3"]),
        ("route(a);" + NO_CODE, "route[a] { isflagset(\"F\"); }", ["rc=-1"]),
        ("route(a);" + NO_CODE, "route[a] { while (1) break; }", ["rc=-5"]),
        ("route(a);" + NO_CODE, 'route[a] { switch ($rm) { case "INVITE": xlog("x"); break; } }', ["x", "rc=-5"]),
        ("route(a);" + NO_CODE, "route[a] { return; }", ["rc=1"]),
        ('route(a); xlog("never");', "route[a] { return(0); }", []),
        ('route(a); xlog("never");', "route[a] { exit; }", []),
        ('if (route(a)) xlog("y"); else xlog("n");', "route[a] { return(-1); }", ["n"]),
        ("route(a);" + NO_CODE, "route[a] { return($var(nothing)); }", ["rc=-1"]),
        ("route(a);" + NO_CODE, 'route[a] { $var(s) = "0"; return($var(s)); }', ["rc=1"]),
        # values beside the code
        ('route(a); xlog("$return(0) $return(1) $return(2) $return(3)");', 'route[a] { return(1, "x", 0, -5); }', ["x 0 -5 <null>"]),
        ('route(a); if ($return(0)) xlog("t"); if ($return(0) == 0) xlog("zero");', "route[a] { return(1, 0); }", ["t", "zero"]),
        ('route(a); route(b); xlog("$return(0)");', 'route[a] { return(1, "x"); }\nroute[b] { $var(y) = 1; }', ["<null>"]),
        # parameters
        ('route(p, "lit $rU", 5, $rU, NULL);', 'route[p] { xlog("$param(1)|$param(2)|$param(3)|$param(4)|$param(5)|$param(0)"); }',
         ["lit $rU|5|bob|<null>|<null>|<null>"]),
        ('$var(v) = "a"; route(p, $var(v));', 'route[p] { $var(v) = "b"; xlog("$param(1)"); route(q); }\nroute[q] { xlog("$param(1)"); }',
         ["a", "<null>"]),
        # names found at run time
        ('$var(n) = "a"; route($var(n)); route("$var(n)"); $var(i) = 7; route($var(i));',
         'route[a] { xlog("a"); }\nroute[7] { xlog("7"); }', ["a", "a", "7"]),
        ('isflagset("F"); $var(n) = "nope"; route($var(n)); xlog("rc=$rc");', "route[a] { exit; }", ["rc=1"]),
        ('route(r); xlog("rc=$rc $var(d)");', "route[r] { if ($var(d) == NULL) $var(d) = 0; $var(d) = $var(d) + 1; route(r); }",
         ["rc=-1 101"]),
        ('xlog("$route.name|$route.type"); route(sub);', 'route[sub] { xlog("$route.name $(route[*])"); }',
         ["|route", "sub route > route[sub]"]),
    ],
)  # fmt: skip
def test_routes_as_functions(body: str, more: str, lines: list[str]) -> None:
    assert main(body, more) == lines


@pytest.mark.parametrize(
    ("body", "lines"),
    [
        ('setflag("A"); setflag("B"); xlog("$mf"); resetflag("A"); xlog("$mf");', ["B A", "B"]),
        ('$msg.flag(Q) = 1; if (isflagset("Q")) xlog("$msg.flag(Q)"); $msg.flag(Q) = "x"; xlog("rc=$rc");', ["true", "rc=-1"]),
        ('$rU = NULL; xlog("$ru"); $rd = "x"; $rp = 5; xlog("$ru"); $rp = NULL; xlog("$ru $rp");',
         ["sip:127.0.0.1:16060", "sip:x:5", "sip:x 5060"]),
        ('$ru = NULL; xlog("rc=$rc"); $ru = "junk"; xlog("$ru");', ["rc=-1", "<null>"]),
        ('sethost("h"); setuserpass("a:b"); xlog("$ru"); sethostport("g:1"); xlog("$ru"); revert_uri(); xlog("$ru");',
         ["sip:a:b@h:16060", "sip:a:b@g:1", "sip:bob@127.0.0.1:16060"]),
        ('$ru = "sip:a@b;maddr=c;lr"; sethost("h"); xlog("$ru");', ["sip:a@h;lr"]),
        ('append_msg_branch("sip:b1@h", "0.25"); append_msg_branch("sip:b2@h"); xlog("$(msg.branch.uri[*]) $(msg.branch.q[*])");',
         ["sip:bob@127.0.0.1:16060, sip:b1@h, sip:b2@h , 0.25, "]),
        ('append_msg_branch("sip:b1@h"); $msg.branch.q = 500; $msg.branch.duri = "sip:n"; xlog("$ds $msg.branch.duri");',
         ["Contact: <sip:b1@h>;q=0.5 sip:n"]),
        ('append_msg_branch("sip:b1@h"); append_msg_branch("sip:b2@h"); swap_msg_branches(0, 1); remove_msg_branch(0); '
         'xlog("$(msg.branch.uri[*])");', ["sip:bob@127.0.0.1:16060, sip:b1@h"]),
        ('$msg.branch.attr(a) = 5; xlog("$msg.branch.attr(a)"); $(msg.branch.uri[4]) = "sip:x"; xlog("rc=$rc");', ["5", "rc=-1"]),
        ('append_msg_branch("sip:x", $rU); xlog("rc=$rc");', ["rc=-1"]),
        ('xlog("$hdr(call-id) $hdr(i) $hdrcnt(Via) $(hdr_name[0]) $(hdr_name[-1]) $hdr(X)");',
         ["c1@uac c1@uac 1 Via Content-Length <null>"]),
        ('xlog("$(hdr(Via)[5]) $(hdr(Via)[-1]{via.host})");', ["<null> 127.0.0.1"]),
    ],
)  # fmt: skip
def test_variables_and_core_functions(body: str, lines: list[str]) -> None:
    assert main(body) == lines


def test_var_outlives_the_message_and_avp_does_not() -> None:
    first = run('route { xlog("$var(kept) $avp(gone)"); $var(kept) = "k"; $avp(gone) = "g"; xlog("$var(kept) $avp(gone)"); }')
    assert first.lines == ["<null> <null>", "k g"]


def test_a_failed_assert_ends_the_script_and_runs_error_route() -> None:
    script = 'route { assert(1, "fine"); assert($var(x) == 1, "x is set"); xlog("never"); }\n'
    script += 'error_route { xlog("$err.class $err.rcode"); }\n'
    ran = run(script, head='socket=udp:127.0.0.1:16060\nenable_asserts=yes\nloadmodule "proto_udp.so"\n')
    assert ran.lines == ["4 500"]
    assert any("ASSERTION FAILED (x is set)" in line for line in ran.engine)
    assert run(script).lines == ["never"]


def test_only_ascii_letters_are_equal_whatever_their_case() -> None:
    script = '$var(u) = "\xc9"; if ($var(u) == "\xe9") xlog("a"); if ($var(u) == "\xc9") xlog("b"); '
    assert main(script + 'switch ($var(u)) { case "\xe9": xlog("c"); break; case "\xc9": xlog("d"); }') == ["b", "d"]
