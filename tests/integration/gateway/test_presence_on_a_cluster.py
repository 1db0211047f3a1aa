"""Presence on a Redis cluster of three masters: the records of agents and channels lie with all of them."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from claw.wire.ids import Prefix, encode_id
from tests.conftest import Store
from tests.support.cluster import Cluster, running_cluster
from tests.support.presence import Pair, two_gateways
from tests.support.watchers import Watcher

_ROOMS = 12


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def cluster(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Cluster]:
    async with running_cluster(tmp_path_factory.mktemp("cluster")) as running:
        yield running


@pytest_asyncio.fixture
async def pair(cluster: Cluster, store: Store) -> AsyncIterator[Pair]:
    async with two_gateways(cluster.nodes[0].url, store) as pair:
        yield pair


async def test_who_is_where_is_seen_on_all_gateways_whichever_master_has_it(pair: Pair) -> None:
    server = await pair.town.server(pair.ada, pair.bob)
    rooms = [await pair.town.channel(server) for _ in range(_ROOMS)]
    ada, bob = Watcher(pair.left, pair.ada), Watcher(pair.right, pair.bob)
    await ada.follow(*rooms)
    await bob.follow(*rooms)
    for room in rooms:
        await ada.sees(room, ada="online", bob="online")
        await bob.sees(room, ada="online", bob="online")
    bob.send(op="presence", status="dnd")
    for room in rooms:
        await ada.sees(room, ada="online", bob="dnd")
    await pair.until_shown(pair.bob, "dnd")
    bob.send(op="unsubscribe", channels=[encode_id(Prefix.CHANNEL, room) for room in rooms[1:]])
    for room in rooms[1:]:
        await ada.sees(room, ada="online")
    await ada.sees(rooms[0], ada="online", bob="dnd")
    bob.cut()
    await ada.sees(rooms[0], ada="online")
    await pair.until_shown(pair.bob, "offline")


async def test_acts_are_noted_and_wake_an_idle_agent(pair: Pair) -> None:
    bob = await pair.follower(pair.right, pair.bob)
    ada = await pair.follower(pair.left, pair.ada)
    await bob.sees(pair.room, ada="online", bob="online")
    await pair.let_pass(pair.ada, 31)
    await bob.sees(pair.room, ada="idle", bob="online")
    # From another gateway than the one where it is connected.
    pair.right.container.acts.acted(pair.ada)
    await bob.sees(pair.room, ada="online", bob="online")
    await ada.sees(pair.room, ada="online", bob="online")
