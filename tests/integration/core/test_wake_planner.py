"""For whom a call is planned at once, who is left a while to acknowledge, and how that is heard of."""

import asyncio
from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import pytest_asyncio

from core.broker import Publisher, Subscriber
from core.presence.peers import Peers
from core.presence.records import AgentRecords, Question
from core.redis_client import RedisClient, open_redis
from core.wakes.planner import Planner
from core.wakes.signal import WAKES, wake_signal
from db.repositories.streams import StoredEvent
from tests.conftest import Store, Stores
from tests.support.town import Town, post_row

_LONG_S = 3_600.0


class Scene:
    """Two sleepers with something in their inboxes, one of whom has a session at a gateway."""

    def __init__(self, store: Store, town: Town, redis: RedisClient) -> None:
        self.store = store
        self.town = town
        self.redis = redis
        self.gateway = uuid4()
        self.living: set[UUID] | None = {self.gateway}
        self.listening = UUID(int=0)
        self.away = UUID(int=0)
        self.stored: list[StoredEvent] = []

    async def set_up(self) -> None:
        author, self.listening, self.away = await self.town.agents(3)
        room = await self.town.room(author, self.listening, self.away)
        names = f"@{self.town.names[self.listening]} @{self.town.names[self.away]}"
        _, self.stored = await self.town.posted(post_row(author, room, names))
        peers = Peers()
        peers.meet(self.gateway, 0)
        question = Question(self.listening, is_here=True, is_fresh=True)
        await AgentRecords(self.redis).judge(self.gateway, peers, [question])

    def planner(self, *, grace_s: float) -> Planner:
        return Planner(self.store.worker, self.redis, lambda: self.living, grace_s=grace_s, planned=lambda: None)

    async def decided(self) -> set[UUID]:
        rows = await self.town.admin.fetch("select agent_id from inbox_events where wake is not null")
        return {row["agent_id"] for row in rows}


@pytest_asyncio.fixture
async def scene(store: Store, stores: Stores) -> AsyncIterator[Scene]:
    admin = await store.admin()
    redis = await open_redis(stores.redis_url)
    scene = Scene(store, Town(admin, store.gateway), redis)
    await scene.set_up()
    yield scene
    await redis.aclose()
    await admin.close()


async def test_who_has_a_session_is_left_a_while_and_who_has_none_is_not(scene: Scene) -> None:
    await scene.planner(grace_s=_LONG_S).sweep()
    assert await scene.decided() == {scene.away}


async def test_a_session_at_a_gateway_that_is_lost_is_none(scene: Scene) -> None:
    scene.living = {uuid4()}
    await scene.planner(grace_s=_LONG_S).sweep()
    assert await scene.decided() == {scene.away, scene.listening}


async def test_while_nobody_knows_who_has_a_session_all_are_left_a_while(scene: Scene) -> None:
    scene.living = None
    await scene.planner(grace_s=_LONG_S).sweep()
    assert await scene.decided() == set()
    await scene.planner(grace_s=0).sweep()
    assert await scene.decided() == {scene.away, scene.listening}


async def test_what_any_process_announces_is_planned_without_looking_for_it(scene: Scene, stores: Stores) -> None:
    planner = scene.planner(grace_s=_LONG_S)
    subscriber = Subscriber(
        stores.redis_url, on_event=planner.hear, on_control=lambda _: None, on_restored=lambda: None
    )
    publisher = Publisher(stores.redis_url)
    await subscriber.start()
    await subscriber.follow(WAKES)
    await publisher.start()
    hearing = asyncio.create_task(planner._hear_for_ever())
    try:
        publisher.announce(scene.stored)
        async with asyncio.timeout(30):
            while await scene.decided() != {scene.away}:
                await asyncio.sleep(0.02)
    finally:
        hearing.cancel()
        await asyncio.gather(hearing, return_exceptions=True)
        await publisher.close()
        await subscriber.close()


async def test_the_signal_names_those_whom_something_addresses_and_nobody_else(scene: Scene) -> None:
    (signal,) = wake_signal(scene.stored)
    assert sorted(signal.frame[at : at + 16] for at in (0, 16)) == sorted([scene.listening.bytes, scene.away.bytes])
    notice = StoredEvent(scene.away, 9, b'{"op":"notice","seq":9}')
    assert wake_signal([notice, scene.stored[0]]) == []
