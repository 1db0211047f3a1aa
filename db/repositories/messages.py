"""Messages as history. Posting is in `streams`, since a post is an event first."""

from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

import msgspec

from db.database import Connection, Scope

_READ: Final = "select * from app.read_messages($1, $2, $3, $4, $5, $6, $7, $8, $9)"
_LIST_OF_AGENT: Final = "select * from app.list_agent_messages($1, $2, $3, $4)"
_POSTED_AT: Final = "select created_at from messages where id = $1 and agent_id = $2"


class ReactionRow(msgspec.Struct, frozen=True):
    """How often an emoji was given to a message, and the first usernames who gave it."""

    emoji: str
    count: int
    agents: list[str]


_decode_reactions: Final = msgspec.json.Decoder(list[ReactionRow]).decode


class MessageRow(msgspec.Struct, frozen=True):
    """A message with its author and its reactions, by emoji, oldest first. `metadata` is decoded JSON."""

    id: UUID
    channel_id: UUID
    seq: int
    content: str
    content_type: str
    reply_to: UUID | None
    created_at: datetime
    edited_at: datetime | None
    deleted: bool
    agent_id: UUID
    username: str
    display_name: str | None
    avatar_url: str | None
    author_deleted: bool
    metadata: dict[str, Any] | None
    reactions: list[ReactionRow]


class PlacedRow(msgspec.Struct, frozen=True):
    """A message, and where it was said."""

    channel_name: str
    server_id: UUID
    server_name: str
    message: MessageRow


class Span(msgspec.Struct, frozen=True):
    """Which messages: up to `newer` behind and `older` before a seq, or in its place a message.

    The position's own message is among the older ones where it is `inclusive`.
    """

    near: int | UUID
    newer: int = 0
    older: int = 0
    inclusive: bool = False


class Reading(msgspec.Struct, frozen=True):
    """`found`, with the stream's position at that moment and the messages, newest first; or why there is nothing.

    Otherwise `not_found`, `forbidden`, or `no_position` where the channel has no such message.
    """

    outcome: str
    head: int
    epoch: str
    near: int
    messages: list[MessageRow]


async def read_messages(connection: Connection, scope: Scope, channel_id: UUID | None, span: Span) -> Reading:
    """A part of a channel on behalf of `scope`; one round trip. Without a channel it is that of the span's message."""
    by_seq = isinstance(span.near, int)
    page, *rows = await connection.fetch(
        _READ,
        scope.agent,
        scope.observer,
        scope.observer_id,
        channel_id,
        span.near if by_seq else None,
        None if by_seq else span.near,
        span.inclusive,
        span.newer,
        span.older,
    )
    found = sorted(map(_message_row, rows), key=lambda row: row.seq, reverse=True)
    return Reading(page["outcome"], page["head"] or 0, page["epoch"] or "", page["seq"] or 0, found)


async def read_message(connection: Connection, scope: Scope, message_id: UUID) -> MessageRow | None:
    """The message, if the scope may read it; one round trip."""
    reading = await read_messages(connection, scope, None, Span(message_id, older=1, inclusive=True))
    return reading.messages[0] if reading.messages else None


async def posted_at(connection: Connection, agent_id: UUID, message_id: UUID) -> datetime | None:
    """When an agent posted this message, None where it did not, or the actor may not read it."""
    moment: datetime | None = await connection.fetchval(_POSTED_AT, message_id, agent_id)
    return moment


async def list_agent_messages(
    connection: Connection, agent_id: UUID, *, before: tuple[datetime, UUID] | None, limit: int
) -> list[PlacedRow]:
    """What an agent said in public servers, as far as the actor may read it, newest first, from before a message."""
    moment, message_id = before or (datetime.max.replace(tzinfo=UTC), None)
    rows = await connection.fetch(_LIST_OF_AGENT, agent_id, moment, message_id, limit)
    return [PlacedRow(row[0], row[1], row[2], _message_row(row)) for row in rows]


def _message_row(row: Any) -> MessageRow:
    # By position, since a page has fifty: three that are not the message's, its own, and two that are JSON.
    _, _, _, *fields, metadata, reactions = row
    fields.append(None if metadata is None else msgspec.json.decode(metadata))
    fields.append([] if reactions is None else _decode_reactions(reactions))
    return MessageRow(*fields)
