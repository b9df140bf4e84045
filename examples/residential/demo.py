"""What `script/demo` shows: template to Python, two phones and a call, an edit under a running server."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.panel import Panel
from rich.syntax import Syntax
from rich.table import Table

sys.path.insert(0, str(Path(__file__).resolve().parent))
from user_agent import UserAgent

HERE = Path(__file__).resolve().parent
SIPC = [sys.executable, "-m", "transpiler"]
DOMAIN = "example.org"
console = Console(highlight=False)


def free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Server:
    """`sipc watch` in the background, its log lines kept and shown as they come."""

    def __init__(self, script: Path, preprocessor: str) -> None:
        self.lines: list[str] = []
        self.changed = threading.Condition()
        self.process = subprocess.Popen(
            [*SIPC, "watch", str(script), "-p", preprocessor], stderr=subprocess.PIPE, text=True, errors="replace",
            start_new_session=True,
        )  # fmt: skip
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stderr
        for line in self.process.stderr:
            with self.changed:
                self.lines.append(line.rstrip("\n"))
                self.changed.notify_all()

    def wait_for(self, pattern: str, seconds: float, since: int = 0) -> str:
        """The first line from number `since` on that matches; TimeoutError with the whole log otherwise."""
        until = time.monotonic() + seconds
        with self.changed:
            while True:
                for line in self.lines[since:]:
                    if re.search(pattern, line):
                        return line
                left = until - time.monotonic()
                if left <= 0 or self.process.poll() is not None:
                    raise TimeoutError(f"no log line like {pattern!r}:\n" + "\n".join(self.lines[-30:]))
                self.changed.wait(left)

    def script_lines(self, since: int) -> list[str]:
        """Log lines of the script itself, shortened to what follows the process id."""
        return [line.split("] ", 1)[1] for line in self.lines[since:] if "residential.m4:" in line and "] " in line]

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(6)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            return self.process.wait()


def wait_answering(port: int, seconds: float = 15) -> float:
    """Seconds until the server answers an OPTIONS."""
    begun = time.monotonic()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        probe.settimeout(0.1)
        me = probe.getsockname()[1]
        request = (
            f"OPTIONS sip:127.0.0.1:{port} SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:{me};branch=z9hG4bKprobe;rport\r\n"
            f"From: <sip:probe@127.0.0.1>;tag=p\r\nTo: <sip:127.0.0.1>\r\nCall-ID: probe@{me}\r\nCSeq: 1 OPTIONS\r\n"
            "Max-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
        ).encode()
        while time.monotonic() - begun < seconds:
            with contextlib.suppress(OSError):
                probe.sendto(request, ("127.0.0.1", port))
                probe.recv(4096)
                return time.monotonic() - begun
    raise TimeoutError(f"no answer on port {port} within {seconds:g} s")


def step(number: int, text: str) -> None:
    console.print(f"\n[bold cyan]{number}.[/] [bold]{text}[/]")


def show_log(lines: list[str]) -> None:
    for line in lines:
        place, _, text = line.partition(" ")
        console.print(f"   [dim]{escape(place)}[/] {escape(text)}")


def show_generated(module: Path, positions: Path) -> None:
    """One route of the generated module, beside the script lines it came from."""
    source = module.read_text().splitlines()
    start = next(i for i, line in enumerate(source) if line.startswith(("def route_relay", "async def route_relay")))
    while source[start - 1].startswith("@") or source[start - 1].startswith("#"):
        start -= 1
    end = next((i for i in range(start + 3, len(source)) if source[i] and not source[i].startswith((" ", "@", "def"))), len(source))
    block = "\n".join(source[start:end]).split("\n\n\n")[0]
    console.print(Panel(Syntax(block, "python", theme="ansi_light", word_wrap=True), title=escape(f"{module.name}: route[relay]")))
    entries = json.loads(positions.read_text())
    console.print(f"   [dim]{positions.name} maps {len(source)} generated lines to the template ({len(json.dumps(entries)) // 1024 + 1} KiB)[/]")


def main() -> int:
    if not shutil.which("m4"):
        console.print("The demonstration renders an m4 template and m4 is not installed (Debian: apt-get install m4).")
        return 1
    done: list[tuple[str, str]] = []
    with tempfile.TemporaryDirectory(prefix="sipc-demo-") as folder:
        work = Path(folder)
        script = work / "residential.m4"
        shutil.copy(HERE / "residential.m4", script)
        port = free_port()
        preprocessor = f"m4 -D PORT={port} -D FIFO={work}/fifo"

        step(1, "Build: the m4 template becomes a Python module")
        begun = time.monotonic()
        subprocess.run([*SIPC, "build", str(script), "-p", preprocessor, "-o", str(work)], check=True)
        done.append(("template to readable Python", f"{time.monotonic() - begun:.1f} s"))
        show_generated(work / "residential.py", work / "residential.map.json")

        step(2, f"Run: sipc watch residential.m4, on 127.0.0.1:{port}")
        server = Server(script, preprocessor)
        alice = bob = None
        try:
            done.append(("server answering", f"{wait_answering(port):.2f} s after start"))
            address = ("127.0.0.1", port)
            alice, bob = UserAgent("alice", DOMAIN, address), UserAgent("bob", DOMAIN, address)

            step(3, "Register two phones and place a call")
            since = len(server.lines)
            for phone in (alice, bob):
                phone.register()
            call = alice.call("bob")
            server.wait_for(f"{call}: ended", 3, since)
            show_log(server.script_lines(since))
            done.append(("alice calls bob", "INVITE, 180, 200, ACK, BYE through the proxy"))

            step(4, "Edit one line of the template while the server runs")
            text = script.read_text()
            old, new = '"call $ci: $fU calls $rU"', '"call $ci: $fU is calling $rU, said by the new line"'
            assert old in text
            line = text[: text.index(old)].count("\n") + 1
            console.print(f"   [dim]residential.m4:{line}[/]  [red]- {old}[/]")
            console.print(f"   [dim]residential.m4:{line}[/]  [green]+ {new}[/]")
            since = len(server.lines)
            begun = time.monotonic()
            script.write_text(text.replace(old, new))
            swapped = server.wait_for(r"generation 2\b", 10, since)
            done.append(("edit swapped in", f"{time.monotonic() - begun:.2f} s after the save"))
            console.print(f"   {escape(swapped.split('] ', 1)[-1])}")

            step(5, "The next call runs the new line")
            since = len(server.lines)
            call = alice.call("bob")
            server.wait_for(f"{call}: ended", 3, since)
            show_log(server.script_lines(since))
            server.wait_for("said by the new line", 1, since)
            done.append(("next call runs the new line", "no restart, no registration lost"))
        finally:
            for phone in (alice, bob):
                if phone:
                    phone.close()
            status = server.stop()
        done.append(("stopped with SIGTERM", f"exit {status}"))

    table = Table(title="What just happened", show_header=False)
    for what, how in done:
        table.add_row(f"[green]ok[/] {what}", how)
    console.print()
    console.print(table)
    console.print("Next: [bold]sipc run your-opensips.cfg[/], [bold]sipc check[/], [bold]sipc explain t_relay[/]; README.md tells the rest.")
    return 0 if status == 0 else 1


if __name__ == "__main__":
    raise SystemExit(main())
