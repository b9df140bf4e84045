"""The four workloads: one routing script each, in the dialect of each server, and the messages that drive it."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from dataclasses import dataclass

__all__ = ["WORKLOADS", "Workload", "configuration"]

HOST = "127.0.0.1"


@dataclass(frozen=True)
class Workload:
    name: str
    title: str
    modules: tuple[str, ...]
    kamailio_modules: tuple[str, ...]
    route: str
    """Routing script; @CODE@ marks wrap integers that Kamailio 5 wants quoted."""
    settings: str = ""
    kamailio_settings: str = ""
    aim: float = 4.0
    """The ratio to tuned Kamailio we aim to stay under."""


OPTIONS = """
route {
	if (is_method("OPTIONS")) {
		sl_send_reply(@200@, "OK");
		exit;
	}
	sl_send_reply(@405@, "Method Not Allowed");
}
"""

REGISTER = """
route {
	if (is_method("REGISTER")) {
		save("location");
		exit;
	}
	sl_send_reply(@405@, "Method Not Allowed");
}
"""

CALL = """
route {
	if (!mf_process_maxfwd_header(@10@)) {
		sl_send_reply(@483@, "Too Many Hops");
		exit;
	}
	if (has_totag()) {
		if (is_method("ACK") && t_check_trans()) {
			t_relay();
			exit;
		}
		if (!loose_route()) {
			sl_send_reply(@404@, "Not here");
			exit;
		}
		if (!t_relay())
			sl_reply_error();
		exit;
	}
	if (is_method("CANCEL")) {
		if (t_check_trans())
			t_relay();
		exit;
	}
	t_check_trans();
	if (is_method("OPTIONS")) {
		sl_send_reply(@200@, "OK");
		exit;
	}
	if (is_method("INVITE")) {
		record_route();
		xlog("L_INFO", "call $ci from $fu to $ru at $si:$sp\\n");
	}
	if (!t_relay())
		sl_reply_error();
	exit;
}
"""

SCRIPT = """
route {
	$avp(source) = $si;
	$var(length) = $(rU{s.len});
	$var(prefix) = $(rU{s.substr,0,3});
	if ($rm == "INVITE") {
		$avp(kind) = "call";
	} else if ($rm == "MESSAGE") {
		$avp(kind) = "text";
	} else {
		$avp(kind) = "other";
	}
	if ($ua =~ "friendly-scanner|sipvicious|sipsak|sundayddr") {
		sl_send_reply(@403@, "Forbidden");
		exit;
	}
	if ($rU =~ "^[0-9]+$") {
		$avp(type) = "number";
	} else {
		$avp(type) = "name";
	}
	if ($fU =~ "^user[0-9]{1,6}$") {
		$var(known) = 1;
	} else {
		$var(known) = 0;
	}
	if ($fd == "blocked.example.com" || $fd == "spam.example.net") {
		sl_send_reply(@403@, "Forbidden");
		exit;
	}
	if ($rd != "example.com" && $rd != "example.org" && $rd != "127.0.0.1") {
		$avp(domain) = "foreign";
	} else {
		$avp(domain) = "local";
	}
	$var(x) = $var(length) * 7;
	$var(x) = $var(x) + 13;
	$var(x) = $var(x) % 10;
	$var(y) = $var(x) << 2;
	$var(y) = $var(y) | 1;
	switch ($var(prefix)) {
		case "100":
			$avp(gateway) = "gw1";
			break;
		case "200":
			$avp(gateway) = "gw2";
			break;
		case "300":
			$avp(gateway) = "gw3";
			break;
		case "001":
			$avp(gateway) = "gw5";
			break;
		default:
			$avp(gateway) = "gw0";
	}
	$var(i) = 0;
	$var(sum) = 0;
	while ($var(i) < 10) {
		$var(step) = $var(i) * $var(x);
		$var(sum) = $var(sum) + $var(step);
		$var(i) = $var(i) + 1;
	}
	if ($var(sum) > 100) {
		$avp(class) = "high";
	} else {
		$avp(class) = "low";
	}
	$var(digest) = $(ci{s.md5});
	$var(short) = $(var(digest){s.substr,0,4});
	$var(caller) = $(fU{s.tolower});
	$var(number) = $(rU{re.subst,/^00/+/});
	$var(from_host) = $(fu{uri.host});
	$var(call_host) = $(ci{s.select,1,@});
	if ($var(from_host) == $var(call_host)) {
		$avp(same) = "1";
	} else {
		$avp(same) = "0";
	}
	$avp(tag) = $avp(gateway) + "-" + $avp(class) + "-" + $var(short);
	if ($var(known) == 1 && $var(y) > 0) {
		$var(marks) = ";t=" + $avp(tag) + ";u=" + $var(caller) + ";k=" + $avp(kind) + ";d=" + $avp(domain);
		$ru = "sip:" + $var(number) + "@" + $avp(gateway) + ".example.com:5070" + $var(marks);
	} else {
		$ru = "sip:" + $var(number) + "@unknown.example.com:5070;t=" + $avp(tag);
	}
	sl_send_reply(@302@, "Moved Temporarily");
	exit;
}
"""

_TM = 'modparam("tm", "fr_timeout", 5)\nmodparam("tm", "fr_inv_timeout", 30)\n'
_KAMAILIO_TM = 'modparam("tm", "fr_timer", 5000)\nmodparam("tm", "fr_inv_timer", 30000)\n'

WORKLOADS = {
    made.name: made
    for made in (
        Workload("options", "OPTIONS answered 200", ("signaling", "sl", "sipmsgops"), ("pv", "sl", "textops"), OPTIONS),
        Workload(
            "register", "REGISTER stored in memory", ("signaling", "sl", "sipmsgops", "usrloc", "registrar"),
            ("pv", "sl", "textops", "usrloc", "registrar"), REGISTER,
            'modparam("usrloc", "working_mode_preset", "single-instance-no-db")\n',
            'modparam("usrloc", "db_mode", 0)\n',
        ),
        Workload(
            "call", "proxied call, 13 messages", ("signaling", "sl", "tm", "rr", "maxfwd", "sipmsgops"),
            ("pv", "tm", "sl", "rr", "maxfwd", "siputils", "textops", "xlog"), CALL, _TM, _KAMAILIO_TM,
        ),
        Workload(
            "script", "40 statements, then 302", ("signaling", "sl", "sipmsgops"), ("pv", "sl", "textops"), SCRIPT,
            aim=2.0,
        ),
    )
}  # fmt: skip


def _without_marks(route: str, quote: str) -> str:
    """Replace @200@ by 200 or "200"; a lone @ stays."""
    parts = route.split("@")
    out = parts[0]
    i = 1
    while i < len(parts):
        if parts[i].isdigit() and i + 1 < len(parts):
            out += quote + parts[i] + quote + parts[i + 1]
            i += 2
        else:
            out += "@" + parts[i]
            i += 1
    return out


def configuration(server: str, workload: Workload, port: int, workers: int = 1) -> str:
    """The configuration file of a workload for "sipc" or "kamailio"."""
    if server == "sipc":
        lines = [
            "log_level=2", "xlog_level=3", "stderror_enabled=yes", "syslog_enabled=no", f"udp_workers={workers}",
            f"socket=udp:{HOST}:{port}", 'loadmodule "proto_udp.so"',
        ]  # fmt: skip
        lines += [f'loadmodule "{name}.so"' for name in workload.modules]
        return "\n".join(lines) + "\n" + workload.settings + _without_marks(workload.route, "")
    lines = [
        "#!KAMAILIO", "debug=2", "log_stderror=yes", f"children={workers}", "disable_tcp=yes", "auto_aliases=no",
        f"listen=udp:{HOST}:{port}",
    ]  # fmt: skip
    lines += [f'loadmodule "{name}.so"' for name in workload.kamailio_modules]
    route = _without_marks(workload.route, '"').replace("route {", "request_route {", 1).replace(" % ", " mod ")
    return "\n".join(lines) + "\n" + workload.kamailio_settings + route


# --------------------------------------------------------------------------------------------------------- messages
def request(workload: str, number: int, server: int, client: int) -> bytes:
    """The number-th request of a stateless workload."""
    if workload == "options":
        method, uri, who, extra, body = "OPTIONS", f"sip:{HOST}:{server}", "bench", "", ""
    elif workload == "register":
        user = f"u{number % 10000:05d}"
        method, uri, who, body = "REGISTER", f"sip:{HOST}:{server}", user, ""
        extra = f"Contact: <sip:{user}@{HOST}:{client}>\r\nExpires: 3600\r\n"
    else:
        method, uri, who = "MESSAGE", f"sip:0014155550100@{HOST}:{server}", f"user{number % 100000}"
        body = "hello world from the bench"
        extra = "User-Agent: load\r\nContent-Type: text/plain\r\n"
    to = f"<sip:{who}@{HOST}>" if workload == "register" else f"<{uri}>"
    return (
        f"{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {HOST}:{client};branch=z9hG4bK-{number}-0\r\nMax-Forwards: 70\r\n"
        f'From: "Bench" <sip:{who}@{HOST}:{client}>;tag=t{number}\r\nTo: {to}\r\nCall-ID: {number}-99@{HOST}\r\n'
        f"CSeq: {1 + number // 10000} {method}\r\n{extra}Content-Length: {len(body)}\r\n\r\n{body}"
    ).encode()


SDP = (
    "v=0\r\no=bench 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 6000 RTP/AVP 0 8 101\r\n"
    "a=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\n"
)


def call_ids() -> Iterator[str]:
    start = random.randrange(1 << 30)
    return (f"{start + i}-call@{HOST}" for i in itertools.count())
