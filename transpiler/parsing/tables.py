"""LALR tables made by Lark from grammar.lark, kept as plain data so that a warm start needs neither Lark nor pickles."""

from __future__ import annotations

import hashlib
import importlib.util
import marshal
import os
from pathlib import Path
from typing import Any, NamedTuple

from transpiler import cache

__all__ = ["Tables", "load"]

_GRAMMAR = Path(__file__).resolve().parent.parent / "grammar.lark"
_FORMAT = "2"


class Tables(NamedTuple):
    """What the machine runs on."""

    states: list[dict[str, int]]
    """Per state: terminal -> action, rule name -> next state.  An action n >= 0 shifts to state n, n < 0 reduces by
    rule -n - 1."""
    rules: list[tuple[str, int, str, bool, tuple[int, ...]]]
    """(left side, number of symbols, callback, a single child stands for itself, positions of spliced children)."""
    start: int
    end: int
    """The state in which the whole input has been read."""


_loaded: Tables | None = None


def _key(grammar: str) -> str:
    """Changes with the grammar and with the installed Lark."""
    spec = importlib.util.find_spec("lark")
    stamp = ""
    if spec is not None and spec.origin:
        status = os.stat(spec.origin)
        stamp = f"{spec.origin}:{status.st_mtime_ns}:{status.st_size}"
    return hashlib.sha256(f"{_FORMAT}\0{stamp}\0{grammar}".encode()).hexdigest()[:20]


def load() -> Tables:
    """The tables: from memory, from the cache directory, else made by Lark and kept there."""
    global _loaded
    if _loaded is None:
        grammar = _GRAMMAR.read_text("utf-8")
        name = f"grammar-{_key(grammar)}"
        kept = cache.read(name)
        plain: Any = None
        if kept is not None:
            try:
                plain = marshal.loads(kept)
            except (EOFError, ValueError, TypeError):
                plain = None
        if plain is None:
            plain = make(grammar)
            cache.write(name, marshal.dumps(plain))
        _loaded = Tables(*plain)
    return _loaded


def make(grammar: str) -> tuple[Any, ...]:
    """The fields of Tables for a grammar."""
    from lark import Lark
    from lark.lexer import Lexer

    class NoLexer(Lexer):
        def __init__(self, conf: Any) -> None:
            del conf

        def lex(self, lexer_state: Any, parser_state: Any) -> Any:
            return iter(())

    parser = Lark(grammar, parser="lalr", lexer=NoLexer, maybe_placeholders=False)
    table = parser.parse_interactive("").parser_state.parse_conf.parse_table
    rules: list[tuple[str, int, str, bool, tuple[int, ...]]] = []
    numbers: dict[Any, int] = {}
    states: list[dict[str, int]] = [{} for _ in table.states]
    order = {state: i for i, state in enumerate(table.states)}
    for state, actions in table.states.items():
        made = states[order[state]]
        for symbol, (action, target) in actions.items():
            if str(action) == "Shift":
                made[symbol] = order[target]
                continue
            if target not in numbers:
                numbers[target] = len(rules)
                spliced = tuple(i for i, part in enumerate(target.expansion) if part.name.startswith("_"))
                name = str(target.origin.name)
                single = bool(target.options.expand1) and target.alias is None
                rules.append((name, len(target.expansion), str(target.alias or name), single, spliced))
            made[symbol] = -numbers[target] - 1
    return states, rules, order[table.start_states["start"]], order[table.end_states["start"]]
