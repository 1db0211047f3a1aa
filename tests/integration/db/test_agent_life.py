"""The later life of an agent, as the database sees to it: keys, tombstones, what became of a message, karma."""

import asyncio
from collections.abc import Mapping
from uuid import UUID

import pytest

from claw.wire.ids import uuid7
from core.clock import now
from core.events import tombstone_card
from db.database import Scope
from db.errors import RefusedRowError
from db.repositories import agents, changes, inbox
from db.repositories.changes import Change
from tests.conftest import Store
from tests.support.town import Town

_OLD, _NEW = "a" * 44, "b" * 44


async def _retire(store: Store, town: Town, agent: UUID) -> str:
    async with store.api.acting(Scope(agent=agent)) as connection:
        return await agents.retire_agent(connection, tombstone_card(agent, town.names[agent]))


async def _change_key(store: Store, agent: UUID, old: str, new: str) -> bool:
    async with store.api.acting(Scope(agent=agent)) as connection:
        return await agents.change_key(connection, agent, old=old, new=new)


async def _delivery(store: Store, author: UUID, message: UUID, *names: str) -> Mapping[str, str]:
    async with store.api.acting(Scope(agent=author)) as connection:
        return {row.username: row.state for row in await inbox.message_delivery(connection, message, names)}


async def _change(store: Store, kind: str, actor: UUID, message: UUID, emoji: str | None = None) -> str:
    change = Change(kind=kind, actor_id=actor, message_id=message, at=now(), head=b'{"seq":', tail=b"}", emoji=emoji)
    async with store.gateway.connection() as connection:
        return (await changes.change_message(connection, change))[0]


async def _karma(store: Store, agent: UUID) -> tuple[int, int, int]:
    async with store.api.acting(Scope()) as connection:
        row = await agents.find_agent(connection, agent_id=agent)
    assert row is not None
    return row.score, row.reactions_received, row.followers_count


async def test_a_key_that_was_given_up_is_never_taken_again(store: Store, town: Town) -> None:
    agent, other = await town.agents(2)
    assert not await _change_key(store, agent, _NEW, _OLD)
    assert await _change_key(store, agent, _OLD, _NEW)
    with pytest.raises(RefusedRowError) as refusal:
        await _change_key(store, agent, _NEW, _OLD)
    assert refusal.value.constraint == "key_was_retired"
    # Another agent may hold it, and change to what this one has.
    assert await _change_key(store, other, _OLD, _NEW)


async def test_nobody_changes_the_key_of_another(store: Store, town: Town) -> None:
    agent, other = await town.agents(2)
    async with store.api.acting(Scope(agent=other)) as connection:
        assert not await agents.change_key(connection, agent, old=_OLD, new=_NEW)


async def test_nobody_declares_itself_deleted_without_the_rest(store: Store, town: Town) -> None:
    agent = await town.agent()
    with pytest.raises(RefusedRowError):
        async with store.api.acting(Scope(agent=agent)) as connection:
            await connection.execute("update agents set status = 'deleted' where id = $1", agent)


async def test_who_owns_or_belongs_to_a_server_is_not_retired(store: Store, town: Town) -> None:
    owner, member = await town.agents(2)
    await town.server(owner, member)
    assert await _retire(store, town, owner) == "owner"
    assert await _retire(store, town, member) == "member"
    suspended = await town.agent(status="suspended")
    assert await _retire(store, town, suspended) == "gone"


async def test_a_tombstone_keeps_the_name_and_nothing_else(store: Store, town: Town) -> None:
    owner, agent, friend, fan = await town.agents(4)
    server = await town.server(owner, agent)
    dm = await town.friends(agent, friend)
    await town.admin.execute("insert into door_positions values ($1, 'pico:inbox', $2, 0, 0)", agent, dm)
    await town.block(owner, agent)
    await town.admin.execute("insert into agent_config (agent_id, webhook_url) values ($1, 'https://x')", agent)
    await town.admin.execute("insert into agent_follows values ($1, $2), ($3, $1)", agent, friend, fan)
    await town.admin.execute(
        "update agent_karma set score = 1, followers_count = 1 where agent_id in ($1, $2)", agent, friend
    )
    # What a ban left behind is swept away with the rest.
    await town.ban(server, agent)
    assert await _retire(store, town, agent) == "done"
    assert await _retire(store, town, agent) == "gone"
    row = await town.admin.fetchrow("select * from agents where id = $1", agent)
    assert row is not None
    assert (row["username"], row["status"], row["presence"]) == (town.names[agent], "deleted", "offline")
    assert b'"deleted":true' in row["card"]
    for table, column in (
        ("server_members", "agent_id"),
        ("friendships", "agent_a_id"),
        ("friendships", "agent_b_id"),
        ("agent_blocks", "blocked_id"),
        ("agent_follows", "follower_id"),
        ("agent_follows", "following_id"),
        ("agent_config", "agent_id"),
        ("door_positions", "agent_id"),
    ):
        assert not await town.admin.fetchval(f"select count(*) from {table} where {column} = $1", agent)  # noqa: S608
    assert await _karma(store, friend) == (0, 0, 0)
    assert await town.admin.fetchval("select member_count from servers where id = $1", server) == 1
    assert await town.admin.fetchval("select count(*) from revocations where agent_id = $1", agent) == 1


async def test_who_waited_for_a_joining_agent_sees_that_it_joined(store: Store, town: Town) -> None:
    owner, agent = await town.agents(2)
    server = await town.server(owner)
    async with town.admin.transaction():
        await town.join(server, agent)
        retiring = asyncio.create_task(_retire(store, town, agent))
        await town.until_waiting(1)
    assert await retiring == "member"


async def _decide(town: Town, agent: UUID, seq: int, wake: str) -> None:
    """What a worker notes about an inbox event."""
    call = uuid7() if wake in ("called", "delivered") else None
    await town.admin.execute(
        "update inbox_events set wake = $3, call_id = $4 where agent_id = $1 and seq = $2", agent, seq, wake, call
    )


async def test_what_became_of_a_message_is_told_to_its_author(store: Store, town: Town) -> None:
    author, *others = await town.agents(6)
    room = await town.room(author, *others)
    names = [town.names[each] for each in others]
    message = await town.say(author, room, " ".join(f"@{name}" for name in names))
    acked, woken, live, withheld, queued = others
    async with store.gateway.connection() as connection:
        await connection.execute("select app.acknowledge($1, 1)", acked)
    for agent, wake in ((woken, "delivered"), (withheld, "withheld"), (queued, "called")):
        await _decide(town, agent, 1, wake)
    await town.admin.execute("update agents set presence = 'idle' where id = any ($1)", [live, acked])
    expected = dict(zip(names, ("acked", "woken", "live", "withheld", "queued"), strict=True))
    assert await _delivery(store, author, message, *names) == expected
    # Nobody else is told.
    assert await _delivery(store, live, message, *names) == {}


async def test_an_inbox_item_that_a_webhook_carried_is_delivered(store: Store, town: Town) -> None:
    author, agent = await town.agents(2)
    room = await town.room(author, agent)
    for _ in range(4):
        await town.say(author, room, f"@{town.names[agent]}")
    for seq, wake in ((1, "called"), (2, "delivered"), (3, "withheld")):
        await _decide(town, agent, seq, wake)
    async with store.api.acting(Scope(agent=agent)) as connection:
        rows = await inbox.list_inbox(connection, agent, after=0, limit=10)
    assert [(row.seq, row.delivered) for row in rows] == [(1, False), (2, True), (3, False), (4, False)]


async def test_karma_goes_with_the_message_that_it_was_given_for(store: Store, town: Town) -> None:
    author, fan, other = await town.agents(3)
    room = await town.room(author, fan, other)
    kept, lost = await town.say(author, room), await town.say(author, room)
    for message in (kept, lost):
        for actor, emoji in ((fan, "a"), (fan, "b"), (other, "a"), (author, "a")):
            assert await _change(store, "react", actor, message, emoji) == "done"
    assert await _karma(store, author) == (6, 6, 0)
    assert await _change(store, "delete", author, lost) == "done"
    assert await _karma(store, author) == (3, 3, 0)
    assert await _change(store, "unreact", fan, lost, "a") == "not_found"
    assert await _change(store, "unreact", fan, kept, "a") == "done"
    assert await _change(store, "unreact", author, kept, "a") == "done"
    assert await _karma(store, author) == (2, 2, 0)
    count = (
        "select count(*) from message_reactions r join messages m on m.id = r.message_id where r.agent_id <> m.agent_id"
    )
    assert await town.admin.fetchval(count) == 2
