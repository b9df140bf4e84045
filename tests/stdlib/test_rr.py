"""rr: Record-Route, Route, strict routers, double record-routing."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runtime import regex
from runtime.core import Listener, core
from stdlib import rr
from stdlib.rr import loose
from tests.stdlib.sipmessages import HEAD, TCP, UDP, UDP2, request, sent, values

IN_DIALOG = HEAD.replace("To: <sip:bob@127.0.0.1>", "To: <sip:bob@h>;tag=b1")


@pytest.fixture(autouse=True)
def _worker(monkeypatch):
    monkeypatch.setattr(core, "listeners", [UDP, UDP2, TCP])
    monkeypatch.setattr(core, "aliases", {("udp", "me.example", 16060)})
    monkeypatch.setattr(loose, "_callbacks", [])
    yield
    for parameter in rr.module.parameters.values():
        parameter.reset()


def bye(*routes: str, uri: str = "sip:bob@127.0.0.1:16200", head: str = IN_DIALOG):
    return request("BYE", "\n".join(f"Route: {route}" for route in routes), uri=uri, head=head)


# ---------------------------------------------------------------------------------------------------- Record-Route
def test_record_route_stands_first():
    msg = request("INVITE", "Record-Route: <sip:old.example;lr>")
    assert rr.record_route(msg)
    assert sent(msg).split("\r\n")[1] == "Record-Route: <sip:127.0.0.1:16060;lr;ftag=a1>"
    assert values(msg, "Record-Route") == ["<sip:127.0.0.1:16060;lr;ftag=a1>", "<sip:old.example;lr>"]


def test_twice_is_refused():
    msg = request("INVITE")
    assert rr.record_route(msg)
    assert not rr.record_route(msg)
    assert not rr.record_route_preset(msg, "1.2.3.4")
    assert len(values(msg, "Record-Route")) == 1


def test_two_sockets():
    msg = request("INVITE")
    rr.record_route(msg)
    assert values(msg, "Record-Route", UDP2) == [
        "<sip:127.0.0.1:16061;r2=on;lr;ftag=a1>", "<sip:127.0.0.1:16060;r2=on;lr;ftag=a1>",
    ]  # fmt: skip
    assert values(msg, "Record-Route", TCP) == [
        "<sip:127.0.0.1;transport=tcp;r2=on;lr;ftag=a1>", "<sip:127.0.0.1:16060;r2=on;lr;ftag=a1>",
    ]  # fmt: skip


def test_double_off_names_the_sending_socket():
    rr.module.parameters["enable_double_rr"].apply(0)
    msg = request("INVITE")
    rr.record_route(msg)
    assert values(msg, "Record-Route", UDP2) == ["<sip:127.0.0.1:16061;lr;ftag=a1>"]


def test_settings():
    rr.module.parameters["append_fromtag"].apply(0)
    rr.module.parameters["add_username"].apply(1)
    msg = request("INVITE")
    rr.record_route(msg, ";a=b")
    assert values(msg, "Record-Route") == ["<sip:bob@127.0.0.1:16060;lr;a=b>"]


def test_advertised_address():
    listener = Listener("udp", "10.0.0.1", 5060, advertised_ip="203.0.113.9", advertised_port=5070)
    msg = request("INVITE", listener=listener)
    rr.record_route(msg)
    assert values(msg, "Record-Route", listener) == ["<sip:203.0.113.9:5070;lr;ftag=a1>"]


def test_ipv6_socket():
    listener = Listener("udp", "2001:db8::1", 5060)
    msg = request("INVITE", listener=listener)
    rr.record_route(msg)
    assert values(msg, "Record-Route", listener) == ["<sip:[2001:db8::1];lr;ftag=a1>"]


def test_params_before_and_after():
    msg = request("INVITE")
    rr.add_rr_param(msg, ";a=1")
    rr.add_rr_param(msg, ";b=2")
    rr.record_route(msg)
    rr.add_rr_param(msg, ";c=3")
    assert values(msg, "Record-Route") == ["<sip:127.0.0.1:16060;lr;ftag=a1;c=3;a=1;b=2>"]
    assert all(value.count(";c=3;a=1") == 1 for value in values(msg, "Record-Route", UDP2))


def test_params_without_record_route_leave_no_trace():
    msg = request("INVITE")
    rr.add_rr_param(msg, ";a=1")
    assert "a=1" not in sent(msg)


def test_branches_have_their_own_params():
    msg = request("INVITE")
    rr.record_route(msg)
    shared = msg.edits
    msg.edits = shared.copy()
    rr.add_rr_param(msg, ";branch=1")
    assert "branch=1" in values(msg, "Record-Route")[0]
    msg.edits = shared
    assert "branch=1" not in values(msg, "Record-Route")[0]


def test_preset():
    msg = request("INVITE")
    rr.add_rr_param(msg, ";p=1")
    assert rr.record_route_preset(msg, "203.0.113.1:5060", "10.0.0.9:5070")
    assert values(msg, "Record-Route") == [
        "<sip:203.0.113.1:5060;ftag=a1;lr;p=1>", "<sip:10.0.0.9:5070;ftag=a1;lr>",
    ]  # fmt: skip
    rr.module.parameters["enable_double_rr"].apply(0)
    assert not rr.record_route_preset(request("INVITE"), "203.0.113.1", "10.0.0.9")


def test_broken_from():
    msg = request("INVITE", head=HEAD.replace("<sip:alice@127.0.0.1>", '"alice'))
    assert not rr.record_route(msg)
    assert not rr.record_route_preset(msg, "1.2.3.4")


# --------------------------------------------------------------------------------------------------- loose routing
def test_no_route():
    msg = bye()
    assert not rr.loose_route(msg)
    assert msg.edits is None


def test_only_ours():
    msg = bye("<sip:127.0.0.1:16060;lr>")
    assert rr.loose_route(msg)
    assert (msg.dst_uri, msg.current_uri) == (None, "sip:bob@127.0.0.1:16200")
    assert values(msg, "Route") == []
    assert msg.force_socket is UDP


def test_preloaded_only_ours():
    msg = bye("<sip:127.0.0.1:16060;lr>", head=HEAD)
    assert not rr.loose_route(msg)
    assert values(msg, "Route") == []
    assert msg.force_socket is None


@pytest.mark.parametrize("split", [False, True])
def test_next_hop(split):
    ours, other, third = "<sip:127.0.0.1:16060;lr>", "<sip:127.0.0.1:16201;lr>", '"A, B" <sip:x,y@h;lr>;p=1'
    msg = bye(ours, other, third) if split else bye(f"{ours} , {other}, {third}")
    assert rr.loose_route(msg)
    assert msg.dst_uri == "sip:127.0.0.1:16201;lr"
    assert ", ".join(values(msg, "Route")) == f"{other}, {third}"
    assert rr.get_route_set(msg) == ["sip:127.0.0.1:16201;lr", "sip:x,y@h;lr"]
    assert rr.get_remote_target(msg) == "sip:bob@127.0.0.1:16200"


def test_top_route_of_somebody_else():
    msg = bye("<sip:10.9.9.9;lr>")
    assert rr.loose_route(msg)
    assert msg.dst_uri == "sip:10.9.9.9;lr"
    assert values(msg, "Route") == ["<sip:10.9.9.9;lr>"]
    assert msg.rr_params is None


def test_alias_user_and_maddr():
    assert rr.loose_route(bye("<sip:me.example:16060;lr>"))
    assert rr.loose_route(bye("<sip:tok@127.0.0.1:16060;lr>"))
    msg = bye("<sip:127.0.0.1:16060;lr>, <sip:far;maddr=10.1.1.1;lr>")
    assert rr.loose_route(msg)
    assert msg.dst_uri == "sip:10.1.1.1"


@pytest.mark.parametrize("separate", [False, True])
@pytest.mark.parametrize("more", [False, True])
def test_double_record_route_forces_the_other_socket(separate, more):
    routes = ["<sip:127.0.0.1:16060;r2=on;lr;ftag=a1>", "<sip:127.0.0.1:16061;r2=on;lr;ftag=a1>"]
    if more:
        routes.append("<sip:10.0.0.5;lr>")
    msg = bye(*routes) if separate else bye(", ".join(routes))
    assert rr.loose_route(msg)
    assert msg.force_socket is UDP2
    assert msg.dst_uri == ("sip:10.0.0.5;lr" if more else None)
    assert values(msg, "Route") == (["<sip:10.0.0.5;lr>"] if more else [])


def test_to_a_strict_router():
    msg = bye("<sip:127.0.0.1:16060;lr>, <sip:127.0.0.1:16201>", uri="sip:bob@far.example")
    assert rr.loose_route(msg)
    assert msg.current_uri == "sip:127.0.0.1:16201"
    assert values(msg, "Route") == ["<sip:bob@far.example>"]
    assert rr.get_remote_target(msg) == "sip:bob@far.example"


def test_to_a_strict_router_with_more_behind_it():
    msg = bye("<sip:127.0.0.1:16060;lr>, <sip:10.0.0.1>, <sip:10.0.0.2;lr>", uri="sip:bob@far.example")
    assert rr.loose_route(msg)
    assert values(msg, "Route") == ["<sip:10.0.0.2;lr>", "<sip:bob@far.example>"]


def test_from_a_strict_router_to_a_loose_one():
    msg = bye("<sip:127.0.0.1:16201;lr>, <sip:bob@127.0.0.1:16200>", uri="sip:127.0.0.1:16060")
    assert rr.loose_route(msg)
    assert (msg.dst_uri, msg.current_uri) == ("sip:127.0.0.1:16201;lr", "sip:bob@127.0.0.1:16200")
    assert values(msg, "Route") == ["<sip:127.0.0.1:16201;lr>"]


def test_from_a_strict_router_to_a_strict_one():
    msg = bye("<sip:10.0.0.1>, <sip:bob@127.0.0.1:16200>", uri="sip:127.0.0.1:16060;lr;x=1")
    assert rr.loose_route(msg)
    assert msg.current_uri == "sip:10.0.0.1"
    assert values(msg, "Route") == ["<sip:bob@127.0.0.1:16200>"]
    assert rr.get_remote_target(msg) == "sip:bob@127.0.0.1:16200"


def test_from_a_strict_router_with_double_record_route():
    msg = bye("<sip:127.0.0.1:16061;r2=on;lr>, <sip:10.0.0.1;lr>, <sip:bob@h>", uri="sip:127.0.0.1:16060;r2=on;lr")
    assert rr.loose_route(msg)
    assert (msg.force_socket, msg.dst_uri, msg.current_uri) == (UDP2, "sip:10.0.0.1;lr", "sip:bob@h")
    assert values(msg, "Route") == ["<sip:10.0.0.1;lr>"]


@pytest.mark.parametrize(
    "route", ["nonsense", "sip:127.0.0.1:16060;lr", "", ",", "<", "<>", "<nouri>", "<sip:127.0.0.1:99999;lr>", ">x<"]
)
def test_broken_route(route):
    assert not rr.loose_route(bye(route))


def test_broken_second_route_or_to():
    assert not rr.loose_route(bye("<sip:127.0.0.1:16060;lr>", "nonsense"))
    assert not rr.loose_route(bye("<sip:127.0.0.1:16060;lr>", head=HEAD.replace("<sip:bob@127.0.0.1>", '"b')))
    assert not rr.loose_route(bye("<sip:127.0.0.1:16060;lr>", uri="nonsense"))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(st.sampled_from('<>",;: \\abls=ip127.0@'), max_size=25), min_size=1, max_size=3))
def test_never_raises(routes):
    msg = bye(*(route.replace("\n", "") for route in routes))
    rr.loose_route(msg)
    sent(msg)


# ------------------------------------------------------------------------------------------------------ parameters
def test_parameters_of_our_route():
    msg = bye("<sip:127.0.0.1:16060;lr;x=15;y>")
    assert msg.rr_params is None
    assert not rr.check_route_param(msg, regex.compile("x"))
    rr.loose_route(msg)
    assert msg.rr_params == "lr;x=15;y"
    assert rr.check_route_param(msg, regex.compile("x=1[0-9]"))
    assert rr.check_route_param(msg, regex.compile("^;lr"))
    assert not rr.check_route_param(msg, regex.compile("x=2"))
    assert [rr.get_route_param(msg, name) for name in ("x", "y", "z")] == ["15", "", None]


@pytest.mark.parametrize(
    ("ftag", "upstream"), [(";ftag=a1", False), (";ftag=zz", True), (";ftag=", False), ("", False)]
)
def test_direction(ftag, upstream):
    msg = bye(f"<sip:127.0.0.1:16060;lr{ftag}>")
    rr.loose_route(msg)
    assert rr.is_direction(msg, "upstream") is upstream
    assert rr.is_direction(msg, "Downstream") is not upstream
    assert not rr.is_direction(msg, "sideways")


def test_callbacks_in_order_of_priority():
    seen = []
    rr.on_loose_route(lambda msg, params: seen.append(("late", params)), 5)
    rr.on_loose_route(lambda msg, params: seen.append(("early", params)))
    rr.loose_route(bye("<sip:127.0.0.1:16060;lr;did=1>"))
    assert seen == [("early", "lr;did=1"), ("late", "lr;did=1")]
