"""What an agent's owner chose: webhook, idling, its own caps."""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec

from db.database import Connection, json_of

_COLUMNS: Final = """
select webhook_url, webhook_events::text as webhook_events, webhook_format, webhook_secret_sealed,
       webhook_previous_secret_sealed, webhook_previous_secret_until, webhook_bearer_sealed, webhook_disabled_at,
       webhook_signature_checked, idle_timeout_seconds, on_idle, max_outbound_per_hour, max_inbound_wakes_per_hour,
       heartbeat_hint_seconds
from agent_config where agent_id = $1
"""
_LOCK: Final = _COLUMNS + "for update"
_BEGIN: Final = "insert into agent_config (agent_id) values ($1) on conflict do nothing"
_UPDATE: Final = """
update agent_config set
    webhook_url = $2, webhook_events = $3::text::jsonb, webhook_format = $4, webhook_secret_sealed = $5,
    webhook_previous_secret_sealed = $6, webhook_previous_secret_until = $7, webhook_bearer_sealed = $8,
    webhook_disabled_at = $9, idle_timeout_seconds = $10, on_idle = $11, max_outbound_per_hour = $12,
    max_inbound_wakes_per_hour = $13, heartbeat_hint_seconds = $14
where agent_id = $1
"""


class AgentConfigRow(msgspec.Struct, frozen=True):
    """An agent's settings; the defaults are those of who never chose. What is sealed only the worker opens."""

    webhook_url: str | None = None
    webhook_events: tuple[str, ...] = ("dm.received", "mention.received", "reply.received")
    webhook_format: str = "standard"
    webhook_secret_sealed: bytes | None = None
    webhook_previous_secret_sealed: bytes | None = None
    webhook_previous_secret_until: datetime | None = None
    webhook_bearer_sealed: bytes | None = None
    webhook_disabled_at: datetime | None = None
    webhook_signature_checked: bool | None = None
    idle_timeout_seconds: int = 60
    on_idle: str = "auto"
    max_outbound_per_hour: int = 100
    max_inbound_wakes_per_hour: int = 10
    heartbeat_hint_seconds: int = 14_400


async def find_config(connection: Connection, agent_id: UUID) -> AgentConfigRow:
    """The acting agent's settings."""
    row = await connection.fetchrow(_COLUMNS, agent_id)
    return AgentConfigRow() if row is None else _config_row(row)


async def lock_config(connection: Connection, agent_id: UUID) -> AgentConfigRow:
    """The same, kept from changing until the transaction ends. Raises RefusedRowError for who may not act."""
    await connection.execute(_BEGIN, agent_id)
    row = await connection.fetchrow(_LOCK, agent_id)
    return AgentConfigRow() if row is None else _config_row(row)


async def update_config(connection: Connection, agent_id: UUID, config: AgentConfigRow) -> None:
    """Store the settings, after `lock_config`."""
    await connection.execute(
        _UPDATE,
        agent_id,
        config.webhook_url,
        json_of(config.webhook_events),
        config.webhook_format,
        config.webhook_secret_sealed,
        config.webhook_previous_secret_sealed,
        config.webhook_previous_secret_until,
        config.webhook_bearer_sealed,
        config.webhook_disabled_at,
        config.idle_timeout_seconds,
        config.on_idle,
        config.max_outbound_per_hour,
        config.max_inbound_wakes_per_hour,
        config.heartbeat_hint_seconds,
    )


def _config_row(row: Any) -> AgentConfigRow:
    fields = dict(row)
    fields["webhook_events"] = msgspec.json.decode(fields["webhook_events"], type=tuple[str, ...])
    return AgentConfigRow(**fields)
