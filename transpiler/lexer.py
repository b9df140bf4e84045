"""Script text to tokens, as OpenSIPS's scanner sees it, with positions in the author's files.

The scanner is written by hand around one regular expression because three things need it: variable tokens end where
their brackets do, values of core parameters have a syntax of their own, and comments nest.  It never fails: what is
wrong with a token hangs on the token as a `Problem` and is reported when the parser gets there, so that scanning again
from a repaired place (see `Scanner.scan`) leaves nothing false behind.
"""

from __future__ import annotations

import re
from typing import Any, Literal, NamedTuple

from preprocessors import Expansion
from transpiler.nodes import Span
from transpiler.parsing.literals import FALSE, TRUE, readable, string_value, to_int
from transpiler.parsing.params import RESERVED
from transpiler.settings import SettingError, read_value

__all__ = ["KEYWORDS", "Problem", "Scanner", "Tok"]

KEYWORDS = frozenset(
    """assert drop exit return log error route failure_route onreply_route branch_route error_route local_route
    startup_route timer_route event_route if else switch case default break while for in xdbg xlog async launch
    loadmodule modparam""".split()
)

_NAMES = {
    ":=": "ASSIGN", "=": "ASSIGN", "+=": "ASSIGN", "-=": "ASSIGN", "*=": "ASSIGN", "/=": "ASSIGN", "%=": "ASSIGN",
    "&=": "ASSIGN", "|=": "ASSIGN", "^=": "ASSIGN", "==": "EQUAL", "!=": "EQUAL", "<": "ORDER", ">": "ORDER",
    "<=": "ORDER", ">=": "ORDER", "=~": "MATCH", "!~": "MATCH", "&&": "ANDOP", "||": "OROP", "!": "NOT", "+": "PLUS",
    "-": "MINUS", "*": "TIMES", "/": "TIMES", "%": "TIMES", "&": "BIT", "|": "BIT", "^": "BIT", "<<": "BIT",
    ">>": "BIT", "~": "TILDE", "(": "LPAR", ")": "RPAR", "{": "LBRACE", "}": "RBRACE", "[": "LSQB", "]": "RSQB",
    ",": "COMMA", ";": "SEMI", ":": "COLON", ".": "DOT",
}  # fmt: skip
_WORDS: dict[str, tuple[str, Any]] = {
    "and": ("ANDOP", "&&"), "or": ("OROP", "||"), "not": ("NOT", "!"), "null": ("NULLV", None), "NULL": ("NULLV", None),
    **{word: (word.upper(), word) for word in KEYWORDS}, **dict.fromkeys(TRUE, ("NUMBER", 1)),
    **dict.fromkeys(FALSE, ("NUMBER", 0)),
}  # fmt: skip

_TOKEN = re.compile(
    r"""(?P<BLANK>(?:[ \t\r\x08]|\\\n)+)
    |(?P<LINE>\n)
    |(?P<REMARK>\#[^\n]*)
    |(?P<VAR>\$)
    |(?P<IPNET>(?=[0-9a-fA-F]{0,4}:[0-9a-fA-F:])
        (?:(?:[0-9a-fA-F]{1,4}:){7}[0-9a-fA-F]{1,4}
          |(?:[0-9a-fA-F]{1,4}(?::[0-9a-fA-F]{1,4})*)?::(?:[0-9a-fA-F]{1,4}(?::[0-9a-fA-F]{1,4})*)?)
        (?![\w:])(?:/[0-9a-fA-F:]+)?
      |\d+\.\d+\.\d+\.\d+(?![\w.]*[\w])(?:/(?:\d+\.\d+\.\d+\.\d+|\d+))?)
    |(?P<WORD>[A-Za-z][A-Za-z0-9_]*)
    |(?P<STRING>"[^"\\]*(?:\\.[^"\\]*)*"|'[^']*')
    |(?P<NUMBER>0x[0-9a-fA-F]+(?!\w|\.\w)|0[0-7]+(?!\w|\.\w)|0(?!\w|\.\w)|[1-9][0-9]*(?!\w|\.\w))
    |(?P<BADNUMBER>[0-9]\w*(?:\.\w+)*)
    |(?P<COMMENT>/\*)
    |(?P<SLASHES>//[^\n]*)
    |(?P<OP>:=|==|=~|!=|!~|<=|>=|<<|>>|&&|\|\||\+=|-=|\*=|/=|%=|&=|\|=|\^=|[=<>!+\-*/%&|^~(){}\[\],;:.])
    |(?P<OPEN>["'])
    |(?P<OTHER>[^\x00-\x7f]+|.)""",
    re.VERBOSE | re.DOTALL | re.ASCII,
)
_NAME_OF_VARIABLE = re.compile(
    r"(?:(?!and|or|not|:=)[^\s(),;=&|^~<>+\-/*%!$])*(?P<open>\()?", re.ASCII
)
_BRACKET = re.compile(r"[()\n]")
_NESTED = re.compile(r"/\*|\*/")
_EQUALS = re.compile(r"(?:[ \t\r]|\\\n)*=(?![=~])")
_GROUP = re.compile(r"-group(?=(?:[ \t\r]|\\\n)*=(?![=~]))")


class Problem(NamedTuple):
    """Something wrong with a token.  Severity "old": an error, unless the script is of an older dialect."""

    severity: Literal["error", "warning", "note", "old"]
    code: str
    start: int
    """Offset in the expanded text."""
    end: int
    message: str
    hint: str = ""


class Tok(str):
    """A token: its text, with type, value and position (0-based rows of the expanded text, 1-based columns)."""

    __slots__ = ("column", "end", "end_column", "end_line", "line", "problems", "start", "type", "value")

    type: str
    value: Any
    line: int
    column: int
    end_line: int
    end_column: int
    start: int
    end: int
    problems: list[Problem] | None

    def __new__(
        cls, type_: str, text: str, value: Any, at: tuple[int, int, int, int], start: int = 0, end: int = 0
    ) -> Tok:
        self = super().__new__(cls, text)
        self.type = type_
        self.value = value
        self.line, self.column, self.end_line, self.end_column = at
        self.start = start
        self.end = end
        self.problems = None
        return self

    @property
    def quote(self) -> str:
        return self[:1]

    def like(self, type_: str, text: str, value: Any) -> Tok:
        """Another token in the same place."""
        made = Tok(type_, text, value, (self.line, self.column, self.end_line, self.end_column), self.start, self.end)
        made.problems = self.problems
        return made

    def after(self, type_: str, value: Any = "") -> Tok:
        """An empty token just behind this one."""
        place = (self.end_line, self.end_column, self.end_line, self.end_column)
        return Tok(type_, "", value, place, self.end, self.end)


class Scanner:
    """Makes tokens of an expansion and knows where they stand."""

    def __init__(self, expansion: Expansion) -> None:
        self.expansion = expansion
        self.text = expansion.text
        self.starts: list[int] = [0]
        for line in expansion.lines:
            self.starts.append(self.starts[-1] + len(line) + 1)
        self._tokens: list[Tok] = []
        self._row = 0
        self._problems: list[Problem] = []
        self._source: dict[str, list[str]] = {}

    # ------------------------------------------------------------------------------------------------ positions
    def span(self, row: int, col: int, end_row: int, end_col: int) -> Span:
        """Rows of the expanded text (0-based) to the author's file and lines."""
        origins = self.expansion.origins
        last = len(origins) - 1
        if last < 0:
            return Span("", 1, 1, 1, 2)
        begin, end = origins[min(row, last)], origins[min(end_row, last)]
        if not begin.exact:
            return self._inexact(begin.file, begin.line, row, col, end_col if end_row == row else col)
        if end.file != begin.file or end.line < begin.line:
            return Span(begin.file, begin.line, col, begin.line, col + 1)
        return Span(begin.file, begin.line, col, end.line, end_col)

    def _inexact(self, file: str, line: int, row: int, col: int, end_col: int) -> Span:
        """The place in a template line: of the same text if it is there, else the line from its first word on."""
        if file not in self._source:
            self._source[file] = self.expansion.files.get(file, "").split("\n")
        lines = self._source[file]
        source = lines[line - 1] if 0 < line <= len(lines) else ""
        lines = self.expansion.lines
        text = lines[row][col - 1 : end_col - 1] if row < len(lines) else ""
        at = source.find(text) if text else -1
        if at >= 0:
            return Span(file, line, at + 1, line, at + 1 + len(text))
        begin = len(source) - len(source.lstrip())
        return Span(file, line, begin + 1, line, max(begin + 2, len(source.rstrip()) + 1))

    def span_of(self, token: Tok) -> Span:
        return self.span(token.line, token.column, token.end_line, token.end_column)

    def place(self, at: int) -> tuple[int, int]:
        """Row and column of an offset."""
        import bisect

        row = max(0, bisect.bisect_right(self.starts, at) - 1)
        row = min(row, max(0, len(self.starts) - 2))
        return row, at - self.starts[row] + 1

    def span_between(self, start: int, end: int) -> Span:
        """The span of text[start:end]."""
        return self.span(*self.place(start), *self.place(max(start + 1, end)))

    # ------------------------------------------------------------------------------------------------- scanning
    def scan(self, at: int = 0, depth: int = 0) -> list[Tok]:
        """The tokens from offset `at` on, in `depth` open blocks; the last one is $END."""
        text, match_at = self.text, _TOKEN.match
        starts, size = self.starts, len(text)
        tokens: list[Tok] = []
        self._tokens, self._problems = tokens, []
        row = self.place(at)[0] if at else 0
        while at < size:
            match = match_at(text, at)
            assert match is not None  # OTHER takes everything
            kind, start, at = match.lastgroup, at, match.end()
            if kind == "BLANK":
                row += match[0].count("\n")
                continue
            if kind == "LINE":
                row += 1
                continue
            if kind == "REMARK":
                continue
            column = start - starts[row] + 1
            if kind == "OP":
                op = match[0]
                if op == "{":
                    depth += 1
                elif op == "}" and depth:
                    depth -= 1
                tokens.append(Tok(_NAMES[op], op, op, (row, column, row, column + at - start), start, at))
            elif kind == "WORD":
                word = match[0]
                place = (row, column, row, column + at - start)
                if word in _WORDS:
                    type_, value = _WORDS[word]
                    tokens.append(Tok(type_, word, value, place, start, at))
                elif depth == 0 and (equals := _EQUALS.match(text, at) or _GROUP.match(text, at)):
                    if word == "mem" and equals.re is _GROUP:
                        word, at = "mem-group", equals.end()
                        equals = _EQUALS.match(text, at)
                        assert equals is not None
                    tokens.append(Tok("PARAM", word, word, place, start, at))
                    self._take()
                    self._row = row
                    at = self._value(word, equals.end())
                    row = self._row
                else:
                    tokens.append(Tok("RESERVED" if word in RESERVED else "NAME", word, word, place, start, at))
            elif kind == "STRING":
                row = self._string(match[0], row, column, start, at)
            elif kind == "VAR":
                at = self._variable(row, column, start)
                row = tokens[-1].end_line
            elif kind == "NUMBER":
                number = match[0]
                tokens.append(Tok("NUMBER", number, to_int(number), (row, column, row, column + at - start), start, at))
                if len(number) > 9 and abs(int(number, 0) if number[:2] != "00" else 0) > 0xFFFFFFFF:
                    self._problem("warning", "W0112", start, at, f"{number} does not fit 32 bits: it is {to_int(number)}")
            elif kind == "IPNET":
                tokens.append(Tok("IPNET", match[0], match[0], (row, column, row, column + at - start), start, at))
            elif kind == "COMMENT":
                at = self._comment(start)
                row += text.count("\n", start, at)
                continue
            else:
                at = self._odd(str(kind), match[0], row, column, start, at)
            if self._problems:
                self._take()
        last = len(self.expansion.lines) - 1
        column = len(self.expansion.lines[last]) + 1 if last >= 0 else 1
        tokens.append(Tok("$END", "", "", (max(0, last), column, max(0, last), column), size, size))
        self._take()
        return tokens

    def _problem(
        self, severity: Literal["error", "warning", "old"], code: str, start: int, end: int, message: str, hint: str = ""
    ) -> None:
        self._problems.append(Problem(severity, code, start, end, message, hint))

    def _take(self) -> None:
        """Hang what was found on the token just made."""
        if self._problems and self._tokens:
            self._tokens[-1].problems = (self._tokens[-1].problems or []) + self._problems
            self._problems = []

    def _value(self, name: str, at: int) -> int:
        """The value of a core parameter as one VALUE token; the offset behind it."""
        start, row = at, self._row
        value: Any = None
        try:
            reader = read_value(name, self.text, at)
            value, start, at = reader.value, reader.start, reader.at
            for severity, code, begin, end, message, hint in reader.problems:
                self._problem(severity, code, begin, end, message, hint)
        except SettingError as error:
            start = max(start, min(error.start, len(self.text) - 1))
            self._problem("error", error.code, error.start, error.end, error.message, error.hint)
            end = self.text.find("\n", max(error.start, start))
            at = len(self.text) if end < 0 else max(end, start)
            if error.start >= self.starts[row + 1]:
                at = start = self.starts[row + 1] - 1  # nothing of the next line belongs to the value
        first, column = self.place(start)
        self._row, end_column = self.place(at)
        self._tokens.append(Tok("VALUE", self.text[start:at], value, (first, column, self._row, end_column), start, at))
        self._take()
        return at

    def _string(self, raw: str, row: int, column: int, start: int, at: int) -> int:
        value, offsets = string_value(raw)
        if offsets is not None:
            if "\\\n" in raw:
                hint = "end the string here and begin another one; in xlog, adjacent strings are joined"
                self._problem("warning", "W0110", start, at, "a string broken with a backslash is spoilt by OpenSIPS", hint)
            if "\0" in value:
                self._problem("warning", "W0111", start, at, "the string ends at its NUL byte", "remove \\x00")
                value = value.split("\0", 1)[0]
        end_row, end_column = row, column + at - start
        if "\n" in raw:
            end_row = row + raw.count("\n")
            end_column = at - self.starts[end_row] + 1
        self._tokens.append(Tok("STRING", raw, value, (row, column, end_row, end_column), start, at))
        return end_row

    def _variable(self, row: int, column: int, start: int) -> int:
        """`$…` as a VAR token: up to the bracket that closes the first one, else up to blank or operator."""
        text = self.text
        if text.startswith("$", start + 1):
            at = start + 2
        else:
            match = _NAME_OF_VARIABLE.match(text, start + 1)
            assert match is not None
            at = match.end()
            if match["open"]:
                depth = 1
                while depth:
                    bracket = _BRACKET.search(text, at)
                    if bracket is None or bracket[0] == "\n":
                        line_end = bracket.start() if bracket else len(text)
                        at = self._broken(start, match.end(), line_end)
                        break
                    depth += 1 if bracket[0] == "(" else -1
                    at = bracket.end()
        end_row, end_column = row, column + at - start
        if "\n" in text[start:at]:
            end_row, end_column = self.place(at)
        shown = text[start:at] if end_row == row else "".join(line.strip() for line in text[start:at].split("\n"))
        self._tokens.append(Tok("VAR", shown, shown, (row, column, end_row, end_column), start, at))
        return at

    def _broken(self, start: int, opened: int, line_end: int) -> int:
        """A variable whose bracket is not closed in its line: report, and say where it probably ends."""
        text = self.text
        depth, at = 1, opened
        while depth:
            bracket = re.compile(r"[();]").search(text, at)
            if bracket is None or bracket[0] == ";" or text.count("\n", start, bracket.start()) > 4:
                break
            depth += 1 if bracket[0] == "(" else -1
            at = bracket.end()
        if not depth and text[line_end:].lstrip()[:1] in "{[()":
            self._problem("error", "E0104", start, line_end, "a variable cannot span lines", "write it on one line")
            return at
        word = re.compile(r"[\w.:-]*(?:\([^()\n]*\))?").match(text, opened)
        at = word.end() if word else opened
        self._problem("error", "E0104", start, at, "the bracket of the variable is never closed", "add the missing )")
        return at

    def _comment(self, start: int) -> int:
        depth, at = 0, start
        while True:
            match = _NESTED.search(self.text, at)
            if match is None:
                hint = "add */ (comments nest: each /* needs its own */)"
                self._problem("warning", "W0107", start, start + 2, "comment is never closed: the rest is ignored", hint)
                return len(self.text)
            depth += 1 if match[0] == "/*" else -1
            at = match.end()
            if depth == 0:
                return at

    def _odd(self, kind: str, text: str, row: int, column: int, start: int, at: int) -> int:
        """What no script should hold."""
        place = (row, column, row, column + at - start)
        if kind == "OPEN":
            end = self.text.find("\n", start)
            line = self.text[start + 1 : end].rstrip()
            closing = re.search(r"[)\s;{]*\Z", line)
            length = closing.start() if closing else len(line)
            at = start + 1 + length
            place = (row, column, row, column + length + 1)
            self._tokens.append(Tok("STRING", text + line[:length], line[:length], place, start, at))
            self._problem("error", "E0103", start, at, "the string is never closed", f"add the closing {text}")
        elif kind == "BADNUMBER":
            self._tokens.append(Tok("NUMBER", text, 0, place, start, at))
            self._problem("error", "E0105", start, at, *_bad_number(text))
        elif kind == "SLASHES":
            self._problem("error", "E0106", start, start + 2, "'//' does not begin a comment", "begin it with #")
        else:
            shown = readable(text)
            if not shown.isprintable() or not shown.strip():
                shown = " ".join(f"U+{ord(char):04X}" for char in shown)
            self._problem("warning", "W0105", start, at, f"'{shown}' means nothing here and is ignored", "remove it")
        return at


def _bad_number(text: str) -> tuple[str, str]:
    """Message and hint for digits that are no number."""
    if re.fullmatch(r"0\d+", text):
        return f"{text} is not a number: with a leading 0 it is octal", f'remove the leading 0, or write "{text}" if it is text'
    if re.fullmatch(r"\d+\.\d+", text):
        return f"{text} is not a number: there are only integers", "use the module mathops for fractions"
    if text[:2] in ("0x", "0X"):
        return f"{text} is not a number", "write 0x and hexadecimal digits"
    if re.fullmatch(r"\d+(?:\.\d+)+", text):
        return f"{text} is not an address", "an IPv4 address has four numbers"
    return f"{text} is not a number", f'put text in quotes: "{text}"'

