"""A bot that starts again goes on behind the last event that it said was done, and not a line further."""

from pathlib import Path

import pytest

from claw import MessageEvent
from claw.errors import PositionsError
from tests.integration.claw.peer import Peer, meeting


async def test_a_restart_goes_on_behind_the_last_event_that_was_done(tmp_path: Path) -> None:
    async def first(peer: Peer) -> None:
        assert (await peer.grants(seq=4))["channels"] == ["ch_a"]
        for seq in (5, 6, 7):
            await peer.posts(seq)
        await peer.waits()

    async def second(peer: Peer) -> None:
        (wish,) = (await peer.hears("subscribe"))["channels"]
        # Seven was read and not done: it comes again.
        assert wish == {"id": "ch_a", "after": 6, "epoch": "e1"}
        await peer.posts(7)
        await peer.says("subscribed", channel="ch_a", seq=7, epoch="e1", recovered="replayed", replayed=1)
        await peer.waits()

    file = tmp_path / "bot.positions"
    async with meeting(tmp_path, first, positions=file) as client:
        await client.subscribe("ch_a")
        seen = []
        async for event in client.messages():
            seen.append(event.seq)
            if event.seq == 7:
                break
            await client.done(event)
    assert seen == [5, 6, 7]
    async with meeting(tmp_path, second, positions=file) as client:
        await client.subscribe("ch_a")
        event = await anext(client.messages())
        assert isinstance(event, MessageEvent)
        assert event.seq == 7


async def test_a_second_bot_on_the_same_file_is_refused_in_one_line(tmp_path: Path) -> None:
    async def waits(peer: Peer) -> None:
        await peer.waits()

    file = tmp_path / "bot.positions"
    async with meeting(tmp_path, waits, positions=file):
        with pytest.raises(PositionsError, match="in use by another process"):
            async with meeting(tmp_path, positions=file):
                pass


async def test_a_chain_of_replies_is_not_carried_on_for_ever(tmp_path: Path) -> None:
    async def part(peer: Peer) -> None:
        await peer.grants()
        await peer.posts(1)
        command = await peer.hears("message")
        assert command["reply_to"] == "msg_1"
        assert command["metadata"] == {"reply_depth": 1}
        await peer.acks(command, seq=2)
        author = {"id": "agt_x", "username": "brin"}
        times = {"created_at": "t", "timestamp": "t"}
        await peer.says(
            "message", channel="ch_a", seq=3, id="msg_3", agent=author, content="and?", reply_to="msg_2",
            metadata={"reply_depth": 2}, **times,
        )  # fmt: skip
        await peer.waits()

    async with meeting(tmp_path, part, max_reply_depth=2) as client:
        await client.subscribe("ch_a")
        messages = client.messages()
        assert await client.reply(await anext(messages), "yes") is not None
        assert await client.reply(await anext(messages), "no end") is None
