"""Frames as bytes: WebSocket headers for what goes out, JSON for our own answers.

A server's frames are not masked, so a finished frame is the same for every socket: header and payload are joined once.
"""

from collections.abc import Iterator
from typing import Final, TypeVar

import msgspec

from claw.wire.commands import Ref
from claw.wire.frames import ErrorFrame, Frame
from claw.wire.problems import ErrorCode

T = TypeVar("T")

_SMALL: Final = 126
_MEDIUM: Final = 1 << 16
_TEXT: Final = b"\x81"

_encode: Final = msgspec.json.Encoder().encode


def text_frame(payload: bytes) -> bytes:
    """One unfragmented, unmasked text frame around `payload` (RFC 6455 section 5.2)."""
    length = len(payload)
    if length < _SMALL:
        return b"%b%c%b" % (_TEXT, length, payload)
    if length < _MEDIUM:
        return b"%b\x7e%b%b" % (_TEXT, length.to_bytes(2), payload)
    return b"%b\x7f%b%b" % (_TEXT, length.to_bytes(8), payload)


def payloads_of(data: bytes) -> Iterator[bytes]:
    """What is in finished frames, one after the other: `text_frame` undone."""
    start = 0
    while start < len(data):
        length, start = data[start + 1], start + 2
        if length >= _SMALL:
            size = 2 if length == _SMALL else 8
            length, start = int.from_bytes(data[start : start + size]), start + size
        yield data[start : start + length]
        start += length


def encode_payload(frame: Frame) -> bytes:
    """A frame of ours as JSON."""
    return _encode(frame)


def encode_frame(frame: Frame) -> bytes:
    """A frame of ours, ready for a socket."""
    return text_frame(_encode(frame))


def error_frame(
    code: ErrorCode,
    text: str,
    *,
    ref: Ref | None = None,
    retry_after: float | None = None,
    channel: str | None = None,
    nonce: str | None = None,
) -> ErrorFrame:
    """An `error` frame; what is None is left out."""
    return ErrorFrame(
        code=code,
        message=text,
        retry_after=or_unset(retry_after),
        ref=or_unset(ref),
        channel=or_unset(channel),
        nonce=or_unset(nonce),
    )


def or_unset(value: T | None) -> T | msgspec.UnsetType:
    """The value of an optional field, left out of the frame where it is None."""
    return msgspec.UNSET if value is None else value
