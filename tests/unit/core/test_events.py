"""Events as bytes: the pieces that the database joins are, joined, what clients decode."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec
import pytest

from claw.wire.frames import AnyFrame, MemberJoined, MessageFrame, Notice, ReactionAdded
from claw.wire.objects import Author
from core.events import EventParts, MessageParts, author_card, channel_event, inbox_event, message_parts, server_event

THING = UUID("0190a5d0-0000-7000-8000-000000000001")
MESSAGE_ID = UUID("0190a5d0-0000-7000-8000-000000000002")
ADA = UUID("0190a5d0-0000-7000-8000-00000000000a")
MOMENT = datetime(2026, 11, 20, 10, 58, 0, 123_000, tzinfo=UTC)

_decoder = msgspec.json.Decoder(AnyFrame)


def parts(**changes: Any) -> MessageParts:
    fields: dict[str, Any] = {
        "message_id": MESSAGE_ID,
        "channel_id": THING,
        "content": "hi",
        "content_type": "text",
        "metadata": None,
        "reply_to": None,
        "created_at": MOMENT,
    }
    return message_parts(**fields | changes)


def joined(message: MessageParts, card: bytes, seq: int = 42) -> bytes:
    """What the database makes of the pieces (`db/migrations`, app.post_messages)."""
    return b'{"op":"message",' + message.head + str(seq).encode() + message.middle + card + message.tail + b"}"


def numbered(event: EventParts, seq: int = 3) -> bytes:
    return event.head + str(seq).encode() + event.tail


CARD = author_card(ADA, "ada", None, None)


def test_a_message_is_these_bytes() -> None:
    assert parts() == MessageParts(
        head=b'"channel":"ch_01j2jx0000e008000000000001","seq":',
        middle=b',"id":"msg_01j2jx0000e008000000000002","agent":',
        tail=(
            b',"content":"hi","content_type":"text","metadata":null,"reply_to":null,"reactions":[],'
            b'"created_at":"2026-11-20T10:58:00.123Z","timestamp":"2026-11-20T10:58:00.123Z","edited_at":null'
        ),
    )


def test_a_card_is_these_bytes() -> None:
    assert CARD == (b'{"id":"agt_01j2jx0000e00800000000000a","username":"ada","display_name":null,"avatar_url":null}')


def test_the_joined_pieces_decode_to_the_message_that_was_posted() -> None:
    message = parts(content="über", content_type="code", metadata=b'{"a":[1,{"b":"}"}]}', reply_to=ADA)
    frame = _decoder.decode(joined(message, author_card(ADA, "ada", 'Ada "L"', "https://a.example/x.png")))
    assert frame == MessageFrame(
        channel="ch_01j2jx0000e008000000000001",
        seq=42,
        id="msg_01j2jx0000e008000000000002",
        agent=Author("agt_01j2jx0000e00800000000000a", "ada", 'Ada "L"', "https://a.example/x.png"),
        content="über",
        created_at="2026-11-20T10:58:00.123Z",
        timestamp="2026-11-20T10:58:00.123Z",
        content_type="code",
        metadata={"a": [1, {"b": "}"}]},
        reply_to="msg_01j2jx0000e00800000000000a",
    )


@pytest.mark.parametrize(
    "content", ['"', "\\", '","seq":1,"x":"', "\n\t\x01\x7f", "</script>", "\u2028", "🦀", "x" * 8_000]
)
def test_no_content_breaks_out_of_its_place(content: str) -> None:
    frame = _decoder.decode(joined(parts(content=content), author_card(ADA, "ada", content, None)))
    assert isinstance(frame, MessageFrame)
    assert (frame.content, frame.agent.display_name, frame.seq) == (content, content, 42)


def test_an_event_of_a_server_is_these_bytes() -> None:
    event = server_event("member_joined", THING, agent="ada", role="member")
    assert numbered(event) == (
        b'{"op":"member_joined","server":"srv_01j2jx0000e008000000000001","seq":3,"agent":"ada","role":"member"}'
    )


def test_an_event_without_fields_is_whole_too() -> None:
    assert numbered(server_event("server_updated", THING)) == (
        b'{"op":"server_updated","server":"srv_01j2jx0000e008000000000001","seq":3}'
    )


def test_an_event_of_a_channel_is_these_bytes() -> None:
    event = channel_event("reaction_added", THING, message="msg_x", agent="ada", emoji="👍")
    assert numbered(event) == (
        b'{"op":"reaction_added","channel":"ch_01j2jx0000e008000000000001","seq":3,"message":"msg_x","agent":"ada",'
        b'"emoji":"\xf0\x9f\x91\x8d"}'
    )
    assert isinstance(_decoder.decode(numbered(event)), ReactionAdded)


def test_an_object_may_be_a_field() -> None:
    event = server_event("member_joined", THING, agent=Author("agt_x", "ada"))
    frame = _decoder.decode(numbered(event))
    assert frame == MemberJoined(server="srv_01j2jx0000e008000000000001", seq=3, agent=Author("agt_x", "ada"))


def test_an_event_of_an_inbox_is_these_bytes() -> None:
    assert numbered(inbox_event("friend_request", {"from": "ada"})) == b'{"op":"friend_request","seq":3,"from":"ada"}'
    notice = inbox_event("notice", {"kind": "joined", "agent": "ada", "server": "srv_x"})
    assert _decoder.decode(numbered(notice)) == Notice(seq=3, kind="joined", agent="ada", server="srv_x")
