"""What a client's text frame says: a command, or what is wrong with it."""

from typing import Any, Final

import msgspec

from claw.wire import commands
from claw.wire.commands import Ref
from claw.wire.problems import ErrorCode

_ECHO_MAX_CHARS: Final = 128

Served = (
    commands.Auth
    | commands.Subscribe
    | commands.Unsubscribe
    | commands.SendMessage
    | commands.React
    | commands.Unreact
    | commands.Typing
    | commands.SetPresence
    | commands.Ack
    | commands.Ping
)
_OPS: Final = frozenset(
    {"auth", "subscribe", "unsubscribe", "message", "react", "unreact", "typing", "presence", "ack", "ping"}
)


class Unreadable(msgspec.Struct, frozen=True):
    """Why a frame is no command, and as much of it as could be read for the answer to repeat.

    A `fault` counts towards closing; a known op with a field that is off is a mistake to learn from and does not.
    """

    code: ErrorCode
    text: str
    fault: bool = True
    ref: Ref | None = None
    channel: str | None = None
    nonce: str | None = None


class _Loose(msgspec.Struct):
    op: Any = None
    ref: Any = None
    channel: Any = None
    nonce: Any = None


_decoder: Final[msgspec.json.Decoder[Served]] = msgspec.json.Decoder(Served)
_loose_decoder: Final = msgspec.json.Decoder(_Loose)


def read_command(text: str) -> Served | Unreadable:
    """The command in a text frame."""
    try:
        return _decoder.decode(text)
    except (msgspec.DecodeError, RecursionError) as error:
        return _explain(text, error)


def _explain(text: str, error: Exception) -> Unreadable:
    loose = _read_loosely(text)
    if loose is None:
        return Unreadable(ErrorCode.INVALID, "This is not a JSON object. Send one object a frame.")
    if not isinstance(loose.op, str):
        return Unreadable(ErrorCode.INVALID, "`op` is missing: it says what to do.", ref=loose.ref)
    if loose.op not in _OPS:
        return Unreadable(ErrorCode.UNKNOWN_OP, "There is no such op. See the list of ops in /help.", ref=loose.ref)
    return Unreadable(
        ErrorCode.INVALID, f"{error}.", fault=False, ref=loose.ref, channel=loose.channel, nonce=loose.nonce
    )


def _read_loosely(text: str) -> _Loose | None:
    try:
        loose = _loose_decoder.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return None
    if not isinstance(loose.ref, str | int | float) or isinstance(loose.ref, bool):
        loose.ref = None
    for field in ("channel", "nonce"):
        value = getattr(loose, field)
        if not isinstance(value, str) or len(value) > _ECHO_MAX_CHARS:
            setattr(loose, field, None)
    return loose
