"""Script text to tokens, as OpenSIPS's scanner sees it (docs: language rules), with positions in the author's files.

The scanner is written by hand because three things need it: variable tokens end where their brackets do, core parameter
values have a syntax of their own that ends with the line, and comments nest.
"""

from __future__ import annotations

import re
from typing import Any

from preprocessors import Expansion
from transpiler.diagnostics import Diagnostics
from transpiler.nodes import Span

__all__ = ["KEYWORDS", "Scanner", "Tok"]

KEYWORDS = frozenset(
    """assert drop exit return log error route failure_route onreply_route branch_route error_route local_route
    startup_route timer_route event_route if else switch case default break while for in xdbg xlog async launch
    loadmodule modparam""".split()
)
_TRUE = frozenset(("yes", "true", "on", "enable"))
_FALSE = frozenset(("no", "false", "off", "disable"))

_OPERATORS = re.compile(r":=|==|=~|!=|!~|<=|>=|<<|>>|&&|\|\||\+=|-=|\*=|/=|%=|&=|\|=|\^=|[=<>!+\-*/%&|^~(){}\[\],;:.]")
_NAMES = {
    ":=": "ASSIGN", "=": "ASSIGN", "+=": "ASSIGN", "-=": "ASSIGN", "*=": "ASSIGN", "/=": "ASSIGN", "%=": "ASSIGN",
    "&=": "ASSIGN", "|=": "ASSIGN", "^=": "ASSIGN", "==": "EQUAL", "!=": "EQUAL", "<": "ORDER", ">": "ORDER",
    "<=": "ORDER", ">=": "ORDER", "=~": "MATCH", "!~": "MATCH", "&&": "ANDOP", "||": "OROP", "!": "NOT", "+": "PLUS",
    "-": "MINUS", "*": "TIMES", "/": "TIMES", "%": "TIMES", "&": "BIT", "|": "BIT", "^": "BIT", "<<": "BIT",
    ">>": "BIT", "~": "TILDE", "(": "LPAR", ")": "RPAR", "{": "LBRACE", "}": "RBRACE", "[": "LSQB", "]": "RSQB",
    ",": "COMMA", ";": "SEMI", ":": "COLON", ".": "DOT",
}  # fmt: skip
_BLANK = re.compile(r"[ \t\r\x08]+")
_WORD = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_NUMBER = re.compile(r"0x[0-9a-fA-F]+|0[0-7]+|0|[1-9][0-9]*")
_IPV4 = re.compile(r"\d+\.\d+\.\d+\.\d+(?:/(?:\d+\.\d+\.\d+\.\d+|\d+))?")
_IPV6 = re.compile(r"(?=[0-9a-fA-F]*:[0-9a-fA-F:]*:)[0-9a-fA-F:]+(?:/[0-9a-fA-F:]+)?")
_ESCAPE = re.compile(r'\\(?:([nrat"\\])|x([0-9a-fA-F]{1,2})|([0-7]{2,3}))')
_ESCAPES = {"n": "\n", "r": "\r", "a": "\a", "t": "\t", '"': '"', "\\": "\\"}
_VARIABLE_END = set(" \t\r\n);,=:&|^~<>+-/*%!]{}\"'[")


def to_int(text: str) -> int:
    """A literal as OpenSIPS reads it: hex, octal or decimal, wrapped to 32 bits."""
    if text in _TRUE:
        return 1
    if text in _FALSE:
        return 0
    if text.startswith("0x"):
        value = int(text, 16)
    elif len(text) > 1 and text[0] == "0":
        value = int(text, 8)
    else:
        value = int(text)
    value &= 0xFFFFFFFF
    return value - (1 << 32) if value >= 1 << 31 else value


class Tok(str):
    """A token: its text, with type, value and position.  What Lark needs of a token is its `type`."""

    __slots__ = ("column", "end_column", "end_line", "end_pos", "line", "quote", "start_pos", "type", "value")

    type: str
    value: Any
    start_pos: int
    end_pos: int
    line: int
    column: int
    end_line: int
    end_column: int
    quote: str

    def __new__(cls, type_: str, text: str, value: Any, line: int, column: int, end_line: int, end_column: int) -> Tok:
        self = super().__new__(cls, text)
        self.type = type_
        self.value = value
        self.line, self.column, self.end_line, self.end_column = line, column, end_line, end_column
        self.start_pos = self.end_pos = 0
        self.quote = ""
        return self


class Scanner:
    """One pass over the expanded text; `tokens` is the result, findings go to the sink."""

    def __init__(self, expansion: Expansion, sink: Diagnostics) -> None:
        self.expansion = expansion
        self.sink = sink
        self.text = expansion.text
        self.starts: list[int] = [0]
        for line in expansion.lines:
            self.starts.append(self.starts[-1] + len(line) + 1)
        self.at = 0
        self.row = 0
        self.depth = 0
        self.tokens: list[Tok] = []

    # ------------------------------------------------------------------------------------------------ positions
    def span(self, row: int, col: int, end_row: int, end_col: int) -> Span:
        """Rows of the expanded text (0-based) to the author's file and lines."""
        origins = self.expansion.origins
        last = len(origins) - 1
        begin, end = origins[min(row, last)], origins[min(end_row, last)]
        if end.file != begin.file or end.line < begin.line:
            return Span(begin.file, begin.line, col, begin.line, col + 1)
        return Span(begin.file, begin.line, col, end.line, end_col)

    def span_of(self, token: Tok) -> Span:
        return self.span(token.line, token.column, token.end_line, token.end_column)

    def _emit(self, type_: str, start: int, end: int, value: Any) -> Tok:
        """Add the token text[start:end]; self.row is the row of its end."""
        text = self.text
        newlines = text.count("\n", start, end)
        first = self.row - newlines
        token = Tok(
            type_, text[start:end], value, first, start - self.starts[first] + 1, self.row, end - self.starts[self.row] + 1
        )
        self.tokens.append(token)
        return token

    def _advance(self, end: int) -> None:
        self.row += self.text.count("\n", self.at, end)
        self.at = end

    def _error(self, code: str, start: int, end: int, message: str, hint: str = "") -> None:
        first = self._row_of(start)
        last = self._row_of(end)
        span = self.span(first, start - self.starts[first] + 1, last, end - self.starts[last] + 1)
        self.sink.error(code, span, message, hint)

    def _row_of(self, at: int) -> int:
        row = self.row
        while row and self.starts[row] > at:
            row -= 1
        while row + 1 < len(self.starts) - 1 and self.starts[row + 1] <= at:
            row += 1
        return row

    # ------------------------------------------------------------------------------------------------- scanning
    def scan(self) -> list[Tok]:
        text, size = self.text, len(self.text)
        while self.at < size:
            char = text[self.at]
            if char == "\n":
                self.row += 1
                self.at += 1
            elif char in " \t\r\x08":
                self.at = _BLANK.match(text, self.at).end()  # type: ignore[union-attr]
            elif char == "#":
                self.at = text.index("\n", self.at)
            elif char == "$":
                self._variable()
            elif char.isascii() and char.isalpha():
                self._word()
            elif char.isdigit():
                self._number()
            elif char == '"':
                self._string()
            elif char == "'":
                self._raw_string()
            elif text.startswith("/*", self.at):
                self._comment()
            elif char == ":" and (match := _IPV6.match(text, self.at)):
                self._plain("IPNET", match.end())
            elif char == "\\" and text[self.at + 1 : self.at + 2] == "\n":
                self._advance(self.at + 2)
            elif match := _OPERATORS.match(text, self.at):
                self._operator(match[0])
            else:
                start = self.at
                while self.at < size and not text[self.at].isascii():
                    self.at += 1
                self.at = max(self.at, start + 1)
                row = self.row
                span = self.span(row, start - self.starts[row] + 1, row, self.at - self.starts[row] + 1)
                shown = text[start : self.at]
                self.sink.warning("W0105", span, f"unexpected {shown!r} is ignored", "remove it")
        row = len(self.expansion.lines) - 1
        end = Tok("$END", "", "", row, len(self.expansion.lines[row]) + 1, row, len(self.expansion.lines[row]) + 1)
        self.tokens.append(end)
        return self.tokens

    def _plain(self, type_: str, end: int) -> None:
        start = self.at
        self._advance(end)
        self._emit(type_, start, end, self.text[start:end])

    def _operator(self, op: str) -> None:
        if op == "{":
            self.depth += 1
        elif op == "}":
            self.depth = max(0, self.depth - 1)
        start, end = self.at, self.at + len(op)
        if op == "/" and self.text.startswith("//", start) and self._line_is_blank_before(start):
            stop = self.text.index("\n", start)
            self._error("E0106", start, start + 2, "'//' does not start a comment", "use # or /* */")
            self.at = stop
            return
        self.at = end
        self._emit(_NAMES[op], start, end, op)

    def _line_is_blank_before(self, at: int) -> bool:
        return not self.text[self.starts[self.row] : at].strip()

    def _word(self) -> None:
        text, start = self.text, self.at
        match = _IPV6.match(text, start)
        if match and match.end() - start > 2 and "::" in match[0] + ":" and match[0].count(":") > 1:
            self._plain("IPNET", match.end())
            return
        end = _WORD.match(text, start).end()  # type: ignore[union-attr]
        word = text[start:end]
        self.at = end
        if word in KEYWORDS:
            self._emit(word.upper(), start, end, word)
        elif word == "and":
            self._emit("ANDOP", start, end, "&&")
        elif word == "or":
            self._emit("OROP", start, end, "||")
        elif word == "not":
            self._emit("NOT", start, end, "!")
        elif word in ("null", "NULL"):
            self._emit("NULLV", start, end, None)
        elif word in _TRUE or word in _FALSE:
            self._emit("NUMBER", start, end, to_int(word))
        elif self.depth == 0 and self._is_global(end):
            self._emit("PARAM", start, end, word)
            self._value(word)
        else:
            self._emit("NAME", start, end, word)

    def _is_global(self, end: int) -> bool:
        """Does `= value` follow (but not `==`)?"""
        at = end
        text = self.text
        while text[at : at + 1] in (" ", "\t"):
            at += 1
        if text[at : at + 1] == "-" and _WORD.match(text, at + 1):  # mem-group
            at = _WORD.match(text, at + 1).end()  # type: ignore[union-attr]
            while text[at : at + 1] in (" ", "\t"):
                at += 1
        return text[at : at + 1] == "=" and text[at + 1 : at + 2] not in ("=", "~")

    def _value(self, name: str) -> None:
        """The value of a core parameter: one VALUE token with the raw text after the equals sign."""
        text = self.text
        equals = text.index("=", self.at)
        at = equals + 1
        while text[at] in " \t\r":
            at += 1
        if text[at] == "\n":  # value on the next line
            while text[at] in " \t\r\n":
                at += 1
                if at >= len(text):
                    break
        start = at
        depth, size = 0, len(text)
        while at < size:
            char = text[at]
            if char in "\"'":
                close = at + 1
                while close < size and text[close] != char:
                    close += 2 if text[close] == "\\" and char == '"' else 1
                if close >= size:
                    self._advance(at)
                    self._error("E0103", at, at + 1, "string is never closed", f"add the closing {char}")
                    at = text.index("\n", at)
                    break
                at = close + 1
                continue
            if char == "#" or text.startswith("/*", at):
                if text.startswith("/*", at) and "*/" in text[at : text.index("\n", at)]:
                    break
                break
            if char == "{":
                depth += 1
            elif char == "}":
                depth -= 1
            elif depth <= 0 and self._ends_value(at):
                break
            at += 1
        end = at
        while end > start and text[end - 1] in " \t\r\n":
            end -= 1
        self._advance(end)
        self._emit("VALUE", start, end, text[start:end])
        if text[_skip(text, self.at)] == ";":
            self._advance(_skip(text, self.at) + 1)

    def _ends_value(self, at: int) -> bool:
        """Is text[at] a line end, a semicolon, or the blank before the next item on the same line?"""
        text = self.text
        char = text[at]
        if char == "\n":
            return not self._continues(at)
        if char == ";":
            return True
        match = _WORD.match(text, _skip(text, at)) if char in " \t" else None
        return match is not None and (self._is_global(match.end()) or match[0] in ("loadmodule", "modparam", "route"))

    def _continues(self, newline: int) -> bool:
        """Does the next line carry on this value (indented scaling profiles, strings of mpath)?"""
        text = self.text
        end = text.find("\n", newline + 1)
        line = text[newline + 1 : end if end >= 0 else len(text)]
        words = line.split()
        return bool(words) and line[:1] in " \t" and words[0] in ("scale", "on", "for", "within", "as", "AS", "use_workers")

    def _number(self) -> None:
        text, start = self.text, self.at
        match = _IPV4.match(text, start)
        if match:
            self._plain("IPNET", match.end())
            return
        match = _IPV6.match(text, start)
        if match and match[0].count(":") > 1:
            self._plain("IPNET", match.end())
            return
        end = _NUMBER.match(text, start).end()  # type: ignore[union-attr]
        self.at = end
        self._emit("NUMBER", start, end, to_int(text[start:end]))

    def _string(self) -> None:
        text, start = self.text, self.at
        at, size = start + 1, len(text)
        plain = True
        while at < size:
            char = text[at]
            if char == '"':
                break
            if char == "\\":
                plain = False
                at += 1
            at += 1
        if at >= size:
            self._unclosed(start, '"')
            return
        raw = text[start + 1 : at]
        value = raw if plain else _ESCAPE.sub(_unescape, raw)
        self._advance(at + 1)
        self._emit("STRING", start, at + 1, value.split("\0")[0]).quote = '"'

    def _raw_string(self) -> None:
        text, start = self.text, self.at
        at = text.find("'", start + 1)
        if at < 0:
            self._unclosed(start, "'")
            return
        self._advance(at + 1)
        self._emit("STRING", start, at + 1, text[start + 1 : at]).quote = "'"

    def _unclosed(self, start: int, quote: str) -> None:
        self._error("E0103", start, start + 1, "string is never closed", f"add the closing {quote}")
        self._advance(len(self.text))

    def _comment(self) -> None:
        text, start, at, depth = self.text, self.at, self.at, 0
        while at < len(text):
            if text.startswith("/*", at):
                depth += 1
                at += 2
            elif text.startswith("*/", at):
                depth -= 1
                at += 2
                if depth == 0:
                    self._advance(at)
                    return
            else:
                at += 1
        row = self.row
        span = self.span(row, start - self.starts[row] + 1, row, start - self.starts[row] + 3)
        self.sink.warning("W0107", span, "comment is never closed: the rest of the file is ignored", "add */")
        self._advance(len(text))

    def _variable(self) -> None:
        """`$…`: up to the bracket that closes the first one, else up to blank, operator or bracket."""
        text, start, size = self.text, self.at, len(self.text)
        at = start + 1
        if text.startswith("$", at):
            self._plain("VAR", at + 1)
            return
        while at < size and text[at] not in _VARIABLE_END and text[at] != "(":
            at += 1
        if text[at : at + 1] == "(":
            depth = 0
            while at < size:
                if text[at] == "(":
                    depth += 1
                elif text[at] == ")":
                    depth -= 1
                    if depth == 0:
                        break
                elif text[at] == "\n":
                    break
                at += 1
            if at >= size or text[at] == "\n":
                self._error("E0104", start, at, "variable is never closed", "add the closing )")
                self._advance(at)
                self._emit("VAR", start, at, text[start:at])
                return
            self._plain("VAR", at + 1)
            return
        if text[at : at + 1] == "{" and text[at + 1 : at + 2].isalpha():
            close = text.find("}", at)
            if close > 0 and "." in text[at:close] and "\n" not in text[at:close]:
                row = self.row
                span = self.span(row, at - self.starts[row] + 1, row, close - self.starts[row] + 2)
                name = text[start + 1 : at]
                hint = f"write $({name}{text[at : close + 1]})"
                self.sink.warning("W0108", span, "a transformation on a bare variable is ignored", hint)
                self.at = at
                self._emit("VAR", start, at, text[start:at])
                self.at = close + 1
                return
        self._plain("VAR", at)


def _skip(text: str, at: int) -> int:
    while at < len(text) - 1 and text[at] in " \t\r":
        at += 1
    return min(at, len(text) - 1)


def _unescape(match: re.Match[str]) -> str:
    if match[1]:
        return _ESCAPES[match[1]]
    if match[2]:
        return chr(int(match[2], 16))
    return chr(int(match[3], 8) & 255)
