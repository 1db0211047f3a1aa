"""The list of what moderators did. What happens inside functions of the database is recorded there."""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec

from db.database import Connection, json_of

_RECORD: Final = """
insert into server_audit (server_id, action, actor_id, target_id, channel_id, changes)
values ($1, $2, app.agent_id(), $3, $4, $5::text::jsonb)
"""
_LIST: Final = """
select e.id, e.action, actor.username as actor, target.username as target, e.channel_id, e.message_id, e.reason,
       e.changes::text as changes, e.created_at
from server_audit e
left join lateral (select a.username from agents a where a.id = e.actor_id offset 0) actor on true
left join lateral (select a.username from agents a where a.id = e.target_id offset 0) target on true
where e.server_id = $1 and e.id < $2 order by e.id desc limit $3
"""
_BEYOND_ALL: Final = UUID(int=(1 << 128) - 1)

Changes = dict[str, dict[str, Any]]


class AuditRow(msgspec.Struct, frozen=True):
    """One act; `actor` and `target` are usernames."""

    id: UUID
    action: str
    actor: str | None
    target: str | None
    channel_id: UUID | None
    message_id: UUID | None
    reason: str | None
    changes: Changes | None
    created_at: datetime


async def record(
    connection: Connection,
    server_id: UUID,
    action: str,
    *,
    target: UUID | None = None,
    channel: UUID | None = None,
    changes: Changes | None = None,
) -> None:
    """Write down what the acting moderator does, in the transaction that does it. Raises RefusedRowError."""
    await connection.execute(_RECORD, server_id, action, target, channel, None if changes is None else json_of(changes))


async def list_acts(connection: Connection, server_id: UUID, *, before: UUID | None, limit: int) -> list[AuditRow]:
    """What was done in a server, newest first; nothing to who does not moderate it."""
    rows = await connection.fetch(_LIST, server_id, before or _BEYOND_ALL, limit)
    return [
        AuditRow(**{**row, "changes": None if row["changes"] is None else msgspec.json.decode(row["changes"])})
        for row in rows
    ]
