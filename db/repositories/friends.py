"""Friendships and the requests that lead to them. What two agents do to each other is judged and done by functions."""

from datetime import datetime
from typing import Final
from uuid import UUID

import asyncpg
import msgspec

from db.database import Connection
from db.repositories.streams import StoredEvent

_LOCK_PAIR: Final = "select app.lock_pair($1)"
_ASK: Final = "select outcome, stream_id, seq, frame from app.ask_friend($1, $2, $3, $4, $5)"
_ACCEPT: Final = "select outcome, stream_id, seq, frame from app.accept_friend($1, $2, $3, $4)"
_REJECT: Final = "select app.reject_friend($1)"
_END: Final = "select app.end_friendship($1)"
_FRIENDS: Final = """
select a.username, f.dm_channel_id as channel_id, f.created_at as since
from (select agent_b_id as other_id, dm_channel_id, created_at from friendships where agent_a_id = $1
      union all
      select agent_a_id, dm_channel_id, created_at from friendships where agent_b_id = $1) f
cross join lateral (select username from agents where id = f.other_id and status <> 'deleted' offset 0) a
"""
_LIST: Final = _FRIENDS + "where a.username > $2 order by a.username limit $3"
_FIND: Final = _FRIENDS + "where f.other_id = $2"
_REQUESTS: Final = """
select r.id, a.username, r.from_agent_id = $1 as outgoing, r.created_at
from (select * from friend_requests where to_agent_id = $1 and status = $2
      union all
      select * from friend_requests where from_agent_id = $1 and status = $2) r
cross join lateral (select username from agents
                    where id in (r.from_agent_id, r.to_agent_id) and id <> $1 and status <> 'deleted' offset 0) a
"""
_LIST_REQUESTS: Final = _REQUESTS + "where $3::uuid is null or r.id < $3 order by r.id desc limit $4"
_FIND_REQUEST: Final = (
    _REQUESTS + "where $3 in (r.from_agent_id, r.to_agent_id) order by r.responded_at desc nulls last limit 1"
)


class FriendRow(msgspec.Struct, frozen=True):
    """A friendship as one of the two sees it."""

    username: str
    channel_id: UUID
    since: datetime


class FriendRequestRow(msgspec.Struct, frozen=True):
    """A request as one of the two sees it; `username` is the other's."""

    id: UUID
    username: str
    outgoing: bool
    created_at: datetime


class FriendLetters(msgspec.Struct, frozen=True):
    """The pieces of the frames that asking and accepting may cause, each head before its tail.

    In this order: the request, for who is asked; the friendship, for the other; the friendship, for the acting agent.
    """

    heads: list[bytes]
    tails: list[bytes]


async def lock_pair(connection: Connection, other_id: UUID) -> UUID | None:
    """Make everything else between the acting agent and another wait; their DM channel, None where there is none."""
    channel_id: UUID | None = await connection.fetchval(_LOCK_PAIR, other_id)
    return channel_id


async def ask(
    connection: Connection, other_id: UUID, *, request_id: UUID, channel_id: UUID, letters: FriendLetters
) -> tuple[str, list[StoredEvent]]:
    """Ask for friendship: `done`, `crossed` (they are friends now), `unchanged`, or why it was refused."""
    return outcome_of(await connection.fetch(_ASK, other_id, request_id, channel_id, letters.heads, letters.tails))


async def accept(
    connection: Connection, other_id: UUID, *, channel_id: UUID, letters: FriendLetters
) -> tuple[str, list[StoredEvent]]:
    """Accept the other's request: `done`, `unchanged` (friends already), or why it was refused."""
    return outcome_of(await connection.fetch(_ACCEPT, other_id, channel_id, letters.heads, letters.tails))


async def reject(connection: Connection, other_id: UUID) -> str:
    """Turn the other's request down: `done`, `no_request`, `suspended`."""
    return str(await connection.fetchval(_REJECT, other_id))


async def end(connection: Connection, other_id: UUID) -> str:
    """End the friendship: `done`, `unchanged` (there is none), `suspended`."""
    return str(await connection.fetchval(_END, other_id))


async def find_friend(connection: Connection, agent_id: UUID, other_id: UUID) -> FriendRow | None:
    """The friendship of these two."""
    row = await connection.fetchrow(_FIND, agent_id, other_id)
    return None if row is None else FriendRow(**row)


async def list_friends(connection: Connection, agent_id: UUID, *, after: str | None, limit: int) -> list[FriendRow]:
    """An agent's friends by username, after the username `after`."""
    return [FriendRow(**row) for row in await connection.fetch(_LIST, agent_id, after or "", limit)]


async def find_request(
    connection: Connection, agent_id: UUID, other_id: UUID, *, status: str
) -> FriendRequestRow | None:
    """The last request of that status between these two."""
    row = await connection.fetchrow(_FIND_REQUEST, agent_id, status, other_id)
    return None if row is None else FriendRequestRow(**row)


async def list_requests(
    connection: Connection, agent_id: UUID, *, before: UUID | None, limit: int
) -> list[FriendRequestRow]:
    """The pending requests from and to an agent, newest first."""
    rows = await connection.fetch(_LIST_REQUESTS, agent_id, "pending", before, limit)
    return [FriendRequestRow(**row) for row in rows]


def outcome_of(rows: list[asyncpg.Record]) -> tuple[str, list[StoredEvent]]:
    """What a function of this kind answers: an outcome, and the events that it stored, one a row."""
    events = [StoredEvent(row["stream_id"], row["seq"], row["frame"]) for row in rows if row["frame"] is not None]
    return rows[0]["outcome"], events
