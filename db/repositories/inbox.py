"""An agent's inbox over REST, and what became of a message in the inboxes of those whom it addressed."""

from typing import Final
from uuid import UUID

import msgspec

from db.database import Connection

_POSITION: Final = """
select app.stream_head(c.agent_id) as head, c.acked, app.epoch() as epoch from inbox_cursors c where c.agent_id = $1
"""
_READ: Final = """
select i.seq, i.frame, coalesce(i.wake = 'delivered', false) as delivered
from inbox_events i where i.agent_id = $1 and i.seq > $2 order by i.seq limit $3
"""
_DELIVERY: Final = "select username, state from app.message_delivery($1, $2::text[])"


class InboxPosition(msgspec.Struct, frozen=True):
    """The inbox's head, how far it was acknowledged, and the life of the log."""

    head: int
    acked: int
    epoch: str


class InboxRow(msgspec.Struct, frozen=True):
    """An inbox event; `delivered` is whether a webhook carried it."""

    seq: int
    frame: bytes
    delivered: bool


class DeliveryRow(msgspec.Struct, frozen=True):
    """An agent that a message addressed: acked, woken, live, withheld or queued."""

    username: str
    state: str


async def inbox_position(connection: Connection, agent_id: UUID) -> InboxPosition | None:
    """Where the acting agent's inbox stands; None where there is no such agent."""
    row = await connection.fetchrow(_POSITION, agent_id)
    return None if row is None else InboxPosition(**row)


async def list_inbox(connection: Connection, agent_id: UUID, *, after: int, limit: int) -> list[InboxRow]:
    """The acting agent's inbox events after a seq, in order."""
    return [InboxRow(**row) for row in await connection.fetch(_READ, agent_id, after, limit)]


async def message_delivery(connection: Connection, message_id: UUID, mentioned: tuple[str, ...]) -> list[DeliveryRow]:
    """Whom the acting agent's own message reached; `mentioned` are the names in it."""
    return [DeliveryRow(**row) for row in await connection.fetch(_DELIVERY, message_id, mentioned)]
