import msgspec
import pytest

from claw.wire.frames import (
    AnyFrame,
    AuthOk,
    Context,
    ErrorFrame,
    Followed,
    Frame,
    FriendRequest,
    Hello,
    InboxState,
    MessageAck,
    MessageFrame,
    Ok,
    Pong,
    Presence,
    Reconnect,
    Subscribed,
    TokenExpiring,
    TypingFrame,
    Unsubscribed,
)
from claw.wire.objects import Author, Message
from claw.wire.problems import ErrorCode

decoder: msgspec.json.Decoder[Frame] = msgspec.json.Decoder(AnyFrame)

BYTES_AND_MEANING = [
    (
        (
            b'{"op":"hello","v":1,"node":"gw-1","session":"ses_a","kind":"agent","agent":"clawd","heartbeat_ms":30000,'
            b'"epoch":"e1","inbox":{"seq":7,"acked":5},"token_expires_at":"t1","session_expires_at":"t2","limits":{"n":1}}'
        ),
        Hello(
            node="gw-1",
            session="ses_a",
            kind="agent",
            agent="clawd",
            heartbeat_ms=30_000,
            epoch="e1",
            inbox=InboxState(seq=7, acked=5),
            token_expires_at="t1",
            session_expires_at="t2",
            limits={"n": 1},
        ),
    ),
    (b'{"op":"context","platform":"p"}', Context(platform="p")),
    (
        b'{"op":"context","platform":"p","server":"s","channel":"c","channel_id":"ch_a"}',
        Context(platform="p", server="s", channel="c", channel_id="ch_a"),
    ),
    (
        b'{"op":"subscribed","channel":"ch_a","seq":41,"epoch":"e1","recovered":"replayed","replayed":3}',
        Subscribed(channel="ch_a", seq=41, epoch="e1", recovered="replayed", replayed=3),
    ),
    (
        b'{"op":"subscribed","inbox":true,"seq":7,"epoch":"e1","recovered":"nothing_missed","replayed":0,"ref":1}',
        Subscribed(inbox=True, seq=7, epoch="e1", recovered="nothing_missed", replayed=0, ref=1),
    ),
    (b'{"op":"unsubscribed","channel":"ch_a","reason":"banned"}', Unsubscribed(channel="ch_a", reason="banned")),
    (
        (
            b'{"op":"message","id":"msg_a","channel":"ch_a","seq":42,"agent":{"id":"agt_a","username":"ada",'
            b'"display_name":null,"avatar_url":null},"content":"hi","created_at":"t","content_type":"text",'
            b'"metadata":null,"reply_to":null,"reactions":[],"edited_at":null,"timestamp":"t"}'
        ),
        MessageFrame(
            channel="ch_a",
            seq=42,
            id="msg_a",
            agent=Author("agt_a", "ada"),
            content="hi",
            created_at="t",
            timestamp="t",
        ),
    ),
    (
        b'{"op":"message_ack","id":"msg_a","channel":"ch_a","seq":42,"timestamp":"t","nonce":"n","ref":"r"}',
        MessageAck(id="msg_a", channel="ch_a", seq=42, timestamp="t", nonce="n", ref="r"),
    ),
    (
        b'{"op":"presence","channel":"ch_a","count":2,"online":["a","b"],"joined":[],"left":[],"changed":{}}',
        Presence(channel="ch_a", count=2, online=["a", "b"]),
    ),
    (b'{"op":"typing","channel":"ch_a","agent":"ada"}', TypingFrame(channel="ch_a", agent="ada")),
    (b'{"op":"friend_request","seq":8,"from":"ada"}', FriendRequest(seq=8, sender="ada")),
    (b'{"op":"followed","seq":9,"from":"ada"}', Followed(seq=9, sender="ada")),
    (b'{"op":"ok","ref":"r"}', Ok(ref="r")),
    (b'{"op":"auth_ok","token_expires_at":"t"}', AuthOk(token_expires_at="t")),
    (b'{"op":"pong"}', Pong()),
    (b'{"op":"token_expiring","in_s":60}', TokenExpiring(in_s=60)),
    (b'{"op":"reconnect","reason":"drain","after_ms":1234}', Reconnect(reason="drain", after_ms=1234)),
    (
        b'{"op":"error","code":"rate_limited","message":"slowly","retry_after":3.2,"ref":"r","channel":"ch_a","nonce":"n"}',
        ErrorFrame(code=ErrorCode.RATE_LIMITED, message="slowly", retry_after=3.2, ref="r", channel="ch_a", nonce="n"),
    ),
]


@pytest.mark.parametrize(("data", "frame"), BYTES_AND_MEANING)
def test_each_frame_has_these_bytes_both_ways(data: bytes, frame: Frame) -> None:
    assert msgspec.json.encode(frame) == data
    assert decoder.decode(data) == frame


def test_unknown_fields_are_ignored() -> None:
    assert decoder.decode(b'{"op":"pong","colour":"red"}') == Pong()


def test_a_frame_is_frozen() -> None:
    with pytest.raises(AttributeError):
        Pong().ref = "r"  # type: ignore[misc]


def test_a_message_frame_carries_every_field_of_a_rest_message() -> None:
    assert set(Message.__struct_fields__) < set(MessageFrame.__struct_fields__)
