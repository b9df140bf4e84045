"""Transformations: what they give, and that no text makes one raise."""

from __future__ import annotations

import contextlib
import threading
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import stdlib
from runtime.declare import Module, ParamKind, Transformation
from runtime.format import FormatError, expand, read
from stdlib.core.transformations import addresses
from tests.stdlib.sipmessages import request

core = stdlib.load("core")
assert core is not None

SDP = "v=0\r\no=a 1 1 IN IP4 10.0.0.1\r\ns=x\r\nm=audio 4000 RTP/AVP 0\r\na=x\r\nm=video 1 RTP/AVP 9\r\na=y\r\n"
ADDRESS = '"Alice A." <sip:alice@example.com;lr>;tag=88sja8x;expires=60'


def value(text: str | int, transformations: str) -> Any:
    """`$(var(x)…)` with the variable set to `text`."""
    from runtime.script.flow import var

    var["x"] = text
    return read(request(), f"$(var(x){transformations})")


@pytest.mark.parametrize(
    ("text", "chain", "expected"),
    [
        ("abc", "{s.len}", 3),
        ("", "{s.len}", 0),
        ("12abc", "{s.int}", 12),
        ("abc", "{s.int}", 0),
        ("abcdef", "{s.substr,2,2}", "cd"),
        ("abcdef", "{s.substr,-2,0}", "ef"),
        ("abcdef", "{s.substr,1,-2}", "bcd"),
        ("abc", "{s.substr,3,1}", None),
        ("abc", "{s.substr,-4,1}", None),
        ("abc", "{s.substr,1,-5}", None),
        ("a,b,,d", "{s.select,2,,}", ""),
        ("a,b,,d", "{s.select,-1,,}", "d"),
        ("a,b", "{s.select,5,,}", None),
        ("hello", "{s.index,l}", 2),
        ("hello", "{s.rindex,l}", 3),
        ("hello", "{s.index,l,-2}", 3),
        ("hello", "{s.index,z}", None),
        ("hello", "{s.index,l z}", 2),
        ("2", "{s.fill.left,abc,6}", "bcabc2"),
        ("2", "{s.fill.left,' ',4}", "   2"),
        ("2", "{s.fill.right,ab,4}", "2aba"),
        ("255", "{s.dec2hex}", "ff"),
        (-42, "{s.dec2hex}", "ffffffd6"),
        ("12x", "{s.dec2hex}", None),
        ("ff", "{s.hex2dec}", 255),
        ("0xff", "{s.hex2dec}", None),
        ("a b", "{s.escape.user}", "a%20b"),
        ("a%20b", "{s.unescape.user}", "a b"),
        ("a%2", "{s.unescape.user}", None),
        ("a%00", "{s.unescape.param}", None),
        ("a\x80", "{s.escape.param}", None),
        ("4142", "{s.decode.hexa}", "AB"),
        ("4g", "{s.decode.hexa}", None),
        ("Sun, 06 Nov 1994 08:49:37 GMT", "{s.date2unix}", "784111777"),
        ("abc", "{s.width,5}", "abc  "),
        ("abc", "{s.width,0}", None),
        ("$rU", "{s.eval}", "bob"),
        ("$nope", "{s.eval}", None),
        ("abc", "{s.crc32}", "891568578"),
        ("sip:bob:pw@h:5070;lr;transport=tcp?X=1", "{uri.user}", "bob"),
        ("sip:bob:pw@h:5070;lr;transport=tcp?X=1", "{uri.passwd}", "pw"),
        ("sip:bob@h", "{uri.port}", None),
        ("sip:h:", "{uri.host}", "h"),
        ("sip:h;x=\"a b\"", "{uri.param,X}", "a b"),
        ("sip:h;lr", "{uri.param,lr}", ""),
        ("sip:h;lr", "{uri.lr}", None),
        ("urn:service:sos", "{uri.host}", "sos"),
        ("urn:service:sos", "{uri.schema}", "urn"),
        ("http://x", "{uri.host}", None),
        ("", "{uri.host}", None),
        ("a=1;b;c=\"x;y\"", "{param.value,C}", "x;y"),
        ("a=1;b;c=3", "{param.valueat,-1}", "3"),
        ("a=1;b;c=3", "{param.name,1}", "b"),
        ("a=1;b;c=3", "{param.count}", 3),
        ("a=1;b", "{param.exist,B}", 1),
        ("just text", "{param.count}", None),
        ("a=1;", "{param.count}", None),
        ("a=;b", "{param.count}", None),
        (ADDRESS, "{nameaddr.uri}", "sip:alice@example.com;lr"),
        (ADDRESS, "{nameaddr.name}", '"Alice A."'),
        (ADDRESS, "{nameaddr.len}", 37),
        (ADDRESS, "{nameaddr.params}", "tag=88sja8x;expires=60"),
        (ADDRESS, "{nameaddr.param,tag}", "88sja8x"),
        (ADDRESS, "{nameaddr.param,TAG}", None),
        (f"{ADDRESS}, Bob B <sip:b@h>", "{nameaddr.1.name}", "Bob B"),
        (f"{ADDRESS}, sip:b@h;tag=2", "{nameaddr.-1.param,tag}", "2"),
        (ADDRESS, "{nameaddr.3.uri}", None),
        ("Bob B <sip:bob@h>", "{nameaddr.len}", 19),
        ("<sip:a@b>;tag", "{nameaddr.uri}", None),
        ("<sip:a@b>;x=y=z", "{nameaddr.uri}", None),
        ("SIP/2.0/UDP h:5070;branch=z9;rport", "{via.port}", 5070),
        ("SIP/2.0/UDP h:5070;branch=z9;rport", "{via.param,rport}", ""),
        ("junk", "{via.host}", None),
        ("SIP/2.0/UDP h;branch=z9 (a (nested) one)", "{via.comment}", "a (nested) one"),
        ("SIP/2.0/UDP h;branch=z9 (c)", "{via.branch}", "z9"),
        ("SIP/2.0/UDP h (c)", "{via.host}", "h"),
        ("SIP/2.0/UDP h:5070, SIP/2.0/TCP g", "{via.transport}", "UDP"),
        (10, "{s.hex2dec}", 10),
        ("10", "{s.hex2dec}", 16),
        ("sip:a:@h", "{uri.passwd}", None),
        ("xyz", "{re.subst,/x|xy/-/}", "-z"),
        ("abcd", "{re.subst,/(a|ab)(c|bcd)/[\\1,\\2]/}", "[a,bcd]"),
        ('a,"b,""c",d', "{csv.value,1}", 'b,"c'),
        ("a,", "{csv.count}", 2),
        ('"a', "{csv.count}", None),
        ('"a"b', "{csv.count}", None),
        ("a\tb", "{csv.count}", None),
        ("10.1.2.3", "{ip.pton}{ip.ntop}", "10.1.2.3"),
        ("2001:db8::1", "{ip.pton}{ip.ntop}", "2001:DB8:0:0:0:0:0:1"),
        ("[::1]", "{ip.isip6}", 1),
        ("[10.0.0.1]", "{ip.isip}", 0),
        ("127.0.0.1", "{ip.isprivate}", 1),
        ("fc00::1", "{ip.isprivate}", 0),
        ("10.1.2.3", "{ip.matches,10.0.0.0/8}", 1),
        ("10.1.2.3", "{ip.matches,10.0.0.0}", None),
        ("10.1.2.3", "{ip.matches,2001::/16}", None),
        ("10.1.2.3", "{ip.resolve}", "10.1.2.3"),
        (SDP, "{sdp.line,m,1}", "m=video 1 RTP/AVP 9"),
        (SDP, "{sdp.line,z}", None),
        ("c=x", "{sdp.line,c}", None),
        (SDP, "{sdp.stream,VIDEO}", "m=video 1 RTP/AVP 9\r\na=y\r\n"),
        (SDP, "{sdp.stream,-1}", "m=video 1 RTP/AVP 9\r\na=y\r\n"),
        (SDP, "{sdp.stream-delete,text}", None),
        ("v=0\r\nm=audio 1 RTP/AVP 0\r\n", "{sdp.stream,0}", None),
        ("aXbX", "{re.subst,/x/-/i}", "a-bX"),
        ("aXbX", "{re.subst,/x/-/gi}", "a-b-"),
        ("abc", "{re.subst,/(b)(c)/\\2\\1/}", "acb"),
        ("abc", "{re.subst,/b/$rU/}", "abobc"),
        ("abc", "{re.subst,/z/y/}", "abc"),
        ("abc", "{re.subst,/[/y/}", None),
        ("abc", "{re.subst,/z*/y/}", None),
        ("", "{re.subst,/a/b/}", None),
        (5, "{s.len}", 1),
    ],
)
def test_what_a_transformation_gives(text: str | int, chain: str, expected: Any) -> None:
    assert value(text, chain) == expected


def test_a_name_server_that_is_dead_holds_nobody_up_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    release = threading.Event()
    asked: list[str] = []

    def dead(name: str, *_: Any) -> Any:
        asked.append(name)
        release.wait(5)
        raise OSError

    monkeypatch.setattr("socket.getaddrinfo", dead)
    monkeypatch.setattr(addresses, "_WAIT", 0.01)
    addresses._answers.clear()
    assert value("gone.example", "{ip.resolve}") is None
    assert value("GONE.example", "{ip.resolve}") is None
    assert asked == ["gone.example"]
    release.set()


def test_a_name_gives_its_ipv4_address_first(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [(0, 0, 0, "", ("2001:db8::1%eth0", 0)), (0, 0, 0, "", ("192.0.2.1", 0))]
    monkeypatch.setattr("socket.getaddrinfo", lambda *_: found)
    addresses._answers.clear()
    assert value("host.example", "{ip.resolve}") == "192.0.2.1"
    monkeypatch.setattr("socket.getaddrinfo", lambda *_: found[:1])
    assert value("host.example", "{ip.resolve6}") == "2001:DB8:0:0:0:0:0:1"


def test_sdp_stream_delete_takes_every_stream_of_a_type() -> None:
    assert value(SDP, "{sdp.stream-delete,audio}") == SDP.replace("m=audio 4000 RTP/AVP 0\r\na=x\r\n", "")
    twice = SDP + "m=audio 5000 RTP/AVP 8\r\n"
    assert value(twice, "{sdp.stream-delete,audio}").count("m=") == 1


def test_null_and_arguments_of_another_type_give_null() -> None:
    from runtime.script.flow import var

    var.__dict__.clear()
    var["t"], var["n"], var["text"] = "abcdef", 2, "2"
    msg = request()
    assert read(msg, "$(var(nothing){s.len})") is None
    assert read(msg, "$(var(t){s.substr,$var(n),0})") == "cdef"
    assert read(msg, "$(var(t){s.substr,$var(text),0})") is None
    assert read(msg, "$(var(t){s.index,$var(n)})") is None
    assert read(msg, "$(var(t){s.index,$var(nothing)})") is None


@pytest.mark.parametrize(
    "text",
    ["$(ru{s.nope})", "$(ru{s.substr,1})", "$(ru{s.substr,a,b})", "$(ru{s.fill.left,$rU,3})", "$(ru{s.width,-1})", "$(ru{x})",
     "$(ru{s.len)", "$ ", "$(ru", "$var", "$var()", "$(ru[1])", "$ru(x)", "$(avp(x)[foo])", "$(<other>ru)"],
)  # fmt: skip
def test_a_broken_format_is_refused_as_such(text: str) -> None:
    with pytest.raises(FormatError):
        expand(request(), text)


KNOWN = {made for module in Module.registry.values() for made in module.transformations.values()}
ALL = sorted(KNOWN, key=lambda made: (made.cls, made.name))
SAFE = [made for made in ALL if not made.name.startswith("resolve")]
TEXT = st.one_of(
    st.text(st.characters(max_codepoint=255), max_size=60),
    st.text(st.sampled_from('sip:@;=?"<>,\\ \r\nm=o%a1[].-/$({'), max_size=60),
    st.sampled_from([SDP, ADDRESS, "a=1;b", "SIP/2.0/UDP h;x", "sip:a@b;c", "10.0.0.1"]),
)


@settings(max_examples=60, deadline=None)
@given(made=st.sampled_from(SAFE), text=TEXT, words=st.lists(TEXT, min_size=3, max_size=3), numbers=st.lists(
    st.integers(-(1 << 31), (1 << 31) - 1) | st.integers(-5, 5), min_size=3, max_size=3))  # fmt: skip
def test_no_text_makes_a_transformation_raise(made: Transformation, text: str, words: list[str], numbers: list[int]) -> None:
    arguments: list[Any] = []
    for parameter, word, number in zip(made.params, words, numbers, strict=False):
        arguments.append(min(number, 10_000) if parameter.kind is ParamKind.INT else word or "x")
    result = made.call(*([request()] if made.needs_message else []), text, *arguments)
    assert result is None or isinstance(result, (int, str))
    if isinstance(result, str):
        result.encode("latin-1")


@settings(max_examples=150, deadline=None)
@given(text=TEXT)
def test_formats_of_the_run_time_never_raise_anything_else(text: str) -> None:
    with contextlib.suppress(FormatError):
        expand(request(), text)
