"""The LALR machine: feeds tokens through the tables and builds the tree; at an error the recovery says how to go on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from transpiler.diagnostics import Diagnostics
from transpiler.lexer import Scanner, Tok
from transpiler.parsing import tables
from transpiler.parsing.dialect import Dialect
from transpiler.parsing.recovery import Recovery
from transpiler.parsing.tree import Builder

__all__ = ["Machine"]


class Machine:
    """One parse of one script."""

    def __init__(self, scanner: Scanner, sink: Diagnostics) -> None:
        self.scanner = scanner
        self.sink = sink
        self.tables = tables.load()
        self.dialect = Dialect()
        self.tokens: list[Tok] = self.dialect.translate(scanner.scan())
        self.states: list[int] = [self.tables.start]
        self.values: list[Any] = []
        self.result: list[Any] | None = None
        self.mark: tuple[int, list[int], list[Any]] | None = None
        """The last string over several lines: its number, and the stacks before it."""
        builder = Builder(scanner, sink)
        self._callbacks: list[Callable[[list[Any]], Any] | None] = [
            None if name.startswith("_") else getattr(builder, name, _first) for _, _, name, _, _ in self.tables.rules
        ]
        self._recovery = Recovery(self)

    # ------------------------------------------------------------------------------------------------------ running
    def run(self) -> list[Any]:
        """The items of the script.  Ends for every input: each recovery goes on or takes a token away."""
        i = 0
        while self.result is None:
            token = self.tokens[i]
            if token.problems:
                self._recovery.report(token)
            if token.type == "STRING" and "\n" in token:
                copy = [list(value) if type(value) is list else value for value in self.values]
                self.mark = (i, list(self.states), copy)
            if self.feed(token):
                i += 1
            else:
                i = self._recovery.recover(i)
        return self.result

    def feed(self, token: Tok) -> bool:
        """Shift a token, after the reductions it asks for; False, and nothing shifted, if it does not fit."""
        states, values = self.states, self.values
        rows, rules = self.tables.states, self.tables.rules
        kind = token.type
        while True:
            action = rows[states[-1]].get(kind)
            if action is None:
                return False
            if action >= 0:
                states.append(action)
                values.append(token)
                return True
            number = -action - 1
            left, size, _, single, spliced = rules[number]
            if size:
                children = values[-size:]
                del values[-size:], states[-size:]
            else:
                children = []
            if spliced:
                children = _splice(children, spliced)
            callback = self._callbacks[number]
            if callback is None:
                value: Any = children
            elif single and len(children) == 1:
                value = children[0]
            else:
                value = callback(children)
            state = rows[states[-1]][left]
            states.append(state)
            values.append(value)
            if state == self.tables.end and kind == "$END":
                self.result = value
                return True

    def accepts(self, kind: str) -> bool:
        """Would a token of this type fit now?"""
        return self.fits(self.states, kind)

    def fits(self, states: list[int], kind: str) -> bool:
        """Would a token of this type fit after these states?"""
        rows, rules = self.tables.states, self.tables.rules
        stack = list(states)
        while True:
            action = rows[stack[-1]].get(kind)
            if action is None:
                return False
            if action >= 0:
                return True
            left, size, _, _, _ = rules[-action - 1]
            if size:
                del stack[-size:]
            stack.append(rows[stack[-1]][left])
            if stack[-1] == self.tables.end and kind == "$END":
                return True

    def follow(self, kinds: list[str]) -> bool:
        """Would these types fit, one after the other?"""
        rows, rules = self.tables.states, self.tables.rules
        stack = list(self.states)
        for kind in kinds:
            while True:
                action = rows[stack[-1]].get(kind)
                if action is None:
                    return False
                if action >= 0:
                    stack.append(action)
                    break
                left, size, _, _, _ = rules[-action - 1]
                if size:
                    del stack[-size:]
                stack.append(rows[stack[-1]][left])
                if stack[-1] == self.tables.end:
                    return kind == "$END"
        return True

    def expected(self) -> set[str]:
        """All types that would fit."""
        return {kind for kind in self.tables.states[self.states[-1]] if kind.isupper() and self.accepts(kind)}

    # ----------------------------------------------------------------------------------------------------- unwinding
    def unwind(self, size: int) -> None:
        """Keep only the first `size` values."""
        del self.values[size:], self.states[size + 1 :]

    def blocks(self) -> list[Tok]:
        """The opening braces that are not closed yet."""
        found: list[Tok] = []
        for value in self.values:
            if isinstance(value, Tok):
                if value.type == "LBRACE":
                    found.append(value)
                elif value.type == "RBRACE" and found:
                    found.pop()
        return found

    def rescan(self, i: int, at: int) -> None:
        """Replace the tokens from number i on by those of the text from offset `at` on."""
        del self.tokens[i:]
        self.tokens += self.dialect.translate(self.scanner.scan(at, len(self.blocks())))


def _first(children: list[Any]) -> Any:
    return children[0]


def _splice(children: list[Any], spliced: tuple[int, ...]) -> list[Any]:
    """Put the lists at these positions in place of themselves; a leading list is extended, not copied."""
    if spliced == (0,):
        made: list[Any] = children[0]
        made += children[1:]
        return made
    made = []
    for i, child in enumerate(children):
        if i in spliced:
            made += child
        else:
            made.append(child)
    return made
