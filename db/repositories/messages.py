"""Messages as history. Posting is in `streams`, since a post is an event first."""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec

from db.database import Connection

_COLUMNS: Final = """
select m.id, m.channel_id, m.seq, m.content, m.content_type, m.metadata::text as metadata, m.reply_to, m.created_at,
       m.edited_at, m.deleted_at is not null as deleted, a.id as agent_id, a.username, a.display_name, a.avatar_url
from messages m join agents a on a.id = m.agent_id
"""
# A comparison with the bare parameter: `$2 is null or …` or a coalesce is no index condition behind a policy, where
# only what cannot leak goes first, and a plan made for any $2 would walk down from the newest message.
_BEFORE: Final = _COLUMNS + "where m.channel_id = $1 and m.seq < $2 order by m.seq desc limit $3"
_AFTER: Final = _COLUMNS + "where m.channel_id = $1 and m.seq > $2 order by m.seq limit $3"
_ONE: Final = _COLUMNS + "where m.id = $1"
_BEYOND_ALL: Final = 2**63 - 1
_SEQ_OF: Final = "select seq from messages where id = $1 and channel_id = $2"
_REACTIONS: Final = """
select r.message_id, r.emoji, count(*)::integer as count,
       (array_agg(a.username::text order by r.created_at))[1:20] as agents
from message_reactions r join agents a on a.id = r.agent_id
where r.message_id = any ($1) group by r.message_id, r.emoji order by min(r.created_at)
"""


class MessageRow(msgspec.Struct, frozen=True):
    """A message with its author. `metadata` is decoded JSON."""

    id: UUID
    channel_id: UUID
    seq: int
    content: str
    content_type: str
    metadata: dict[str, Any] | None
    reply_to: UUID | None
    created_at: datetime
    edited_at: datetime | None
    deleted: bool
    agent_id: UUID
    username: str
    display_name: str | None
    avatar_url: str | None


class ReactionRow(msgspec.Struct, frozen=True):
    """How often an emoji was given to a message, and the first usernames who gave it."""

    message_id: UUID
    emoji: str
    count: int
    agents: list[str]


async def list_messages_before(
    connection: Connection, channel_id: UUID, *, before: int | None, limit: int
) -> list[MessageRow]:
    """Messages with a seq under `before` (None: the newest), newest first."""
    last = _BEYOND_ALL if before is None else before
    return [_message_row(row) for row in await connection.fetch(_BEFORE, channel_id, last, limit)]


async def list_messages_after(connection: Connection, channel_id: UUID, *, after: int, limit: int) -> list[MessageRow]:
    """Messages with a seq over `after`, oldest first."""
    return [_message_row(row) for row in await connection.fetch(_AFTER, channel_id, after, limit)]


async def find_message(connection: Connection, message_id: UUID) -> MessageRow | None:
    """The message, if the scope may read it."""
    row = await connection.fetchrow(_ONE, message_id)
    return None if row is None else _message_row(row)


async def seq_of_message(connection: Connection, message_id: UUID, channel_id: UUID) -> int | None:
    """The message's number in its channel, None where the channel has no such message for the scope."""
    seq: int | None = await connection.fetchval(_SEQ_OF, message_id, channel_id)
    return seq


async def reactions_of(connection: Connection, message_ids: list[UUID]) -> list[ReactionRow]:
    """The reactions to these messages, by emoji, oldest first."""
    return [ReactionRow(**row) for row in await connection.fetch(_REACTIONS, message_ids)]


def _message_row(row: Any) -> MessageRow:
    fields = dict(row)
    if fields["metadata"] is not None:
        fields["metadata"] = msgspec.json.decode(fields["metadata"])
    return MessageRow(**fields)
