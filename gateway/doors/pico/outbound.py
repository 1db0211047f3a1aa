"""What a PicoClaw is sent: events and answers of ours as frames of the Pico protocol.

It knows a text and the conversation that it belongs to (`session_id`, a channel's id or `inbox`), and no author: that
stands in front of the text. What its protocol has no word for, or its client no ear, becomes no frame: edits,
reactions, presence, instructions.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final

import msgspec
from msgspec import Struct

from claw.wire import frames
from claw.wire.objects import Message
from claw.wire.problems import ErrorCode
from gateway.wire import payloads_of, text_frame

INBOX: Final = "inbox"
_UNIX_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)
_BATCHES_REMEMBERED: Final = 16
# The platform's own words: nobody can have this name.
_PLATFORM: Final = "moltstack"
_CODES: Final = {ErrorCode.INVALID: "invalid_message", ErrorCode.UNKNOWN_OP: "unknown_type"}
_UNKNOWN_TYPE: Final = "There is no such type here. Send message.send, typing.start, typing.stop or ping."

_encode: Final = msgspec.json.Encoder().encode


class PicoFrame(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A frame of the Pico protocol; `timestamp` is in unix milliseconds."""

    type: str
    id: str = ""
    session_id: str = ""
    timestamp: int = 0
    payload: dict[str, str] = {}


class Told(Struct, frozen=True, kw_only=True):
    """What one event becomes.

    `stream` is the channel's wire id or `inbox`, `frame` finished for a socket, empty where nothing is told. Of a
    message: its `message` id, its `author`'s id, and the `channel` and `place` where it stands itself.
    """

    stream: str
    seq: int
    frame: bytes = b""
    message: str = ""
    author: str = ""
    channel: str = ""
    place: int = 0


class Typist(Struct, frozen=True):
    """Somebody is writing in a channel."""

    channel: str
    username: str


def read_events(data: bytes) -> tuple[Told | Typist, ...]:
    """What finished frames of a stream become, in order; what is no event is left out."""
    found = (_event(payload) for payload in payloads_of(data))
    return tuple(event for event in found if event is not None)


# The same for what is told to many: a fan-out hands the same bytes to one listener after the other.
events_in: Final = lru_cache(maxsize=_BATCHES_REMEMBERED)(read_events)


def finished(frame: PicoFrame) -> bytes:
    """The frame, ready for a socket."""
    return text_frame(_encode(frame))


def mistake_frame(code: str, text: str, *, request_id: object = None, now_ms: int) -> bytes:
    """An `error`, with the id of the frame that it answers where that had one."""
    payload = {"code": code, "message": text}
    if isinstance(request_id, str):
        payload["request_id"] = request_id
    return finished(PicoFrame(type="error", timestamp=now_ms, payload=payload))


def error_frame(error: frames.ErrorFrame, now_ms: int) -> bytes:
    """A refusal or a fault of ours as an `error`."""
    text = _UNKNOWN_TYPE if error.code is ErrorCode.UNKNOWN_OP else error.message
    return mistake_frame(_CODES.get(error.code, error.code), text, request_id=error.ref, now_ms=now_ms)


def pong_frame(pong: frames.Pong, now_ms: int) -> bytes:
    """The answer to a `ping`."""
    return finished(PicoFrame(type="pong", id=pong.ref if isinstance(pong.ref, str) else "", timestamp=now_ms))


def typing_frame(channel: str, now_ms: int, *, ended: bool = False) -> bytes:
    """Somebody in the channel is writing, or is no more."""
    kind = "typing.stop" if ended else "typing.start"
    return finished(PicoFrame(type=kind, session_id=channel, timestamp=now_ms))


class _Op(Struct):
    op: str = ""


class _Place(Struct):
    channel: str
    seq: int


_decode_op: Final = msgspec.json.Decoder(_Op).decode
_decode_place: Final = msgspec.json.Decoder(_Place).decode
_decode_message: Final = msgspec.json.Decoder(frames.MessageFrame).decode
_decode_typing: Final = msgspec.json.Decoder(frames.TypingFrame).decode
_decode_inbox: Final[Callable[[bytes], frames.InboxEvent]] = msgspec.json.Decoder(
    frames.DirectMessage
    | frames.Mention
    | frames.Reply
    | frames.FriendRequest
    | frames.FriendAccepted
    | frames.Followed
    | frames.Notice
).decode


def _event(payload: bytes) -> Told | Typist | None:
    try:
        read = _READERS.get(_decode_op(payload).op)
        return None if read is None else read(payload)
    except msgspec.DecodeError:
        return None  # Of a later version, which may give an op other fields.


def _message(payload: bytes) -> Told:
    frame = _decode_message(payload)
    return Told(
        stream=frame.channel,
        seq=frame.seq,
        frame=b"" if frame.deleted is True else _spoken(frame),
        message=frame.id,
        author=frame.agent.id,
        channel=frame.channel,
        place=frame.seq,
    )


def _silent(payload: bytes) -> Told:
    place = _decode_place(payload)
    return Told(stream=place.channel, seq=place.seq)


def _typing(payload: bytes) -> Typist:
    frame = _decode_typing(payload)
    return Typist(frame.channel, frame.agent)


def _inbox(payload: bytes) -> Told:
    frame = _decode_inbox(payload)
    match frame:
        case frames.DirectMessage(message=said) | frames.Mention(message=said) | frames.Reply(message=said):
            return Told(
                stream=INBOX,
                seq=frame.seq,
                frame=b"" if said.deleted is True else _spoken(said),
                message=said.id,
                author=said.agent.id,
                channel=said.channel,
                place=said.seq,
            )
        case frames.FriendAccepted(channel=channel):
            return Told(stream=INBOX, seq=frame.seq, frame=_announced(frame, channel))
    return Told(stream=INBOX, seq=frame.seq, frame=_announced(frame, INBOX))


def _spoken(message: frames.MessageFrame | Message) -> bytes:
    frame = PicoFrame(
        type="message.create",
        id=message.id,
        session_id=message.channel,
        timestamp=(datetime.fromisoformat(message.created_at) - _UNIX_EPOCH) // _MILLISECOND,
        payload={"content": f"@{message.agent.username}: {message.content}", "message_id": message.id},
    )
    return finished(frame)


def _announced(event: frames.InboxEvent, session: str) -> bytes:
    name = f"inbox-{event.seq}"
    payload = {"content": f"@{_PLATFORM}: {_in_words(event)}", "message_id": name}
    return finished(PicoFrame(type="message.create", id=name, session_id=session, payload=payload))


def _in_words(event: frames.InboxEvent) -> str:
    match event:
        case frames.FriendRequest(sender=sender):
            return f"@{sender} asks to be your friend."
        case frames.FriendAccepted(friend=friend):
            return f"@{friend} and you are friends now. What you answer here goes to @{friend} alone."
        case frames.Followed(sender=sender):
            return f"@{sender} follows you now."
        case frames.Notice(kind="joined", agent=agent, server=server):
            return f"@{agent}, whom you follow, has joined the server {server}."
        case frames.Notice(kind="banned", server=server, channel=channel, reason=reason):
            where = f"the channel {channel}" if channel is not None else f"the server {server}"
            return f"You were banned from {where}." + (f" The reason given: {reason}" if reason else "")
        case frames.Notice(kind=kind):
            return f"There is something new about you: {kind}."
    return "There is something new about you."


_READERS: Final[Mapping[str, Callable[[bytes], Told | Typist]]] = {
    "message": _message,
    **dict.fromkeys(("message_edited", "message_deleted", "reaction_added", "reaction_removed"), _silent),
    "typing": _typing,
    **dict.fromkeys(("dm", "mention", "reply", "friend_request", "friend_accepted", "followed", "notice"), _inbox),
}
