"""The server as an operator sees it: calls, edits under traffic, management, bad input."""

from __future__ import annotations

import json
import os
import random
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def phones(residential: Any) -> Iterator[tuple[Any, Any]]:
    agents = sys.modules["user_agent"]
    pair = tuple(agents.UserAgent(name, "example.org", ("127.0.0.1", residential.port)) for name in ("alice", "bob"))
    for phone in pair:
        phone.register()
    yield pair  # type: ignore[misc]
    for phone in pair:
        phone.close()


def test_a_call_and_its_log_lines_name_the_template(residential: Any, phones: tuple[Any, Any]) -> None:
    alice, _ = phones
    call = alice.call("bob")
    line = residential.wait_for(f"call {call}: alice calls bob")
    number = int(line.split("residential.m4:")[1].split()[0])
    assert "calls $rU" in residential.script.read_text().split("\n")[number - 1]
    residential.wait_for(f"call {call}: ended by alice")


def test_an_edit_is_swapped_in_and_a_broken_one_is_not(residential: Any, phones: tuple[Any, Any]) -> None:
    alice, _ = phones
    text = residential.script.read_text()
    residential.script.write_text(text.replace("calls $rU", "rings up $rU"))
    residential.wait_for("generation 2 of")
    call = alice.call("bob")
    residential.wait_for(f"call {call}: alice rings up bob")
    since = len(residential.lines)
    residential.script.write_text(text.replace("t_check_trans();\n", "t_check_trans(\n", 1))
    residential.wait_for("error[", since=since)
    residential.wait_for("generation 2 stays", since=since)
    assert alice.call("bob")
    renamed = residential.script.with_suffix(".new")
    renamed.write_text(text)
    os.replace(renamed, residential.script)
    residential.wait_for("generation 3 of", since=since)


def test_reloads_under_calls_lose_none(residential: Any, phones: tuple[Any, Any]) -> None:
    alice, _ = phones
    text = residential.script.read_text()
    for number in range(5):
        since = len(residential.lines)
        residential.script.write_text(text.replace("calls $rU", f"calls {number} $rU"))
        calls = 0
        while not any("generation" in line for line in residential.lines[since:]):
            alice.call("bob")
            calls += 1
            assert calls < 2000
        call = alice.call("bob")
        residential.wait_for(f"call {call}: alice calls {number} bob", since=since)


def test_stock_management_client(residential: Any) -> None:
    """opensips-cli from PyPI, unmodified."""
    client = Path(sys.executable).with_name("opensips-cli")
    if not client.exists():
        pytest.skip("opensipscli is not installed")

    def run(*words: str) -> Any:
        options = ["-o", f"fifo_file={residential.fifo}", "-o", "fifo_reply_dir=/tmp", "-o", "output_type=pretty-print"]
        call = [str(client), *options, "-x", "mi", *words]
        done = subprocess.run(call, capture_output=True, text=True, timeout=30, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(done.stdout) if done.stdout.strip()[:1] in "{[" else done.stdout.strip()

    assert run("ps")["Processes"][0]["Type"] == "attendant"
    assert "OpenSIPS (4.1.0" in run("version")["Server"]
    assert "ps" in run("which")
    assert "[sec]" in run("uptime")["Up time"]
    assert run("get_statistics", "rcv_requests")["core:rcv_requests"] >= 1
    assert run("log_level", "3") == {"New global log level": 3}
    assert run("xlog_level", "3") == {"New xLog level": 3}
    assert "Domains" in run("ul_dump")
    assert "OK" in str(run("reload_routes"))


def test_own_management_client_and_reload_errors(residential: Any, phones: tuple[Any, Any]) -> None:
    def mi(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "transpiler", "mi", "--fifo", str(residential.fifo), *words]
        return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False, cwd=ROOT)

    dump = json.loads(mi("ul_dump").stdout)
    assert {aor["AOR"] for aor in dump["Domains"][0]["AORs"]} == {"alice", "bob"}
    assert mi("no_such").returncode == 1
    assert "-32601" in mi("no_such").stderr
    wrong = mi("ul_rm", "location")
    assert "Too few or too many parameters" in wrong.stderr


def test_malformed_datagrams_are_counted_and_survived(residential: Any) -> None:
    rng = random.Random(5)
    good = sys.modules["server"].request("INVITE", "sip:bob@example.org", 5999, call_id="m")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        for i in range(10_000):
            kind = i % 5
            if kind == 0:
                data = good[: rng.randrange(1, len(good))]
            elif kind == 1:
                data = rng.randbytes(rng.randrange(1, 600))
            elif kind == 2:
                gone = rng.choice((b"Via", b"From", b"CSeq"))
                data = b"\r\n".join(line for line in good.split(b"\r\n") if not line.startswith(gone))
            elif kind == 3:
                data = good.replace(b"CSeq: 1 INVITE", b"CSeq: banana") + b"\0" * 100
            else:
                data = b"A" * 60000
            sock.sendto(data, ("127.0.0.1", residential.port))
            if i % 50 == 0:
                time.sleep(0.005)
    residential.wait_answering()
    command = [sys.executable, "-m", "transpiler", "mi", "--fifo", str(residential.fifo), "get_statistics", "core:"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False, cwd=ROOT)
    counted = json.loads(done.stdout)
    assert counted["core:drop_requests"] > 3000
    assert counted["core:bad_msg_hdr"] > 1000
    assert counted["core:script_bugs"] == 0
    assert not any("ended with status" in line for line in residential.lines)


def test_tcp_messages_in_pieces_and_together(tmp_path: Path, start: Callable[..., Any]) -> None:
    servers = sys.modules["server"]
    port, tcp = servers.free_port(), servers.free_port(socket.SOCK_STREAM)
    script = tmp_path / "tcp.cfg"
    script.write_text(
        f'socket=udp:127.0.0.1:{port}\nsocket=tcp:127.0.0.1:{tcp}\nloadmodule "proto_tcp.so"\nloadmodule "sl.so"\n'
        'loadmodule "signaling.so"\nroute {\n  sl_send_reply(200, "$ci");\n}\n'
    )
    start("run", str(script), port=port)
    with socket.create_connection(("127.0.0.1", tcp), 5) as sock:
        both = servers.request("OPTIONS", "sip:x@h", 1, call_id="one") + servers.request("OPTIONS", "sip:x@h", 1, call_id="two")
        for i in range(0, len(both), 37):
            sock.sendall(both[i : i + 37])
        sock.settimeout(5)
        seen = b""
        while seen.count(b"\r\n\r\n") < 2:
            seen += sock.recv(4096)
    assert b"SIP/2.0 200 one" in seen and b"SIP/2.0 200 two" in seen


def test_a_killed_worker_is_replaced(residential: Any) -> None:
    command = [sys.executable, "-m", "transpiler", "mi", "--fifo", str(residential.fifo), "ps"]
    rows = json.loads(subprocess.run(command, capture_output=True, text=True, timeout=30, check=True, cwd=ROOT).stdout)
    os.kill(rows["Processes"][1]["PID"], 9)
    residential.wait_for("starting another")
    residential.wait_answering()


def test_stops_at_once_with_status_zero(residential: Any) -> None:
    begun = time.monotonic()
    assert residential.stop() == 0
    assert time.monotonic() - begun < 5
