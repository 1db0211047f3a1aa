"""Agents that do nothing for a while, on real stores. Time is moved in their records, which Redis judges by."""

from collections.abc import AsyncIterator, Awaitable, Callable
from uuid import UUID

import pytest
import pytest_asyncio

from claw.wire.ids import Prefix, encode_id
from claw.wire.rest import EditMessage
from core.presence.sweeper import PresenceSweeper
from core.services.messages import Draft
from db.roles import Role
from tests.conftest import Store, Stores
from tests.support.presence import Pair, record_key, two_gateways, until
from tests.support.watchers import Watcher


@pytest_asyncio.fixture
async def pair(stores: Stores, store: Store) -> AsyncIterator[Pair]:
    async with two_gateways(stores.redis_url, store) as pair:
        yield pair


async def test_an_agent_becomes_idle_and_then_offline_and_an_act_brings_it_back(pair: Pair) -> None:
    ada = await pair.follower(pair.left, pair.ada)
    bob = await pair.follower(pair.right, pair.bob)
    await bob.sees(pair.room, ada="online", bob="online")
    await pair.until_shown(pair.ada, "online")
    for seconds, state in ((31, "idle"), (30, "offline")):
        await pair.let_pass(pair.ada, seconds)
        await bob.sees(pair.room, ada=state, bob="online")
        await ada.sees(pair.room, ada=state, bob="online")
        await pair.until_shown(pair.ada, state)
    late = await pair.follower(pair.right, pair.cyd)
    await late.sees(pair.room, ada="offline", bob="online", cyd="online")
    seen = await pair.town.admin.fetchval("select last_seen_at from agents where id = $1", pair.ada)
    ada.send(op="typing", channel=encode_id(Prefix.CHANNEL, pair.room))
    await bob.sees(pair.room, ada="online", bob="online", cyd="online")
    await pair.until_shown(pair.ada, "online")
    assert seen < await pair.town.admin.fetchval("select last_seen_at from agents where id = $1", pair.ada)


async def test_messages_reactions_and_typing_count_wherever_they_are_done(pair: Pair) -> None:
    ada = await pair.follower(pair.left, pair.ada)
    channel = encode_id(Prefix.CHANNEL, pair.room)
    message = await pair.town.say(pair.bob, pair.room)
    wire_id = encode_id(Prefix.MESSAGE, message)

    async def over_rest() -> None:
        await pair.right.container.posting(Role.GATEWAY).post(pair.ada, Draft(channel, "from elsewhere"))

    async def reaction_over_rest() -> None:
        await pair.right.rest.changes.react(pair.ada, message, "x")

    acts: list[Callable[[], Awaitable[None] | None]] = [
        lambda: ada.send(op="message", channel=channel, content="hello"),
        lambda: ada.send(op="react", message=wire_id, emoji="y"),
        lambda: ada.send(op="unreact", message=wire_id, emoji="y"),
        lambda: ada.send(op="typing", channel=channel),
        over_rest,
        reaction_over_rest,
    ]
    for act in acts:
        _forget_acts(pair)
        await pair.let_pass(pair.ada, 31)
        await pair.until_state(pair.left, pair.ada, "idle")
        done = act()
        if done is not None:
            await done
        await pair.until_state(pair.left, pair.ada, "online")


def _forget_acts(pair: Pair) -> None:
    """As if the last act had been long ago: the next one is written at once."""
    for gateway in pair.gateways:
        gateway.container.acts._written.clear()


async def test_nothing_else_counts(pair: Pair) -> None:
    ada = await pair.follower(pair.left, pair.ada)
    message = await pair.town.say(pair.ada, pair.room)
    before = await pair.acted_at(pair.ada)
    await ada.until(lambda: bool(ada.of("message")))
    for command in (
        {"op": "ping"},
        {"op": "presence", "status": "online"},
        {"op": "subscribe", "channels": [encode_id(Prefix.CHANNEL, pair.room)]},
        {"op": "ack", "seq": 0},
    ):
        ada.send(**command)
    await pair.left.rest.changes.edit(pair.ada, message, EditMessage(content="other words"))
    ada.send(op="ping", ref="last")
    await ada.until(lambda: any(frame.get("ref") == "last" for frame in ada.of("pong")))
    second = Watcher(pair.right, pair.ada)
    await second.follow(pair.room)
    # Acts of somebody else are written behind whatever was noted before.
    pair.left.container.acts.acted(pair.bob)

    async def is_written() -> bool:
        return not pair.left.container.acts._due

    await until(is_written)
    assert not {pair.ada} & {*pair.left.container.acts._written, *pair.right.container.acts._written}
    assert await pair.acted_at(pair.ada) == before


async def test_a_choice_holds_on_all_gateways_until_it_is_changed(pair: Pair) -> None:
    bob = await pair.follower(pair.right, pair.bob)
    ada = await pair.follower(pair.left, pair.ada)
    ada.send(op="presence", status="dnd", ref="chosen")
    await ada.until(lambda: bool(ada.of("ok")))
    await bob.sees(pair.room, ada="dnd", bob="online")
    await pair.until_shown(pair.ada, "dnd")
    second = await pair.follower(pair.right, pair.ada)
    await pair.let_pass(pair.ada, 3_600)
    second.send(op="typing", channel=encode_id(Prefix.CHANNEL, pair.room))
    await pair.follower(pair.left, pair.cyd)
    await bob.sees(pair.room, ada="dnd", bob="online", cyd="online")
    second.send(op="presence", status="idle")
    await bob.sees(pair.room, ada="idle", bob="online", cyd="online")
    await ada.sees(pair.room, ada="idle", bob="online", cyd="online")
    ada.send(op="presence", status="online")
    await bob.sees(pair.room, ada="online", bob="online", cyd="online")


async def test_a_choice_ends_with_the_last_session(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.presence.GRACE_S", 0.0)
    bob = await pair.follower(pair.right, pair.bob)
    sessions = [await pair.follower(gateway, pair.ada) for gateway in pair.gateways]
    sessions[0].send(op="presence", status="dnd")
    await bob.sees(pair.room, ada="dnd", bob="online")
    sessions[0].cut()
    again = await pair.follower(pair.left, pair.ada)
    await again.sees(pair.room, ada="dnd", bob="online")
    for session in (again, sessions[1]):
        session.cut()
    await pair.until_shown(pair.ada, "offline")
    await pair.follower(pair.left, pair.ada)
    await bob.sees(pair.room, ada="online", bob="online")
    await pair.until_shown(pair.ada, "online")


async def test_who_can_be_woken_is_closed_on_all_gateways_when_it_has_idled_out(pair: Pair) -> None:
    await pair.configure(pair.ada, webhook_url="https://bots.example/ada", idle_timeout_seconds=30)
    bob = await pair.follower(pair.right, pair.bob)
    sessions = [await pair.follower(gateway, pair.ada) for gateway in pair.gateways]
    await bob.sees(pair.room, ada="online", bob="online")
    await pair.let_pass(pair.ada, 16)
    await bob.sees(pair.room, ada="idle", bob="online")
    await pair.let_pass(pair.ada, 15)
    assert [await session.until_closed() for session in sessions] == [4005, 4005]
    # Woken at once: it is there, whatever is still remembered of its last sessions.
    await pair.follower(pair.left, pair.ada)
    await bob.sees(pair.room, ada="online", bob="online")
    await pair.until_shown(pair.ada, "online")


async def test_who_has_idled_out_and_does_not_come_back_has_left(pair: Pair) -> None:
    await pair.configure(pair.ada, webhook_url="https://bots.example/ada", on_idle="disconnect")
    bob = await pair.follower(pair.right, pair.bob)
    ada = await pair.follower(pair.left, pair.ada)
    await bob.sees(pair.room, ada="online", bob="online")
    await pair.let_pass(pair.ada, 61)
    assert await ada.until_closed() == 4005
    ada.cut()
    await bob.sees(pair.room, bob="online")
    await pair.until_shown(pair.ada, "offline")
    assert not await pair.left.container.redis.exists(record_key(pair.ada))


async def test_a_webhook_that_is_set_while_the_agent_is_connected_counts(pair: Pair) -> None:
    ada = await pair.follower(pair.left, pair.ada)
    await ada.sees(pair.room, ada="online")
    await pair.let_pass(pair.ada, 61)
    await ada.sees(pair.room, ada="offline")
    await pair.configure(pair.ada, webhook_url="https://bots.example/ada")
    await pair.let_pass(pair.ada, 0)
    assert await ada.until_closed() == 4005


async def test_the_sweeper_finds_whom_the_table_shows_without_a_session(pair: Pair, store: Store) -> None:
    ada = await pair.follower(pair.left, pair.ada)
    await ada.sees(pair.room, ada="online")
    await pair.until_shown(pair.ada, "online")
    crashed = UUID(int=7)
    await pair.left.container.redis.hset(
        record_key(pair.cyd), mapping={"state": "online", "act": 1, "at": 1, b"@" + crashed.bytes: 1}
    )
    await pair.town.admin.execute("update agents set presence = 'idle' where id in ($1, $2)", pair.bob, pair.cyd)
    sweeper = PresenceSweeper(store.worker, pair.left.container.redis)
    await sweeper._round()
    await pair.until_shown(pair.bob, "offline")
    await pair.until_shown(pair.cyd, "offline")
    await pair.until_shown(pair.ada, "online")
    assert not await pair.left.container.redis.exists(record_key(pair.cyd))
