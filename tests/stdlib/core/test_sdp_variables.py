"""$sdp, $sdp.line, $sdp.stream, $sdp.stream.idx and $sdp.session: what they read, and what is sent after a write."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import stdlib
from runtime.sip.message import SipMessage
from tests.stdlib.sipmessages import body_of, request, sent

stdlib.load("core")

SDP = (
    "v=0\r\no=alice 1 1 IN IP4 10.0.0.1\r\ns=call\r\nc=IN IP4 10.0.0.1\r\nt=0 0\r\n"
    "m=audio 4000 RTP/AVP 0 8\r\na=rtpmap:0 PCMU/8000\r\na=sendrecv\r\nm=video 4002 RTP/AVP 99\r\na=rtpmap:99 H264/90000\r\n"
)
MULTIPART = f"--b\r\nContent-Type: text/plain\r\n\r\nhello\r\n--b\r\nContent-Type: application/sdp\r\n\r\n{SDP}\r\n--b--\r\n"


def invite(body: str = SDP, kind: str = "application/sdp") -> SipMessage:
    return request("INVITE", f"Content-Type: {kind}", body)


def read(msg: SipMessage, variable: str) -> object:
    from runtime.format import read as read_spec

    return read_spec(msg, variable)


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("$sdp", SDP),
        ("$sdp.line(m=)", "m=audio 4000 RTP/AVP 0 8"),
        ("$sdp.line(M=[1])", "m=video 4002 RTP/AVP 99"),
        ("$sdp.line(m=[2])", None),
        ("$sdp.line(a=rtpmap:99)", "a=rtpmap:99 H264/90000"),
        ("$sdp.line(m=/[1])", "4000"),
        ("$sdp.line(m=[1]/rtp)", "RTP/AVP"),
        ("$sdp.line(m=/[9])", None),
        ("$sdp.line(a=rtpmap:0 PCMU\\/8000)", "a=rtpmap:0 PCMU/8000"),
        ("$sdp.stream(video)", "m=video 4002 RTP/AVP 99"),
        ("$sdp.stream(audio/a=)", "a=rtpmap:0 PCMU/8000"),
        ("$sdp.stream(audio/a=[1])", "a=sendrecv"),
        ("$sdp.stream(audio/a=[2])", None),
        ("$sdp.stream([1]/a=/[1])", "H264/90000"),
        ("$sdp.stream(text)", None),
        ("$sdp.stream.idx(audio)", 5),
        ("$sdp.stream.idx(video/a=)", 9),
        ("$sdp.stream.idx(text)", None),
        ("$sdp.session(c=)", "c=IN IP4 10.0.0.1"),
        ("$sdp.session(m=)", None),
        ("$sdp.session(o=/[5])", "10.0.0.1"),
    ],
)
def test_what_is_read(variable: str, value: object) -> None:
    assert read(invite(), variable) == value


def test_a_variable_can_be_the_index() -> None:
    from runtime.script.flow import var

    var["i"] = 1
    assert read(invite(), "$sdp.line(m=[$var(i)])") == "m=video 4002 RTP/AVP 99"
    var["i"] = "one"
    assert read(invite(), "$sdp.line(m=[$var(i)])") is None


@pytest.mark.parametrize("msg", [request("INVITE"), invite("hello", "text/plain")], ids=["no body", "text"])
def test_without_a_description_everything_is_null_and_nothing_is_written(msg: SipMessage) -> None:
    assert read(msg, "$sdp") is None
    assert read(msg, "$sdp.line(m=)") is None
    assert read(msg, "$sdp.stream.idx(0)") is None
    assert not msg.set_sdp_line("s=x", "s=")


def test_lines_are_written_inserted_and_removed() -> None:
    msg = invite()
    assert msg.set_sdp_line("s=changed\r\n", "s=")
    assert msg.set_sdp_stream("a=ptime:20", "audio/a=", "insertAfter")
    assert msg.set_sdp_session("b=AS:64", "t=", "insert")
    assert msg.set_sdp_stream(None, "video/a=")
    wanted = SDP.replace("s=call", "s=changed").replace("t=0 0", "b=AS:64\r\nt=0 0").replace("a=rtpmap:99 H264/90000\r\n", "")
    wanted = wanted.replace("PCMU/8000\r\n", "PCMU/8000\r\na=ptime:20\r\n")
    assert body_of(msg) == wanted
    assert f"Content-Length: {len(wanted)}\r\n" in sent(msg)
    assert read(msg, "$sdp") == wanted
    assert read(msg, "$rb") == wanted
    assert msg.body == SDP


def test_what_cannot_be_written_is_refused() -> None:
    msg = invite()
    assert not msg.set_sdp_line("x=y", "x=")
    assert not msg.set_sdp_line("5000", "m=/[1]")
    assert not msg.set_sdp("v=0\r\ns=new\r\n")
    assert body_of(msg) == SDP


def test_the_whole_description_is_replaced_or_removed() -> None:
    msg = invite()
    new = "v=0\r\no=b 1 1 IN IP4 1.1.1.1\r\ns=-\r\nt=0 0\r\n"
    assert msg.set_sdp(new)
    assert body_of(msg) == new
    assert msg.set_sdp(None)
    assert body_of(msg) == "" and "Content-Length: 0\r\n" in sent(msg)
    assert read(msg, "$sdp") is None


def test_of_several_parts_only_the_description_changes() -> None:
    msg = invite(MULTIPART, "multipart/mixed;boundary=b")
    assert read(msg, "$sdp.line(s=)") == "s=call"
    assert msg.set_sdp_line("s=new", "s=")
    assert body_of(msg) == MULTIPART.replace("s=call", "s=new")
    assert read(msg, "$(rb(text/plain))") == "hello"
    assert read(msg, "$(cT[*])") == "multipart/mixed;boundary=b,text/plain,application/sdp"


@settings(max_examples=100, deadline=None)
@given(
    body=st.text(st.sampled_from("vosctma=: /\r\n01x"), max_size=80),
    name=st.text(st.sampled_from("ma=[]/\\01$v()x "), min_size=1, max_size=12),
)
def test_no_body_and_no_name_raise(body: str, name: str) -> None:
    from stdlib.core.variables.sdp import _checked

    msg = invite(body)
    try:
        _checked(3)(name)
        _checked(2)(name)
    except ValueError:
        return
    for variable in ("sdp_line", "sdp_session", "sdp_stream"):
        getattr(msg, variable)(name)
        getattr(msg, f"set_{variable}")("a=x", name)
