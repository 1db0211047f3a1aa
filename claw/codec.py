"""Bytes to frames, forgiving towards newer servers, and commands to bytes."""

from typing import Any, Final, TypeVar

import msgspec
from msgspec import UNSET, UnsetType

from claw.errors import RefusedError, TooLargeError, refusal
from claw.events import UnknownEvent
from claw.wire.commands import AnyCommand, Ref
from claw.wire.frames import AnyFrame, ErrorFrame, Frame
from claw.wire.limits import CLIENT_FRAME_MAX_BYTES
from claw.wire.problems import ErrorCode

T = TypeVar("T")


class ForeignErrorFrame(Frame, frozen=True, tag="error", kw_only=True):
    """An `error` whose code this version does not know. It still answers a command, so it may not go unread."""

    code: str
    message: str = ""
    retry_after: float | UnsetType = UNSET
    ref: Ref | UnsetType = UNSET
    channel: str | UnsetType = UNSET
    nonce: str | UnsetType = UNSET


AnyErrorFrame = ErrorFrame | ForeignErrorFrame

_frames: "msgspec.json.Decoder[Frame]" = msgspec.json.Decoder(AnyFrame)
_foreign_errors = msgspec.json.Decoder(ForeignErrorFrame)
_objects = msgspec.json.Decoder(dict[str, Any])
_encoder = msgspec.json.Encoder()
# RecursionError: brackets within brackets, some thousands deep.
UNREADABLE: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


def decode_frame(data: str | bytes) -> Frame | UnknownEvent:
    """One frame as received. Never raises: what this version cannot read comes back as UnknownEvent."""
    try:
        return _frames.decode(data)
    except UNREADABLE:
        pass
    try:
        fields = _objects.decode(data)
    except UNREADABLE:
        return UnknownEvent(op="")
    op = fields.get("op")
    if op == "error":
        try:
            return _foreign_errors.decode(data)
        except msgspec.DecodeError:
            pass
    return UnknownEvent(op=op if isinstance(op, str) else "", data=fields)


def encode_command(command: AnyCommand) -> bytes:
    """The text frame for `command`.

    Raises TooLargeError above the contract's limit, because the server would answer such a frame by closing the
    socket for good (1009), and one long text should not end a session.
    """
    data = _encoder.encode(command)
    if len(data) > CLIENT_FRAME_MAX_BYTES:
        raise TooLargeError(ErrorCode.TOO_LARGE, f"the frame has {len(data)} bytes, at most {CLIENT_FRAME_MAX_BYTES}")
    return data


def refusal_of(frame: AnyErrorFrame) -> RefusedError:
    """The error that an `error` frame stands for."""
    return refusal(frame.code, frame.message, retry_after=given(frame.retry_after))


def given(value: T | UnsetType) -> T | None:
    """`value`, or None where the frame left the field out."""
    return None if isinstance(value, UnsetType) else value
