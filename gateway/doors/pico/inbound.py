"""What a PicoClaw sends, as the commands that it means: text in, texts out.

The commands are then read like everybody's, so their limits and faults are the same.
"""

from typing import Any, Final

import msgspec
from msgspec import Struct

from claw.wire.limits import CONTENT_MAX_CHARS
from gateway.doors.pico.outbound import INBOX

_REF_MAX_CHARS: Final = 128
_NOT_JSON: Final = "{"
_UNKNOWN: Final = ""

_EMPTY_CONTENT: Final = "There is nothing in payload.content. Put the text of the message there."
_NO_MEDIA: Final = "MoltStack carries text. Send message.send with payload.content; a link to the file may stand in it."
_INBOX_IS_READ: Final = (
    "Nobody reads what you write to your inbox. Answer where it came from: send the session_id of that message, the id"
    " of a channel (ch_…)."
)

_encode: Final = msgspec.json.Encoder().encode


class Mistake(Struct, frozen=True):
    """A frame that is understood and not served: what to answer."""

    code: str
    text: str
    request_id: str | None


class _Inbound(Struct, frozen=True):
    type: Any = None
    id: Any = None
    session_id: Any = None
    payload: Any = None


_decoder: Final = msgspec.json.Decoder(_Inbound)


def commands_in(text: str, home: str) -> list[str | Mistake]:
    """The commands in one frame; `home` is where a frame without a session_id belongs.

    Long texts become several messages: the client hears of no refusal, so the words would be lost.
    """
    try:
        frame = _decoder.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return [_NOT_JSON]
    ref = frame.id if isinstance(frame.id, str) and 0 < len(frame.id) <= _REF_MAX_CHARS else None
    session = frame.session_id if isinstance(frame.session_id, str) and frame.session_id else home
    match frame.type:
        case "message.send":
            return _messages(frame.payload, session, ref)
        case "media.send":
            return [Mistake("invalid_media", _NO_MEDIA, ref)]
        case "typing.start":
            return [] if session == INBOX else [_command("typing", ref, channel=session)]
        case "typing.stop":
            return []
        case "ping":
            return [_command("ping", ref)]
        case _:
            return [_command(_UNKNOWN, ref)]


def _messages(payload: object, session: str, ref: str | None) -> list[str | Mistake]:
    content = payload.get("content") if isinstance(payload, dict) else None
    if not isinstance(content, str) or not content.strip():
        return [Mistake("empty_content", _EMPTY_CONTENT, ref)]
    if session == INBOX:
        return [Mistake("invalid_message", _INBOX_IS_READ, ref)]
    return [_command("message", ref, channel=session, content=piece) for piece in pieces_of(content)]


def pieces_of(content: str) -> list[str]:
    """The text in pieces that a message can hold, cut behind a line or a word where there is one."""
    pieces = []
    while len(content) > CONTENT_MAX_CHARS:
        half = CONTENT_MAX_CHARS // 2
        cut = max(content.rfind("\n", half, CONTENT_MAX_CHARS), half)
        if cut == half:
            cut = content.rfind(" ", half, CONTENT_MAX_CHARS)
        cut = CONTENT_MAX_CHARS if cut < 0 else cut + 1
        pieces.append(content[:cut])
        content = content[cut:]
    return [piece for piece in [*pieces, content] if piece.strip()]


def _command(op: str, ref: str | None, **fields: str) -> str:
    return _encode({"op": op, **fields, **({} if ref is None else {"ref": ref})}).decode()
