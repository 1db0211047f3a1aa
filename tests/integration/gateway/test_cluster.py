"""Two gateways on a Redis cluster of three masters: streams lie with all of them, and nobody notices."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio

from claw.wire.ids import Prefix, encode_id
from core.broker import CONTROL_CHANNEL, stream_channel
from core.control import RightsChanged
from core.errors import RateLimitedError
from core.limits import Limiter, Rule
from core.presence.registry import PRESENCE_SEQ
from core.redis_client import open_redis
from core.services.messages import Draft
from core.settings import Settings
from db.repositories.streams import StoredEvent
from db.roles import Role
from stack.preflight import check_redis
from tests.conftest import Store
from tests.integration.gateway.followers import Follower
from tests.support.cluster import Cluster, running_cluster
from tests.support.gateways import Caller, Gateway
from tests.support.town import Town

_ROOMS = 24
_PATIENCE_S = 30


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def cluster(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Cluster]:
    async with running_cluster(tmp_path_factory.mktemp("cluster")) as running:
        yield running


@dataclass
class World:
    """Two gateways, an agent on each who follows every room, and what Redis told the second gateway of."""

    cluster: Cluster
    gateways: list[Gateway]
    followers: list[Follower]
    rooms: list[UUID]
    told: list[StoredEvent]

    async def say(self, room: UUID, content: str = "hello", *, at: int = 0) -> int:
        posting = self.gateways[at].container.posting(Role.GATEWAY)
        return (await posting.post(self.followers[at].agent, Draft(encode_id(Prefix.CHANNEL, room), content))).seq

    async def until_heard(self, heads: dict[UUID, int]) -> None:
        wanted = {encode_id(Prefix.CHANNEL, room): head for room, head in heads.items()}
        await until(lambda: all(each.positions[key] >= head for each in self.followers for key, head in wanted.items()))
        assert [each.faults for each in self.followers] == [[], []]

    async def until_followed(self, room: UUID) -> None:
        """Return when both gateways are subscribed where the room's slot is now."""
        async with asyncio.timeout(_PATIENCE_S):
            while await self.cluster.subscribers(stream_channel(room)) != len(self.gateways):
                await asyncio.sleep(0.02)

    async def until_announced(self, room: UUID) -> None:
        """Return when the second gateway was told of something that was said at the first."""
        async with asyncio.timeout(_PATIENCE_S):
            while True:
                seq = await self.say(room)
                for _ in range(50):
                    if any(event.stream_id == room and event.seq == seq for event in self.told):
                        return
                    await asyncio.sleep(0.01)


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(_PATIENCE_S):
        while not holds():
            await asyncio.sleep(0.01)


@pytest_asyncio.fixture
async def world(cluster: Cluster, store: Store, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    # Nobody looks at the heads of streams: what arrives was announced.
    monkeypatch.setattr("gateway.recovery._LOOK_EVERY_S", 3_600)
    gateways = [
        await Gateway.open(
            Settings(
                database_url=store.admin_url, redis_url=node.url, keys_dir=store.keys_dir, node=name, limits=False
            ),
            hears_itself=name == "gw-a",
        )
        for name, node in zip(("gw-a", "gw-b"), cluster.nodes, strict=False)
    ]
    told: list[StoredEvent] = []
    subscriber, hear = gateways[1].node.subscriber, gateways[1].node.hear

    def tell(event: StoredEvent) -> None:
        if event.seq != PRESENCE_SEQ:
            told.append(event)
        hear(event)

    subscriber._on_event = tell
    admin = await store.admin()
    town = Town(admin, store.gateway)
    agents = await town.agents(2)
    server = await town.server(*agents)
    rooms = [await town.channel(server) for _ in range(_ROOMS)]
    followers = [Follower(gateways, agent) for agent in agents]
    for home, follower in enumerate(followers):
        follower.home = home
        await follower.connect()
        for room in rooms:
            await follower.follow(encode_id(Prefix.CHANNEL, room), None)
    yield World(cluster, gateways, followers, rooms, told)
    for follower in followers:
        follower.hang_up()
    for gateway in gateways:
        await gateway.close()
    await admin.close()


async def test_everything_is_announced_once_whichever_master_has_it(world: World) -> None:
    owners = {(await world.cluster.owner(stream_channel(room))).port for room in world.rooms}
    assert len(owners) == 3
    for number in range(4):
        await asyncio.gather(*(world.say(room, f"number {number}", at=number % 2) for room in world.rooms))
        await world.until_heard(dict.fromkeys(world.rooms, number + 1))
    heard = [(event.stream_id, event.seq) for event in world.told if event.stream_id in set(world.rooms)]
    assert len(heard) == len(set(heard)) == 4 * _ROOMS
    assert [gateway.node.recovery.back_fills for gateway in world.gateways] == [0, 0]


async def test_what_all_processes_must_hear_reaches_each(world: World) -> None:
    before = world.gateways[1].node.rights_changes
    world.gateways[0].container.tell_all(RightsChanged(None))
    await until(lambda: world.gateways[1].node.rights_changes == before + 1)


async def test_a_slot_that_moves_takes_its_subscribers_along(world: World) -> None:
    for room in (world.rooms[0], world.rooms[1]):
        channel = stream_channel(room)
        giver = await world.cluster.owner(channel)
        await world.cluster.give(channel, next(node for node in world.cluster.nodes if node is not giver))
        await world.until_followed(room)
        await world.until_announced(room)
        await world.until_heard({room: await world.say(room)})


async def test_while_a_master_is_away_its_streams_are_looked_at_and_followed_again_when_it_is_back(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    away = await world.cluster.owner(CONTROL_CHANNEL)
    rooms = {room: await world.cluster.owner(stream_channel(room)) for room in world.rooms}
    orphan = next(room for room, owner in rooms.items() if owner is away)
    other = next(room for room, owner in rooms.items() if owner is not away)
    with monkeypatch.context() as looking:
        looking.setattr("gateway.recovery._LOOK_EVERY_S", 1)
        for gateway in world.gateways:
            gateway.node.recovery.look_now()
        away.kill()
        # The others' streams are announced as before; of its own, what is said is found.
        await world.until_announced(other)
        for _ in range(3):
            await world.until_heard({room: await world.say(room) for room in (orphan, other)})
        assert not any(event.stream_id == orphan for event in world.told)
    await away.start()
    await world.cluster.until_whole()
    await world.until_followed(orphan)
    await world.until_announced(orphan)
    await world.until_heard({orphan: await world.say(orphan)})


async def test_presence_knows_of_the_agents_of_all_gateways(world: World) -> None:
    frames: list[dict[str, Any]] = []
    gateway = world.gateways[0]
    caller = Caller(gateway.node, gateway.token(world.followers[0].agent), lambda frame, _: frames.append(frame))
    await until(lambda: any(frame["op"] == "hello" for frame in frames))
    caller.send(op="subscribe", channels=[encode_id(Prefix.CHANNEL, world.rooms[0])])
    await until(lambda: any(frame["op"] == "presence" and frame["count"] == 2 for frame in frames))
    caller.cut()


async def test_limits_count_right_over_all_processes_and_masters(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.limits._REDIS_TIMEOUT_S", _PATIENCE_S)  # A slow machine is no reason to count alone.
    rules = [Rule("acts", 10, 60_000, "acts"), Rule("posts", 7, 60_000, "posts")]
    clients = [await open_redis(node.url) for node in cluster.nodes]
    limiters = [Limiter(client, enabled=True) for client in clients]

    async def passes(limiter: Limiter, subject: str) -> bool:
        try:
            await limiter.check([(rules[0], subject), (rules[1], f"{subject}/room")])
        except RateLimitedError:
            return False
        return True

    for number in range(20):
        passed = await asyncio.gather(*(passes(limiter, f"agent-{number}") for limiter in limiters for _ in range(5)))
        assert sum(passed) == 7
    for client in clients:
        await client.aclose()


async def test_a_cluster_is_let_pass_by_the_look_before_the_start(cluster: Cluster) -> None:
    for node in cluster.nodes:
        await check_redis(node.url)
