"""textops: search, replace and substitute in the text of messages.

Everything reads the message as received; what is replaced shows when it is sent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from runtime import log
from runtime.declare import Check, Module, Pattern, Raw, Routes
from runtime.sip.edits import edits_of
from runtime.sip.message import ParseError
from runtime.substitution import Substitution, find, parse_substitution

if TYPE_CHECKING:
    import re

    from runtime.sip.message import SipMessage

__all__ = [
    "Substitution", "module", "parse_substitution", "replace", "replace_all", "replace_body", "replace_body_all",
    "replace_body_atonce", "search", "search_append", "search_append_body", "search_body", "subst", "subst_body",
    "subst_uri", "subst_user",
]  # fmt: skip

module = Module("textops", "Text operations on messages: regular expression search, replace and substitution.")
logger = log.engine("textops")

_ROUTES = Routes.REQUEST | Routes.ONREPLY | Routes.FAILURE | Routes.BRANCH | Routes.LOCAL
_URI_ROUTES = Routes.REQUEST | Routes.ONREPLY | Routes.FAILURE | Routes.BRANCH

SubstExpression = Annotated[Raw, Check(parse_substitution)]
"""`/regular expression/replacement/flags`."""


def _after_first_line(msg: SipMessage) -> int:
    return msg.text.index("\n") + 1


def _no_body(msg: SipMessage) -> bool:
    if msg.body_start >= len(msg.text):
        logger.debug("message body has zero length")
        return True
    return False


# ------------------------------------------------------------------------------------------------------------ search
@module.function(routes=_ROUTES)
def search(msg: SipMessage, re: Pattern) -> bool:
    """Does the expression match anywhere in the message, first line and body included?"""
    return re.search(msg.text) is not None


@module.function(routes=_ROUTES)
def search_body(msg: SipMessage, re: Pattern) -> bool:
    """Does the expression match in the body?"""
    return not _no_body(msg) and re.search(msg.text[msg.body_start :]) is not None


def _append(msg: SipMessage, pattern: re.Pattern[str], start: int, text: str) -> bool:
    match = pattern.search(msg.text[start:])
    if match is None:
        return False
    edits_of(msg).insert(start + match.end(), text)
    return True


@module.function(routes=_ROUTES)
def search_append(msg: SipMessage, re: Pattern, text: str) -> bool:
    """Insert text after the first match behind the first line."""
    return _append(msg, re, _after_first_line(msg), text)


@module.function(routes=_ROUTES)
def search_append_body(msg: SipMessage, re: Pattern, text: str) -> bool:
    """Insert text after the first match in the body."""
    return not _no_body(msg) and _append(msg, re, msg.body_start, text)


# ----------------------------------------------------------------------------------------------------------- replace
def _replace_first(msg: SipMessage, pattern: re.Pattern[str], start: int, text: str) -> bool:
    match = pattern.search(msg.text[start:])
    if match is None:
        return False
    edits_of(msg).replace(start + match.start(), start + match.end(), text)
    return True


def _replace_all(msg: SipMessage, pattern: re.Pattern[str], start: int, text: str, *, by_line: bool = True) -> bool:
    """Replace every match; false when there is none or one is empty.

    `by_line`: `^` also matches where the previous match ended in a line end.
    """
    region = msg.text[start:]
    at = 0
    done = False
    while at < len(region):
        match = find(pattern, region, at, by_line)
        if match is None:
            return done
        begun, end = match[0]
        if begun == end:
            logger.error("matched string is empty... invalid regexp?")
            return False
        edits_of(msg).replace(start + begun, start + end, text)
        at = end
        done = True
    return done


@module.function(routes=_ROUTES)
def replace(msg: SipMessage, re: Pattern, text: str) -> bool:
    """Replace the first match behind the first line."""
    return _replace_first(msg, re, _after_first_line(msg), text)


@module.function(routes=_ROUTES)
def replace_body(msg: SipMessage, re: Pattern, text: str) -> bool:
    """Replace the first match in the body."""
    return not _no_body(msg) and _replace_first(msg, re, msg.body_start, text)


@module.function(routes=_ROUTES)
def replace_all(msg: SipMessage, re: Pattern, text: str) -> bool:
    """Replace all matches behind the first line."""
    return _replace_all(msg, re, _after_first_line(msg), text)


@module.function(routes=_ROUTES)
def replace_body_all(msg: SipMessage, re: Pattern, text: str) -> bool:
    """Replace all matches in the body, line by line as to `^`."""
    return not _no_body(msg) and _replace_all(msg, re, msg.body_start, text)


@module.function(routes=_ROUTES)
def replace_body_atonce(msg: SipMessage, re: Pattern, text: str) -> bool:
    """Replace all matches in the body, which is taken as one text as to `^`."""
    return not _no_body(msg) and _replace_all(msg, re, msg.body_start, text, by_line=False)


# ------------------------------------------------------------------------------------------------------ substitution
def _parsed(expression: str) -> Substitution | None:
    try:
        return parse_substitution(expression)
    except ValueError as error:
        logger.error("bad subst. re %s: %s", expression, error)
        return None


def _subst_text(msg: SipMessage, start: int, expression: str) -> bool:
    substitution = _parsed(expression)
    if substitution is None:
        return False
    try:
        changes = substitution.run(msg, msg.text[start:])
    except ValueError as error:
        logger.error("subst_run failed: %s", error)
        return False
    edits = edits_of(msg) if changes else None
    for begun, end, text in changes:
        assert edits is not None
        edits.replace(start + begun, start + end, text)
    return bool(changes)


@module.function(routes=_ROUTES)
def subst(msg: SipMessage, expression: SubstExpression) -> bool:
    """Substitute behind the first line: `/regular expression/replacement/flags`.

    Any character but a backslash may stand for `/`.  Flags: i any case, g all matches, s newlines are ordinary
    characters.  The replacement may hold \\0 to \\9, \\u (the R-URI), \\n \\r \\t, and variables.
    """
    return _subst_text(msg, _after_first_line(msg), expression)


@module.function(routes=_ROUTES)
def subst_body(msg: SipMessage, expression: SubstExpression) -> bool:
    """Substitute in the body; see subst()."""
    return not _no_body(msg) and _subst_text(msg, msg.body_start, expression)


@module.function(routes=_URI_ROUTES)
def subst_uri(msg: SipMessage, expression: SubstExpression) -> bool:
    """Substitute in the R-URI; see subst()."""
    substitution = _parsed(expression)
    made = substitution.apply(msg, msg.current_uri) if substitution is not None else None
    if made is None:
        return False
    msg.new_uri = made
    return True


@module.function(routes=_URI_ROUTES)
def subst_user(msg: SipMessage, expression: SubstExpression) -> bool:
    """Substitute in the user part of the R-URI; see subst()."""
    substitution = _parsed(expression)
    try:
        uri = msg.ruri_parsed
    except ParseError:
        return False
    made = substitution.apply(msg, uri.user or "") if substitution is not None else None
    if made is None:
        return False
    msg.new_uri = uri.replace(user=made)
    return True
