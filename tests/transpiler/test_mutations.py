"""Scripts made by breaking good ones: findings or a module that runs, never an exception of ours."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runtime.script.flow import Rounds
from tests.transpiler.scripts import HEAD, built, run

GOOD = [
    'route {\n  $var(i) = 0;\n  while ($var(i) < 3) { $var(i) = $var(i) + 1; if ($var(i) == 2) break; }\n'
    '  xlog("$var(i) rc=$rc");\n}\n',
    'route {\n  switch ($rm) { case "INVITE": xlog("a"); case 5: xlog("b"); break; default: xlog("c"); }\n}\n',
    'route {\n  if (route(a, "x", $rU) && !is_myself($rd)) exit;\n  xlog("$return(0) $(rU{s.substr,1,2})");\n}\n'
    'route[a] {\n  xlog("$param(1) $route");\n  return(1, "v", 5);\n}\n',
    'route {\n  $avp(a) = 1; $avp(a) = 2;\n  for ($var(v) in $(avp(a)[*])) xlog("$var(v) $(avp(a)[-1])");\n'
    '  $(avp(a)[append]) = "z"; $avp(a) := NULL;\n}\n',
    'route {\n  if ($rU =~ "^b.b$" or [1 + 2 * ($var(x) & 3)]) { $ru = "sip:a@b;c=d"; } else if ($si == 10.0.0.0/8) drop;\n'
    '  xlog("L_ERR", "$(ru{uri.param,c}) $(ru{re.subst,/a/b/g}) $(hdr(Via)[0]{via.host})\\n");\n}\n',
    'route {\n  append_msg_branch("sip:b@c", q: "0.5");\n  strip([$var(n) + 1]);\n  $sdp.line(a=) = "a=x";\n'
    '  xlog("$(msg.branch.uri[*]) $msg.branch.q $hdrcnt(Via) $ds");\n}\n',
]  # fmt: skip
CHARACTERS = st.sampled_from([*"(){}[];,\"'$.:=!&|+-*/~ab1 %<>\\\n", "$var(", "{s.len}", "&&", "NULL", "[*]"])
Change = tuple[str, float, float, str]
CHANGES = st.lists(
    st.tuples(st.sampled_from(["drop", "insert", "cut", "copy"]), st.floats(0, 1), st.floats(0, 1), CHARACTERS),
    min_size=1,
    max_size=3,
)


def changed(text: str, changes: list[Change]) -> str:
    for what, where, other, piece in changes:
        at = int(where * len(text))
        if what == "drop":
            text = text[:at] + text[at + 1 :]
        elif what == "insert":
            text = text[:at] + piece + text[at:]
        elif what == "cut":
            text = text[:at] + text[at + 12 :]
        else:
            to = int(other * len(text))
            text = text[:to] + text[at : at + 15] + text[to:]
    return text


@pytest.mark.parametrize("good", GOOD)
def test_the_good_ones_are_good(good: str) -> None:
    assert not [d for d in built(good).diagnostics if d.severity != "note"]


@settings(max_examples=600, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(good=st.sampled_from(GOOD), changes=CHANGES)
def test_a_broken_script_never_breaks_us(good: str, changes: list[Change], monkeypatch: pytest.MonkeyPatch) -> None:
    script = changed(good, changes)
    result = built(script)
    errors = [d for d in result.diagnostics if d.severity == "error"]
    assert result.ok or errors, "refused without a reason"
    last = len((HEAD + script).split("\n"))
    assert all(1 <= d.span.line <= last and d.span.col >= 1 for d in errors)
    if result.ok and "async" not in script:
        monkeypatch.setattr(Rounds, "limit", 50)
        ran = run(script)
        assert ran.outcome is not None and not ran.outcome.failed, ran.engine
