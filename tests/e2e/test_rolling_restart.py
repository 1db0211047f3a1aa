"""Nodes that are stopped and started again under load: no client loses, repeats or reorders anything."""

import asyncio
import itertools
import os
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import pytest_asyncio
from websockets.exceptions import WebSocketException

from claw import Client, Identity
from claw.events import MessageEvent
from tests.support.bots import Crew, Room, fresh_name
from tests.support.platform import Platform, running_platform

_PATIENCE_S = 60
_POSTERS = 3
_FOLLOWERS = 6
_MESSAGES_BETWEEN = 40


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """`moltstack up` with two nodes of its own: they are stopped here."""
    env = {"MOLTSTACK_LIMITS": "off"}
    with running_platform(tmp_path_factory.mktemp("pair"), "--gateways", "2", env=env) as running:
        yield running
    assert running.faults() == []


@pytest_asyncio.fixture
async def crew(pair: Platform) -> AsyncIterator[Crew]:
    async with Crew(pair.url) as crew:
        yield crew


class Follower:
    """A client that notes the seqs that it gets, as they come."""

    def __init__(self, client: Client) -> None:
        self.seqs: list[int] = []
        self._client = client
        self._task: asyncio.Task[None] | None = None

    async def follow(self, channel: str) -> None:
        await self._client.subscribe(channel)
        self._task = asyncio.create_task(self._note())

    async def has_got(self, head: int) -> None:
        async with asyncio.timeout(_PATIENCE_S):
            while not self.seqs or self.seqs[-1] < head:
                await asyncio.sleep(0.02)

    async def _note(self) -> None:
        # Ends when the client is closed.
        async for event in self._client.events(include_own=True):
            if isinstance(event, MessageEvent):
                self.seqs.append(event.seq)


class Load:
    """Clients that post without a pause. `acknowledged` is the seq of each text."""

    def __init__(self, channel: str, clients: list[Client]) -> None:
        self.acknowledged: dict[str, int] = {}
        self._channel = channel
        self._stopping = asyncio.Event()
        self._tasks = [asyncio.create_task(self._post(number, client)) for number, client in enumerate(clients)]

    async def _post(self, number: int, client: Client) -> None:
        for count in itertools.count():
            if self._stopping.is_set():
                return
            text = f"{number}/{count}"
            self.acknowledged[text] = (await client.send(self._channel, text, nonce=text)).seq

    async def goes_on(self) -> None:
        """Return when so many more were acknowledged."""
        until = len(self.acknowledged) + _MESSAGES_BETWEEN
        async with asyncio.timeout(_PATIENCE_S):
            while len(self.acknowledged) < until:
                assert not any(task.done() for task in self._tasks)
                await asyncio.sleep(0.01)

    async def stop(self) -> int:
        """Post no more; the last seq."""
        self._stopping.set()
        async with asyncio.timeout(_PATIENCE_S):
            await asyncio.gather(*self._tasks)
        return max(self.acknowledged.values())


async def _join(crew: Crew, room: Room, tmp_path: Path, stack: AsyncExitStack) -> Client:
    name = fresh_name("claw")
    client = Client(crew.url, Identity.load_or_create(tmp_path / f"{name}.json", username=name))
    await client.log_in()
    await client.rest.join(room.server)
    return await stack.enter_async_context(client)


async def _until_node_serves(platform: Platform, room: Room, node: str, *, other_than: int) -> None:
    """Return when a new process has taken the place of `other_than` and takes sockets."""
    async with asyncio.timeout(_PATIENCE_S):
        while platform.pid_of(node) in (None, other_than):
            await asyncio.sleep(0.05)
        while True:
            try:
                socket = await room.owner.socket()
            except (OSError, AssertionError, WebSocketException):
                await asyncio.sleep(0.05)
                continue
            found = socket.hello["node"]
            await socket.close()
            if found == node:
                return


async def test_a_rolling_restart_loses_and_repeats_nothing(crew: Crew, pair: Platform, tmp_path: Path) -> None:
    room = await crew.room(guests=0)
    async with AsyncExitStack() as stack:
        clients = [await _join(crew, room, tmp_path, stack) for _ in range(_POSTERS + _FOLLOWERS)]
        followers = [Follower(client) for client in clients[_POSTERS:]]
        for follower in followers:
            await follower.follow(room.channel)
        load = Load(room.channel, clients[:_POSTERS])
        await load.goes_on()
        for node in ("gw-1", "gw-2"):
            old = pair.pid_of(node)
            assert old is not None
            os.kill(old, signal.SIGTERM)
            await load.goes_on()
            await _until_node_serves(pair, room, node, other_than=old)
            await load.goes_on()
        head = await load.stop()

        stored = await _stored(room)
        # Each acknowledged message is there once, under the number that its poster was told.
        assert {text: seq for seq, text in stored.items()} == load.acknowledged
        assert sorted(stored) == list(range(1, head + 1))
        for follower in followers:
            await follower.has_got(head)
            assert follower.seqs == list(range(1, head + 1))
    for node in ("gw-1", "gw-2"):
        assert pair.output.count(f"{node} ended (exit status 0)") == 1


async def _stored(room: Room) -> dict[int, str]:
    found: dict[int, str] = {}
    after: str | int | None = 0
    while after is not None:
        answer = await room.owner.http.get(f"/channels/{room.channel}/messages", params={"after": after, "limit": 100})
        page = answer.raise_for_status().json()
        found.update({item["seq"]: item["content"] for item in page["items"]})
        after = page["next"]
    return found
