"""What goes wrong around a bot: each is named in one line, and none loses or repeats an event."""

import asyncio
import json
import logging
import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from claw import Client, MessageEvent, UnauthorizedError
from claw.errors import ClawError, IdentityError, PositionsError
from claw.events import CommandFault, UnknownEvent
from tests.integration.claw.peer import Part, Peer, meeting


def assert_one_line(error: ClawError, *words: str) -> None:
    assert "\n" not in str(error)
    assert all(word in str(error) for word in words), str(error)


def goes_on_behind(seq: int, *, upto: int) -> Part:
    """A server that is asked for what comes after `seq`, brings it, and then stays."""

    async def part(peer: Peer) -> None:
        (wish,) = (await peer.hears("subscribe"))["channels"]
        assert wish == {"id": "ch_a", "after": seq, "epoch": "e1"}
        for each in range(seq + 1, upto + 1):
            await peer.posts(each)
        replayed = {"recovered": "replayed", "replayed": upto - seq}
        await peer.says("subscribed", channel="ch_a", seq=upto, epoch="e1", **replayed)
        await peer.waits()

    return part


def brings(*seqs: int, close: int | None = None) -> Part:
    """A server that brings these events live, and closes or stays."""

    async def part(peer: Peer) -> None:
        await peer.grants(seq=seqs[0] - 1)
        for seq in seqs:
            await peer.posts(seq)
        if close is None:
            await peer.waits()
        else:
            await peer.connection.close(close)

    return part


async def handled(client: Client, count: int) -> list[int]:
    """The seqs of the next `count` messages, each of which is done."""
    seqs = []
    async for message in client.messages():
        seqs.append(message.seq)
        await client.done(message)
        if len(seqs) == count:
            break
    return seqs


@pytest.mark.parametrize("years", [-30, 30])
async def test_a_wrong_clock_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, years: int) -> None:
    right = time.time
    monkeypatch.setattr(time, "time", lambda: right() + years * 365 * 86_400)
    async with meeting(tmp_path, brings(5, 6, close=4200), goes_on_behind(6, upto=7)) as client:
        await client.subscribe("ch_a")
        assert await handled(client, 3) == [5, 6, 7]


async def test_a_key_file_that_others_may_read_is_refused_before_anything_happens(tmp_path: Path) -> None:
    file = tmp_path / "positions"
    async with meeting(tmp_path, brings(5), positions=file) as client:
        await client.subscribe("ch_a")
        assert await handled(client, 1) == [5]
    (tmp_path / "ada.json").chmod(0o640)
    with pytest.raises(IdentityError) as caught:
        async with meeting(tmp_path, positions=file):
            pass
    assert_one_line(caught.value, "can be read by others", "chmod 600")
    (tmp_path / "ada.json").chmod(0o600)
    async with meeting(tmp_path, goes_on_behind(5, upto=6), positions=file) as client:
        await client.subscribe("ch_a")
        assert await handled(client, 1) == [6]


async def test_a_revoked_token_is_replaced_by_a_signature(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "claw")
    async with meeting(tmp_path, brings(5, close=4001), goes_on_behind(5, upto=6)) as client:
        await client.subscribe("ch_a")
        assert await handled(client, 2) == [5, 6]
    (line,) = [record.getMessage() for record in caplog.records if "not connected" in record.getMessage()]
    assert "4001" in line


async def test_a_revoked_api_token_is_named_and_the_next_one_goes_on_there(tmp_path: Path) -> None:
    file = tmp_path / "positions"
    async with meeting(tmp_path, brings(5, close=4001), with_token=True, positions=file) as client:
        await client.subscribe("ch_a")
        assert await handled(client, 1) == [5]
        with pytest.raises(UnauthorizedError) as caught:
            await anext(client.events())
    assert_one_line(caught.value, "API token", "expired or was revoked")
    async with meeting(tmp_path, goes_on_behind(5, upto=6), with_token=True, positions=file) as client:
        await client.subscribe("ch_a")
        assert await handled(client, 1) == [6]


@contextmanager
def full_disk() -> Iterator[None]:
    """No file may grow, as on a disk without room."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


async def test_a_full_disk_is_named_and_what_was_not_kept_comes_again(tmp_path: Path) -> None:
    file = tmp_path / "positions"
    async with meeting(tmp_path, brings(5, 6), positions=file) as client:
        await client.subscribe("ch_a")
        assert await handled(client, 1) == [5]
        six = await anext(client.messages())
        with full_disk(), pytest.raises(PositionsError) as caught:
            await client.done(six)
    assert_one_line(caught.value, "cannot save the position", str(file))
    async with meeting(tmp_path, goes_on_behind(5, upto=7), positions=file) as client:
        await client.subscribe("ch_a")
        assert await handled(client, 2) == [6, 7]


async def test_once_there_is_room_again_saying_it_again_keeps_it(tmp_path: Path) -> None:
    file = tmp_path / "positions"
    async with meeting(tmp_path, brings(5, 6), positions=file) as client:
        await client.subscribe("ch_a")
        five = await anext(client.messages())
        with full_disk(), pytest.raises(PositionsError):
            await client.done(five)
        await client.done(five)
    async with meeting(tmp_path, goes_on_behind(5, upto=6), positions=file) as client:
        await client.subscribe("ch_a")
        assert await handled(client, 1) == [6]


_GARBAGE: tuple[str | bytes, ...] = (
    "",
    "hello",
    "{",
    "[]",
    "null",
    b"\x00\xff\xfe",
    b"\x81\x7f" * 50,
    '{"op":5}',
    '{"op":"message"}',
    '{"op":"message","channel":"ch_a","seq":"six"}',
    '{"op":"no_such_op","channel":"ch_a","seq":6}',
    '{"op":"hello","node":5}',
    '{"op":"subscribed","channel":"ch_z","seq":9,"epoch":"e9","recovered":"reset","replayed":0}',
    '{"op":"unsubscribed","channel":"ch_z","reason":"asked"}',
    '{"op":"message_ack","id":"m","channel":"ch_a","seq":99,"timestamp":"t","ref":"7"}',
    '{"op":"ok","ref":1e9}',
    '{"op":"message_deleted","channel":"ch_a","seq":-4,"id":"m","by":"ada"}',
    '{"op":"message_deleted","channel":"ch_a","seq":' + "9" * 5_000 + ',"id":"m","by":"ada"}',
    '{"op":"deep","a":' + "[" * 50_000 + "]" * 50_000 + "}",
)


async def test_garbage_and_ops_of_another_time_leave_the_stream_as_it_is(tmp_path: Path) -> None:
    async def part(peer: Peer) -> None:
        await peer.grants(seq=4)
        seq = 5
        for each in _GARBAGE:
            await peer.posts(seq)
            await peer.connection.send(each)
            # What was said twice is heard once.
            await peer.posts(seq)
            seq += 1
        await peer.says("error", code="no_such_code", message="from the future")
        await peer.posts(seq)
        await peer.waits()

    async with meeting(tmp_path, part) as client:
        await client.subscribe("ch_a")
        seqs: list[int] = []
        unknown = 0
        faults = []
        async for event in client.events():
            match event:
                case MessageEvent(seq=seq):
                    seqs.append(seq)
                case UnknownEvent():
                    unknown += 1
                case CommandFault(error=error):
                    faults.append(error)
            if len(seqs) == len(_GARBAGE) + 1:
                break
        assert seqs == list(range(5, 6 + len(_GARBAGE)))
        assert unknown >= 10
        assert_one_line(faults[0], "no_such_code")


async def test_a_frame_without_end_costs_the_connection_and_no_event(tmp_path: Path) -> None:
    async def part(peer: Peer) -> None:
        await peer.grants(seq=4)
        await peer.posts(5)
        await peer.connection.send("x" * (2 << 20))
        await peer.waits()

    async with meeting(tmp_path, part, goes_on_behind(5, upto=6)) as client:
        await client.subscribe("ch_a")
        assert await handled(client, 2) == [5, 6]


async def test_a_port_that_speaks_something_else_is_named(tmp_path: Path) -> None:
    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.example ESMTP\r\n" + json.dumps({"op": "hello"}).encode())
        await writer.drain()
        writer.close()

    async def part(peer: Peer) -> None:
        await peer.waits()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server, meeting(tmp_path, part) as known:
        assert known.identity is not None
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        with pytest.raises(ClawError) as caught:
            async with Client(url, known.identity, open_within=1.0):
                pass
    assert_one_line(caught.value, "no session within 1 s")
