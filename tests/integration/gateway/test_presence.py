"""Who is in a channel, on real stores: two gateways inside this process, and clients of both."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import unquote, urlsplit
from uuid import uuid4

import pytest
import pytest_asyncio

from claw.wire.ids import Prefix, encode_id
from db.repositories.streams import StoredEvent
from tests.conftest import Store, Stores
from tests.support.presence import Pair, two_gateways, until
from tests.support.proxy import Proxy
from tests.support.watchers import Watcher


@pytest_asyncio.fixture
async def pair(stores: Stores, store: Store) -> AsyncIterator[Pair]:
    async with two_gateways(stores.redis_url, store) as pair:
        yield pair


def _told(watcher: Watcher, pair: Pair, kind: str) -> list[str]:
    """The names under `joined` or `left` in all that came after the snapshot."""
    return [name for frame in watcher.company(pair.room).frames for name in frame.get(kind, ())]


async def test_a_snapshot_says_who_is_there_and_then_who_comes_and_goes(pair: Pair) -> None:
    ada = await pair.follower(pair.left, pair.ada)
    assert ada.company(pair.room).frames == [
        {"op": "presence", "channel": encode_id(Prefix.CHANNEL, pair.room), "online": ["ada"], "count": 1}
    ]
    bob = await pair.follower(pair.right, pair.bob)
    await ada.sees(pair.room, ada="online", bob="online")
    await bob.sees(pair.room, ada="online", bob="online")
    bob.cut()
    await ada.sees(pair.room, ada="online")
    snapshot, *changes = ada.company(pair.room).frames
    assert "joined" not in snapshot
    assert [(frame["joined"], frame["left"], frame["changed"], frame["count"]) for frame in changes] == [
        (["bob"], [], {}, 2),
        ([], ["bob"], {}, 1),
    ]


async def test_it_comes_between_context_and_live_events(pair: Pair) -> None:
    ada = await pair.follower(pair.left, pair.ada)
    ada.send(op="message", channel=encode_id(Prefix.CHANNEL, pair.room), content="hello")
    await ada.until(lambda: bool(ada.of("message")))
    ops = [frame["op"] for frame in ada.frames if frame["op"] != "message_ack" and frame.get("inbox") is not True]
    assert ops == ["hello", "context", "subscribed", "context", "presence", "message"]


async def test_observers_see_who_is_there_and_are_not_counted(pair: Pair) -> None:
    observer = await pair.follower(pair.left, None)
    await observer.sees(pair.room)
    assert observer.company(pair.room).frames[0]["online"] == []
    await pair.follower(pair.right, pair.bob)
    await observer.sees(pair.room, bob="online")


async def test_direct_messages_have_presence_and_servers_and_inboxes_have_none(pair: Pair) -> None:
    talk = await pair.town.friends(pair.ada, pair.bob)
    server = await pair.town.admin.fetchval("select server_id from channels where id = $1", pair.room)
    ada = Watcher(pair.left, pair.ada)
    await ada.follow(talk)
    ada.send(op="subscribe", channels=[encode_id(Prefix.SERVER, server)])
    ada.send(op="ping", ref="done")
    await ada.until(lambda: bool(ada.of("pong")))
    assert [frame["channel"] for frame in ada.of("presence")] == [encode_id(Prefix.CHANNEL, talk)]
    await (bob := Watcher(pair.right, pair.bob)).follow(talk)
    await bob.sees(talk, ada="online", bob="online")


async def test_several_sessions_of_an_agent_are_one(pair: Pair) -> None:
    ada = await pair.follower(pair.left, pair.ada)
    bobs = [await pair.follower(gateway, pair.bob) for gateway in (*pair.gateways, pair.right)]
    await ada.sees(pair.room, ada="online", bob="online")
    for bob in bobs[:2]:
        bob.cut()
    await asyncio.sleep(0)
    pair.end_grace()
    # Somebody else's coming is told after whatever was told of these.
    await pair.follower(pair.left, pair.cyd)
    await ada.sees(pair.room, ada="online", bob="online", cyd="online")
    bobs[2].send(op="unsubscribe", channels=[encode_id(Prefix.CHANNEL, pair.room)])
    await ada.sees(pair.room, ada="online", cyd="online")
    assert _told(ada, pair, "left") == ["bob"]


async def test_who_comes_back_within_the_grace_was_never_away(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.presence_rooms.GRACE_S", 3_600.0)
    monkeypatch.setattr("gateway.presence.GRACE_S", 3_600.0)
    ada = await pair.follower(pair.left, pair.ada)
    bob = await pair.follower(pair.left, pair.bob)
    await ada.sees(pair.room, ada="online", bob="online")
    for gateway in (pair.left, pair.right, pair.left):
        bob.cut()
        bob = await pair.follower(gateway, pair.bob)
    await asyncio.sleep(0)
    pair.end_grace()
    await pair.follower(pair.right, pair.cyd)
    await ada.sees(pair.room, ada="online", bob="online", cyd="online")
    assert (_told(ada, pair, "left"), _told(ada, pair, "joined").count("bob")) == ([], 1)


async def test_differences_come_at_most_once_a_second(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.presence_rooms.GRACE_S", 0.0)
    ada = await pair.follower(pair.left, pair.ada)
    loop = asyncio.get_running_loop()
    times: list[float] = []
    show = pair.left.node.presence._rooms._show

    def shown(channel: Any, payload: bytes) -> bool:
        times.append(loop.time())
        return show(channel, payload)

    pair.left.node.presence._rooms._show = shown
    for _ in range(6):
        (await pair.follower(pair.left, pair.bob)).cut()
        await asyncio.sleep(0.3)
    await ada.sees(pair.room, ada="online")
    assert len(times) >= 2
    assert min(later - earlier for earlier, later in itertools.pairwise(times)) > 0.99


async def test_a_client_that_lagged_is_told_anew_who_is_there(pair: Pair) -> None:
    ada = await pair.follower(pair.left, pair.ada)
    ada.caller.pipe.stuck = True
    channel = encode_id(Prefix.CHANNEL, pair.room)
    bob = await pair.follower(pair.left, pair.bob)
    for number in range(12):
        bob.send(op="message", channel=channel, content="x" * 8_000, nonce=str(number))
    await bob.until(lambda: len(bob.of("message")) == 12)
    assert ada.caller.connection.lagging
    dropped = pair.left.node.hub.passing_dropped
    await pair.follower(pair.right, pair.cyd)
    await bob.sees(pair.room, ada="online", bob="online", cyd="online")
    assert pair.left.node.hub.passing_dropped > dropped
    ada.caller.pipe.unstick()
    await ada.sees(pair.room, ada="online", bob="online", cyd="online")
    assert len([frame for frame in ada.company(pair.room).frames if "online" in frame]) == 2


async def test_an_announcement_that_is_lost_is_made_good_without_another(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.presence_rooms._VERIFY_EVERY_S", 1)
    ada = await pair.follower(pair.left, pair.ada)
    bob = await pair.follower(pair.right, pair.bob)
    await ada.sees(pair.room, ada="online", bob="online")
    lost: list[StoredEvent] = []
    pair.left.node.subscriber._on_event = lost.append
    await pair.follower(pair.right, pair.cyd)
    await bob.sees(pair.room, ada="online", bob="online", cyd="online")
    await ada.sees(pair.room, ada="online", bob="online", cyd="online")
    assert lost


async def test_a_redis_that_comes_back_empty_is_filled_again_and_nobody_leaves(pair: Pair) -> None:
    ada = await pair.follower(pair.left, pair.ada)
    bob = await pair.follower(pair.right, pair.bob)
    bob.send(op="presence", status="dnd")
    await ada.sees(pair.room, ada="online", bob="dnd")
    redis = pair.left.container.redis
    keys = [key async for key in redis.scan_iter("molt:presence:*")]
    await redis.delete(*keys)

    async def is_filled() -> bool:
        found = await pair.left.node.presence._registry.read(pair.room)
        members = {name: state for _, each in found.values() for name, (state, _) in each.items()}
        return members == {"ada": "online", "bob": "dnd"}

    await until(is_filled)
    assert await redis.hget(f"molt:presence:agent:{pair.bob.hex}", "hand") == b"dnd"
    cyd = await pair.follower(pair.left, pair.cyd)
    await cyd.sees(pair.room, ada="online", bob="dnd", cyd="online")
    await ada.sees(pair.room, ada="online", bob="dnd", cyd="online")
    assert _told(ada, pair, "left") == _told(bob, pair, "left") == []


async def test_what_a_lost_gateway_has_left_is_shown_to_nobody_and_cleared_away(pair: Pair) -> None:
    registry, ghost = pair.left.node.presence._registry, uuid4()
    redis = pair.left.container.redis
    await redis.hset(
        f"molt:presence:channel:{pair.room.hex}", mapping={ghost.bytes: "7", ghost.bytes + b"spook": "online 1"}
    )
    await redis.hset("molt:presence:gateways", ghost.bytes, "1000")
    ada = await pair.follower(pair.left, pair.ada)
    await ada.sees(pair.room, ada="online")
    # A stamp of 1970 is of a day long past: it is gone after the next beat, and then nobody knows this gateway.
    await redis.hset("molt:presence:gateways", ghost.bytes, str((await registry.beat(None)).now - 60_000))

    async def is_known_as_lost() -> bool:
        return ghost in pair.right.node.presence._peers.lost

    await until(is_known_as_lost)
    bob = await pair.follower(pair.right, pair.bob)
    await bob.sees(pair.room, ada="online", bob="online")

    async def is_cleared() -> bool:
        return ghost not in await registry.read(pair.room)

    await until(is_cleared)


async def test_a_gateway_without_redis_keeps_what_it_knows_and_is_missed_by_the_others(
    stores: Stores, store: Store
) -> None:
    path = unquote(urlsplit(stores.redis_url).path)
    async with (
        Proxy(path) as wire,
        two_gateways(stores.redis_url, store, right_url=f"redis://127.0.0.1:{wire.port}") as pair,
    ):
        ada = await pair.follower(pair.left, pair.ada)
        bob = await pair.follower(pair.right, pair.bob)
        await ada.sees(pair.room, ada="online", bob="online")
        wire.cut()

        async def is_frozen() -> bool:
            return not pair.right.node.presence.in_contact

        await until(is_frozen)
        cyd = await pair.follower(pair.right, pair.cyd)
        await cyd.sees(pair.room, ada="online", bob="online", cyd="online")
        await bob.sees(pair.room, ada="online", bob="online", cyd="online")
        await ada.sees(pair.room, ada="online")
        wire.mend()
        await ada.sees(pair.room, ada="online", bob="online", cyd="online")
        assert _told(bob, pair, "left") == _told(cyd, pair, "left") == []
