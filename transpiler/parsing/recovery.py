"""What to say about a syntax error and where to go on, so that one run shows all errors of a file and no false ones.

Three ways, in this order: mend (put in or take out a token, as the author meant), close (give up the rest of a pair of
brackets), and give up (the rest of the statement, or of the item at file level).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from transpiler.diagnostics import Note
from transpiler.lexer import Tok
from transpiler.nodes import Span
from transpiler.parsing import advice
from transpiler.parsing.advice import Finding

if TYPE_CHECKING:
    from transpiler.parsing.machine import Machine

__all__ = ["Recovery"]

ITEMS = frozenset(
    """PARAM LOADMODULE MODPARAM ROUTE FAILURE_ROUTE BRANCH_ROUTE ONREPLY_ROUTE ERROR_ROUTE LOCAL_ROUTE STARTUP_ROUTE
    TIMER_ROUTE EVENT_ROUTE""".split()
)
STATEMENTS = frozenset(
    """IF WHILE FOR SWITCH BREAK NAME VAR XLOG XDBG LOG ERROR DROP EXIT RETURN ASSERT ASYNC LAUNCH ROUTE RBRACE ELSE CASE
    DEFAULT""".split()
)
_WORDLIKE = frozenset(("NAME", "RESERVED", "VAR", "NUMBER", "IPNET", "PARAM", "LSQB", "COLON", "TIMES")) | STATEMENTS
_LIMIT = 200


class Recovery:
    """Keeps a machine going."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.last_line = (-1, -1)
        """Row and block depth of the last statement given up: nothing more is said about the same row."""
        self.tries: dict[int, int] = {}
        self.count = 0

    # ---------------------------------------------------------------------------------------------------- reporting
    def report(self, token: Tok) -> None:
        """Say what the scanner found about a token, once."""
        sink, scanner = self.machine.sink, self.machine.scanner
        for severity, code, start, end, message, hint in token.problems or ():
            span = scanner.span_between(start, end)
            sink.add("error" if severity == "old" else severity, code, span, message, hint)
            if severity == "error":
                self.last_line = (token.line, -1)
        if token.type == "VALUE" and any(problem.severity == "error" for problem in token.problems or ()):
            self.last_line = (token.end_line, -1)
        token.problems = None

    def say(self, finding: Finding, span: Span, notes: tuple[Note, ...] = ()) -> None:
        self.machine.sink.error(finding.code, span, finding.message, finding.hint, notes)

    def _behind(self, token: Tok) -> Span:
        """The place just behind a token."""
        return self.machine.scanner.span(token.end_line, token.end_column, token.end_line, token.end_column + 1)

    def _put(self, kind: str, near: Tok) -> bool:
        """Feed a token that the author left out."""
        made = near.after(kind, {"NUMBER": 0, "STRING": ""}.get(kind, ""))
        if kind in ("VAR", "STRING", "NAME", "NUMBER"):
            text = {"VAR": "$var(_)", "STRING": '""', "NAME": "_", "NUMBER": "0"}[kind]
            made = made.like(kind, text, 0 if kind == "NUMBER" else "" if kind == "STRING" else text)
        return self.machine.feed(made)

    # ------------------------------------------------------------------------------------------------------ entry
    def recover(self, i: int) -> int:
        """Token i does not fit: the number of the token to go on with."""
        machine = self.machine
        token = machine.tokens[i]
        previous = machine.tokens[i - 1] if i else token
        self.count += 1
        self.tries[token.start] = tries = self.tries.get(token.start, 0) + 1
        if self.count > _LIMIT or tries > 6:
            return self._give_up(i, silent=True)
        for quotes in (self._unclosed_string, self._unopened_string):
            again = quotes(i)
            if again is not None:
                return again
        if token.type == "$END":
            return self._end(i)
        if token.line == self.last_line[0] and not machine.blocks():
            return self._give_up(i, silent=True)
        mended = self._mend(i, token, previous)
        if mended is not None:
            return mended
        finding = advice.explain(machine, i)
        quiet = self.last_line[0] == token.line
        if not quiet:
            span = machine.scanner.span_of(previous if finding.on_previous else token)
            self.say(finding, self._behind(previous) if finding.behind_previous else span)
        self.last_line = (token.line, len(machine.blocks()))
        if finding.close and self._close(i):
            return self._at
        return self._give_up(i)

    # ----------------------------------------------------------------------------------------- a quote is missing
    def _unclosed_string(self, i: int) -> int | None:
        """Did a string that was never closed swallow lines?  End it on its line and scan again from there."""
        machine = self.machine
        if machine.mark is None or i - machine.mark[0] > 3:
            return None
        k, states, values = machine.mark
        machine.mark = None
        token, text = machine.tokens[k], machine.scanner.text
        line = text[token.start : text.find("\n", token.start)].rstrip()
        behind = machine.tokens[k + 1]
        at_once = behind.line == token.end_line and behind.type in _WORDLIKE
        if not at_once and not line.endswith((";", "{", ")")):
            return None
        size = len(line)
        while size > 1 and line[size - 1] in "); \t{":
            size -= 1
        end = token.start + size
        finding = Finding("E0103", "the string is never closed", f"add the closing {token[0]}")
        self.say(finding, machine.scanner.span_between(token.start, end))
        self.last_line = (token.line, -1)
        machine.states[:], machine.values[:] = states, values
        place = (*machine.scanner.place(token.start), *machine.scanner.place(end))
        machine.tokens[k] = Tok("STRING", line[:size] + token[0], line[1:size], place, token.start, end)
        machine.rescan(k + 1, end)
        return k

    def _unopened_string(self, i: int) -> int | None:
        """Is there a closing quote on this line without an opening one?"""
        machine = self.machine
        token = machine.tokens[i]
        for k in range(i + 1, min(i + 12, len(machine.tokens))):
            found = machine.tokens[k]
            if found.line != token.line:
                return None
            if found.type == "STRING":
                break
        else:
            return None
        text = machine.scanner.text
        line_end = text.find("\n", token.start)
        odd = text.count(found[0], machine.scanner.starts[token.line], line_end) % 2
        if not odd or text[found.start + 1 : found.start + 2] not in ("", ")", ",", ";", "\n", " "):
            return None
        if (token.type not in _WORDLIKE and not token.isidentifier()) or not machine.accepts("STRING"):
            return None
        inner = text[token.start : found.start]
        quote = found[0]
        finding = Finding("E0103", "the string has no opening quote", f"write {quote}{inner}{quote}")
        self.say(finding, machine.scanner.span_between(token.start, found.start + 1))
        self.last_line = (token.line, -1)
        place = (*machine.scanner.place(token.start), *machine.scanner.place(found.start + 1))
        machine.tokens[i] = Tok("STRING", f"{quote}{inner}{quote}", inner, place, token.start, found.start + 1)
        machine.rescan(i + 1, found.start + 1)
        return i

    # ---------------------------------------------------------------------------------------------------- the end
    def _end(self, i: int) -> int:
        """The file ends too early."""
        machine = self.machine
        token = machine.tokens[i]
        blocks = machine.blocks()
        if blocks:
            self._block_open(machine.scanner.span_of(token), "the file ends inside a block", i)
        elif machine.accepts("LBRACE") or len(machine.values) > 1:
            previous = machine.tokens[i - 1]
            if self.last_line[0] != previous.line:
                finding = Finding("E0102", "the file ends in the middle of this", "something is missing behind it")
                self.say(finding, machine.scanner.span_of(previous))
        self._to_top()
        return i

    def _block_open(self, span: Span, message: str, i: int) -> None:
        """Report a missing closing brace, with the opening one that looks guilty."""
        machine = self.machine
        opening = self._guilty(i)
        place = machine.scanner.span_of(opening)
        hint = f"add the missing }} for the {{ in line {place.line}"
        note = Note(place, "this '{' is never closed, as the indentation tells")
        self.say(Finding("E0112", message, hint), span, (note,))

    def _guilty(self, i: int) -> Tok:
        """The open brace whose closing one is missing: the first `}` that stands left of its block tells."""
        machine = self.machine
        lines = machine.scanner.expansion.lines

        def indent(row: int) -> int:
            line = lines[row] if row < len(lines) else ""
            return len(line.expandtabs(8)) - len(line.expandtabs(8).lstrip())

        blocks = machine.blocks()
        first = blocks[0].start
        stack: list[Tok] = []
        for token in machine.tokens[:i]:
            if token.start < first:
                continue
            if token.type == "LBRACE":
                stack.append(token)
            elif token.type == "RBRACE" and stack:
                opening = stack.pop()
                if indent(token.line) < indent(opening.line):
                    return opening
        return stack[-1] if stack else blocks[-1]

    # --------------------------------------------------------------------------------------------------- mending
    def _mend(self, i: int, token: Tok, previous: Tok) -> int | None:
        """Put in what is missing or take out what is too much; None if that does not help."""
        machine = self.machine
        kind = token.type
        inside = bool(machine.blocks())
        new_line = token.line != previous.end_line
        starts = kind in STATEMENTS
        if inside and kind in ITEMS and self._missing_brace(i, token):
            return i
        if inside and previous.type == "ROUTE" and kind in ("LSQB", "LBRACE") and self._missing_brace(i - 1, previous):
            return i - 1
        if inside and self._semicolon_is_missing(kind, new_line):
            notes: tuple[Note, ...] = ()
            if new_line and kind != "RBRACE":
                notes = (Note(machine.scanner.span_of(token), "the next statement begins here"),)
            self.say(Finding("E0110", "missing ';'", "end the statement with ;"), self._behind(previous), notes)
            self._put("SEMI", previous)
            return i
        body = not new_line and kind in STATEMENTS - {"NAME", "VAR", "ELSE", "CASE", "DEFAULT", "RBRACE"}
        if kind in ("LBRACE", "SEMI", "RBRACE") or (new_line and starts) or body:
            missing = self._closing_brackets(kind)
            if missing:
                self._say_missing(missing, previous)
                for bracket in missing:
                    self._put(bracket, previous)
                return i
        if not inside and self._early_brace(i, token, previous):
            return i
        stray = not inside and kind == "RBRACE" and machine.accepts("LOADMODULE")
        if stray and previous.type == "RBRACE" and previous.column > 1 and self._open_missing(i - 1):
            return i + 1
        special = advice.mend(machine, i)
        if special is None:
            return None
        if not (self.last_line[0] == token.line and special.finding.code in ("E0128", "E0102")):
            behind = special.finding.behind_previous
            span = machine.scanner.span_of(previous if special.finding.on_previous else token)
            self.say(special.finding, self._behind(previous) if behind else span)
        for name in special.put:
            if not self._put(name, previous):
                return None
        return i + special.skip

    def _semicolon_is_missing(self, kind: str, new_line: bool) -> bool:
        """Would a ';' before a token of this type end a statement?"""
        machine = self.machine
        if kind not in STATEMENTS or (kind == "NAME" and not new_line):
            return False
        if not machine.accepts("SEMI") or machine.accepts("IF"):
            return False
        return kind in ("ELSE", "CASE", "DEFAULT") or machine.follow(["SEMI", kind])

    def _closing_brackets(self, kind: str) -> list[str]:
        """The ) and ] (and ; behind them) that make a token of this type fit."""
        machine = self.machine
        put: list[str] = []
        for _ in range(6):
            for name in ("RPAR", "RSQB"):
                if machine.follow([*put, name]):
                    put.append(name)
                    break
            else:
                return []
            if machine.follow([*put, kind]):
                return put
            if kind != "SEMI" and machine.follow([*put, "SEMI", kind]):
                return [*put, "SEMI"]
        return []

    def _early_brace(self, i: int, token: Tok, previous: Tok) -> bool:
        """Statements behind an indented `}` that ended the route: that one is too much."""
        machine = self.machine
        statement = token.type in STATEMENTS - {"NAME", "RBRACE", "CASE", "DEFAULT", "ROUTE"}
        if token.type == "NAME":
            statement = machine.tokens[i + 1].type == "LPAR"
        if previous.type != "RBRACE" or previous.column == 1 or not statement:
            return False
        if not machine.values or machine.values[-1] is not previous:
            return False
        if not self._open_missing(i - 1):
            finding = Finding("E0113", "this '}' ends the route, but statements follow", "is it too much?")
            self.say(finding, machine.scanner.span_of(previous))
        machine.unwind(len(machine.values) - 1)
        return True

    def _open_missing(self, i: int) -> bool:
        """Does the closing brace i belong to an if or loop of its indentation that lacks its opening one?  Say so."""
        machine = self.machine
        tokens, lines = machine.tokens, machine.scanner.expansion.lines
        brace = tokens[i]
        left = lines[brace.line][: brace.column - 1]
        if left.strip():
            return False
        ends = depth = 0
        for k in range(i - 1, -1, -1):
            token = tokens[k]
            depth += (token.type == "RBRACE") - (token.type == "LBRACE")
            if depth < 0:
                return False
            line = lines[token.line]
            outside = not line.startswith(left) or line[len(left)] not in " \t"
            if outside and line.lstrip()[:1] != "}" and tokens[k - 1].line != token.line:
                if token.type not in ("IF", "WHILE", "FOR") or line.rstrip().endswith("{") or ends < 2:
                    return False
                last = next(t for t in reversed(tokens[k:i]) if t.line == token.line)
                note = Note(machine.scanner.span_of(brace), "this '}' seems to close it")
                hint = f"the body of this '{token}' holds several statements"
                self.say(Finding("E0124", "missing '{'", hint), self._behind(last), (note,))
                return True
            ends += depth == 0 and token.type in ("SEMI", "RBRACE", "LBRACE")
        return False

    def _say_missing(self, missing: list[str], previous: Tok) -> None:
        shown = "".join({"RPAR": ")", "RSQB": "]", "SEMI": ";"}[name] for name in missing)
        opening = next(
            (v for v in reversed(self.machine.values) if isinstance(v, Tok) and v.type in ("LPAR", "LSQB") and len(v)), None
        )
        notes: tuple[Note, ...] = ()
        if opening is not None and opening.line != previous.end_line:
            notes = (Note(self.machine.scanner.span_of(opening), f"this '{opening}' is not closed"),)
        self.say(Finding("E0111", f"missing '{shown}'", f"add {shown} here"), self._behind(previous), notes)

    def _missing_brace(self, i: int, token: Tok) -> bool:
        """A new item inside of an open block: is the block's closing brace missing?"""
        machine = self.machine
        tokens = machine.tokens
        following = tokens[i + 1].type if i + 1 < len(tokens) else ""
        heads = {"ROUTE": ("LSQB", "LBRACE"), "ERROR_ROUTE": ("LBRACE",), "LOADMODULE": ("STRING",), "MODPARAM": ("LPAR",)}
        if following not in heads.get(token.type, ("LSQB", "LBRACE")) or token.type == "PARAM":
            return False
        outer = machine.blocks()[0]
        lines = machine.scanner.expansion.lines
        outer_indent = len(lines[outer.line]) - len(lines[outer.line].lstrip()) + 1
        if token.column > outer_indent:
            return False
        previous = tokens[i - 1]
        if machine.accepts("SEMI") and previous.type not in ("RBRACE", "SEMI", "LBRACE") and len(machine.values) > 1:
            self.say(Finding("E0110", "missing ';'", "end the statement with ;"), self._behind(previous))
        self._block_open(machine.scanner.span_of(token), f"'{token}' begins inside a block that is still open", i)
        self._to_top()
        machine.rescan(i, token.start)
        return True

    # ------------------------------------------------------------------------------------------- closing brackets
    _at = 0

    def _close(self, i: int) -> bool:
        """Give up what is between the innermost open bracket and its closing one; sets `_at`."""
        machine = self.machine
        values = machine.values
        number = len(values) - 1
        while number >= 0:
            value = values[number]
            if isinstance(value, Tok) and value.type in ("LPAR", "LBRACE"):
                break
            number -= 1
        if number < 0 or values[number].type != "LPAR":
            return False
        depth, k = 0, i
        while True:
            kind = machine.tokens[k].type
            if kind in ("SEMI", "LBRACE", "RBRACE", "$END"):
                return False
            if kind == "LPAR":
                depth += 1
            elif kind == "RPAR":
                if depth == 0:
                    break
                depth -= 1
            k += 1
        machine.unwind(number + 1)
        near = machine.tokens[i - 1]
        if not machine.accepts("RPAR"):
            for dummy in ("NUMBER", "STRING", "VAR"):
                if machine.follow([dummy, "RPAR"]):
                    self._put(dummy, near)
                    break
            else:
                return False
        self._at = k
        return True

    # ------------------------------------------------------------------------------------------------- giving up
    def _to_top(self) -> None:
        """Forget the item begun; keep the items before it."""
        machine = self.machine
        while machine.states and not machine.accepts("LOADMODULE"):
            machine.unwind(len(machine.values) - 1)

    def _statement_level(self) -> bool:
        """Unwind to where a statement may begin."""
        machine = self.machine
        rows = machine.tables.states
        size = len(machine.values)
        while size:
            row = rows[machine.states[size]]
            if row.get("WHILE", -1) >= 0 and row.get("SEMI", -1) >= 0:
                machine.unwind(size)
                return True
            size -= 1
        return False

    def _give_up(self, i: int, silent: bool = False) -> int:
        """Skip the rest of a statement, or of an item at file level."""
        machine = self.machine
        before = len(machine.blocks())
        if not before:
            self._to_top()
            return self._next_item(i)
        found = self._statement_level()
        if not found:
            self._to_top()
            return self._next_item(i)
        depth = lost = before - len(machine.blocks())
        tokens = machine.tokens
        k = i
        while True:
            token = tokens[k]
            kind = token.type
            if kind == "$END":
                return k
            if kind == "LBRACE":
                depth += 1
            elif kind == "RBRACE":
                if depth == 0:
                    break
                depth -= 1
                if depth == 0:
                    k += 1
                    if tokens[k].type == "ELSE" and not machine.follow(["SEMI", "ELSE"]):
                        k += 1
                        continue
                    break
            elif kind == "SEMI" and depth == 0:
                k += 1
                break
            elif k > i and (_begins_item(token, tokens[k + 1]) or (depth == lost and _begins_statement(token, tokens[k - 1]))):
                break
            k += 1
        self._put("SEMI", tokens[max(0, k - 1)])
        return k

    def _next_item(self, i: int) -> int:
        """The next token that begins an item, past any block that is on the way."""
        tokens = self.machine.tokens
        k, depth = i, 0
        if tokens[k].type != "$END" and not (tokens[k].type in ITEMS and self.tries.get(tokens[k].start, 0) < 2):
            depth += tokens[k].type == "LBRACE"
            k += 1
        while tokens[k].type != "$END":
            kind = tokens[k].type
            if kind in ITEMS and (depth == 0 or (tokens[k].column == 1 and tokens[k + 1].type in ("LSQB", "LBRACE"))):
                break
            if kind == "LBRACE":
                depth += 1
            elif kind == "RBRACE":
                if depth == 0 and k > i and tokens[k].column > 1:
                    depth = 1
                depth = max(0, depth - 1)
            k += 1
        return k


def _begins_item(token: Tok, following: Tok) -> bool:
    """Does a route or module begin here, at the left edge?"""
    if token.column != 1 or token.type not in ITEMS or token.type == "PARAM":
        return False
    return token.type != "ROUTE" or following.type in ("LSQB", "LBRACE")


def _begins_statement(token: Tok, previous: Tok) -> bool:
    """Does a statement surely begin here, on a line of its own?"""
    return token.type in ("IF", "WHILE", "SWITCH") and token.line != previous.end_line
