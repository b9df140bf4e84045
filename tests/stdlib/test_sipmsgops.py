"""sipmsgops: headers, lists, bodies, codecs, checks, validation."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runtime import regex
from runtime.core import core
from runtime.sip import build
from stdlib.sipmsgops import bodies, checks, codecs, headers, lists, validate
from stdlib.sipmsgops.settings import module
from tests.stdlib.sipmessages import HEAD, TCP, Box, body_of, reply, request, sent, values

PLAIN = "X-A: one\nX-B: two\nX-A: three\nSubject: hello"
SDP = (
    "v=0\r\no=a 1 1 IN IP4 10.0.0.1\r\ns=-\r\nc=IN IP4 10.0.0.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0 8 101\r\n"
    "a=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\na=sendrecv\r\n"
)


def rx(pattern: str):
    return regex.compile(pattern, newline=True)


def invite(sdp: str = SDP, content_type: str = "application/sdp", headers: str = ""):
    return request("INVITE", f"{headers}\nContent-Type: {content_type}", sdp)


# --------------------------------------------------------------------------------------------------------- headers
def test_append_hf_places():
    msg = request(headers=PLAIN)
    headers.append_hf(msg, "X-1: 1\r\n")
    headers.append_hf(msg, "X-2: 2\r\n")
    headers.append_hf(msg, "X-3: 3\r\n", "x-b")
    headers.append_hf(msg, "X-4: 4\r\n", "X-None")
    lines = sent(msg).split("\r\n")
    assert lines[lines.index("X-B: two") + 1] == "X-3: 3"
    assert lines[-5:] == ["X-1: 1", "X-2: 2", "X-4: 4", "", ""]


def test_append_hf_without_line_end_eats_the_empty_line_as_opensips_does():
    msg = request()
    headers.append_hf(msg, "X-New: 1")
    assert sent(msg).endswith("Content-Length: 0\r\nX-New: 1\r\n")


def test_insert_hf_places():
    msg = request(headers=PLAIN)
    headers.insert_hf(msg, "X-1: 1\r\n")
    headers.insert_hf(msg, "X-2: 2\r\n")
    headers.insert_hf(msg, "X-3: 3\r\n", "Subject")
    lines = sent(msg).split("\r\n")
    assert lines[1:3] == ["X-1: 1", "X-2: 2"]
    assert lines[lines.index("Subject: hello") - 1] == "X-3: 3"


def test_append_urihf():
    msg = request()
    headers.append_urihf(msg, "CC-URI: <", ">\r\n")
    assert values(msg, "CC-URI") == ["<sip:bob@127.0.0.1:16200>"]


def test_remove_hf():
    msg = request(headers=PLAIN + "\nk: path")
    assert headers.is_present_hf(msg, "Supported")
    assert headers.remove_hf(msg, "X-A")
    assert not headers.remove_hf(msg, "X-A")
    assert headers.remove_hf(msg, "supported")
    assert not headers.remove_hf(msg, "X-None")
    assert "X-A" not in sent(msg)
    assert "path" not in sent(msg)
    headers.append_hf(msg, "X-A: new\r\n")
    assert values(msg, "X-A") == ["new"]


def test_remove_by_pattern():
    msg = request(headers=PLAIN)
    assert headers.remove_hf_re(msg, rx("^x-"))
    assert "X-" not in sent(msg)
    msg = request(headers=PLAIN)
    assert headers.remove_hf_glob(msg, "x-[!b]*")
    assert values(msg, "X-B") == ["two"]
    assert values(msg, "X-A") == []
    assert not headers.remove_hf_glob(msg, "Y*")


def test_get_glob_headers_values():
    msg = request(headers=PLAIN)
    names, found = Box(), Box()
    names.variable = found.variable = SimpleNamespace(name="avp")
    assert headers.get_glob_headers_values(msg, "x-*", names, found)
    assert names.values == ["X-A", "X-B", "X-A"]
    assert found.values == ["three", "two", "one"]
    assert not headers.get_glob_headers_values(msg, "y-*", names, found)
    found.variable = SimpleNamespace(name="var")
    assert not headers.get_glob_headers_values(msg, "x-*", names, found)


def test_replies_get_headers_date_and_body(monkeypatch):
    monkeypatch.setattr(core, "wall", lambda: 1_000_000_000.0)
    msg = request()
    headers.append_to_reply(msg, "X-Why: because\r\n")
    headers.append_time(msg)
    headers.append_body_to_reply(msg, "old")
    headers.append_body_to_reply(msg, "new!")
    text = build.build_reply(msg, 200, "OK", to_tag="t")
    assert "X-Why: because\r\nDate: Sun, 09 Sep 2001 01:46:40 GMT\r\n" in text
    assert text.endswith("Content-Length: 4\r\n\r\nnew!")


@pytest.mark.parametrize(("was", "code", "ok"), [
    (486, 603, True), (486, 699, True), (183, 180, True), (183, 200, False), (200, 480, False), (486, 200, False),
    (486, 99, False), (486, 700, False),
])  # fmt: skip
def test_change_reply_status(was, code, ok):
    msg = reply(was)
    assert headers.change_reply_status(msg, code, "Other") is ok
    assert sent(msg).startswith(f"SIP/2.0 {code} Other\r\n" if ok else f"SIP/2.0 {was} Fine\r\n")


def test_sip_to_json():
    out = Box()
    assert headers.sip_to_json(invite(headers="X-A: 1\nx-a: 2"), out)
    made = json.loads(out.values[0])
    assert made["first_line"] == "INVITE sip:bob@127.0.0.1:16200 SIP/2.0\r\n"
    assert made["headers"]["X-A"] == ["1", "2"]
    assert made["body"] == SDP
    assert not headers.sip_to_json(request(), Box(writable=False))


# ----------------------------------------------------------------------------------------------------------- lists
def test_list_headers():
    msg = request(headers="Supported: timer, path")
    assert lists.list_hdr_has_option(msg, "Supported", "PATH")
    assert not lists.list_hdr_has_option(msg, "Supported", "pat")
    assert lists.list_hdr_add_option(msg, "k", "gruu")
    assert lists.list_hdr_remove_option(msg, "Supported", "timer")
    assert values(msg, "Supported") == ["path,gruu"]
    assert lists.list_hdr_remove_option(msg, "Supported", "gruu")
    assert lists.list_hdr_remove_option(msg, "Supported", "path")
    assert not lists.list_hdr_remove_option(msg, "Supported", "path")
    assert "Supported" not in sent(msg)
    assert lists.list_hdr_add_option(msg, "Supported", "again")
    assert values(msg, "Supported") == ["again"]


def test_list_headers_several_and_broken():
    msg = request(headers="Require: a,b\nRequire: b")
    assert lists.list_hdr_remove_option(msg, "Require", "b")
    assert values(msg, "Require") == ["a"]
    msg = request(headers="Require: a, <b>")
    assert not lists.list_hdr_has_option(msg, "Require", "a")
    assert not lists.list_hdr_add_option(msg, "Require", "c")
    assert not lists.list_hdr_remove_option(msg, "Require", "a")
    assert not lists.list_hdr_add_option(msg, "Unsupported", "c")
    msg = request(headers="Supported:")
    assert lists.list_hdr_add_option(msg, "Supported", "c")
    assert values(msg, "Supported") == ["c"]


# ---------------------------------------------------------------------------------------------------------- checks
@pytest.mark.parametrize(("method", "wanted", "yes"), [
    ("INVITE", "INVITE", True), ("INVITE", "invite|ACK", True), ("BYE", "INVITE|ACK", False), ("FROB", "FROB", True),
    ("FROB", "frob", True), ("INVITE", "", False), ("INVITE", "INVITE|FROB", False), ("INVITE", "IN VITE", False),
])  # fmt: skip
def test_is_method(method, wanted, yes):
    assert checks.is_method(request(method), wanted) is yes


def test_is_method_of_a_reply_and_at_load():
    assert checks.is_method(reply(method="BYE"), "BYE|CANCEL")
    check = module.functions["is_method"].params[0].check
    check("INVITE|BYE")
    for text in ("", "INVITE|FROB", "a b"):
        with pytest.raises(ValueError):
            check(text)


def test_has_totag():
    assert not checks.has_totag(request())
    assert checks.has_totag(request(head=HEAD.replace("To: <sip:bob@127.0.0.1>", "To: <sip:b@h>;tag=q")))
    assert not checks.has_totag(request(head=HEAD.replace("To: <sip:bob@127.0.0.1>", 'To: "b')))


@pytest.mark.parametrize(("header", "kind", "yes"), [
    ("id;user", "ID", True), ("id ; critical", "critical", True), ("id", "user", False), ("none;id", "id", False),
    ("nonsense", "id", False), ("", "id", False),
])  # fmt: skip
def test_is_privacy(header, kind, yes):
    assert checks.is_privacy(request(headers=f"Privacy: {header}"), kind) is yes
    assert not checks.is_privacy(request(), kind)


def test_ruri_params():
    msg = request(uri="sip:bob@h;a=1;b;user=phone?X=y")
    assert [checks.ruri_has_param(msg, *wanted) for wanted in (("a", "1"), ("a", "2"), ("a",), ("b",), ("c",))] == [
        True, False, False, True, False,
    ]  # fmt: skip
    assert checks.ruri_add_param(msg, "c=3")
    assert msg.current_uri == "sip:bob@h;a=1;b;user=phone;c=3?X=y"
    assert checks.ruri_del_param(msg, "b")
    assert checks.ruri_del_param(msg, "c")
    assert not checks.ruri_del_param(msg, "nope")
    assert msg.current_uri == "sip:bob@h;a=1;user=phone?X=y"
    assert checks.ruri_del_param(msg, "a")
    assert checks.ruri_del_param(msg, "user")
    assert msg.current_uri == "sip:bob@h?X=y"
    assert not checks.ruri_del_param(msg, "a")
    broken = request(uri="nonsense")
    assert not checks.ruri_has_param(broken, "a")
    assert not checks.ruri_add_param(broken, "a")
    assert not checks.ruri_del_param(broken, "a")


def test_tel_uris():
    msg = request(uri="tel:+49301234;x=1")
    assert checks.ruri_tel2sip(msg)
    assert msg.current_uri == "sip:+49301234;x=1@127.0.0.1;user=phone"
    msg = request()
    assert checks.ruri_tel2sip(msg)
    assert msg.new_uri is None
    assert checks.is_uri_user_e164(msg, "sip:+4930123@h")
    for uri in ("sip:4930@h", "sip:+1@h", "sip:+12345678901234567@h", "sip:h", "", "nonsense", "sip:+49a@h"):
        assert not checks.is_uri_user_e164(msg, uri)


# ---------------------------------------------------------------------------------------------------------- bodies
MULTI = (
    "preamble\r\n--b1\r\nContent-Type: application/sdp\r\n\r\n" + SDP + "\r\n--b1\r\n"
    "Content-Type: text/plain\r\nContent-Disposition: x\r\nContent-Length: 5\r\n\r\nhello\r\n--b1--\r\n"
)


def test_has_body():
    assert bodies.has_body(request())
    assert not bodies.has_body(request(listener=TCP))
    assert bodies.has_body(request("MESSAGE", "c: text/plain", "hi", listener=TCP))
    assert bodies.has_body(invite(), "application/sdp")
    assert not bodies.has_body(invite(), "text/plain")
    assert not bodies.has_body(request(), "text/plain")
    multi = invite(MULTI, 'multipart/mixed;boundary="b1"')
    assert bodies.has_body_part(multi, "text/plain")
    assert bodies.has_body(multi, "multipart/mixed")
    assert not bodies.has_body(multi, "multipart/related")
    with pytest.raises(ValueError):
        module.functions["has_body"].params[0].check("nonsense")


def test_remove_the_only_part():
    msg = request("MESSAGE", "Content-Type: text/plain", "alpha")
    assert not bodies.remove_body_part(msg, "application/sdp")
    assert bodies.remove_body_part(msg, "text/plain")
    assert not bodies.remove_body_part(msg)
    assert values(msg, "Content-Type") == []
    assert values(msg, "Content-Length") == ["0"]
    assert body_of(msg) == ""


def test_strip_to_one_part():
    msg = invite(MULTI, "multipart/mixed;boundary=b1")
    assert bodies.remove_body_part(msg, "text/plain", "revert")
    assert body_of(msg) == "hello"
    assert values(msg, "Content-Type") == ["text/plain"]
    assert values(msg, "Content-Disposition") == ["x"]
    assert values(msg, "Content-Length") == ["5"]


def test_add_to_multipart_keeps_the_rest():
    msg = invite(MULTI, "multipart/mixed;boundary=b1")
    bodies.remove_body_part(msg, "application/sdp")
    assert bodies.add_body_part(msg, "<x/>", "text/xml", "X-H: 1\r\n")
    assert body_of(msg) == (
        "--b1\r\nContent-Type: text/plain\r\nContent-Disposition: x\r\nContent-Length: 5\r\n\r\nhello\r\n"
        "--b1\r\nContent-Type: text/xml\r\nX-H: 1\r\n\r\n<x/>\r\n--b1--\r\n"
    )
    assert values(msg, "Content-Type") == ["multipart/mixed;boundary=b1"]


def test_one_to_many_and_codec_changes_meet():
    msg = invite()
    codecs.codec_delete(msg, "PCMA")
    bodies.add_body_part(msg, "hi", "text/plain")
    body = body_of(msg)
    assert body.startswith(f"--{bodies.BOUNDARY}\r\nContent-Type: application/sdp\r\n\r\nv=0\r\n")
    assert "m=audio 4000 RTP/AVP 0 101\r\n" in body
    assert body.endswith(f"Content-Type: text/plain\r\n\r\nhi\r\n--{bodies.BOUNDARY}--\r\n")
    assert values(msg, "Content-Type") == [f"multipart/mixed;boundary={bodies.BOUNDARY}"]
    assert values(msg, "Content-Length") == [str(len(body))]


def test_first_body_of_a_message():
    msg = request("MESSAGE")
    assert not bodies.add_body_part(msg, "", "text/plain")
    assert not bodies.add_body_part(msg, "x", "")
    assert bodies.add_body_part(msg, "hello", "text/plain")
    assert body_of(msg) == "hello"
    assert values(msg, "Content-Type") == ["text/plain"]
    assert values(msg, "Content-Length") == ["5"]


def test_get_updated_body_part():
    out = Box()
    msg = invite(MULTI, "multipart/mixed;boundary=b1")
    codecs.codec_delete(msg, "PCMA")
    assert bodies.get_updated_body_part(msg, "application/sdp", out) == 1
    assert "RTP/AVP 0 101\r\n" in out.values[0]
    assert bodies.get_updated_body_part(msg, "text/xml", out) == -2
    assert bodies.get_updated_body_part(msg, "", out) == 1
    assert out.values[0].startswith("preamble\r\n--b1")
    assert bodies.get_updated_body_part(request(), "", out) == -1
    assert bodies.get_updated_body_part(msg, "", Box(writable=False)) == -1


@settings(max_examples=60, deadline=None)
@given(st.text(st.sampled_from("-b1\r\n:Content-Type ,/x"), max_size=80))
def test_broken_multipart_never_raises(body):
    msg = invite(f"--b1{body}--b1--\r\n", "multipart/mixed;boundary=b1")
    bodies.remove_body_part(msg, "text/plain")
    bodies.add_body_part(msg, "x", "text/plain")
    codecs.codec_delete(msg, "PCMU")
    sent(msg)


# ---------------------------------------------------------------------------------------------------------- codecs
def test_codec_exists():
    msg = invite()
    assert [codecs.codec_exists(msg, name) for name in ("PCMU", "pcma", "G729")] == [True, True, False]
    assert codecs.codec_exists(msg, "PCMU", "8000")
    assert codecs.codec_exists_re(msg, rx("^tele"))
    assert not codecs.codec_exists(request(), "PCMU")
    assert not codecs.codec_exists(invite("garbage"), "PCMU")
    assert not codecs.codec_exists(invite(SDP.replace("c=IN IP4 10.0.0.1\r\n", "")), "PCMU")


def test_codec_delete():
    msg = invite()
    assert codecs.codec_delete(msg, "PCMA")
    assert not codecs.codec_delete(msg, "PCMA")
    assert body_of(msg) == SDP.replace(" 8 ", " ").replace("a=rtpmap:8 PCMA/8000\r\n", "")
    assert values(msg, "Content-Length") == ["158"]
    msg = invite()
    assert not codecs.codec_delete(msg, "PCMU", "16000")
    assert codecs.codec_delete_except_re(msg, rx("PCMA"))
    assert "RTP/AVP 8\r\na=rtpmap:8 PCMA/8000\r\na=sendrecv" in body_of(msg)


def test_static_payloads_need_no_rtpmap():
    msg = invite(SDP.replace("a=rtpmap:8 PCMA/8000\r\n", ""))
    assert codecs.codec_delete_re(msg, rx("pcm[au]"))
    assert "RTP/AVP 101\r\n" in body_of(msg)


def test_deleting_all_refuses_the_stream():
    msg = invite()
    assert codecs.codec_delete_re(msg, rx("."))
    assert "m=audio 0 RTP/AVP\r\na=sendrecv" in body_of(msg)
    assert not codecs.codec_move_up(msg, "PCMU")


def test_retransmission_payload_goes_with_its_codec():
    sdp = SDP.replace("RTP/AVP 0 8 101", "RTP/AVP 0 96 97").replace(
        "a=sendrecv", "a=rtpmap:96 VP8/90000\r\na=rtcp-fb:96 nack pli\r\na=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96"
    )
    msg = invite(sdp)
    assert codecs.codec_delete(msg, "VP8")
    body = body_of(msg)
    assert "RTP/AVP 0\r\n" in body
    assert all(word not in body for word in ("VP8", "rtx", "nack", "apt"))


def test_codec_order():
    msg = invite()
    assert codecs.codec_move_up(msg, "PCMA")
    assert "RTP/AVP 8 0 101\r\n" in body_of(msg)
    assert codecs.codec_move_down_re(msg, rx("^PCM"))
    assert "RTP/AVP 101 0 8\r\n" in body_of(msg)
    assert codecs.codec_move_up_re(msg, rx("^PCM"))
    assert codecs.codec_move_down(msg, "PCMU", "8000")
    assert "RTP/AVP 8 101 0\r\n" in body_of(msg)
    shared = msg.edits
    msg.edits = shared.copy()
    codecs.codec_move_up(msg, "PCMU")
    assert "RTP/AVP 0 8 101\r\n" in body_of(msg)
    msg.edits = shared
    assert "RTP/AVP 8 101 0\r\n" in body_of(msg)


VIDEO = "m=video 5000 RTP/AVP 31\r\na=rtpmap:31 H261/90000\r\n"


def test_streams():
    msg = invite(SDP + VIDEO)
    assert codecs.stream_exists(msg, rx("video"))
    assert not codecs.stream_exists(msg, rx("video"), rx("SAVP"))
    codecs.codec_delete(msg, "H263")
    assert codecs.stream_delete(msg, rx("video"))
    assert not codecs.stream_delete(msg, rx("video"))
    assert body_of(msg) == SDP
    assert not codecs.codec_delete(msg, "H261")
    msg = invite(SDP + VIDEO)
    codecs.codec_delete(msg, "PCMU")
    assert codecs.stream_delete(msg, rx("audio"), rx("RTP"))
    assert "m=audio" not in body_of(msg)
    assert body_of(msg).endswith("t=0 0\r\n" + VIDEO)


def test_hold():
    assert not codecs.is_audio_on_hold(invite())
    assert codecs.is_audio_on_hold(invite(SDP.replace("a=sendrecv", "a=sendonly")))
    assert codecs.is_audio_on_hold(invite(SDP.replace("c=IN IP4 10.0.0.1", "c=IN IP4 0.0.0.0")))
    assert not codecs.is_audio_on_hold(invite(SDP + VIDEO + "a=inactive\r\n"))
    assert not codecs.is_audio_on_hold(request())


# ------------------------------------------------------------------------------------------------------ validation
def test_good_messages_pass():
    assert validate.sipmsg_validate(invite(headers="Contact: <sip:a@h>"), "shrtfcm") == 1
    assert validate.sipmsg_validate(reply(200, "Contact: <sip:a@h>"), "c") == 1


@pytest.mark.parametrize(("msg", "flags", "code"), [
    (lambda: request(head=HEAD.replace("Call-ID: c1@uac\r\n", "")), "", -3),
    (lambda: request(head=HEAD.replace("From: <sip:alice@127.0.0.1>;tag=a1\r\n", "")), "", -8),
    (lambda: request(head=HEAD.replace("To: <sip:bob@127.0.0.1>\r\n", "")), "", -9),
    (lambda: invite("nonsense"), "s", -6),
    (lambda: request(max_forwards=None), "", -13),
    (lambda: request(max_forwards=None), "m", 1),
    (lambda: request(uri="sip:b@h..x"), "r", -12),
    (lambda: request(uri="nonsense"), "r", -11),
    (lambda: request(uri="sip:b%zz@h"), "r", -27),
    (lambda: request("INVITE"), "c", -14),
    (lambda: request("INVITE", "Contact: *"), "c", -30),
    (lambda: request("REGISTER", "Contact: *\nExpires: 0"), "c", 1),
    (lambda: request("REGISTER", "Contact: *\nExpires: 60"), "c", -30),
    (lambda: request("INVITE", "Contact: <nouri>"), "c", -26),
    (lambda: request(headers="Path: <sip:p;lr>"), "", -15),
    (lambda: request("MESSAGE", body="x"), "", -21),
    (lambda: reply(405), "", -16),
    (lambda: reply(423, method="REGISTER"), "", -17),
    (lambda: reply(407), "", -18),
    (lambda: reply(420), "", -19),
    (lambda: reply(401), "", -20),
    (lambda: request(head=HEAD.replace("<sip:bob@127.0.0.1>", "<nouri>")), "t", -22),
    (lambda: request(head=HEAD.replace("<sip:bob@127.0.0.1>", "<sip:bob@-h>")), "t", -23),
    (lambda: request(head=HEAD.replace("<sip:bob@127.0.0.1>", "<sip:bo%b@h>")), "t", -29),
    (lambda: request(head=HEAD.replace("<sip:alice@127.0.0.1>", "<nouri>")), "f", -24),
    (lambda: request(headers="Route: nonsense"), "h", -2),
    (lambda: request(headers="Expires: x"), "h", -2),
    (lambda: request(headers="P-Asserted-Identity: <sip:a@b>, <sip:c@d>"), "h", -2),
    (lambda: request(headers="P-Asserted-Identity: <sip:a@b>, <tel:+1>"), "h", 1),
    (lambda: request(listener=TCP, head="Content-Length: 0\r\n" + HEAD), "", 1),
])  # fmt: skip
def test_codes(msg, flags, code):
    assert validate.sipmsg_validate(msg(), flags) == code


def test_reason():
    reason = Box()
    assert validate.sipmsg_validate(request(uri="sip:b@h..x"), "r", reason) == -12
    assert reason.values == ["invalid domain for R-URI"]
    assert validate.sipmsg_validate(request(uri="nonsense"), "r", Box(writable=False)) == -255
