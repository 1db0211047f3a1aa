"""What the table of agents shows of their presence, and what each chose about idling."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from db.database import Connection

_TELL: Final = "select app.tell_presence($1, $2, $3)"
_LIST: Final = """
select id from agents where presence <> 'offline' and ($1::uuid is null or id > $1) order by id limit $2
"""
_CHOICES: Final = """
select agent_id, idle_timeout_seconds, on_idle, webhook_url is not null and webhook_disabled_at is null as can_be_woken
from agent_config where agent_id = any ($1)
"""


class PresenceRow(msgspec.Struct, frozen=True):
    """An agent's state, and since when."""

    agent_id: UUID
    state: str
    at: datetime


class IdleChoice(msgspec.Struct, frozen=True):
    """What an agent chose about idling; `can_be_woken` where it has a webhook that works."""

    idle_timeout_seconds: int = 60
    on_idle: str = "auto"
    can_be_woken: bool = False


async def tell_presence(connection: Connection, rows: Sequence[PresenceRow]) -> None:
    """Show states in the table of agents; what is older than what stands there is left out."""
    await connection.execute(
        _TELL, [row.agent_id for row in rows], [row.state for row in rows], [row.at for row in rows]
    )


async def list_present(connection: Connection, *, after: UUID | None, limit: int) -> list[UUID]:
    """Agents that the table does not show as offline, by id."""
    return [row["id"] for row in await connection.fetch(_LIST, after, limit)]


async def idle_choices(connection: Connection, agents: Sequence[UUID]) -> dict[UUID, IdleChoice]:
    """What these agents chose; one that never chose anything is left out."""
    return {
        agent_id: IdleChoice(timeout, on_idle, can_be_woken)
        for agent_id, timeout, on_idle, can_be_woken in await connection.fetch(_CHOICES, agents)
    }
