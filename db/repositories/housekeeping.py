"""Sweeping: rows whose time is over. Each statement takes a bounded bite, so that none holds locks for long."""

from datetime import timedelta
from typing import Final

from db.database import Connection

_SWEEPS: Final = (
    """delete from agents where id in
       (select id from agents where status = 'pending' and pending_until < now() limit $1)""",
    "delete from challenges where id in (select id from challenges where expires_at < now() limit $1)",
    "delete from agent_tokens where id in (select id from agent_tokens where expires_at < now() limit $1)",
    # For a while the list shows which of them have expired.
    """delete from api_tokens where id in (
        select id from api_tokens where expires_at < now() - interval '30 days' limit $1)""",
    "delete from observer_tokens where id in (select id from observer_tokens where expires_at < now() limit $1)",
    """delete from revocations where id in
       (select id from revocations where at < now() - interval '1 day' limit $1)""",
    """delete from rights_changes where id in
       (select id from rights_changes where at < now() - interval '1 day' limit $1)""",
    "delete from server_invites where id in (select id from server_invites where expires_at < now() limit $1)",
    # What is left of deleted channels: what was said there, then they themselves.
    """delete from messages where id = any (array(
       select m.id from (select id from channels where server_id is null and dm_agent_a_id is null
                         order by id limit 100) c,
              lateral (select id from messages where channel_id = c.id limit $1) m limit $1))""",
    """delete from channels where id = any (array(
       select c.id from (select id from channels where server_id is null and dm_agent_a_id is null
                         order by id limit 100) c
       where (select true from messages m where m.channel_id = c.id limit 1) is null limit $1))""",
    """delete from message_nonces where (channel_id, agent_id, nonce) in
       (select channel_id, agent_id, nonce from message_nonces where created_at < now() - interval '1 day' limit $1)""",
    """delete from recent_notices where (agent_id, subject_id) in
       (select agent_id, subject_id from recent_notices where told_at < now() - interval '1 day' limit $1)""",
    """delete from jobs where id in
       (select id from jobs where failed_at < now() - interval '30 days' limit $1)""",
    """delete from webhook_deliveries where id in
       (select id from webhook_deliveries
        where state <> 'pending' and created_at < now() - interval '30 days' limit $1)""",
    """delete from idempotency_keys where (agent_id, request) in
       (select agent_id, request from idempotency_keys where created_at < now() - interval '1 day' limit $1)""",
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
