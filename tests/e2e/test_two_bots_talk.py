"""The main job end to end: two bots talk through the SDK, each on a gateway of its own."""

import asyncio
import os
import re
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from claw import Client, Identity, MessageEvent, StreamPosition
from claw.errors import RefusedError
from claw.events import Event
from claw.wire.frames import Mention, Reply, TypingFrame
from claw.wire.rest import CreateServer
from tests.support.bots import fresh_name
from tests.support.platform import Platform, running_platform


@asynccontextmanager
async def _on_node(url: str, home: Path, name: str, node: str) -> AsyncIterator[Client]:
    """A client whose session is on that node: all share one port, so it dials until it gets there."""
    identity = Identity.load_or_create(home / f"{name}.json", username=fresh_name(name))
    for _ in range(100):
        async with Client(url, identity) as client:
            if client.hello is not None and client.hello.node == node:
                yield client
                return
    raise AssertionError(f"no session on {node}")


async def _room(owner: Client, guest: Client) -> str:
    server = await owner.rest.create_server(CreateServer(name=fresh_name("server")))
    await guest.rest.join(server.id)
    channel = (await owner.rest.channels(server.id)).items[0].id
    for client in (owner, guest):
        await client.subscribe(channel)
    return channel


async def _next(client: Client, kind: type[Event], *, include_own: bool = False) -> Event:
    async with asyncio.timeout(10):
        async for event in client.events(include_own=include_own):
            if isinstance(event, kind):
                return event
    raise AssertionError(f"the session ended before a {kind.__name__}")


async def _messages(client: Client, count: int) -> list[MessageEvent]:
    found: list[MessageEvent] = []
    async with asyncio.timeout(20):
        async for event in client.events(include_own=True):
            if isinstance(event, MessageEvent):
                found.append(event)
                if len(found) == count:
                    break
    return found


async def test_two_bots_on_two_gateways_hold_a_conversation(platform: Platform, tmp_path: Path) -> None:
    async with (
        _on_node(platform.url, tmp_path, "ada", "gw-1") as ada,
        _on_node(platform.url, tmp_path, "brin", "gw-2") as brin,
    ):
        channel = await _room(ada, brin)
        ada.typing(channel)
        assert await _next(brin, TypingFrame) == TypingFrame(channel=channel, agent=ada.username or "")
        ack = await ada.send(channel, f"hello @{brin.username}", metadata={"mood": "fine"})
        # The mention and the message travel on two streams, in no order that would be promised.
        async with asyncio.timeout(10):
            first = {type(event): event async for event in _take(brin, 2)}
        heard, mention = first[MessageEvent], first[Mention]
        assert isinstance(heard, MessageEvent)
        assert isinstance(mention, Mention)
        assert (heard.id, heard.seq, heard.content) == (ack.id, 1, f"hello @{brin.username}")
        assert (heard.author.username, heard.own, heard.frame.metadata) == (ada.username, False, {"mood": "fine"})
        assert mention.message.id == ack.id
        await brin.ack(mention.seq)
        answered = await brin.reply(heard, "hello yourself")
        assert answered is not None
        reply = await _next(ada, Reply)
        assert isinstance(reply, Reply)
        assert (reply.message.id, reply.message.reply_to) == (answered.id, ack.id)
        history = await ada.rest.history(channel)
        assert [each.content for each in history.items] == ["hello yourself", f"hello @{brin.username}"]
        assert await ada.ping() < 5


async def _take(client: Client, count: int) -> AsyncIterator[Event]:
    async for event in client.events():
        if isinstance(event, TypingFrame):
            continue
        yield event
        count -= 1
        if count == 0:
            return


async def test_both_hear_everything_once_and_in_the_same_order(platform: Platform, tmp_path: Path) -> None:
    async with (
        _on_node(platform.url, tmp_path, "ada", "gw-1") as ada,
        _on_node(platform.url, tmp_path, "brin", "gw-2") as brin,
    ):
        channel = await _room(ada, brin)
        await asyncio.gather(
            *(client.send(channel, f"{client.username} {number}") for client in (ada, brin) for number in range(50))
        )
        by_ada, by_brin = await asyncio.gather(_messages(ada, 100), _messages(brin, 100))
        assert [each.seq for each in by_ada] == [each.seq for each in by_brin] == list(range(1, 101))
        assert [each.id for each in by_ada] == [each.id for each in by_brin]
        assert [each.own for each in by_ada] == [not each.own for each in by_brin]


async def test_a_refusal_is_an_exception_that_names_its_code(platform: Platform, tmp_path: Path) -> None:
    async with (
        _on_node(platform.url, tmp_path, "ada", "gw-1") as ada,
        _on_node(platform.url, tmp_path, "cleo", "gw-2") as cleo,
    ):
        server = await ada.rest.create_server(CreateServer(name=fresh_name("server")))
        channel = (await ada.rest.channels(server.id)).items[0].id
        with pytest.raises(RefusedError) as refused:
            await cleo.send(channel, "let me in")
        assert refused.value.code == "forbidden"
        with pytest.raises(RefusedError) as unseen:
            await cleo.subscribe(channel)
        assert unseen.value.code == "not_found"


async def test_a_bot_that_comes_back_reads_on_from_where_it_was(platform: Platform, tmp_path: Path) -> None:
    async with _on_node(platform.url, tmp_path, "ada", "gw-1") as ada:
        async with _on_node(platform.url, tmp_path, "brin", "gw-2") as brin:
            channel = await _room(ada, brin)
            await ada.send(channel, "before")
            assert (await _messages(brin, 1))[0].content == "before"
            position = brin.position(channel)
        assert position is not None
        for number in range(3):
            await ada.send(channel, f"missed {number}")
        async with _on_node(platform.url, tmp_path, "brin", "gw-1") as brin:
            await brin.subscribe(StreamPosition(channel, position.seq, position.epoch))
            assert [each.content for each in await _messages(brin, 3)] == [f"missed {number}" for number in range(3)]


async def test_the_death_of_a_gateway_costs_nobody_a_message(tmp_path: Path) -> None:
    """On a platform of its own: one node is killed while both talk, and both hear everything once."""
    with running_platform(tmp_path / "platform", "--gateways", "2", env={"MOLTSTACK_LIMITS": "off"}) as platform:
        async with (
            _on_node(platform.url, tmp_path, "ada", "gw-1") as ada,
            _on_node(platform.url, tmp_path, "brin", "gw-2") as brin,
        ):
            channel = await _room(ada, brin)
            async with asyncio.TaskGroup() as group:
                talking = [group.create_task(_talk(client, channel, 100)) for client in (ada, brin)]
                listening = [group.create_task(_messages(client, 200)) for client in (ada, brin)]
                while (await ada.rest.history(channel, limit=1)).seq < 10:
                    pass
                os.kill(_pid_of_node(platform, "gw-2"), signal.SIGKILL)
                assert not any(each.done() for each in (*talking, *listening))
        for heard in (each.result() for each in listening):
            assert [each.seq for each in heard] == list(range(1, 201))
            assert {each.content for each in heard} == {f"{who} {n}" for who in ("ada", "brin") for n in range(100)}


async def _talk(client: Client, channel: str, count: int) -> None:
    for number in range(count):
        await client.send(channel, f"{str(client.username).split('-')[0]} {number}")


def _pid_of_node(platform: Platform, node: str) -> int:
    for entry in Path("/proc").iterdir():
        try:
            environ = (entry / "environ").read_bytes().split(b"\0") if entry.name.isdigit() else []
        except OSError:
            continue
        found = {b"MOLTSTACK_NODE=%b" % node.encode(), b"MOLTSTACK_DATA_DIR=%b" % os.fsencode(platform.data_dir)}
        if found <= set(environ) and re.search(rb"stack\.node", (entry / "cmdline").read_bytes()):
            return int(entry.name)
    raise AssertionError(f"{node} does not run")
