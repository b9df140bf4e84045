"""Codec and stream operations on SDP bodies: find, delete, move."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

from runtime.declare import Pattern
from runtime.sip.edits import Edits, edits_of
from stdlib.sipmsgops.media import STATIC_PAYLOADS, Payload, Stream, sdp_streams
from stdlib.sipmsgops.settings import ANY_MESSAGE, module

if TYPE_CHECKING:
    from runtime.sip.message import SipMessage

__all__ = [
    "codec_delete", "codec_delete_except_re", "codec_delete_re", "codec_exists", "codec_exists_re", "codec_move_down",
    "codec_move_down_re", "codec_move_up", "codec_move_up_re", "is_audio_on_hold", "stream_delete", "stream_exists",
]  # fmt: skip

Operation = Literal["find", "delete", "up", "down"]
Matcher = Callable[[str, str | None], bool]
"""Does the codec with this name and clock match?"""


class _Formats(str):
    """A payload list as changed by these functions, which they may change again."""

    __slots__ = ()


def _formats(msg: SipMessage, edits: Edits | None, stream: Stream) -> str:
    """The payload list of a stream as it is now, with the blanks before each."""
    if edits is not None:
        for start, _, _, text in edits.changes:
            if start == stream.formats[0] and isinstance(text, _Formats):
                return text
    return msg.text[stream.formats[0] : stream.formats[1]]


def _save_formats(edits: Edits, stream: Stream, text: str) -> None:
    for i, (start, order, end, old) in enumerate(edits.changes):
        if start == stream.formats[0] and isinstance(old, _Formats):
            edits.changes[i] = (start, order, end, _Formats(text))
            return
    edits.replace(*stream.formats, _Formats(text))


def _without(formats: str, number: str) -> str | None:
    """The list without a payload and the blanks before it; None when it is not in it."""
    pieces = re.findall(r"[ \t]*[^ \t]+", formats)
    for i, piece in enumerate(pieces):
        if piece.strip() == number:
            return "".join(pieces[:i] + pieces[i + 1 :])
    return None


def _remove_lines(edits: Edits, payload: Payload) -> None:
    for start, end in payload.lines:
        if not edits.removed(start, end):
            edits.remove(start, end)


def _process(msg: SipMessage, stream: Stream, matches: Matcher, clocked: bool, operation: Operation) -> bool:
    before = formats = _formats(msg, msg.edits, stream)
    if not formats:
        return False  # deleted
    moved = ""
    done = False
    # Payloads of the stream first, then the static ones, which need no rtpmap
    everything = [*stream.payloads, *(Payload(*static) for static in STATIC_PAYLOADS)]
    for payload in everything:
        if payload.name is None or (clocked and payload.clock is None) or not matches(payload.name, payload.clock):
            continue
        rest = _without(formats, payload.number)
        if rest is None:
            continue
        done = True
        if operation == "find":
            return True
        formats = rest
        if operation == "delete":
            edits = edits_of(msg)
            _remove_lines(edits, payload)
            if payload.linked is not None:
                _remove_lines(edits, payload.linked)
                rest = _without(formats, payload.linked.number)
                formats = formats if rest is None else rest
        else:
            moved += f" {payload.number}"
    if not done:
        return False
    formats = moved + formats if operation == "up" else formats + moved
    edits = edits_of(msg)
    if formats != before:
        _save_formats(edits, stream, formats)
    if not formats:  # no codec left: RFC 3264 section 8.2, the stream is refused
        edits.replace(*stream.port, "0")
    return True


def _for_all(msg: SipMessage, matches: Matcher, clocked: bool, operation: Operation) -> bool:
    streams = sdp_streams(msg)
    if streams is None:
        return False
    done = False
    for stream in streams:
        done = _process(msg, stream, matches, clocked, operation) or done
    return done


def _named(codec: str, clock: str | None = None) -> Matcher:
    wanted = codec.lower()
    wanted_clock = None if clock is None else clock.lower()

    def matches(name: str, rate: str | None) -> bool:
        return name.lower() == wanted and (wanted_clock is None or (rate or "").lower() == wanted_clock)

    return matches


def _like(expression: re.Pattern[str]) -> Matcher:
    return lambda name, rate: expression.search(name) is not None


@module.function(routes=ANY_MESSAGE)
def codec_exists(msg: SipMessage, codec: str, clock: str | None = None) -> bool:
    """Does any stream of the SDP have this codec, by its name in any case?

    The clock is not compared, only there must be one when it is given, as in OpenSIPS.
    """
    return _for_all(msg, _named(codec), clock is not None, "find")


@module.function(routes=ANY_MESSAGE)
def codec_exists_re(msg: SipMessage, re: Pattern) -> bool:
    """Does any stream of the SDP have a codec whose name matches?"""
    return _for_all(msg, _like(re), False, "find")


@module.function(routes=ANY_MESSAGE)
def codec_delete(msg: SipMessage, codec: str, clock: str | None = None) -> bool:
    """Remove a codec (of this clock rate, if given) and its attribute lines; a stream left without gets port 0."""
    return _for_all(msg, _named(codec, clock), clock is not None, "delete")


@module.function(routes=ANY_MESSAGE)
def codec_delete_re(msg: SipMessage, re: Pattern) -> bool:
    """Remove the codecs whose names match."""
    return _for_all(msg, _like(re), False, "delete")


@module.function(routes=ANY_MESSAGE)
def codec_delete_except_re(msg: SipMessage, re: Pattern) -> bool:
    """Remove the codecs whose names do not match."""
    return _for_all(msg, lambda name, rate: re.search(name) is None, False, "delete")


@module.function(routes=ANY_MESSAGE)
def codec_move_up(msg: SipMessage, codec: str, clock: str | None = None) -> bool:
    """Put a codec first in the list of its stream."""
    return _for_all(msg, _named(codec, clock), clock is not None, "up")


@module.function(routes=ANY_MESSAGE)
def codec_move_up_re(msg: SipMessage, re: Pattern) -> bool:
    """Put the codecs whose names match first, in their order."""
    return _for_all(msg, _like(re), False, "up")


@module.function(routes=ANY_MESSAGE)
def codec_move_down(msg: SipMessage, codec: str, clock: str | None = None) -> bool:
    """Put a codec last in the list of its stream."""
    return _for_all(msg, _named(codec, clock), clock is not None, "down")


@module.function(routes=ANY_MESSAGE)
def codec_move_down_re(msg: SipMessage, re: Pattern) -> bool:
    """Put the codecs whose names match last, in their order."""
    return _for_all(msg, _like(re), False, "down")


# ---------------------------------------------------------------------------------------------------------- streams
def _find_stream(msg: SipMessage, media: re.Pattern[str], transport: re.Pattern[str] | None) -> Stream | None:
    """The matching stream that OpenSIPS finds first: the last one of the body."""
    for stream in reversed(sdp_streams(msg) or ()):
        if media.search(stream.media) and (transport is None or transport.search(stream.transport)):
            return stream
    return None


@module.function(routes=ANY_MESSAGE)
def stream_exists(msg: SipMessage, media: Pattern, transport: Pattern | None = None) -> bool:
    """Is there a stream whose media type (audio, video…) and transport (RTP/AVP…) match?"""
    return _find_stream(msg, media, transport) is not None


@module.function(routes=ANY_MESSAGE)
def stream_delete(msg: SipMessage, media: Pattern, transport: Pattern | None = None) -> bool:
    """Remove one stream whose media type and transport match (the last such); false when there is none any more."""
    stream = _find_stream(msg, media, transport)
    if stream is None or not _formats(msg, msg.edits, stream):
        return False
    edits = edits_of(msg)
    # nothing inside it counts any more
    edits.changes = [change for change in edits.changes if not stream.start <= change[0] < stream.end]
    edits.remove(stream.start, stream.end)
    edits.changes.append((stream.formats[0], 0, stream.formats[1], _Formats("")))
    return True


@module.function(routes=ANY_MESSAGE)
def is_audio_on_hold(msg: SipMessage) -> bool:
    """Does the SDP put an audio stream on hold?"""
    return any(stream.media == "audio" and stream.on_hold for stream in sdp_streams(msg) or ())
