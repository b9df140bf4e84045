"""textops: search, replace, substitute."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runtime import regex
from stdlib import textops
from tests.stdlib.sipmessages import body_of, reply, request, sent, values

PLAIN = "X-A: one\nX-B: two\nX-A: three\nSubject: hello"


def rx(pattern: str):
    return regex.compile(pattern, newline=True)


def plain():
    return request(headers=PLAIN)


def text_message(body: str = "alpha beta alpha\r\n"):
    return request("MESSAGE", "Content-Type: text/plain", body)


def test_search():
    msg = plain()
    assert textops.search(msg, rx("hello"))
    assert textops.search(msg, rx("^x-a: three"))
    assert textops.search(msg, rx("^OPTIONS sip:bob"))
    assert not textops.search(msg, rx("absent"))
    msg = text_message()
    assert textops.search_body(msg, rx("^alpha"))
    assert not textops.search_body(msg, rx("Content-Type"))
    assert not textops.search_body(plain(), rx("."))


def test_append():
    msg = plain()
    assert textops.search_append(msg, rx("Subject: "), "really ")
    assert values(msg, "Subject") == ["really hello"]
    assert not textops.search_append(msg, rx("absent"), "x")
    assert not textops.search_append(msg, rx("^OPTIONS sip"), "x")
    msg = text_message()
    assert textops.search_append_body(msg, rx("beta"), "!")
    assert body_of(msg) == "alpha beta! alpha\r\n"
    assert values(msg, "Content-Length") == ["19"]
    assert not textops.search_append_body(plain(), rx("."), "x")


def test_replace():
    msg = plain()
    assert textops.replace(msg, rx("X-A"), "X-Q")
    assert values(msg, "X-Q") == ["one"]
    msg = plain()
    assert textops.replace_all(msg, rx("^X-A"), "X-Q")
    assert values(msg, "X-Q") == ["one", "three"]
    assert not textops.replace(msg, rx("absent"), "x")
    assert not textops.replace_all(msg, rx("absent"), "x")
    assert not textops.replace_all(msg, rx("z*"), "x")


def test_replace_body():
    msg = text_message()
    assert textops.replace_body(msg, rx("beta"), "a much longer text here")
    assert body_of(msg) == "alpha a much longer text here alpha\r\n"
    assert values(msg, "Content-Length") == ["37"]
    for function in (textops.replace_body_all, textops.replace_body_atonce):
        msg = text_message()
        assert function(msg, rx("alpha"), "A")
        assert body_of(msg) == "A beta A\r\n"
        assert not function(plain(), rx("alpha"), "A")


def test_line_starts_after_a_match():
    # the match ends with the line end, so that the next one begins where a line begins
    msg = text_message("a\r\na\r\nb\r\n")
    assert textops.replace_body_all(msg, rx("^a\r\n"), "-")
    assert body_of(msg) == "--b\r\n"
    msg = text_message("a\r\na\r\nb\r\n")
    assert textops.replace_body_atonce(msg, rx("^a\r\n"), "-")
    assert body_of(msg) == "-a\r\nb\r\n"


def test_subst():
    msg = plain()
    assert textops.subst(msg, "/^Subject: hello/Subject: bye/")
    assert values(msg, "Subject") == ["bye"]
    msg = plain()
    assert textops.subst(msg, r"/^subject: (.*)/Topic: \1/i")
    assert values(msg, "Topic") == ["hello"]
    msg = plain()
    assert textops.subst(msg, "/X-A/X-Z/g")
    assert values(msg, "X-Z") == ["one", "three"]
    assert not textops.subst(msg, "/x-a/none/")
    assert not textops.subst(msg, "/z*/none/")
    assert sent(msg).startswith("OPTIONS ")


def test_subst_body():
    msg = text_message("one\r\ntwo\r\n")
    assert textops.subst_body(msg, r"#^(.)(.*)$#\2-\1#g")
    assert body_of(msg) == "ne\r-o\nwo\r-t\n"
    assert not textops.subst_body(plain(), "/a/b/")


def test_escapes():
    msg = plain()
    assert textops.subst(msg, r"/hello/a\/b\\c\td\u\9\$\q/")
    assert values(msg, "Subject") == ["a/b\\c\tdsip:bob@127.0.0.1:16200$q"]
    msg = reply(headers="Subject: hello")
    assert textops.subst(msg, r"/hello/[\u]/")
    assert values(msg, "Subject") == ["[]"]


def test_subst_uri_and_user():
    msg = request(uri="sip:0123@h;x=1")
    assert textops.subst_uri(msg, "/^sip:0(.*)$/sip:+49\\1/")
    assert msg.current_uri == "sip:+49123@h;x=1"
    assert textops.subst_user(msg, r"/^\+49/0049/")
    assert msg.current_uri == "sip:0049123@h;x=1"
    assert not textops.subst_uri(msg, "/absent/x/")
    assert not textops.subst_user(msg, "/absent/x/")
    assert not textops.subst_user(request(uri="nonsense"), "/a/b/")
    msg = request(uri="sip:h")
    assert not textops.subst_user(msg, "/x/a/")


def test_variables_in_the_replacement(monkeypatch):
    seen = []

    def expand(msg, text):
        seen.append(text)
        return {"$fU": "alice", "$(ru{uri.host})": "h", "$var(x)": "<null>"}[text]

    monkeypatch.setitem(sys.modules, "runtime.format", SimpleNamespace(expand=expand))
    msg = plain()
    assert textops.subst(msg, "/hello/$fU-$(ru{uri.host})[$var(x)]/")
    assert values(msg, "Subject") == ["alice-h[]"]


@pytest.mark.parametrize(
    "text", ["", "/a", "/a/", "/a/b", "\\a\\b\\", "/a/b/x", "/(/b/", "/a/$/", "/a/$(x/", "/a/$var(x/"]
)
def test_bad_expressions(text):
    with pytest.raises(ValueError):
        textops.module.functions["subst"].params[0].check(text)
    assert not textops.subst(plain(), text)
    assert not textops.subst_uri(plain(), text)


def test_a_replacement_has_a_longest_length():
    msg = plain()
    assert not textops.subst(msg, f"/hello/{'x' * 1100}/")
    assert not textops.subst_uri(msg, f"/bob/{'x' * 1100}/")


@settings(max_examples=80, deadline=None)
@given(st.text(st.sampled_from("/\\abg()*[]^.$1 i"), max_size=14))
def test_never_raises(text):
    for function in (textops.subst, textops.subst_uri, textops.subst_user):
        if "$" not in text:
            function(plain(), text)
