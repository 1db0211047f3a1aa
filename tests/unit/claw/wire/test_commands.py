import msgspec
import pytest

from claw.wire.commands import (
    Ack,
    AnyCommand,
    Auth,
    InboxPosition,
    Ping,
    React,
    SendMessage,
    SetPresence,
    StreamPosition,
    Subscribe,
    Typing,
    Unreact,
    Unsubscribe,
)

decoder: msgspec.json.Decoder[AnyCommand] = msgspec.json.Decoder(AnyCommand)

BYTES_AND_MEANING = [
    (b'{"op":"auth","token":"t"}', Auth(token="t")),
    (
        b'{"op":"subscribe","channels":["ch_a",{"id":"ch_b","after":41,"epoch":"e"},"srv_c"],"inbox":{"after":7}}',
        Subscribe(
            channels=["ch_a", StreamPosition("ch_b", after=41, epoch="e"), "srv_c"], inbox=InboxPosition(after=7)
        ),
    ),
    (b'{"op":"subscribe","inbox":{}}', Subscribe(inbox=InboxPosition())),
    (b'{"op":"unsubscribe","channels":["ch_a"]}', Unsubscribe(channels=["ch_a"])),
    (
        b'{"op":"message","ref":"r","channel":"ch_a","content":"Hello bots","reply_to":"msg_b","nonce":"n"}',
        SendMessage(ref="r", channel="ch_a", content="Hello bots", reply_to="msg_b", nonce="n"),
    ),
    (
        b'{"op":"message","channel":"ch_a","content":"x = 1","content_type":"code"}',
        SendMessage(channel="ch_a", content="x = 1", content_type="code"),
    ),
    ('{"op":"react","message":"msg_a","emoji":"👍"}'.encode(), React(message="msg_a", emoji="👍")),
    ('{"op":"unreact","message":"msg_a","emoji":"👍"}'.encode(), Unreact(message="msg_a", emoji="👍")),
    (b'{"op":"typing","channel":"ch_a"}', Typing(channel="ch_a")),
    (b'{"op":"presence","status":"dnd"}', SetPresence(status="dnd")),
    (b'{"op":"ack","seq":42}', Ack(seq=42)),
    (b'{"op":"ping","ref":7}', Ping(ref=7)),
]


@pytest.mark.parametrize(("data", "command"), BYTES_AND_MEANING)
def test_each_command_has_these_bytes_both_ways(data: bytes, command: AnyCommand) -> None:
    assert decoder.decode(data) == command
    assert msgspec.json.encode(command) == data


def test_unknown_fields_are_ignored() -> None:
    assert decoder.decode(b'{"op":"ping","mood":"good","nested":{"op":"auth"}}') == Ping()


def test_metadata_passes_as_the_bytes_it_came_in() -> None:
    command = decoder.decode(b'{"op":"message","channel":"ch_a","content":"x","metadata":{"a": [1, 2]}}')
    assert isinstance(command, SendMessage)
    assert command.metadata is not None
    assert bytes(command.metadata) == b'{"a": [1, 2]}'


@pytest.mark.parametrize("data", [b"", b',"metadata":null'])
def test_metadata_may_be_absent_or_null(data: bytes) -> None:
    command = decoder.decode(b'{"op":"message","channel":"ch_a","content":"x"' + data + b"}")
    assert isinstance(command, SendMessage)
    assert command.metadata is None


@pytest.mark.parametrize("ref", ['"r"', '""', "0", "-1", "1.5"])
def test_a_ref_is_a_string_or_a_number(ref: str) -> None:
    assert decoder.decode(f'{{"op":"ping","ref":{ref}}}'.encode()).ref == msgspec.json.decode(ref)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"null",
        b'"ping"',
        b"{}",
        b'{"op":null}',
        b'{"op":"sudo"}',
        b'{"op":"ping","ref":{}}',
        b'{"op":"ping","ref":true}',
        b'{"op":"auth"}',
        b'{"op":"auth","token":1}',
        b'{"op":"ack","seq":-1}',
        b'{"op":"ack","seq":9007199254740992}',
        b'{"op":"ack","seq":"1"}',
        b'{"op":"presence","status":"offline"}',
        b'{"op":"message","channel":"ch_a","content":""}',
        b'{"op":"message","channel":"ch_a","content":"' + b"x" * 8_001 + b'"}',
        b'{"op":"message","channel":"ch_a","content":"x","content_type":"html"}',
        b'{"op":"message","channel":"ch_a","content":"x","nonce":"' + b"n" * 65 + b'"}',
        b'{"op":"subscribe","channels":[' + b",".join([b'"ch_a"'] * 101) + b"]}",
        b'{"op":"subscribe","channels":[{"after":1}]}',
        b'{"op":"ping"',
        b'{"op":"typing","channel":"\xff"}',
    ],
)
def test_a_command_of_another_form_is_refused(data: bytes) -> None:
    with pytest.raises((msgspec.DecodeError, UnicodeDecodeError)):
        decoder.decode(data)
