"""Older dialects, translated token by token before the grammar sees them.

A script that a release from 1.x on understood is read as it stands, with a note for everything that is written
differently today.  A script that is plainly of today (it uses what came after the old form was gone) gets an error for
the old form, as OpenSIPS does; either way the tree holds the new one.
"""

from __future__ import annotations

import difflib
from typing import NamedTuple

from transpiler.lexer import Problem, Tok
from transpiler.parsing.params import OLD

__all__ = ["Dialect"]


class _Test(NamedTuple):
    """A bare word that stood on the left of a comparison."""

    variable: str
    myself: str
    """Argument of is_myself() for `== myself`; "" if there was no such test."""


_TESTS = {
    "method": _Test("$rm", ""), "uri": _Test("$ru", "$rd"), "from_uri": _Test("$fu", "$fd"),
    "to_uri": _Test("$tu", "$td"), "status": _Test("$rs", ""), "src_ip": _Test("$si", "$si"),
    "dst_ip": _Test("$socket_in(ip)", "$socket_in(ip)"), "src_port": _Test("$sp", ""),
    "dst_port": _Test("$socket_in(port)", ""), "proto": _Test("$socket_in(proto)", ""),
    "af": _Test("$socket_in(af)", ""), "retcode": _Test("$rc", ""),
}  # fmt: skip
_KINDS_OF_ROUTE = """route failure_route onreply_route branch_route error_route local_route startup_route timer_route
    event_route request_route reply_route""".split()
_FOREIGN = {"request_route": "route", "reply_route": "onreply_route"}
_BEFORE_STATEMENT = frozenset(("SEMI", "LBRACE", "RBRACE", "RPAR", "COLON", "ELSE", "STRING", "VALUE"))
_BEHIND_NAME = frozenset(("LPAR", "RPAR", "COMMA", "RSQB"))
_COMPARISONS = frozenset(("EQUAL", "ORDER", "MATCH"))
_FLAGS = frozenset("setflag resetflag isflagset setbflag resetbflag isbflagset".split())
_SINCE = {
    "socket": "3.1", "udp_workers": "3.0", "tcp_workers": "3.0", "timer_workers": "3.0", "stderror_enabled": "3.4",
    "syslog_enabled": "3.4", "stderror_log_format": "3.4", "log_level": "2.2", "xlog_level": "3.0", "debug_mode": "2.2",
    "auto_scaling_profile": "3.0", "log_prefix": "3.2", "xlog_print_level": "3.0",
}  # fmt: skip


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split("."))


class _Old(NamedTuple):
    """An old form found."""

    key: str
    until: str
    successor: str
    token: Tok
    problem: Problem


class Dialect:
    """Translates the tokens of one script."""

    def __init__(self) -> None:
        self._floor: tuple[int, ...] = (0,)
        self._names: set[str] = set()
        self._kinds: set[str] = set()

    def translate(self, tokens: list[Tok]) -> list[Tok]:
        """The same script in the words of today; problems hang on the tokens."""
        self._look(tokens)
        found: list[_Old] = []
        made = _Translation(tokens, found).run()
        self._kinds |= {old.key for old in found}
        for old in found:
            problems = old.token.problems = old.token.problems or []
            if old.problem in problems:
                problems.remove(old.problem)
            problems.append(self._judge(old))
        return made

    def _look(self, tokens: list[Tok]) -> None:
        """What the script uses that tells its age."""
        transport = sockets = modules = False
        for i, token in enumerate(tokens):
            if token.type == "PARAM":
                self._names.add(str(token))
                sockets = sockets or token in ("socket", "listen")
                if token in _SINCE:
                    self._floor = max(self._floor, _version(_SINCE[token]))
            elif token.type == "LOADMODULE":
                modules = True
                transport = transport or "proto_" in tokens[min(i + 1, len(tokens) - 1)]
        if sockets and modules and not transport:
            self._kinds.add("no transport module")

    def _judge(self, old: _Old) -> Problem:
        lenient = len(self._kinds) > 1
        current = self._floor >= _version(old.until) or (old.successor in self._names and old.successor != "")
        if current and not lenient:
            return old.problem._replace(severity="error")
        return old.problem._replace(severity="note", code="W" + old.problem.code[1:])


class _Translation:
    """One pass over the tokens."""

    def __init__(self, tokens: list[Tok], found: list[_Old]) -> None:
        self.tokens = tokens
        self.found = found
        self.made: list[Tok] = []
        self.at = 0
        self.blocks: list[bool] = []
        """For each open block: does `break` mean something in it?"""
        self.loop = False
        """A loop was begun whose body has not."""
        self.default_port = 0
        self.carried: list[tuple[str, str, str, Problem]] = []
        """Old forms reported, waiting for the next token that stays: (key, until, successor, problem)."""
        self.errors: list[Problem] = []
        """Problems of tokens taken out, waiting likewise."""

    def run(self) -> list[Tok]:
        tokens, made = self.tokens, self.made
        while self.at < len(tokens):
            token = tokens[self.at]
            kind, before = token.type, len(made)
            if kind == "PARAM":
                self._parameter(token)
            elif kind == "NAME" and (self._name(token) or self._slip(token)):
                pass
            elif kind == "BREAK" and not self.loop and not (self.blocks and self.blocks[-1]):
                self._break(token)
            elif kind == "EVENT_ROUTE" and self._event_route(token):
                pass
            else:
                if kind == "LBRACE":
                    self.blocks.append(self.loop or bool(self.blocks and self.blocks[-1]))
                    self.loop = False
                elif kind == "RBRACE" and self.blocks:
                    self.blocks.pop()
                    self.loop = False
                elif kind in ("WHILE", "FOR", "SWITCH"):
                    self.loop = True
                elif kind == "SEMI":
                    self.loop = False
                made.append(token)
                self.at += 1
            if (self.carried or self.errors) and len(made) > before:
                first = made[before]
                self.found += (_Old(key, until, successor, first, problem) for key, until, successor, problem in self.carried)
                first.problems = [*(first.problems or []), *self.errors] or None
                self.carried, self.errors = [], []
        return made

    def _peek(self, ahead: int) -> Tok:
        return self.tokens[min(self.at + ahead, len(self.tokens) - 1)]

    def _report(
        self, key: str, until: str, code: str, token: Tok, end: Tok, message: str, hint: str, successor: str = ""
    ) -> None:
        self.carried.append((key, until, successor, Problem("old", code, token.start, end.end, message, hint)))

    # -------------------------------------------------------------------------------------------------- file level
    def _parameter(self, token: Tok) -> None:
        value = self._peek(1)
        old = OLD.get(str(token))
        for problem in list(value.problems or ()):
            if problem.severity == "old":
                self.found.append(_Old("address without protocol", "2.1", "", value, problem))
        if self.default_port and isinstance(value.value, dict) and value.value.get("ports") == []:
            value.value["ports"] = [self.default_port]
        if old is None:
            self.made.append(token)
            self.at += 1
            return
        after = f"{token} is gone since OpenSIPS {old.until}"
        if old.new:
            renamed = token.like("PARAM", old.new, old.new)
            self.made += (renamed, value)
            self._report(f"param {token}", old.until, "E0150", token, token, after, old.advice, old.new)
        else:
            if token == "port" and isinstance(value.value, int):
                self._give_port(value.value)
            self._report(f"param {token}", old.until, "E0150", token, token, after, old.advice)
            self.errors += value.problems or ()
        self.at += 2

    def _give_port(self, port: int) -> None:
        """`port=` is the port of listeners that name none."""
        self.default_port = port
        for token in self.made:
            if token.type == "VALUE" and isinstance(token.value, dict) and token.value.get("ports") == []:
                token.value["ports"] = [port]

    def _event_route(self, token: Tok) -> bool:
        """event_route[NAME, async]: the mode is left out."""
        if not (self._peek(1).type == "LSQB" and self._peek(3).type == "COMMA" and self._peek(4) in ("sync", "async")):
            return False
        self.made += (token, self._peek(1), self._peek(2))
        comma, mode = self._peek(3), self._peek(4)
        text = "an event route has no mode: all run asynchronously since OpenSIPS 3.0"
        self._report("event mode", "3.0", "E0151", comma, mode, text, f"remove ', {mode}'")
        self.at += 5
        return True

    # ------------------------------------------------------------------------------------------------------ routes
    def _break(self, token: Tok) -> None:
        text = "'break' leaves a loop or a switch, and there is none"
        hint = "write return; to leave the route, exit; to end the script"
        made = token.like("RETURN", "return", "return")
        self.made.append(made)
        self._report("break", "1.2", "E0125", token, token, text, hint)
        self.at += 1

    def _name(self, token: Tok) -> bool:
        """A bare word of earlier releases at tokens[at]; False if it is none."""
        following = self._peek(1)
        if following.type in _COMPARISONS and token in _TESTS:
            self._test(token, following)
            return True
        if token == "msg" and following.type == "COLON" and self._peek(2) == "len":
            made = token.like("VAR", "$ml", "$ml")
            self.made.append(made)
            text = "'msg:len' is of OpenSIPS before 3.0"
            self._report("test msg:len", "3.0", "E0151", token, self._peek(2), text, "write $ml")
            self.at += 3
            return True
        if following.type == "LPAR" and token in _FLAGS and self._peek(3).type in ("RPAR", "COMMA"):
            return self._flag(token, following)
        if following.type == "LPAR" and token == "forward":
            return self._forward(token, following)
        return False

    def _slip(self, token: Tok) -> bool:
        """A word of another language at tokens[at], put right; False if it is none."""
        following = self._peek(1)
        put: list[tuple[str, str]] = []
        skip = 1
        if self.made and self.made[-1].type not in _BEFORE_STATEMENT:
            return False
        if token in ("elseif", "elif", "elsif") and following.type == "LPAR":
            code, text, hint = "E0116", f"there is no '{token}'", "write else if (…)"
            put = [("ELSE", "else"), ("IF", "if")]
        elif token == "foreach" and following.type == "LPAR":
            code, text, hint = "E0116", "there is no 'foreach'", "write for ($var(x) in $(avp(y)[*]))"
            put = [("FOR", "for")]
        elif token == "do" and following.type == "LBRACE":
            code, text, hint = "E0116", "there is no 'do' loop", "write while (…) { … }"
            put = [("IF", "if"), ("LPAR", ""), ("NUMBER", "1"), ("RPAR", "")]
        elif token == "continue" and following.type in ("SEMI", "RBRACE"):
            code, text, hint = "E0116", "there is no 'continue'", "put the rest of the body into an if"
            put = [("EXIT", "exit")]
        elif token in ("then", "endif", "fi", "done", "end", "begin") and following.type not in _BEHIND_NAME:
            code, text, hint = "E0116", f"'{token}' means nothing here", "blocks stand between { and }"
            skip = 2 if following.type == "SEMI" and token != "then" else 1
        elif not self.blocks and following.type in ("LBRACE", "LSQB"):
            close = difflib.get_close_matches(token, _KINDS_OF_ROUTE, 1, 0.6)
            word = _FOREIGN.get(close[0], close[0]) if close else "route"
            code, text, hint = "E0117", f"there is no '{token}'", f"did you mean {word}?"
            put = [(word.upper(), word)]
        else:
            return False
        problem = Problem("error", code, token.start, token.end, text, hint)
        for type_, word in put:
            made = token.like(type_, word, 1 if type_ == "NUMBER" else word)
            made.problems = None
            self.made.append(made)
        self.at += skip
        self.errors += (*(token.problems or ()), problem)
        return True

    def _test(self, token: Tok, operator: Tok) -> None:
        test = _TESTS[token]
        right = self._peek(2)
        if right == "myself" and test.myself:
            negated = operator == "!="
            call = f'{"!" if negated else ""}is_myself("{test.myself}")'
            made = [
                token.like("NAME", "is_myself", "is_myself"), token.after("LPAR"),
                right.like("STRING", f'"{test.myself}"', test.myself), right.after("RPAR"),
            ]  # fmt: skip
            if negated:
                made.insert(0, operator.like("NOT", "!", "!"))
            self.made += made
            text = f"'{token} {operator} myself' is of OpenSIPS before 3.0"
            self._report("test myself", "3.0", "E0151", token, right, text, f"write {call}")
            self.at += 3
            return
        variable = token.like("VAR", test.variable, test.variable)
        self.made += (variable, operator)
        self.at += 2
        hint = f"write {test.variable} {operator} …"
        if right.type in ("NAME", "RESERVED"):
            self.made.append(right.like("STRING", f'"{right}"', str(right)))
            self.at += 1
            hint = f'write {test.variable} {operator} "{right}"'
        text = f"the bare word '{token}' is of OpenSIPS before 3.0"
        self._report(f"test {token}", "3.0", "E0151", token, token, text, hint)

    def _flag(self, token: Tok, bracket: Tok) -> bool:
        """setflag(NAME) and setflag(5): flags are named by strings."""
        flag = self._peek(2)
        if flag.type not in ("NAME", "NUMBER", "RESERVED"):
            return False
        made = flag.like("STRING", f'"{flag}"', str(flag))
        self.made += (token, bracket, made)
        text = f"flags are named by strings since OpenSIPS {'1.9' if flag.type == 'NUMBER' else '3.0'}"
        code = "E0152" if flag.type == "NUMBER" else "E0119"
        self._report("flag", "3.0", code, flag, flag, text, f'write {token}("{flag}")')
        self.at += 3
        return True

    def _forward(self, token: Tok, bracket: Tok) -> bool:
        """forward(10.0.0.1, 5060) and forward(uri:host, uri:port)."""
        target = self._peek(2)
        if target.type == "IPNET":
            end, text = 3, str(target)
            if self._peek(3).type == "COMMA" and self._peek(4).type == "NUMBER":
                end, text = 5, f"{target}:{self._peek(4)}"
            made = target.like("STRING", f'"{text}"', text)
            self.made += (token, bracket, made)
            hint = f'write forward("{text}")'
        elif target == "uri" and self._peek(3).type == "COLON":
            end = 2
            while self._peek(end).type not in ("RPAR", "SEMI", "$END"):
                end += 1
            self.made += (token, bracket)
            hint = "write forward();"
        else:
            return False
        text = "the destination of forward() is a string since OpenSIPS 1.4"
        self._report("forward", "1.4", "E0151", target, self._peek(end - 1), text, hint)
        self.at += end
        return True
