"""Whatever happens between store and gateway, and whatever a session did before: each event once, and in order."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from uuid import UUID

import pytest
import pytest_asyncio
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from claw.events import INBOX
from claw.wire.ids import Prefix, encode_id
from core.actor import Actor
from core.services.messages import Draft
from core.settings import Settings
from db.repositories.streams import StoredEvent
from db.roles import Role
from tests.conftest import Store, Stores
from tests.integration.gateway.followers import Follower
from tests.support.gateways import Gateway
from tests.support.town import Town

_FOLLOWERS = 3
_CHATTER = 30

Acts = list[tuple[str, int]]


class Storm:
    """Stands between Redis and a gateway: passes on, drops, doubles, or holds back and lets go in reverse."""

    def __init__(self, deliver: Callable[[StoredEvent], None]) -> None:
        self._deliver = deliver
        self._held: list[StoredEvent] = []
        self._plan = itertools.cycle(["pass"])

    def begin(self, plan: Sequence[str]) -> None:
        self._held.clear()
        self._plan = itertools.cycle(plan)

    def take(self, event: StoredEvent) -> None:
        match next(self._plan):
            case "pass":
                self._deliver(event)
            case "twice":
                self._deliver(event)
                self._deliver(event)
            case "hold":
                self._held.append(event)
            case "release":
                self._deliver(event)
                while self._held:
                    self._deliver(self._held.pop())
            case _:
                pass


@dataclass
class World:
    """Two gateways with bad weather before each, and a database to put rooms into."""

    gateways: list[Gateway]
    storms: list[Storm]
    town: Town

    async def heads(self, streams: dict[str, UUID]) -> dict[str, int]:
        rows = await self.town.admin.fetch("select id, head from streams where id = any ($1)", list(streams.values()))
        heads = {row["id"]: row["head"] for row in rows}
        return {name: heads[stream] for name, stream in streams.items()}

    async def stored(self, stream: UUID) -> dict[int, bytes]:
        async with self.town.gateway.connection() as connection:
            return {event.seq: event.frame for event in await self.town.replay(connection, stream)}

    def back_fills(self) -> int:
        return sum(gateway.node.recovery.back_fills for gateway in self.gateways)


@pytest_asyncio.fixture
async def world(stores: Stores, store: Store, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    # Fan-outs are cut after each socket, so that others come in between.
    monkeypatch.setattr("gateway.hub._SLICE", 1)
    gateways = []
    for name in ("gw-a", "gw-b"):
        chosen = Settings(
            database_url=store.admin_url, redis_url=stores.redis_url, keys_dir=store.keys_dir, node=name, limits=False
        )
        # The second one learns of its own commits from Redis alone.
        gateways.append(await Gateway.open(chosen, hears_itself=name == "gw-a"))
    storms = []
    for gateway in gateways:
        storm = Storm(gateway.node.hear)
        gateway.node.subscriber._on_event = storm.take
        storms.append(storm)
    admin = await store.admin()
    yield World(gateways, storms, Town(admin, store.gateway))
    for gateway in gateways:
        await gateway.close()
    await admin.close()


class Scene:
    """One room with its followers, and somebody who comes and goes, so that the server has events too."""

    def __init__(
        self, world: World, streams: dict[str, UUID], followers: list[Follower], chatterer: UUID, drifter: UUID
    ) -> None:
        self.world = world
        self._chatterer = chatterer
        self.streams = streams
        self.channel, self.server = streams
        self.followers = followers
        self._drifter = Actor("agent", drifter, UUID(int=1))
        self._drifting = asyncio.Lock()
        self._is_member = False

    @classmethod
    async def open(cls, world: World) -> "Scene":
        chatterer, drifter, *agents = await world.town.agents(2 + _FOLLOWERS)
        server = await world.town.server(chatterer, *agents)
        channel = await world.town.channel(server)
        streams = {encode_id(Prefix.CHANNEL, channel): channel, encode_id(Prefix.SERVER, server): server}
        followers = [Follower(world.gateways, agent) for agent in agents]
        for number, follower in enumerate(followers):
            follower.home = number % len(world.gateways)
            await follower.connect()
            for stream in streams:
                await follower.follow(stream, None)
        return cls(world, streams, followers, chatterer, drifter)

    async def act(self, follower: Follower, acts: Acts) -> None:
        for act, number in acts:
            stream = [self.channel, self.server, INBOX][number % 3]
            match act:
                case "post":
                    other = self.followers[number % _FOLLOWERS]
                    follower.send(op="message", channel=self.channel, content=f"@{self._name(other)} {number}")
                case "drift":
                    await self._drift(self.world.gateways[number % 2])
                case "breathe":
                    for _ in range(number):
                        await asyncio.sleep(0)
                case _:
                    await follower.move(act, stream, number)

    async def chatter(self) -> None:
        """One commit after the other, so that something happens at every moment of the others' acts."""
        for number in range(_CHATTER):
            posting = self.world.gateways[number % 2].container.posting(Role.GATEWAY)
            names = " ".join(f"@{self._name(each)}" for each in self.followers)
            await posting.post(self._chatterer, Draft(self.channel, f"{names} {number}"))

    async def settle(self) -> None:
        """Everything is stored, and each follower has what it follows; then each resumes what it ever followed."""
        for gateway in self.world.gateways:
            await gateway.settle_posts()
        for follower in self.followers:
            heads = await self._heads(follower)
            await self._arrive(follower, heads)
            await follower.cut(move=True)
            for stream in list(follower.positions):
                await follower.resume(stream)
            await self._arrive(follower, heads)

    async def assert_complete(self) -> None:
        """Each follower has, from where it began, what is stored: every event, byte for byte, and nothing else."""
        for follower in self.followers:
            assert follower.faults == []
            streams = {**self.streams, INBOX: follower.agent}
            for stream, position in follower.positions.items():
                stored = await self.world.stored(streams[stream])
                seen = follower.seen.get(stream, {})
                assert position == len(stored)
                wanted = range(follower.since.get(stream, 0) + 1, position + 1)
                assert [seq for seq in wanted if seq not in seen] == []
                assert {seq: frame for seq, frame in seen.items() if stored[seq] != frame} == {}

    async def _arrive(self, follower: Follower, heads: dict[str, int]) -> None:
        for gateway in self.world.gateways:
            gateway.node.recovery.look_now()
        await follower.until(lambda: follower.is_at(heads), f"arrival at {heads}")

    async def _drift(self, gateway: Gateway) -> None:
        server = self.streams[self.server]
        async with self._drifting:
            move = gateway.rest.members.leave if self._is_member else gateway.rest.members.join
            await move(self._drifter, server)
            self._is_member = not self._is_member

    def _name(self, follower: Follower) -> str:
        return self.world.town.names[follower.agent]

    async def _heads(self, follower: Follower) -> dict[str, int]:
        return await self.world.heads({**self.streams, INBOX: follower.agent})


WEATHER = st.lists(st.sampled_from(["pass", "pass", "drop", "twice", "hold", "release"]), min_size=1, max_size=12)
ACTS = st.lists(
    st.tuples(
        st.sampled_from(
            [
                "post",
                "post",
                "post",
                "drift",
                "live",
                "resume",
                "resume",
                "rewind",
                "leave",
                "cut",
                "stall",
                "breathe",
                "breathe",
            ]
        ),
        st.integers(0, 11),
    ),
    max_size=16,
)


@given(weather=st.tuples(WEATHER, WEATHER), acts=st.tuples(*[ACTS] * _FOLLOWERS))
# Each example takes half a second, so a failing one is shown as it is: shrinking it would outlast any time limit.
@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
)
async def test_every_session_gets_every_event_of_its_streams_once_and_in_order(
    world: World, weather: tuple[list[str], list[str]], acts: tuple[Acts, ...]
) -> None:
    for storm, plan in zip(world.storms, weather, strict=True):
        storm.begin(plan)
    scene = await Scene.open(world)
    await asyncio.gather(scene.chatter(), *(scene.act(*each) for each in zip(scene.followers, acts, strict=True)))
    await scene.settle()
    await scene.assert_complete()
    for follower in scene.followers:
        follower.hang_up()


async def test_where_every_announcement_is_lost_the_store_is_asked_and_nothing_is_missing(world: World) -> None:
    for storm in world.storms:
        storm.begin(["drop"])
    scene = await Scene.open(world)
    before = world.back_fills()
    for follower in scene.followers:
        await scene.act(follower, [("post", number) for number in range(10)] + [("drift", 0)])
    await scene.settle()
    await scene.assert_complete()
    # The gateway that hears itself knows what it stored; the other one had to be told by the store alone.
    assert world.back_fills() > before
    assert world.gateways[1].node.recovery.back_fills > 0
