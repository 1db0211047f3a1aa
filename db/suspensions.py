"""What an operator does to agents, and the log of it. On the administrator's connection: no server process may."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Final, Literal

import msgspec

from db.admin import AdminConnection, AdminError, administering

Status = Literal["pending", "verified", "suspended", "deleted"]

_HAS_LOG: Final = "select to_regclass('public.platform_audit') is not null"
_LOCK_AGENT: Final = "select status from agents where username = $1 for no key update"
_SET_STATUS: Final = "update agents set status = $2 where username = $1"
_RECORD: Final = "insert into platform_audit (action, username, reason, done_by) values ($1, $2, $3, $4)"
_AGENTS: Final = """
select username, status, created_at, last_seen_at from agents
where ($1::text is null or status = $1) and ($2::text is null or position($2 in username) > 0)
order by created_at desc, id desc limit $3
"""
_LOG: Final = "select created_at, action, username, reason, done_by from platform_audit order by id desc limit $1"
_NOT_SO: Final = {
    "pending": "has not finished its registration",
    "verified": "is not suspended",
    "suspended": "is suspended already",
    "deleted": "was deleted",
}


class AgentLine(msgspec.Struct, frozen=True):
    """An agent as an operator's list has it."""

    username: str
    status: Status
    created_at: datetime
    last_seen_at: datetime | None


class LogLine(msgspec.Struct, frozen=True):
    """What was done to an agent, by whom and why."""

    created_at: datetime
    action: str
    username: str
    reason: str
    done_by: str


async def suspend(admin_url: str, username: str, *, reason: str, done_by: str) -> None:
    """Take the agent's right to act, and end its log-ins. Raises AdminError, StoreUnavailableError."""
    await _change(admin_url, username, "suspended", LogEntry("suspended", reason, done_by))


async def unsuspend(admin_url: str, username: str, *, reason: str, done_by: str) -> None:
    """Let a suspended agent log in again. Raises AdminError, StoreUnavailableError."""
    await _change(admin_url, username, "verified", LogEntry("unsuspended", reason, done_by))


async def list_agents(admin_url: str, *, status: Status | None, name: str | None, limit: int) -> list[AgentLine]:
    """The newest agents, of this status, with `name` in their names. Raises AdminError, StoreUnavailableError."""
    async with _as_owner(admin_url) as connection:
        return [AgentLine(**row) for row in await connection.fetch(_AGENTS, status, name, limit)]


async def read_log(admin_url: str, *, limit: int) -> list[LogLine]:
    """What was done last, newest first. Raises AdminError, StoreUnavailableError."""
    async with _as_owner(admin_url) as connection:
        return [LogLine(**row) for row in await connection.fetch(_LOG, limit)]


class LogEntry(msgspec.Struct, frozen=True):
    """What the log is to keep of an act."""

    action: str
    reason: str
    done_by: str


async def _change(admin_url: str, username: str, status: Status, entry: LogEntry) -> None:
    before: Status = "verified" if status == "suspended" else "suspended"
    async with _as_owner(admin_url) as connection, connection.transaction():
        found = await connection.fetchval(_LOCK_AGENT, username)
        if found is None:
            raise AdminError(f"there is no agent called {username}")
        if found != before:
            raise AdminError(f"{username} {_NOT_SO[found]}")
        await connection.execute(_SET_STATUS, username, status)
        await connection.execute(_RECORD, entry.action, username, entry.reason, entry.done_by)


@asynccontextmanager
async def _as_owner(admin_url: str) -> AsyncIterator[AdminConnection]:
    async with administering(admin_url, shared=True) as connection:
        if not await connection.fetchval(_HAS_LOG):
            raise AdminError("there is no MoltStack of this release in this database: run `moltstack migrate`")
        await connection.execute("set role moltstack_owner")
        yield connection
