"""Who may import whom (docs/architecture.md): proved over every module of the tree."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
ALLOWED = {
    "preprocessors": {"preprocessors"},
    "runtime": {"runtime"},
    "stdlib": {"stdlib", "runtime"},
    "transpiler": {"transpiler", "stdlib", "runtime", "preprocessors"},
}
COMPILER_ONLY = {"lark", "libcst", "black", "watchdog"}


def imports(path: Path) -> list[tuple[int, str]]:
    """(line, top-level name) of each import in a file, inside functions too."""
    found = []
    for node in ast.walk(ast.parse(path.read_text(), str(path))):
        if isinstance(node, ast.Import):
            found += [(node.lineno, alias.name.split(".")[0]) for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            found.append((node.lineno, node.module.split(".")[0]))
    return found


@pytest.mark.parametrize("package", sorted(ALLOWED))
def test_arrows(package: str) -> None:
    wrong = [
        f"{path.relative_to(ROOT)}:{line}: {package} imports {name}"
        for path in sorted((ROOT / package).rglob("*.py"))
        for line, name in imports(path)
        if (name in ALLOWED and name not in ALLOWED[package])
        or (package in ("runtime", "stdlib") and name in COMPILER_ONLY)
    ]
    assert not wrong, "\n".join(wrong)


def test_a_worker_holds_no_compiler() -> None:
    """Importing everything a worker imports loads neither the grammar nor the code generator."""
    code = (
        "import sys, pkgutil, importlib, runtime, stdlib\n"
        "for top in (runtime, stdlib):\n"
        "    for found in pkgutil.walk_packages(top.__path__, top.__name__ + '.'):\n"
        "        importlib.import_module(found.name)\n"
        "loaded = {m.split('.')[0] for m in sys.modules}\n"
        "print(*sorted({'lark', 'libcst', 'black', 'watchdog', 'transpiler'} & loaded))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == ""
