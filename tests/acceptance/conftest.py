"""Running servers as fixtures."""

from __future__ import annotations

import importlib.util
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]


def load(path: Path) -> ModuleType:
    """A module by its file."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


servers = load(Path(__file__).with_name("server.py"))
agents = load(ROOT / "examples" / "residential" / "user_agent.py")


@pytest.fixture
def start() -> Iterator[Callable[..., object]]:
    """Start servers by their command line words; all are stopped at the end."""
    running = []

    def make(*words: str, port: int) -> object:
        server = servers.Server(*words, port=port)
        running.append(server)
        server.wait_answering()
        return server

    yield make
    for server in running:
        server.stop()


@pytest.fixture
def residential(tmp_path: Path, start: Callable[..., object]) -> object:
    """The residential example from its template, watched."""
    if not shutil.which("m4"):
        pytest.skip("m4 is not installed")
    script = tmp_path / "residential.m4"
    shutil.copy(ROOT / "examples" / "residential" / "residential.m4", script)
    port = servers.free_port()
    server = start("watch", str(script), "-p", f"m4 -D PORT={port} -D FIFO={tmp_path}/fifo", port=port)
    server.script = script
    server.fifo = tmp_path / "fifo"
    return server
