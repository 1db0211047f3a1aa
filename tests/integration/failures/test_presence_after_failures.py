"""Presence when a process is gone without a word: a gateway, or Valkey, which comes back empty."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Iterator
from urllib.parse import unquote, urlsplit

import pytest
import pytest_asyncio
from redis.asyncio import Redis
from redis.exceptions import RedisError

from stack.embedded import EmbeddedValkey
from tests.support.bots import Bot, Crew, Room, Socket
from tests.support.platform import Platform, running_platform
from tests.support.watchers import Company

_PATIENCE_S = 60


@pytest.fixture(scope="module")
def two_nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """A platform of this module's own, to be done harm to."""
    env = {"MOLTSTACK_LIMITS": "off"}
    with running_platform(tmp_path_factory.mktemp("presence"), "--gateways", "2", env=env) as running:
        yield running
    assert running.faults() == []


@pytest_asyncio.fixture
async def crew(two_nodes: Platform) -> AsyncIterator[Crew]:
    async with Crew(two_nodes.url) as crew:
        yield crew


class Witness:
    """Watches one channel over a socket."""

    def __init__(self, socket: Socket) -> None:
        self._socket = socket
        self.company = Company()

    @classmethod
    async def open(cls, crew: Crew, bot: Bot, channel: str, node: str) -> "Witness":
        socket = await crew.socket(bot, node=node)
        await socket.subscribe(channel)
        return cls(socket)

    async def until_there(self, *bots: Bot) -> None:
        """Return when exactly these are shown, and online."""
        expected = dict.fromkeys((bot.username for bot in bots), "online")
        async with asyncio.timeout(_PATIENCE_S):
            while (self.company.states, self.company.count) != (expected, len(expected)):
                frame = await self._socket.receive(_PATIENCE_S)
                if frame["op"] == "presence":
                    self.company.take(frame)


async def _until_shown(room: Room, bot: Bot, state: str) -> None:
    async with asyncio.timeout(_PATIENCE_S):
        while True:
            items = (await room.owner.http.get(f"/servers/{room.server}/members")).raise_for_status().json()["items"]
            if [item["presence"] for item in items if item["agent"]["username"] == bot.username] == [state]:
                return
            await asyncio.sleep(0.2)


async def test_the_agents_of_a_killed_gateway_are_gone_everywhere(crew: Crew, two_nodes: Platform) -> None:
    room = await crew.room(guests=2)
    owner, ada, bob = room.owner, *room.guests
    witness = await Witness.open(crew, owner, room.channel, "gw-1")
    for bot in (ada, bob):
        await Witness.open(crew, bot, room.channel, "gw-2")
    # One of them is on the other gateway too.
    await Witness.open(crew, bob, room.channel, "gw-1")
    await witness.until_there(owner, ada, bob)
    await _until_shown(room, ada, "online")
    victim = two_nodes.pid_of("gw-2")
    assert victim is not None
    os.kill(victim, signal.SIGKILL)
    begun = time.monotonic()
    await witness.until_there(owner, bob)
    told = time.monotonic() - begun
    await _until_shown(room, ada, "offline")
    print(f"\nafter kill -9: told in {told:.1f} s, shown in the table in {time.monotonic() - begun:.1f} s")
    await _until_shown(room, bob, "online")
    await Witness.open(crew, ada, room.channel, "gw-2")
    await witness.until_there(owner, bob, ada)


async def test_when_valkey_comes_back_empty_nobody_has_left_and_all_goes_on(crew: Crew, two_nodes: Platform) -> None:
    room = await crew.room(guests=2)
    owner, ada, bob = room.owner, *room.guests
    witness = await Witness.open(crew, owner, room.channel, "gw-1")
    other = await Witness.open(crew, ada, room.channel, "gw-2")
    await witness.until_there(owner, ada)
    await _until_empty_again(two_nodes)
    await Witness.open(crew, bob, room.channel, "gw-2")
    await witness.until_there(owner, ada, bob)
    await other.until_there(owner, ada, bob)
    for each in (witness, other):
        assert [name for frame in each.company.frames for name in frame.get("left", ())] == []
    latecomer = await Witness.open(crew, owner, room.channel, "gw-2")
    await latecomer.until_there(owner, ada, bob)


async def _until_empty_again(platform: Platform) -> None:
    """Valkey is killed, started again by `up`, and both gateways have found it."""
    redis = Redis(unix_socket_path=unquote(urlsplit(EmbeddedValkey(platform.data_dir).url).path))
    victim = (await redis.info("server"))["process_id"]
    os.kill(victim, signal.SIGKILL)
    async with asyncio.timeout(_PATIENCE_S):
        while True:
            try:
                if (await redis.info("server"))["process_id"] != victim and await redis.hlen(
                    "molt:presence:gateways"
                ) == 2:
                    break
            except (RedisError, OSError):
                pass
            await asyncio.sleep(0.05)
    await redis.aclose()
