"""Renders a Jinja template from stdin: `python -m preprocessors.jinja_runner NAME [NAME=VALUE …]`.

Output: a line with the names of all templates read, then the text with an origin mark at each line.  Runs sandboxed and
strict: an undefined variable is an error with its template line.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from typing import Any

import jinja2
from jinja2.ext import Extension
from jinja2.lexer import Token, TokenStream
from jinja2.sandbox import SandboxedEnvironment

MARK, END = "\x1e", "\x1f"


class LineMarks(Extension):
    """Puts a mark before every line of template text."""

    def filter_stream(self, stream: TokenStream) -> Iterable[Token]:
        return self._marked(stream)

    def _marked(self, stream: TokenStream) -> Iterator[Token]:
        name = stream.name or "template"
        fresh = True
        for token in stream:
            if token.type != "data":
                yield token
                continue
            out = []
            for i, part in enumerate(str(token.value).split("\n")):
                if i:
                    out.append("\n")
                if i or fresh or part.strip():
                    out.append(f"{MARK}{name}:{token.lineno + i}{END}{part}")
                else:
                    out.append(part)
            fresh = False
            yield Token(token.lineno, "data", "".join(out))


class Loader(jinja2.BaseLoader):
    """The main template from stdin, others from beside it."""

    def __init__(self, main: str, text: str) -> None:
        self.main, self.text = main, text
        self.read: list[str] = []

    def get_source(self, environment: jinja2.Environment, template: str) -> tuple[str, str | None, Any]:
        if template == self.main:
            return self.text, template, None
        path = template if os.path.exists(template) else os.path.join(os.path.dirname(self.main), template)
        try:
            with open(path, encoding="latin-1", newline="\n") as stream:
                text = stream.read()
        except OSError:
            raise jinja2.TemplateNotFound(template) from None
        self.read.append(path)
        return text, path, None


def main(arguments: list[str]) -> int:
    path, *settings = arguments
    text = sys.stdin.buffer.read().decode("latin-1")
    variables: dict[str, Any] = {"env": dict(os.environ)}
    for setting in settings:
        name, equals, value = setting.removeprefix("-D").partition("=")
        if equals:
            variables[name] = value
    loader = Loader(path, text)
    environment = SandboxedEnvironment(
        loader=loader, extensions=[LineMarks], undefined=jinja2.StrictUndefined, keep_trailing_newline=True
    )
    try:
        made = environment.get_template(path).render(variables)
    except jinja2.TemplateSyntaxError as error:
        print(f"{error.filename or error.name or path}:{error.lineno}: {error.message}", file=sys.stderr)
        return 1
    except jinja2.TemplateError as error:
        line = 1
        trace = error.__traceback__
        while trace is not None:
            if trace.tb_frame.f_code.co_filename == path:
                line = trace.tb_lineno
            trace = trace.tb_next
        print(f"{path}:{line}: {error}", file=sys.stderr)
        return 1
    sys.stdout.buffer.write((MARK.join(loader.read) + "\n" + made).encode("latin-1", "replace"))
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
