"""Values of core parameters."""

from __future__ import annotations

from typing import Any

import pytest

from transpiler.settings import SettingError, parse_socket, read_value


def value(name: str, text: str) -> Any:
    reader = read_value(name, text + "\nroute { exit; }\n", 0)
    assert not [problem for problem in reader.problems if problem[0] == "error"]
    assert text.startswith(text[reader.start : reader.at]) or reader.at <= len(text)
    return reader.value


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("log_level", "-1", -1), ("log_level", "+ 3", 3), ("udp_workers", "4", 4), ("dns", "on", 1), ("dns", "no # x", 0),
        ("udp_workers", "4 use_auto_scaling_profile PROF", {"workers": 4, "profile": "PROF"}),
        ("tcp_max_connections", "0x10", 16), ("log_prefix", '"a\\tb"', "a\tb"), ("log_prefix", "'a\\tb'", "a\\tb"),
        ("chroot", "dir", "dir"), ("chroot", '"/a/b"', "/a/b"), ("syslog_facility", "LOG_LOCAL0", "LOG_LOCAL0"),
        ("advertised_address", "203.0.113.1", "203.0.113.1"), ("advertised_address", "a.example", "a.example"),
        ("tos", "IPTOS_LOWDELAY", "IPTOS_LOWDELAY"), ("tos", "16", 16), ("mpath", '"a" : "b/"', ["a", "b/"]),
        ("xlog_prefix", '"x"', "x"), ("unknown_one", "yes", 1), ("unknown_one", "-7", -7), ("unknown_one", "word", "word"),
        ("mem-group", '"g" : "tm" "rr"', ["g", "tm", "rr"]),
    ],
)  # fmt: skip
def test_simple_values(name: str, text: str, expected: Any) -> None:
    assert value(name, text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("udp:127.0.0.1:5060", {"proto": "udp", "host": "127.0.0.1", "ports": [5060]}),
        ("udp:*", {"proto": "udp", "host": "*", "ports": []}),
        ("TCP:eth0:5060,5070-5072", {"proto": "tcp", "host": "eth0", "ports": [5060, 5070, 5071, 5072]}),
        ("tls:[2001:db8::1]:5061", {"proto": "tls", "host": "[2001:db8::1]", "ports": [5061]}),
        ("udp:my-host.example:5060", {"proto": "udp", "host": "my-host.example", "ports": [5060]}),
        ('udp:"10.0.0.1":5060', {"proto": "udp", "host": "10.0.0.1", "ports": [5060]}),
        (
            "udp:10.0.0.1:5060 as 203.0.113.1:5080 use_workers 4 tag ext frag anycast\n   reuse_port",
            {
                "proto": "udp", "host": "10.0.0.1", "ports": [5060], "as": ["203.0.113.1", 5080], "use_workers": 4,
                "tag": "ext", "frag": True, "anycast": True, "reuse_port": True,
            },
        ),
        (
            'bond:b { "udp:a:1", "udp:b:2" }',
            {"proto": "bond", "name": "b", "members": ["udp:a:1", "udp:b:2"], "host": "", "ports": []},
        ),
    ],
)  # fmt: skip
def test_sockets(text: str, expected: dict[str, Any]) -> None:
    assert value("socket", text) == expected


def test_aliases() -> None:
    assert value("alias", 'udp:a.example:5060 accept_subdomain b.example any:"c":any') == [
        {"proto": "udp", "host": "a.example", "port": 5060, "accept_subdomain": True},
        {"proto": "any", "host": "b.example", "port": 0, "accept_subdomain": False},
        {"proto": "any", "host": "c", "port": 0, "accept_subdomain": False},
    ]
    assert len(value("alias", '"a.example"\n  "b.example"\n')) == 2


def test_blacklists() -> None:
    assert value("dst_blacklist", 'gw/expire : { (tcp, 192.168.2.100, 5060, "x"), !10.0.0.0/8, (udp, 10.0.0.1, any) }') == {
        "name": "gw",
        "flags": ["expire"],
        "rules": [
            {"not": False, "proto": "tcp", "net": "192.168.2.100", "port": 5060, "pattern": "x"},
            {"not": True, "proto": "any", "net": "10.0.0.0/8", "port": 0, "pattern": ""},
            {"not": False, "proto": "udp", "net": "10.0.0.1", "port": 0, "pattern": ""},
        ],
    }


def test_scaling_profiles() -> None:
    text = "PROF\n   scale up to 8 on 70% for 4 cycles within 5\n   scale down to 2 on 20% for 10 cycles"
    assert value("auto_scaling_profile", text) == {
        "name": "PROF",
        "up": {"to": 8, "threshold": 70, "cycles": 4, "within": 5},
        "down": {"to": 2, "threshold": 20, "cycles": 10, "within": 0},
    }


@pytest.mark.parametrize(
    ("name", "text", "code", "at"),
    [
        ("udp_workers", '"four"', "E0131", '"'), ("udp_workers", "-1", "E0131", "-"), ("log_prefix", "5", "E0131", "5"),
        ("max_while_loops", "maybe", "E0131", "m"), ("alias", "", "E0130", ""), ("socket", "foo:1.2.3.4", "E0133", "f"),
        ("socket", "udp:300.1.1.1", "E0135", "3"), ("socket", "udp:1.2.3.4:x", "E0134", "x"),
        ("socket", "udp:1.2.3.4:70000", "E0134", "7"), ("socket", "udp:a:5070-5060", "E0134", ""),
        ("socket", "udp:1.2.3.4 fast", "E0136", "f"), ("db_default_url", "text:///tmp", "E0131", "t"),
        ("auto_scaling_profile", "P bogus", "E0131", "b"), ("dst_blacklist", "a/readonly,expire", "E0137", "e"),
        ("auto_scaling_profile", "P scale up to 2 on 70% for 1 cycles scale down to 3 on 20% for 1 cycles", "E0138", "P"),
        ("dst_blacklist", "a:{10.0.0.0/99}", "E0135", "1"), ("log_prefix", '"open', "E0103", '"'),
    ],
)  # fmt: skip
def test_broken_values(name: str, text: str, code: str, at: str) -> None:
    with pytest.raises(SettingError) as caught:
        read_value(name, text + "\nroute { exit; }\n", 0)
    assert caught.value.code == code
    assert text[caught.value.start :].startswith(at)


def test_sockets_of_the_command_line() -> None:
    assert parse_socket("udp:127.0.0.1:5060")["ports"] == [5060]
    for text in ("127.0.0.1:5060", "udp:127.0.0.1:5060 x y", "", "nope"):
        with pytest.raises(SettingError):
            parse_socket(text)
