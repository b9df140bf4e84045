"""CPU per request and per call, sipc beside Kamailio, in one run.

    script/bench                                every workload, both servers, three rounds
    script/bench options call --rounds 5        some of them
    script/bench --servers sipc --json out.json

The server is pinned to the first CPU, the load to the second.  Figures are the scheduler's own accounting of all
threads of the server's processes over the measured seconds, divided by what was completed; the median of the rounds is
shown.
Compare the ratios: both servers saw the same machine within seconds of each other.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from load import Load, Outcome, calls, requests
from rich.console import Console
from rich.progress import Progress
from rich.table import Table
from workloads import HOST, WORKLOADS, Workload, configuration, request

PORT = 5060
console = Console()


@dataclass(slots=True)
class Figure:
    server: str
    workload: str
    cpu_us: float
    rate: float
    lost: int
    bad: int


def command(server: str, cfg: Path, work: Path) -> list[str]:
    if server == "sipc":
        return [sys.executable, "-m", "transpiler", "run", str(cfg), "--xlog-prefix", ""]
    return [
        "/usr/sbin/kamailio", "-DD", "-E", "-f", str(cfg), "-x", "tlsf", "-X", "tlsf", "-m", "2048", "-M", "16",
        "-Y", str(work), "-w", str(work),
    ]  # fmt: skip


def session(root: int) -> list[int]:
    """Processes of the session that `root` leads."""
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            with contextlib.suppress(OSError, IndexError, ValueError):
                fields = Path(f"/proc/{entry}/stat").read_text().rpartition(")")[2].split()
                if int(fields[3]) == root:
                    found.append(int(entry))
    return found


def cpu_seconds(root: int) -> float:
    total = 0
    for pid in session(root):
        with contextlib.suppress(OSError):
            for thread in os.listdir(f"/proc/{pid}/task"):
                total += int(Path(f"/proc/{pid}/task/{thread}/schedstat").read_text().split()[0])
    return total / 1e9


class Server:
    """One server under one workload, in a session of its own, on the first CPU."""

    def __init__(self, name: str, workload: Workload, work: Path, cpu: int) -> None:
        cfg = work / f"{name}-{workload.name}.cfg"
        cfg.write_text(configuration(name, workload, PORT))
        self.log = (work / f"{name}-{workload.name}.log").open("wb")
        self.process = subprocess.Popen(
            command(name, cfg, work), stdout=subprocess.DEVNULL, stderr=self.log, stdin=subprocess.DEVNULL,
            start_new_session=True, preexec_fn=lambda: os.sched_setaffinity(0, {cpu}),
        )  # fmt: skip
        self.wait_answering()

    def wait_answering(self) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind((HOST, 5070))
            probe.settimeout(0.1)
            until = time.monotonic() + 20
            while time.monotonic() < until and self.process.poll() is None:
                with contextlib.suppress(OSError):
                    probe.sendto(request("options", 0, PORT, 5070), (HOST, PORT))
                    probe.recv(4096)
                    time.sleep(0.3)
                    return
        raise RuntimeError("the server did not answer:\n" + Path(self.log.name).read_text(errors="replace")[-2000:])

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(6)
        for pid in session(self.process.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait()
        self.log.close()


def measure(name: str, workload: Workload, seconds: float, work: Path, cpu: int) -> Figure:
    """One round: warm up, then count completed work and the server's CPU."""
    server = Server(name, workload, work, cpu)
    try:
        load = Load(PORT, expected=b"SIP/2.0 302" if workload.name == "script" else b"SIP/2.0 200")

        def drive(length: float) -> Outcome:
            return calls(load, length) if workload.name == "call" else requests(workload.name, load, length)

        drive(min(1.0, seconds))
        time.sleep(0.2)
        before = cpu_seconds(server.process.pid)
        outcome = drive(seconds)
        used = cpu_seconds(server.process.pid) - before
        if not outcome.done:
            raise RuntimeError(f"{name} completed nothing in workload {workload.name}")
        cpu_us, rate = used / outcome.done * 1e6, outcome.done / outcome.seconds
        return Figure(name, workload.name, cpu_us, rate, outcome.lost, outcome.bad)
    finally:
        server.stop()


def show(figures: list[Figure], servers: list[str]) -> None:
    """The table and the chart."""
    table = Table(title="CPU microseconds per request or call (median)")
    table.add_column("workload")
    for server in servers:
        table.add_column(server, justify="right")
    if len(servers) == 2:
        table.add_column("ratio", justify="right")
        table.add_column("aim", justify="right")
    table.add_column("rate/s", justify="right")
    widest = max(figure.cpu_us for figure in figures)
    bars = []
    for workload in WORKLOADS.values():
        medians = {}
        for server in servers:
            mine = [f for f in figures if f.server == server and f.workload == workload.name]
            if mine:
                medians[server] = statistics.median(f.cpu_us for f in mine)
                bars.append((workload.name, server, medians[server]))
        if not medians:
            continue
        row = [workload.title, *(f"{medians[s]:.1f}" if s in medians else "-" for s in servers)]
        if len(servers) == 2:
            both = len(medians) == 2
            row += [f"{medians[servers[0]] / medians[servers[1]]:.2f}" if both else "-", f"{workload.aim:g}"]
        rates = [[f.rate for f in figures if (f.workload, f.server) == (workload.name, s)] for s in servers]
        row.append(" / ".join(f"{statistics.median(mine or [0]):,.0f}" for mine in rates))
        table.add_row(*row)
    console.print(table)
    for workload_name, server, value in bars:
        colour = "cyan" if server == "sipc" else "yellow"
        bar = "█" * max(1, round(value / widest * 60))
        console.print(f"{workload_name:>9} {server:<9} [{colour}]{bar}[/] {value:.1f}")
    for figure in figures:
        if figure.lost or figure.bad:
            trouble = f"{figure.lost} lost, {figure.bad} unexpected answers"
            console.print(f"[red]{figure.server} {figure.workload}: {trouble}[/]")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    names = " ".join(WORKLOADS)
    parser.add_argument("workloads", nargs="*", metavar="WORKLOAD", help=f"some of: {names} (default: all)")
    parser.add_argument("--servers", default="sipc,kamailio", help="default: sipc,kamailio")
    parser.add_argument("--rounds", type=int, default=3, help="default: 3")
    parser.add_argument("--seconds", type=float, default=3.0, help="measured seconds a round, default: 3")
    parser.add_argument("--json", type=Path, help="write every figure to this file")
    args = parser.parse_args()
    unknown = set(args.workloads) - set(WORKLOADS)
    if unknown:
        parser.error(f"no such workload: {', '.join(sorted(unknown))}")
    servers = args.servers.split(",")
    if "kamailio" in servers and not Path("/usr/sbin/kamailio").exists():
        console.print("Kamailio is not installed (Debian: apt-get install kamailio); measuring sipc alone.")
        servers.remove("kamailio")
    cpus = sorted(os.sched_getaffinity(0))
    server_cpu, load_cpu = cpus[0], cpus[-1]
    if server_cpu == load_cpu:
        console.print("[yellow]One CPU only: server and load share it, so the figures say little.[/]")
    os.sched_setaffinity(0, {load_cpu})
    chosen = [WORKLOADS[name] for name in (args.workloads or WORKLOADS)]
    figures: list[Figure] = []
    work = Path(tempfile.mkdtemp(prefix="sipc-bench-"))
    try:
        with Progress(console=console, transient=True) as progress:
            task = progress.add_task("measuring", total=len(chosen) * len(servers) * args.rounds)
            for workload in chosen:
                for _ in range(args.rounds):
                    for server in servers:
                        progress.update(task, description=f"{server} {workload.name}")
                        figures.append(measure(server, workload, args.seconds, work, server_cpu))
                        progress.advance(task)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    show(figures, servers)
    if args.json:
        args.json.write_text(json.dumps([asdict(figure) for figure in figures], indent=1) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
