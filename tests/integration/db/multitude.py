"""A database with a million messages and events, and how much of it a call reads."""

import statistics
import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast
from uuid import UUID

import asyncpg

from db.database import Connection, Scope
from db.repositories import streams
from db.repositories.streams import PostRow
from db.roles import Role

_ROWS = (Path(__file__).parent / "multitude.sql").read_text()
_ACT_AS = "select app.act_as($1, $2, $3, $4, $5, $6)"
_NO_STATISTICS = """
do $$ declare t name; begin
    for t in select relname from pg_class where relnamespace = 'public'::regnamespace and relkind = 'r' loop
        execute format('alter table public.%I set (autovacuum_enabled = off)', t);
    end loop;
end $$
"""
# What was read of each table that is not small. Index-only scans are counted at the index.
_READ = """
select t.relname::text as name, t.seq_scan as scans,
       t.seq_tup_read + (select coalesce(sum(i.idx_tup_read), 0)::bigint
                         from pg_stat_user_indexes i where i.relid = t.relid) as rows
from pg_stat_user_tables t where t.schemaname = 'public' and pg_relation_size(t.relid) > 1000000
"""


def agent(number: int) -> UUID:
    return UUID(int=(1 << 96) + number)


def server(number: int) -> UUID:
    return UUID(int=(2 << 96) + number)


def channel(number: int) -> UUID:
    return UUID(int=(3 << 96) + number)


def message(number: int) -> UUID:
    return UUID(int=(4 << 96) + number)


def posts(count: int, *, start: int = 0, **fields: Any) -> list[PostRow]:
    """Posts to the busy channel, each an answer to an older message of it."""
    head, middle, tail = b'"channel":"ch_x","seq":', b',"agent":', b',"content":"x"'
    return [
        PostRow(
            id=UUID(int=(6 << 96) + start + number),
            agent_id=agent(41 * (1 + number % 490)),
            channel_id=channel(1),
            content="x",
            content_type="text",
            metadata=None,
            reply_to=message(1 + number * 200),
            nonce=f"new-{start + number}",
            fingerprint=b"f",
            created_at=datetime.now(UTC),
            head=head,
            middle=middle,
            tail=tail,
            **fields,
        )
        for number in range(count)
    ]


class Recorder:
    """A connection that also keeps what was asked of it."""

    def __init__(self, connection: "asyncpg.Connection[asyncpg.Record]") -> None:
        self._connection = connection
        self.asked: list[tuple[str, tuple[object, ...]]] = []

    def __getattr__(self, method: str) -> Any:
        async def ask(statement: str, *arguments: object) -> Any:
            self.asked.append((statement, arguments))
            return await getattr(self._connection, method)(statement, *arguments)

        return ask


@dataclass
class Multitude:
    """The administrator's and the login roles' connections; posting times before there were statistics."""

    admin: "asyncpg.Connection[asyncpg.Record]"
    logins: "Mapping[Role, asyncpg.Connection[asyncpg.Record]]"
    filling_s: float = 0.0
    post_s_without_statistics: float = 0.0

    async def fill(self) -> None:
        """Write the rows and leave the planner in the dark about them."""
        started = time.perf_counter()
        await self.admin.execute(_NO_STATISTICS)
        await self.admin.execute(_ROWS)
        self.filling_s = time.perf_counter() - started

    async def analyse(self) -> None:
        self.post_s_without_statistics = await self.post_seconds()
        # The posts above were undone; their remains would be counted as read.
        await self.admin.execute("vacuum (analyze, index_cleanup on)")

    @asynccontextmanager
    async def acting(self, login: Role, scope: Scope, plan: str) -> AsyncIterator[Recorder]:
        """A transaction that is undone, with plans for any value (force_generic_plan) or for each (…custom…)."""
        connection = self.logins[login]
        transaction = connection.transaction()
        await transaction.start()
        try:
            await connection.execute(f"set local plan_cache_mode = {plan}")
            await connection.execute(
                _ACT_AS, scope.agent, scope.observer, scope.observer_id, scope.claimant, scope.token, scope.email
            )
            yield Recorder(connection)
        finally:
            await transaction.rollback()

    async def read(self, login: Role) -> tuple[Counter[str], Counter[str]]:
        """Sequential scans of, and rows read from, each big table so far, `login`'s connection included."""
        await self.logins[login].execute("select pg_stat_force_next_flush()")
        rows = await self.admin.fetch(_READ)
        return Counter({row["name"]: row["scans"] for row in rows}), Counter({row["name"]: row["rows"] for row in rows})

    async def post_seconds(self) -> float:
        """The median time of posting 1,000 messages to the busy channel on a connection that has no plans yet."""
        times = []
        connection = self.logins[Role.GATEWAY]
        await connection.execute("discard plans")
        for attempt in range(5):
            rows = posts(1000, start=attempt * 1000)
            transaction = connection.transaction()
            await transaction.start()
            started = time.perf_counter()
            outcomes, _ = await streams.post_messages(cast("Connection", connection), rows)
            times.append(time.perf_counter() - started)
            await transaction.rollback()
            assert {outcome.outcome for outcome in outcomes} == {"stored"}
        return statistics.median(times)
