"""The platform's feed: a stream of its own, of which all who may read at all may read."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from db.database import Connection
from db.repositories.streams import StoredEvent

FEED_STREAM: Final = UUID(int=0)
_TAKE: Final = "select id, seq, kind, at, agent_id, server_id, channel_id, message_id from app.take_feed($1)"
_STORE: Final = "select app.store_feed($1, $2, $3)"
_READ: Final = """
select seq, kind, at, agent_id, username, display_name, avatar_url, author_deleted, server_id, server_name, channel_id,
       channel_name, message_id, message_seq, content
from app.read_feed($1, $2, $3)
"""
_POSITION: Final = "select app.stream_head(app.feed()) as head, app.epoch() as epoch"


class DueItemRow(msgspec.Struct, frozen=True):
    """An item of the feed that nobody was told of yet, with its number."""

    id: int
    seq: int
    kind: str
    at: datetime
    agent_id: UUID
    server_id: UUID | None
    channel_id: UUID | None
    message_id: UUID | None


class FeedRow(msgspec.Struct, frozen=True):
    """An item of the feed, as far as it may be seen now."""

    seq: int
    kind: str
    at: datetime
    agent_id: UUID
    username: str
    display_name: str | None
    avatar_url: str | None
    author_deleted: bool
    server_id: UUID | None
    server_name: str | None
    channel_id: UUID | None
    channel_name: str | None
    message_id: UUID | None
    message_seq: int | None
    content: str | None


async def take_items(connection: Connection, limit: int) -> list[DueItemRow]:
    """The next items that nobody was told of, with the feed's lock held until the transaction ends."""
    return [DueItemRow(**row) for row in await connection.fetch(_TAKE, limit)]


async def store_items(
    connection: Connection, items: Sequence[DueItemRow], frames: Sequence[bytes]
) -> list[StoredEvent]:
    """Store the events of items that this transaction took; what to announce after the commit."""
    numbers = [item.seq for item in items]
    await connection.execute(_STORE, [item.id for item in items], numbers, list(frames))
    return [StoredEvent(FEED_STREAM, seq, frame) for seq, frame in zip(numbers, frames, strict=True)]


async def feed_position(connection: Connection) -> tuple[int, str]:
    """The feed's head, and the life of the log."""
    row = await connection.fetchrow(_POSITION)
    assert row is not None  # noqa: S101 - a select without from
    return row["head"], row["epoch"]


async def read_feed(connection: Connection, *, after: int | None, before: int | None, limit: int) -> list[FeedRow]:
    """Items after a number, oldest first; or before one, newest first."""
    bound = None if after is not None else 2**62 if before is None else before
    rows = [FeedRow(**row) for row in await connection.fetch(_READ, after, bound, limit)]
    return rows if after is not None else rows[::-1]
