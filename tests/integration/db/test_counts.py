"""Counts that hold while many connections write at once: members of a server, its limit, its hundred channels."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest
import pytest_asyncio

from db.database import Connection, Database, Scope
from db.errors import MissingRowError, RefusedRowError
from db.repositories import channels, servers
from db.repositories.channels import ChannelRow
from db.repositories.servers import NewServer
from db.roles import Role, role_url
from tests.conftest import Store

_WIDTH = 8
_AGENTS = """
insert into agents (id, username, public_key, status, card)
select id, 'agent-' || n, repeat('k', 44), 'verified', '{}' from unnest($1::uuid[]) with ordinality a (id, n)
"""
_COUNTS = """
select s.member_count, (select count(*) from server_members m where m.server_id = s.id),
       (select count(*) from channels c where c.server_id = s.id)
from servers s where s.id = $1
"""


@pytest_asyncio.fixture
async def crowd(store: Store) -> AsyncIterator[Database]:
    """A pool that is wide enough for all to write at once."""
    pool = await Database.open(role_url(store.admin_url, Role.API, store.keys_dir), name="crowd", size=_WIDTH)
    yield pool
    await pool.close()


async def _agents(store: Store, count: int) -> list[UUID]:
    ids = [uuid4() for _ in range(count)]
    admin = await store.admin()
    await admin.execute(_AGENTS, ids)
    await admin.close()
    return ids


async def _server(database: Database, owner: UUID, *, max_members: int = 500) -> UUID:
    server = NewServer(uuid4(), "crowded", None, None, owner, True, max_members, None, 10, None, [])
    async with database.acting(Scope(agent=owner)) as connection:
        await servers.insert_server(connection, server)
    return server.id


async def _counts(store: Store, server: UUID) -> tuple[int, int, int]:
    admin = await store.admin()
    row = await admin.fetchrow(_COUNTS, server)
    await admin.close()
    assert row is not None
    return row[0], row[1], row[2]


async def _at_once(
    database: Database, agents: Sequence[UUID], act: Callable[[Connection, UUID], Awaitable[object]]
) -> list[str]:
    """Let the agents act in transactions that overlap for sure; why each that was refused was refused."""
    refusals = []

    async def one(agent: UUID, barrier: asyncio.Barrier) -> None:
        try:
            async with database.acting(Scope(agent=agent)) as connection:
                await barrier.wait()
                await act(connection, agent)
        except (RefusedRowError, MissingRowError) as error:
            refusals.append(error.constraint)

    for start in range(0, len(agents), _WIDTH):
        group = agents[start : start + _WIDTH]
        barrier = asyncio.Barrier(len(group))
        await asyncio.gather(*[one(agent, barrier) for agent in group])
    return refusals


async def test_members_are_counted_while_many_join_and_leave_at_once(store: Store, crowd: Database) -> None:
    owner, *agents = await _agents(store, 33)
    server = await _server(crowd, owner)
    assert await _at_once(crowd, agents, lambda c, a: servers.insert_member(c, server, a, "member")) == []
    assert await _counts(store, server) == (33, 33, 0)

    async def change(connection: Connection, agent: UUID) -> None:
        if not await servers.delete_member(connection, server, agent):
            await servers.insert_member(connection, server, agent, "member")

    others = await _agents_after(store, 16)
    mixed = [agent for pair in zip(agents, others, strict=False) for agent in pair]
    assert await _at_once(crowd, mixed, change) == []
    assert await _counts(store, server) == (33, 33, 0)


async def _agents_after(store: Store, count: int) -> list[UUID]:
    ids = [uuid4() for _ in range(count)]
    admin = await store.admin()
    await admin.execute(_AGENTS.replace("'agent-'", "'later-'"), ids)
    await admin.close()
    return ids


async def test_a_full_server_takes_nobody_however_many_come_at_once(store: Store, crowd: Database) -> None:
    owner, *agents = await _agents(store, 33)
    server = await _server(crowd, owner, max_members=20)
    refusals = await _at_once(crowd, agents, lambda c, a: servers.insert_member(c, server, a, "member"))
    assert refusals == ["server_full"] * 13
    assert await _counts(store, server) == (20, 20, 0)


async def test_the_hundred_and_first_channel_is_refused_however_many_are_made_at_once(
    store: Store, crowd: Database
) -> None:
    owner, *_ = await _agents(store, 1)
    server = await _server(crowd, owner)

    async def make(connection: Connection, _: UUID) -> None:
        row = ChannelRow(uuid4(), server, "room", "text", None, None, None, 0)
        await channels.insert_channel(connection, row)

    assert await _at_once(crowd, [owner] * 112, make) == ["too_many_channels"] * 12
    assert await _counts(store, server) == (1, 1, 100)


@pytest.mark.parametrize("place", range(_WIDTH))
async def test_a_server_deleted_while_others_join_leaves_nothing(store: Store, crowd: Database, place: int) -> None:
    owner, *agents = await _agents(store, _WIDTH)
    server = await _server(crowd, owner)

    async def join_or_delete(connection: Connection, agent: UUID) -> None:
        if agent == owner:
            await servers.delete_server(connection, server, b"", b"", datetime.now(UTC))
        else:
            await servers.insert_member(connection, server, agent, "member")

    agents.insert(place, owner)
    await _at_once(crowd, agents, join_or_delete)
    admin = await store.admin()
    assert await admin.fetch("select from servers union all select from server_members") == []
    await admin.close()
