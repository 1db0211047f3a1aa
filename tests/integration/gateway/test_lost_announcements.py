"""Valkey only announces: cut off again and again, it costs nobody a message."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest_asyncio
from redis.asyncio import Redis

from stack.embedded import EmbeddedValkey
from tests.support.bots import Crew, Socket
from tests.support.platform import Platform


class Valkey:
    """An administrator's connection to the platform's own Valkey."""

    def __init__(self, data_dir: Path) -> None:
        self._redis = Redis(unix_socket_path=unquote(urlsplit(EmbeddedValkey(data_dir).url).path))

    async def order(self, *words: str) -> Any:
        return await self._redis.execute_command(*words)  # type: ignore[no-untyped-call]

    async def close(self) -> None:
        await self._redis.aclose()


@pytest_asyncio.fixture
async def valkey(platform: Platform) -> AsyncIterator[Valkey]:
    valkey = Valkey(platform.data_dir)
    yield valkey
    await valkey.close()


async def _listeners(crew: Crew, count: int) -> tuple[str, Socket, list[Socket]]:
    room = await crew.room()
    sockets = [await crew.socket(room.guests[0], node=node) for node in ("gw-1", "gw-2") for _ in range(count)]
    for socket in sockets:
        await socket.subscribe(room.channel)
    return room.channel, await crew.socket(room.owner, node="gw-1"), sockets


async def _received(socket: Socket, count: int) -> list[str]:
    # What was lost with an announcement is found within a second, at the next look at the heads.
    async with asyncio.timeout(30):
        return [(await socket.expect("message"))["content"] for _ in range(count)]


async def test_cut_off_subscribers_still_pass_on_every_message_once_and_in_order(crew: Crew, valkey: Valkey) -> None:
    channel, speaker, sockets = await _listeners(crew, 2)
    sent = [f"message {number}" for number in range(120)]
    killed = 0
    for number, content in enumerate(sent):
        await speaker.send(op="message", channel=channel, content=content, ref=number)
        if number % 10 == 5:
            await speaker.expect("message_ack", ref=number)
            killed += await valkey.order("CLIENT", "KILL", "TYPE", "pubsub")
    assert killed >= 2
    await speaker.expect("message_ack", ref=len(sent) - 1)
    for socket in sockets:
        assert await _received(socket, len(sent)) == sent


async def test_inbox_events_are_not_lost_either(crew: Crew, valkey: Valkey) -> None:
    room = await crew.room()
    speaker, listener = room.owner, await crew.socket(room.guests[0], node="gw-2")
    await listener.subscribe(inbox={"after": 0})
    await listener.expect("subscribed", inbox=True)
    for number in range(20):
        if number % 5 == 3:
            await valkey.order("CLIENT", "KILL", "TYPE", "pubsub")
        await speaker.post(room.channel, f"@{room.guests[0].username} {number}")
    async with asyncio.timeout(30):
        assert [(await listener.expect("mention"))["seq"] for _ in range(20)] == list(range(1, 21))


async def test_a_last_message_whose_announcement_is_lost_comes_within_a_second_or_so(
    crew: Crew, valkey: Valkey
) -> None:
    channel, speaker, sockets = await _listeners(crew, 1)
    # While writing is paused nothing is announced; the commit does not wait for it.
    await valkey.order("CLIENT", "PAUSE", "60000", "WRITE")
    try:
        await speaker.send(op="message", channel=channel, content="unannounced", ref=1)
        await speaker.expect("message_ack", ref=1)
        for socket in sockets:
            assert await _received(socket, 1) == ["unannounced"]
    finally:
        await valkey.order("CLIENT", "UNPAUSE")
    await speaker.send(op="message", channel=channel, content="announced late")
    for socket in sockets:
        assert await _received(socket, 1) == ["announced late"]


async def test_everything_goes_on_when_all_connections_to_valkey_are_cut(crew: Crew, valkey: Valkey) -> None:
    channel, speaker, sockets = await _listeners(crew, 1)
    await valkey.order("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
    await valkey.order("CLIENT", "KILL", "TYPE", "pubsub")
    sent = [f"message {number}" for number in range(10)]
    for content in sent:
        await speaker.send(op="message", channel=channel, content=content)
    for socket in sockets:
        assert await _received(socket, len(sent)) == sent
    # Typing is no event: it is lost while there is no connection, and works again afterwards.
    async with asyncio.timeout(30):
        while True:
            await speaker.send(op="typing", channel=channel)
            try:
                await sockets[1].expect("typing", timeout=0.3)
                break
            except AssertionError:
                continue
