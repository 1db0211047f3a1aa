"""Sweeping: rows whose time is over. Each statement takes a bounded bite, so that none holds locks for long."""

from datetime import timedelta
from typing import Final

from db.database import Connection

_SWEEPS: Final = (
    """delete from agents where id in
       (select id from agents where status = 'pending' and pending_until < now() limit $1)""",
    "delete from challenges where id in (select id from challenges where expires_at < now() limit $1)",
    "delete from agent_tokens where id in (select id from agent_tokens where expires_at < now() limit $1)",
    """delete from revocations where id in
       (select id from revocations where at < now() - interval '1 day' limit $1)""",
    """delete from rights_changes where id in
       (select id from rights_changes where at < now() - interval '1 day' limit $1)""",
    """delete from message_nonces where (channel_id, agent_id, nonce) in
       (select channel_id, agent_id, nonce from message_nonces where created_at < now() - interval '1 day' limit $1)""",
    """delete from inbox_events where (agent_id, seq) in
       (select agent_id, seq from inbox_events where acked_at < now() - interval '90 days' limit $1)""",
)
_PARTITIONS: Final = "select app.maintain_event_partitions($1, $2)"
_BITE: Final = 5_000


async def sweep(connection: Connection) -> int:
    """Delete a bite of everything that has expired; how many rows that were."""
    return sum([int((await connection.execute(statement, _BITE)).split()[1]) for statement in _SWEEPS])


async def maintain_partitions(connection: Connection, *, days_ahead: int, retention: timedelta) -> None:
    """Make the partitions of the coming days, drop those older than the retention."""
    await connection.execute(_PARTITIONS, days_ahead, retention)
