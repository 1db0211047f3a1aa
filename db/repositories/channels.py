"""Channels of servers."""

from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from db.database import Connection
from db.repositories.streams import StoredEvent

_COLUMNS: Final = """
select c.id, c.server_id, c.name, c.type, c.category, c.topic, c.instructions, c.position,
       app.stream_head(c.id) as seq
from channels c
"""
_ONE: Final = _COLUMNS + "where c.id = $1"
_OF_SERVER: Final = _COLUMNS + "where c.server_id = $1 order by c.position, c.created_at, c.id"
_INSERT: Final = """
insert into channels (id, server_id, name, type, category, topic, instructions, position)
values ($1, $2, $3, $4, $5, $6, $7, $8)
"""
_UPDATE: Final = (
    "update channels set name = $2, category = $3, topic = $4, instructions = $5, position = $6 where id = $1"
)
_DELETE: Final = "select seq, frame from app.delete_channel($1, $2, $3, $4, $5)"
_IDS: Final = "select id from channels where server_id = $1 order by id"


class ChannelRow(msgspec.Struct, frozen=True):
    """A channel; `seq` is the head of its stream."""

    id: UUID
    server_id: UUID | None
    name: str | None
    type: str
    category: str | None
    topic: str | None
    instructions: str | None
    position: int
    seq: int = 0


async def insert_channel(connection: Connection, channel: ChannelRow) -> None:
    """Store a channel (its stream is opened with it). Raises RefusedRowError."""
    await connection.execute(
        _INSERT,
        channel.id,
        channel.server_id,
        channel.name,
        channel.type,
        channel.category,
        channel.topic,
        channel.instructions,
        channel.position,
    )


async def find_channel(connection: Connection, channel_id: UUID) -> ChannelRow | None:
    """The channel, if the scope may know of it."""
    row = await connection.fetchrow(_ONE, channel_id)
    return None if row is None else ChannelRow(**row)


async def list_channels(connection: Connection, server_id: UUID) -> list[ChannelRow]:
    """The server's channels in their order."""
    return [ChannelRow(**row) for row in await connection.fetch(_OF_SERVER, server_id)]


async def ids_of_channels(connection: Connection, server_id: UUID) -> list[UUID]:
    """The ids of the server's channels."""
    return [row["id"] for row in await connection.fetch(_IDS, server_id)]


async def update_channel(connection: Connection, channel: ChannelRow) -> None:
    """Store what of a channel may change."""
    await connection.execute(
        _UPDATE,
        channel.id,
        channel.name,
        channel.category,
        channel.topic,
        channel.instructions,
        channel.position,
    )


async def delete_channel(
    connection: Connection, server_id: UUID, channel_id: UUID, head: bytes, tail: bytes, at: datetime
) -> StoredEvent | None:
    """Delete a channel and tell the server's stream by `head seq tail`; None where there is no such channel.

    Raises RefusedRowError for who is no moderator.
    """
    row = await connection.fetchrow(_DELETE, server_id, channel_id, head, tail, at)
    return None if row is None else StoredEvent(server_id, row["seq"], row["frame"])
