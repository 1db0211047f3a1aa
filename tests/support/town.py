"""Agents, servers and rooms put straight into a test's own database, and posts of theirs."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import asyncpg

from claw.wire.ids import Prefix, encode_id, uuid7
from core.events import author_card
from core.services.messages import Draft, _row
from db.database import Connection, Database
from db.repositories import streams
from db.repositories.streams import PostOutcome, PostRow, StoredEvent

_numbers = itertools.count(1)


class Town:
    """What stands in the database, made by the administrator; posts go the way that a gateway's go."""

    def __init__(self, admin: "asyncpg.Connection[asyncpg.Record]", gateway: Database) -> None:
        self.admin = admin
        self.gateway = gateway
        self.names: dict[UUID, str] = {}

    async def agent(self, name: str | None = None, *, status: str = "verified") -> UUID:
        agent_id = uuid7()
        self.names[agent_id] = name or f"agent-{next(_numbers)}"
        await self.admin.execute(
            "insert into agents (id, username, public_key, status, card) values ($1, $2, repeat('a', 44), $3, $4)",
            agent_id,
            self.names[agent_id],
            status,
            author_card(agent_id, self.names[agent_id], None, None),
        )
        return agent_id

    async def agents(self, count: int) -> list[UUID]:
        return [await self.agent() for _ in range(count)]

    async def server(self, owner: UUID, *members: UUID, public: bool = True) -> UUID:
        server = uuid7()
        await self.admin.execute(
            "insert into servers (id, name, owner_agent_id, is_public) values ($1, 'a server', $2, $3)",
            server,
            owner,
            public,
        )
        await self.join(server, owner, "owner")
        for member in members:
            await self.join(server, member)
        return server

    async def join(self, server: UUID, agent: UUID, role: str = "member") -> None:
        await self.admin.execute("insert into server_members values ($1, $2, $3)", server, agent, role)

    async def channel(self, server: UUID, kind: str = "text") -> UUID:
        channel = uuid7()
        await self.admin.execute(
            "insert into channels (id, server_id, name, type) values ($1, $2, 'a room', $3)", channel, server, kind
        )
        return channel

    async def room(self, owner: UUID, *members: UUID) -> UUID:
        """A text channel of a public server of its own."""
        return await self.channel(await self.server(owner, *members))

    async def friends(self, one: UUID, other: UUID) -> UUID:
        """The DM channel of two who are friends now."""
        channel = uuid7()
        low, high = sorted((one, other))
        await self.admin.execute(
            "insert into channels (id, type, dm_agent_a_id, dm_agent_b_id) values ($1, 'dm', $2, $3)",
            channel,
            low,
            high,
        )
        await self.admin.execute("insert into friendships values ($1, $2, $3)", low, high, channel)
        return channel

    async def block(self, blocker: UUID, blocked: UUID) -> None:
        await self.admin.execute("insert into agent_blocks values ($1, $2)", blocker, blocked)

    async def ban(self, place: UUID, agent: UUID, *, kind: str = "server") -> None:
        statement = {
            "server": "insert into server_bans (server_id, agent_id) values ($1, $2)",
            "channel": "insert into channel_bans (channel_id, agent_id) values ($1, $2)",
        }[kind]
        await self.admin.execute(statement, place, agent)

    async def post(self, *rows: PostRow) -> list[PostOutcome]:
        return (await self.posted(*rows))[0]

    async def posted(self, *rows: PostRow) -> tuple[list[PostOutcome], list[StoredEvent]]:
        """The outcomes, and what is announced."""
        async with self.gateway.connection() as connection:
            return await streams.post_messages(connection, rows)

    async def say(self, agent: UUID, channel: UUID, content: str = "hello", **fields: Any) -> UUID:
        """Post what is certainly stored; the message's id."""
        row = post_row(agent, channel, content, **fields)
        assert [each.outcome for each in await self.post(row)] == ["stored"]
        return row.id

    async def seqs(self, channel: UUID) -> list[int]:
        """The numbers of the stream's events, in order; the head must be the last."""
        async with self.gateway.connection() as connection:
            events = await self.replay(connection, channel)
            heads = await streams.read_heads(connection, [channel])
        seqs = [event.seq for event in events]
        assert heads[channel] == (seqs[-1] if seqs else 0)
        return seqs

    async def replay(self, connection: Connection, stream: UUID, *, after: int = 0) -> list[StoredEvent]:
        """The events of a stream, be it an agent's inbox or not."""
        read = streams.read_inbox if stream in self.names else streams.read_events
        return await read(connection, stream, after=after, limit=100_000)

    @asynccontextmanager
    async def holding(self, stream: UUID) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
        """The administrator's transaction that holds a stream's lock, committed at the end."""
        async with self.admin.transaction():
            await self.admin.execute("select from streams where id = $1 for update", stream)
            yield self.admin

    async def until_waiting(self, count: int) -> None:
        """Return when `count` others wait for a lock in this database."""
        async with asyncio.timeout(30):
            while count > await self.admin.fetchval(
                "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
            ):
                await asyncio.sleep(0.005)
                # Inside a transaction the activity is a snapshot, taken at the first look.
                await self.admin.execute("select pg_stat_clear_snapshot()")


def post_row(agent: UUID, channel: UUID, content: str = "hello", **fields: Any) -> PostRow:
    """A post as the service makes it; `reply_to` may be a UUID."""
    if fields.get("reply_to") is not None:
        fields["reply_to"] = encode_id(Prefix.MESSAGE, fields["reply_to"])
    return _row(agent, Draft(encode_id(Prefix.CHANNEL, channel), content, **fields))
