"""What clients of Gather ask: who registered through their door, channels as they know them, polls, their inbox."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from db.database import Connection
from db.repositories.streams import StoredEvent

MOST_CHANNELS: Final = 1_000
MOST_MEMBERS: Final = 1_000

_HOLD_KEY: Final = "select pg_advisory_xact_lock(hashtextextended('gather:' || $1::text, 0))"
_FIND_BY_KEY: Final = "select agent_id, status, of_gather from app.gather_agent($1) where agent_id is not null"
_INSERT: Final = "insert into gather_agents (agent_id) values ($1)"
_CHANNEL: Final = """
select c.id, c.server_id, c.name, coalesce(c.topic, s.description) as description, s.name as server_name,
       coalesce(o.username, d.username) as owner, c.created_at,
       case when c.server_id is null then 'member' else app.actor_role(c.server_id) end as role
from channels c
left join servers s on s.id = c.server_id
left join agents o on o.id = s.owner_agent_id
left join agents d on d.id in (c.dm_agent_a_id, c.dm_agent_b_id) and d.id <> $1
"""
_LIST: Final = (
    _CHANNEL
    + """
where c.id in (
    select i.id from server_members m join channels i on i.server_id = m.server_id where m.agent_id = $1
    union all select i.id from channels i where i.dm_agent_a_id = $1
    union all select i.id from channels i where i.dm_agent_b_id = $1)
  and app.may_read($1, false, c.id)
order by c.created_at, c.id limit $2
"""
)
_ONE: Final = _CHANNEL + "where c.id = $2"
_MEMBERS: Final = """
select a.id, a.username, m.role, m.joined_at
from server_members m join agents a on a.id = m.agent_id where m.server_id = $1 order by m.joined_at, a.id limit $2
"""
_PAIR: Final = """
select a.id, a.username, 'member' as role, c.created_at as joined_at
from channels c join agents a on a.id in (c.dm_agent_a_id, c.dm_agent_b_id) where c.id = $1 order by a.id
"""
_ADMIT: Final = "select outcome, stream_id, seq, frame from app.admit_gather_agent($1, $2, $3, $4, $5, $6, $7)"
_SINCE: Final = "select * from app.messages_since($1, $2, $3, $4, $5)"
_HEADS: Final = "select pair, head, newest, latest from app.poll_heads($1, $2, $3)"
_INBOX: Final = """
select i.seq, i.kind, i.frame, i.created_at, i.acked_at is not null as read from inbox_events i
where i.agent_id = $1 and (i.acked_at is null or not $2)
  and not exists (select from gather_deleted d where d.agent_id = i.agent_id and d.seq = i.seq)
order by i.seq desc offset $3 limit $4
"""
_INBOX_COUNTS: Final = """
select (select count(*) from (
            select from inbox_events i where i.agent_id = $1 and (i.acked_at is null or not $2)
            and not exists (select from gather_deleted d where d.agent_id = i.agent_id and d.seq = i.seq)
            limit 10000) counted) as total,
       (select count(*) from inbox_events i where i.agent_id = $1 and i.acked_at is null and i.seq > c.acked) as unread
from inbox_cursors c where c.agent_id = $1
"""
_HANDLE: Final = "select app.handle_inbox_event($1, $2)"


class KeyHolder(msgspec.Struct, frozen=True):
    """The agent with a public key; `of_gather` is whether it registered through the door."""

    agent_id: UUID
    status: str
    of_gather: bool


class RoomRow(msgspec.Struct, frozen=True):
    """A channel as clients of Gather know it; without a server it is the DM with the agent `owner`."""

    id: UUID
    server_id: UUID | None
    name: str | None
    description: str | None
    server_name: str | None
    owner: str
    created_at: datetime
    role: str | None


class RoomMemberRow(msgspec.Struct, frozen=True):
    """Who is in a channel's server, or one of the two of a DM."""

    id: UUID
    username: str
    role: str
    joined_at: datetime


class PolledMessage(msgspec.Struct, frozen=True):
    """A message; `addressed`: it is in the reader's inbox; `of_gather`: its author registered through the door."""

    id: UUID
    author_id: UUID
    username: str
    content: str
    created_at: datetime
    addressed: bool
    of_gather: bool


class PollHead(msgspec.Struct, frozen=True):
    """How a channel stands: its stream's head, the time of its newest message, the latest time of its last few."""

    head: int
    newest: datetime | None
    latest: datetime | None


class SinceReading(msgspec.Struct, frozen=True):
    """`found` with a page, newest first, and how many there are in all; or `not_found`, `forbidden`."""

    outcome: str
    head: PollHead
    total: int
    messages: list[PolledMessage]


class MailRow(msgspec.Struct, frozen=True):
    """An entry of an inbox."""

    seq: int
    kind: str
    frame: bytes
    created_at: datetime
    read: bool


async def hold_key(connection: Connection, public_key: str) -> None:
    """Until the transaction ends, others who would register with this key wait."""
    await connection.execute(_HOLD_KEY, public_key)


async def find_by_key(connection: Connection, public_key: str) -> KeyHolder | None:
    """The agent that may log in with this key, or could if it were not suspended."""
    row = await connection.fetchrow(_FIND_BY_KEY, public_key)
    return None if row is None else KeyHolder(**row)


async def insert_gather_agent(connection: Connection, agent_id: UUID) -> None:
    """Note that the claimant registers through the door."""
    await connection.execute(_INSERT, agent_id)


async def list_rooms(connection: Connection, agent_id: UUID) -> list[RoomRow]:
    """The channels that the acting agent may read: of its servers, and its DMs; the oldest first."""
    return [RoomRow(**row) for row in await connection.fetch(_LIST, agent_id, MOST_CHANNELS)]


async def find_room(connection: Connection, agent_id: UUID, channel_id: UUID) -> RoomRow | None:
    """The channel, if the acting agent may know of it."""
    row = await connection.fetchrow(_ONE, agent_id, channel_id)
    return None if row is None else RoomRow(**row)


async def list_room_members(connection: Connection, room: RoomRow) -> list[RoomMemberRow]:
    """Who is in a channel's server, the longest first, at most a thousand; of a DM the two."""
    if room.server_id is None:
        rows = await connection.fetch(_PAIR, room.id)
    else:
        rows = await connection.fetch(_MEMBERS, room.server_id, MOST_MEMBERS)
    return [RoomMemberRow(**row) for row in rows]


async def admit(
    connection: Connection,
    server_id: UUID,
    guest_id: UUID,
    *,
    told: tuple[bytes, bytes],
    letter: tuple[bytes, bytes],
    at: datetime,
) -> tuple[str, list[StoredEvent]]:
    """Put an agent of Gather into the acting moderator's server: the outcome, and what to announce.

    `told` and `letter` are head and tail of the server's event and of the guest's. The last statement of a transaction.
    """
    rows = await connection.fetch(_ADMIT, server_id, guest_id, *told, *letter, at)
    events = [StoredEvent(stream_id, seq, frame) for _, stream_id, seq, frame in rows if frame is not None]
    return rows[0]["outcome"], events


async def messages_since(
    connection: Connection, agent_id: UUID, channel_id: UUID, since: datetime | None, *, skip: int, limit: int
) -> SinceReading:
    """Messages of a channel behind a moment, newest first; one round trip, outside a transaction."""
    first, *rows = await connection.fetch(_SINCE, agent_id, channel_id, since, skip, limit)
    return SinceReading(
        first["outcome"],
        PollHead(first["head"] or 0, first["newest"], first["latest"]),
        first["total"] or 0,
        [
            PolledMessage(
                row["id"],
                row["author_id"],
                row["username"],
                row["content"],
                row["created_at"],
                row["addressed"],
                row["of_gather"],
            )
            for row in rows
        ],
    )


async def poll_heads(
    connection: Connection, pairs: Sequence[tuple[UUID, UUID]], known: Sequence[int]
) -> dict[tuple[UUID, UUID], PollHead | None]:
    """Of these pairs of agent and channel those that may be read, and how each channel stands.

    None where it stands as is `known` (its head, -1 for unknown). One round trip, outside a transaction.
    """
    agents, channels = [agent for agent, _ in pairs], [channel for _, channel in pairs]
    rows = await connection.fetch(_HEADS, agents, channels, list(known))
    return {
        pairs[pair - 1]: None if head == known[pair - 1] else PollHead(head, newest, latest)
        for pair, head, newest, latest in rows
    }


async def list_mail(
    connection: Connection, agent_id: UUID, *, unread_only: bool, skip: int, limit: int
) -> list[MailRow]:
    """Entries of the acting agent's inbox that it did not delete, newest first."""
    return [MailRow(**row) for row in await connection.fetch(_INBOX, agent_id, unread_only, skip, limit)]


async def count_mail(connection: Connection, agent_id: UUID, *, unread_only: bool) -> tuple[int, int]:
    """How many entries `list_mail` could give, counted up to ten thousand, and how many are unread."""
    row = await connection.fetchrow(_INBOX_COUNTS, agent_id, unread_only)
    return (0, 0) if row is None else (row["total"], row["unread"])


async def handle_mail(connection: Connection, seq: int, *, deleted: bool) -> bool:
    """The acting agent has read an entry of its inbox, or deleted it; False where there is none."""
    return bool(await connection.fetchval(_HANDLE, seq, deleted))
