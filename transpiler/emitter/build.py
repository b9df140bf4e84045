"""Small constructors of libcst nodes, so that the emitter reads like the Python it writes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import libcst as cst

__all__ = [
    "Expr", "assign", "attribute", "await_", "block", "boolean", "call", "compare", "comment", "conditional", "expression",
    "if_", "index", "integer", "lambda_", "literal", "name", "named", "none", "not_", "pass_", "raise_", "return_", "string_code",
    "tuple_",
]  # fmt: skip

Expr: TypeAlias = Any
"""A libcst expression."""


def name(text: str) -> cst.Name:
    return cst.Name(text)


def attribute(value: Expr | str, attr: str) -> cst.Attribute:
    return cst.Attribute(name(value) if isinstance(value, str) else value, cst.Name(attr))


def index(value: Expr | str, key: Expr) -> cst.Subscript:
    return cst.Subscript(
        name(value) if isinstance(value, str) else value, [cst.SubscriptElement(cst.Index(key))]
    )


def string_code(text: str, quote: str = '"') -> str:
    """A Python literal of the text in the given quotes."""
    out = []
    for char in text:
        if char == quote or char == "\\":
            out.append("\\" + char)
        elif char == "\n":
            out.append("\\n")
        elif char == "\r":
            out.append("\\r")
        elif char == "\t":
            out.append("\\t")
        elif " " <= char <= "~" or ("\xa1" <= char <= "\xff" and char != "\xad"):
            out.append(char)
        else:
            out.append(f"\\x{ord(char):02x}")
    return f"{quote}{''.join(out)}{quote}"


def literal(text: str, quote: str = '"') -> cst.SimpleString:
    return cst.SimpleString(string_code(text, quote))


def integer(number: int) -> Expr:
    if number < 0:
        return cst.UnaryOperation(cst.Minus(), cst.Integer(str(-number)))
    return cst.Integer(str(number))


def none() -> cst.Name:
    return cst.Name("None")


def _bare(value: Expr) -> Expr:
    """`await f()` without brackets, where it stands alone."""
    return value.with_changes(lpar=[], rpar=[]) if isinstance(value, cst.Await) else value


def call(function: Expr | str, *arguments: Expr, **named_arguments: Expr) -> cst.Call:
    made = [cst.Arg(_bare(argument)) for argument in arguments]
    made += [
        cst.Arg(value, keyword=cst.Name(key), equal=cst.AssignEqual(cst.SimpleWhitespace(""), cst.SimpleWhitespace("")))
        for key, value in named_arguments.items()
    ]
    return cst.Call(name(function) if isinstance(function, str) else function, made)


def await_(value: Expr) -> cst.Await:
    return cst.Await(value, lpar=[cst.LeftParen()], rpar=[cst.RightParen()])


def _parenthesised(value: Expr) -> Expr:
    if isinstance(value, (cst.BooleanOperation, cst.IfExp, cst.NamedExpr, cst.Lambda)) and not value.lpar:
        return value.with_changes(lpar=[cst.LeftParen()], rpar=[cst.RightParen()])
    return value


def boolean(op: str, left: Expr, right: Expr) -> cst.BooleanOperation:
    """`left and right`, `left or right`; equal operators chain without brackets on the left."""
    operator = cst.And() if op == "and" else cst.Or()
    if not (isinstance(left, cst.BooleanOperation) and type(left.operator) is type(operator)):
        left = _parenthesised(left)
    return cst.BooleanOperation(left, operator, _parenthesised(right))


def not_(value: Expr) -> cst.UnaryOperation:
    return cst.UnaryOperation(cst.Not(), _parenthesised(value))


_COMPARISONS: dict[str, Any] = {
    "==": cst.Equal, "!=": cst.NotEqual, "<": cst.LessThan, ">": cst.GreaterThan, "<=": cst.LessThanEqual,
    ">=": cst.GreaterThanEqual, "is": cst.Is, "is not": cst.IsNot,
}  # fmt: skip


def compare(left: Expr, op: str, right: Expr) -> cst.Comparison:
    return cst.Comparison(
        _parenthesised(left), [cst.ComparisonTarget(_COMPARISONS[op](), _parenthesised(right))]
    )


def conditional(value: Expr, test: Expr, otherwise: Expr) -> cst.IfExp:
    return cst.IfExp(
        test=_parenthesised(test), body=_parenthesised(value), orelse=_parenthesised(otherwise),
        lpar=[cst.LeftParen()], rpar=[cst.RightParen()],
    )  # fmt: skip


def named(target: str, value: Expr) -> cst.NamedExpr:
    return cst.NamedExpr(cst.Name(target), value, lpar=[cst.LeftParen()], rpar=[cst.RightParen()])


def lambda_(parameters: Sequence[str], body: Expr) -> cst.Lambda:
    return cst.Lambda(cst.Parameters([cst.Param(cst.Name(p)) for p in parameters]), body)


def tuple_(values: Sequence[Expr]) -> cst.Tuple:
    return cst.Tuple([cst.Element(value) for value in values])


def _line(small: cst.BaseSmallStatement) -> cst.SimpleStatementLine:
    return cst.SimpleStatementLine([small])


def expression(value: Expr) -> cst.SimpleStatementLine:
    return _line(cst.Expr(_bare(value)))


def assign(target: Any, value: Expr) -> cst.SimpleStatementLine:
    return _line(cst.Assign([cst.AssignTarget(target)], _bare(value)))


def return_(value: Expr | None = None) -> cst.SimpleStatementLine:
    return _line(cst.Return(_bare(value)))


def raise_(what: str) -> cst.SimpleStatementLine:
    return _line(cst.Raise(cst.Name(what)))


def pass_() -> cst.SimpleStatementLine:
    return _line(cst.Pass())


def block(statements: Sequence[Any]) -> cst.IndentedBlock:
    return cst.IndentedBlock(list(statements) or [pass_()])


def if_(test: Expr, body: Sequence[Any], otherwise: Any = None) -> cst.If:
    return cst.If(test, block(body), orelse=otherwise)


def comment(statement: Any, text: str) -> Any:
    """The statement with a comment line above it."""
    line = cst.EmptyLine(comment=cst.Comment(text))
    return statement.with_changes(leading_lines=[*statement.leading_lines, line])
