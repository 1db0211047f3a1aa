"""What happens to messages after they were posted: one autocommitted statement each, with its own rights."""

from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from db.database import Connection
from db.repositories.streams import StoredEvent

_LOCATE: Final = "select channel_id, username from app.locate_message($1, $2)"
_CHANGE: Final = """
select outcome, stream_id, seq, frame
from app.change_message($1, $2, $3, $4, $5, $6::text::jsonb, $7, $8, $9, $10)
"""


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """A change to a message; the event that tells of it will be `head`, its seq, `tail`.

    `kind` is edit (with content, content_type and metadata as JSON), delete, withdraw (which deletes the actor's own
    alone), react or unreact (with emoji).
    """

    kind: str
    actor_id: UUID
    message_id: UUID
    at: datetime
    head: bytes
    tail: bytes
    content: str | None = None
    content_type: str | None = None
    metadata: str | None = None
    emoji: str | None = None


async def locate_message(connection: Connection, actor_id: UUID, message_id: UUID) -> tuple[UUID, str] | None:
    """The message's channel and the actor's username; None where the actor may not read the message."""
    row = await connection.fetchrow(_LOCATE, actor_id, message_id)
    return None if row is None else (row["channel_id"], row["username"])


async def change_message(connection: Connection, change: Change) -> tuple[str, StoredEvent | None]:
    """Judge and do a change in one commit: `done` with its event, `unchanged`, or why it was refused."""
    row = await connection.fetchrow(
        _CHANGE,
        change.actor_id,
        change.message_id,
        change.kind,
        change.content,
        change.content_type,
        change.metadata,
        change.emoji,
        change.at,
        change.head,
        change.tail,
    )
    assert row is not None  # noqa: S101 - the function returns a row or raises
    event = None if row["frame"] is None else StoredEvent(row["stream_id"], row["seq"], row["frame"])
    return row["outcome"], event
