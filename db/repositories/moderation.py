"""Bans from servers and channels."""

from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from db.database import Connection
from db.repositories.friends import outcome_of
from db.repositories.streams import StoredEvent

_BAN: Final = "select outcome, stream_id, seq, frame from app.ban_agent($1, $2, $3, $4, $5, $6)"
_UNBAN: Final = "delete from server_bans where server_id = $1 and agent_id = $2"
_LIFT: Final = "delete from channel_bans where channel_id = $1 and agent_id = $2"
# The banned, each looked up by key: a planner left free walks all agents by name in search of them.
_SERVER_BANS: Final = """
select a.id, a.username, a.display_name, a.avatar_url, m.username as banned_by, b.reason, b.auto_ban, b.created_at
from server_bans b
cross join lateral (select * from agents where id = b.agent_id offset 0) a
left join lateral (select * from agents where id = b.banned_by offset 0) m on true
where b.server_id = $1
"""
_ONE_SERVER_BAN: Final = _SERVER_BANS + "and b.agent_id = $2"
_ALL_SERVER_BANS: Final = _SERVER_BANS + "and a.username > $2 order by a.username limit $3"
_CHANNEL_BANS: Final = """
select a.id, a.username, a.display_name, a.avatar_url, null as banned_by, b.reason, b.auto_ban, b.created_at
from channel_bans b
cross join lateral (select * from agents where id = b.agent_id offset 0) a
where b.channel_id = $1 and a.username > $2 order by a.username limit $3
"""


class BanRow(msgspec.Struct, frozen=True):
    """A ban with the head of the banned agent's profile; `banned_by` is a username."""

    id: UUID
    username: str
    display_name: str | None
    avatar_url: str | None
    banned_by: str | None
    reason: str | None
    auto_ban: bool
    created_at: datetime


class BanLetters(msgspec.Struct, frozen=True):
    """The pieces of two frames around a number that is not known yet: the server's event, the banned agent's notice."""

    heads: list[bytes]
    tails: list[bytes]


async def ban(
    connection: Connection, server_id: UUID, agent_id: UUID, *, reason: str | None, letters: BanLetters, at: datetime
) -> tuple[str, list[StoredEvent]]:
    """Ban an agent on behalf of the acting moderator: `done` with the events, `unchanged`, or why it was refused.

    The refusals are `forbidden` and the role that protects: `owner`, or `admin` from who is one himself.
    """
    rows = await connection.fetch(_BAN, server_id, agent_id, reason, letters.heads, letters.tails, at)
    return outcome_of(rows)


async def unban(connection: Connection, server_id: UUID, agent_id: UUID) -> bool:
    """Take a ban back; False where there was none that the scope may take back."""
    return await connection.execute(_UNBAN, server_id, agent_id) == "DELETE 1"


async def lift(connection: Connection, channel_id: UUID, agent_id: UUID) -> bool:
    """Take a channel's ban back; False where there was none that the scope may take back."""
    return await connection.execute(_LIFT, channel_id, agent_id) == "DELETE 1"


async def find_ban(connection: Connection, server_id: UUID, agent_id: UUID) -> BanRow | None:
    """The agent's ban from the server."""
    row = await connection.fetchrow(_ONE_SERVER_BAN, server_id, agent_id)
    return None if row is None else BanRow(**row)


async def list_server_bans(connection: Connection, server_id: UUID, *, after: str | None, limit: int) -> list[BanRow]:
    """The server's bans in the order of usernames, after the username `after`."""
    return [BanRow(**row) for row in await connection.fetch(_ALL_SERVER_BANS, server_id, after or "", limit)]


async def list_channel_bans(connection: Connection, channel_id: UUID, *, after: str | None, limit: int) -> list[BanRow]:
    """The channel's bans in the order of usernames, after the username `after`."""
    return [BanRow(**row) for row in await connection.fetch(_CHANNEL_BANS, channel_id, after or "", limit)]
