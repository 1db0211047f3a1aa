"""What a PicoClaw is sent, byte by byte as its `pico_client` reads it."""

import pytest

from claw.wire import frames
from claw.wire.problems import ErrorCode
from gateway.doors.pico.outbound import (
    Told,
    Typist,
    error_frame,
    mistake_frame,
    pong_frame,
    read_events,
    typing_frame,
)
from gateway.wire import payloads_of, text_frame

_CHANNEL = "ch_01h455vb4pex5vsknk084sn02q"
_MESSAGE = "msg_01h455vb4pex5vsknk084sn02s"
_AGENT = "agt_01h455vb4pex5vsknk084sn02t"
_STORED = (
    f'"channel":"{_CHANNEL}","seq":42,"id":"{_MESSAGE}","agent":{{"id":"{_AGENT}","username":"alice",'
    '"display_name":"Alice","avatar_url":null},"content":"Hello \\"bots\\"\\n🦞","content_type":"text","metadata":null,'
    '"reply_to":null,"reactions":[],"created_at":"2026-11-21T12:00:00.123Z"'
)
_LIVE = f'{{"op":"message",{_STORED},"timestamp":"2026-11-21T12:00:00.123Z","edited_at":null}}'
_CREATED = (
    f'{{"type":"message.create","id":"{_MESSAGE}","session_id":"{_CHANNEL}","timestamp":1795262400123,'
    f'"payload":{{"content":"@alice: Hello \\"bots\\"\\n🦞","message_id":"{_MESSAGE}"}}}}'
)
_DM_CHANNEL = "ch_01h455vb4pex5vsknk084sn02v"


def _read(*stored: str) -> tuple[Told | Typist, ...]:
    return read_events(b"".join(text_frame(each.encode()) for each in stored))


def _told(stored: str) -> Told:
    (event,) = _read(stored)
    assert isinstance(event, Told)
    return event


def _text(frame: bytes) -> str:
    (payload,) = payloads_of(frame)
    return payload.decode()


def test_a_message_arrives_with_its_authors_name_in_front() -> None:
    event = _told(_LIVE)
    assert _text(event.frame) == _CREATED
    assert (event.stream, event.seq, event.author, event.message) == (_CHANNEL, 42, _AGENT, _MESSAGE)


@pytest.mark.parametrize("op", ["dm", "mention", "reply"])
def test_what_the_inbox_copies_belongs_to_the_channel_it_was_said_in(op: str) -> None:
    event = _told(f'{{"op":"{op}","seq":7,"channel":"{_CHANNEL}","message":{{{_STORED},"edited_at":null}}}}')
    assert _text(event.frame) == _CREATED
    assert (event.stream, event.seq, event.channel, event.place) == ("inbox", 7, _CHANNEL, 42)


@pytest.mark.parametrize(
    ("stored", "session", "text"),
    [
        ('{"op":"friend_request","seq":8,"from":"bob"}', "inbox", "@moltstack: @bob asks to be your friend."),
        (
            f'{{"op":"friend_accepted","seq":8,"friend":"bob","channel":"{_DM_CHANNEL}"}}',
            _DM_CHANNEL,
            "@moltstack: @bob and you are friends now. What you answer here goes to @bob alone.",
        ),
        ('{"op":"followed","seq":8,"from":"bob"}', "inbox", "@moltstack: @bob follows you now."),
        (
            '{"op":"notice","seq":8,"kind":"joined","agent":"bob","server":"srv_x"}',
            "inbox",
            "@moltstack: @bob, whom you follow, has joined the server srv_x.",
        ),
        (
            '{"op":"notice","seq":8,"kind":"banned","server":"srv_x","reason":"spam"}',
            "inbox",
            "@moltstack: You were banned from the server srv_x. The reason given: spam",
        ),
        (
            f'{{"op":"notice","seq":8,"kind":"banned","server":"srv_x","channel":"{_CHANNEL}"}}',
            "inbox",
            f"@moltstack: You were banned from the channel {_CHANNEL}.",
        ),
        ('{"op":"notice","seq":8,"kind":"later"}', "inbox", "@moltstack: There is something new about you: later."),
    ],
)
def test_other_inbox_events_are_told_in_words(stored: str, session: str, text: str) -> None:
    event = _told(stored)
    assert _text(event.frame) == (
        f'{{"type":"message.create","id":"inbox-8","session_id":"{session}",'
        f'"payload":{{"content":"{text}","message_id":"inbox-8"}}}}'
    )
    assert (event.stream, event.seq) == ("inbox", 8)


@pytest.mark.parametrize(
    "stored",
    [
        f'{{"op":"message_edited","channel":"{_CHANNEL}","seq":43,"id":"{_MESSAGE}","content":"Hi"}}',
        f'{{"op":"message_deleted","channel":"{_CHANNEL}","seq":43,"id":"{_MESSAGE}","by":"alice"}}',
        f'{{"op":"reaction_added","channel":"{_CHANNEL}","seq":43,"message":"{_MESSAGE}","agent":"bob","emoji":"👍"}}',
        _LIVE.replace('"seq":42', '"seq":43')[:-1] + ',"deleted":true}',
    ],
)
def test_what_its_client_has_no_ear_for_only_moves_the_position(stored: str) -> None:
    event = _told(stored)
    assert (event.stream, event.seq, event.frame) == (_CHANNEL, 43, b"")


@pytest.mark.parametrize(
    "stored",
    [
        f'{{"op":"presence","channel":"{_CHANNEL}","online":["bob"],"count":1}}',
        f'{{"op":"context","platform":"p","channel_id":"{_CHANNEL}"}}',
        f'{{"op":"invented_later","channel":"{_CHANNEL}","seq":43}}',
        f'{{"op":"message","channel":"{_CHANNEL}","seq":"of another form"}}',
    ],
)
def test_what_is_no_event_that_is_known_is_left_out(stored: str) -> None:
    assert _read(stored) == ()


def test_many_finished_frames_are_told_apart_whatever_their_length() -> None:
    lengths = (1, 60, 200, 70_000)
    events = _read(*(_LIVE.replace("Hello", "x" * length) for length in lengths))
    assert [len(event.frame) > length for event, length in zip(events, lengths, strict=True) if isinstance(event, Told)]
    assert len(events) == 4


def test_typing_is_told_as_start_and_stop() -> None:
    assert _read(f'{{"op":"typing","channel":"{_CHANNEL}","agent":"bob"}}') == (Typist(_CHANNEL, "bob"),)
    assert _text(typing_frame(_CHANNEL, 5)) == f'{{"type":"typing.start","session_id":"{_CHANNEL}","timestamp":5}}'
    assert _text(typing_frame(_CHANNEL, 5, ended=True)) == (
        f'{{"type":"typing.stop","session_id":"{_CHANNEL}","timestamp":5}}'
    )


def test_a_pong_repeats_the_id_of_the_ping() -> None:
    assert _text(pong_frame(frames.Pong(ref="7"), 5)) == '{"type":"pong","id":"7","timestamp":5}'
    assert _text(pong_frame(frames.Pong(), 5)) == '{"type":"pong","timestamp":5}'


def test_errors_have_the_protocols_codes_where_it_has_one() -> None:
    assert _text(mistake_frame("empty_content", "Nothing.", request_id="9", now_ms=5)) == (
        '{"type":"error","timestamp":5,"payload":{"code":"empty_content","message":"Nothing.","request_id":"9"}}'
    )
    limited = frames.ErrorFrame(code=ErrorCode.RATE_LIMITED, message="Wait.", retry_after=3.0, ref="9")
    assert _text(error_frame(limited, 5)) == (
        '{"type":"error","timestamp":5,"payload":{"code":"rate_limited","message":"Wait.","request_id":"9"}}'
    )
    unreadable = frames.ErrorFrame(code=ErrorCode.INVALID, message="No.")
    assert '"code":"invalid_message","message":"No."' in _text(error_frame(unreadable, 5))
    unknown = frames.ErrorFrame(code=ErrorCode.UNKNOWN_OP, message="There is no such op.")
    assert '"code":"unknown_type","message":"There is no such type' in _text(error_frame(unknown, 5))
