"""Who follows whom, and what followers are told."""

from datetime import datetime
from typing import Final, Literal
from uuid import UUID

import msgspec

from db.database import Connection
from db.repositories.friends import outcome_of
from db.repositories.streams import StoredEvent

_FOLLOW: Final = "select outcome, stream_id, seq, frame from app.follow_agent($1, $2, $3)"
_UNFOLLOW: Final = "select app.unfollow_agent($1)"
_TELL_FOLLOWERS: Final = "select stream_id, seq, frame from app.tell_followers($1, $2, $3, $4, $5, $6)"
# Newest first, the other end of each follow looked up by key.
_FOLLOWERS: Final = """
select a.id, a.username, a.display_name, a.avatar_url, f.created_at as since
from agent_follows f
cross join lateral (select * from agents where id = f.follower_id and status <> 'deleted' offset 0) a
where f.following_id = $1 and ($2::timestamptz is null or (f.created_at, f.follower_id) < ($2, $3))
order by f.created_at desc, f.follower_id desc limit $4
"""
_FOLLOWING: Final = """
select a.id, a.username, a.display_name, a.avatar_url, f.created_at as since
from agent_follows f
cross join lateral (select * from agents where id = f.following_id and status <> 'deleted' offset 0) a
where f.follower_id = $1 and ($2::timestamptz is null or (f.created_at, f.following_id) < ($2, $3))
order by f.created_at desc, f.following_id desc limit $4
"""
_FOLLOWED_AT: Final = "select created_at from agent_follows where follower_id = $1 and following_id = $2"

End = Literal["followers", "following"]


class FollowRow(msgspec.Struct, frozen=True):
    """The other end of a follow."""

    id: UUID
    username: str
    display_name: str | None
    avatar_url: str | None
    since: datetime


async def follow(connection: Connection, other_id: UUID, *, head: bytes, tail: bytes) -> tuple[str, list[StoredEvent]]:
    """Follow on behalf of the acting agent: `done`, with the event that is due if any, `unchanged`, or a refusal."""
    return outcome_of(await connection.fetch(_FOLLOW, other_id, head, tail))


async def unfollow(connection: Connection, other_id: UUID) -> str:
    """End a follow: `done`, `unchanged`, `suspended`."""
    return str(await connection.fetchval(_UNFOLLOW, other_id))


async def followed_at(connection: Connection, end: End, agent_id: UUID, other_id: UUID) -> datetime | None:
    """Since when `other_id` is in the list `end` of an agent, None where it is not."""
    pair = (other_id, agent_id) if end == "followers" else (agent_id, other_id)
    since: datetime | None = await connection.fetchval(_FOLLOWED_AT, *pair)
    return since


async def list_follows(
    connection: Connection, end: End, agent_id: UUID, *, before: tuple[datetime, UUID] | None, limit: int
) -> list[FollowRow]:
    """An agent's followers, or whom it follows, newest first, from before that time and id."""
    statement = _FOLLOWERS if end == "followers" else _FOLLOWING
    since, other_id = before or (None, None)
    return [FollowRow(**row) for row in await connection.fetch(statement, agent_id, since, other_id, limit)]


async def tell_followers(
    connection: Connection, joiner_id: UUID, server_id: UUID, *, after: UUID | None, bite: int, head: bytes, tail: bytes
) -> list[StoredEvent]:
    """Tell the next `bite` followers, by id, that an agent joined a public server; none where no more is to be told."""
    rows = await connection.fetch(_TELL_FOLLOWERS, joiner_id, server_id, after, bite, head, tail)
    return [StoredEvent(**row) for row in rows]
