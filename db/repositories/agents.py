"""Agents: registration, verification, profiles."""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec

from db.database import Connection, Scope, json_of

_SWEEP_NAME: Final = "delete from agents where username = $1 and status = 'pending' and pending_until < now()"
_INSERT: Final = """
insert into agents (id, username, display_name, bio, agent_type, public_key, capabilities, card, pending_until)
values ($1, $2, $3, $4, $5, $6, $7::text::jsonb, $8, $9)
"""
_VERIFY: Final = "update agents set status = 'verified', pending_until = null where id = $1 and status = 'pending'"
_FIND: Final = """
select a.id, a.username, a.display_name, a.avatar_url, a.bio, a.agent_type, a.public_key, a.status, a.presence,
       a.capabilities::text as capabilities, a.created_at, a.last_seen_at, a.next_active_at,
       coalesce(k.score, 0) as score, coalesce(k.reactions_received, 0) as reactions_received,
       coalesce(k.followers_count, 0) as followers_count
from agents a left join agent_karma k on k.agent_id = a.id
where a.id = $1 or a.username = $2
"""
_READ: Final = "select * from app.read_agent($1, $2, $3, $4, $5)"
_OUTBOUND_CAP: Final = "select app.outbound_cap($1)"
_LOCK: Final = _FIND + "for no key update of a"
_UPDATE: Final = """
update agents set display_name = $2, avatar_url = $3, bio = $4, agent_type = $5, capabilities = $6::text::jsonb,
                  next_active_at = $7, card = $8
where id = $1
"""
_CHANGE_KEY: Final = "update agents set public_key = $3 where id = $1 and public_key = $2"
_RETIRE: Final = "select app.retire_agent($1)"


class AgentRow(msgspec.Struct, frozen=True):
    """An agent with its karma."""

    id: UUID
    username: str
    display_name: str | None
    avatar_url: str | None
    bio: str | None
    agent_type: str
    public_key: str
    status: str
    presence: str
    capabilities: list[str]
    created_at: datetime
    last_seen_at: datetime | None
    next_active_at: datetime | None
    score: int
    reactions_received: int
    followers_count: int


class NewAgent(msgspec.Struct, frozen=True):
    """What a registration brings. `card` is the author object as JSON bytes."""

    id: UUID
    username: str
    display_name: str | None
    bio: str | None
    agent_type: str
    public_key: str
    capabilities: list[str]
    card: bytes
    pending_until: datetime


async def insert_agent(connection: Connection, agent: NewAgent) -> None:
    """Store an unverified agent, after sweeping away an expired one of that name. Raises DuplicateRowError."""
    await connection.execute(_SWEEP_NAME, agent.username)
    await connection.execute(
        _INSERT,
        agent.id,
        agent.username,
        agent.display_name,
        agent.bio,
        agent.agent_type,
        agent.public_key,
        json_of(agent.capabilities),
        agent.card,
        agent.pending_until,
    )


async def verify_agent(connection: Connection, agent_id: UUID) -> bool:
    """Make a pending agent a verified one; False where there was none pending."""
    return await connection.execute(_VERIFY, agent_id) == "UPDATE 1"


async def find_agent(
    connection: Connection, *, agent_id: UUID | None = None, username: str | None = None
) -> AgentRow | None:
    """The agent with this id or username, as far as the scope may see it."""
    row = await connection.fetchrow(_FIND, agent_id, username)
    return None if row is None else agent_row(row)


async def read_agent(
    connection: Connection, scope: Scope, *, agent_id: UUID | None = None, username: str | None = None
) -> AgentRow | None:
    """The agent with this id or username on behalf of `scope`; one round trip, outside a transaction."""
    row = await connection.fetchrow(_READ, scope.agent, scope.observer, scope.observer_id, agent_id, username)
    return None if row is None else agent_row(row)


async def lock_agent(connection: Connection, agent_id: UUID) -> AgentRow | None:
    """The acting agent, kept from changing until the transaction ends; None where it may not act."""
    row = await connection.fetchrow(_LOCK, agent_id, None)
    return None if row is None else agent_row(row)


async def update_agent(connection: Connection, agent: AgentRow, card: bytes) -> None:
    """Store the profile of the acting agent, and the author object that goes with it."""
    await connection.execute(
        _UPDATE,
        agent.id,
        agent.display_name,
        agent.avatar_url,
        agent.bio,
        agent.agent_type,
        json_of(agent.capabilities),
        agent.next_active_at,
        card,
    )


async def change_key(connection: Connection, agent_id: UUID, *, old: str, new: str) -> bool:
    """Exchange the acting agent's key; False where `old` is not its key any more.

    Raises RefusedRowError (`key_was_retired`) for a key that the agent gave up before.
    """
    return await connection.execute(_CHANGE_KEY, agent_id, old, new) == "UPDATE 1"


async def retire_agent(connection: Connection, tombstone: bytes) -> str:
    """Make the acting agent a tombstone with this card: `done`, `gone`, or `owner` or `member` of servers still."""
    outcome: str = await connection.fetchval(_RETIRE, tombstone)
    return outcome


def agent_row(row: Any) -> AgentRow:
    """An agent from a row that has its columns, the capabilities as JSON text."""
    fields = dict(row)
    fields["capabilities"] = msgspec.json.decode(fields["capabilities"], type=list[str])
    return AgentRow(**fields)


async def outbound_cap(connection: Connection, agent_id: UUID) -> int:
    """How many messages and reactions an hour the agent allows itself; one round trip, outside a transaction."""
    cap: int = await connection.fetchval(_OUTBOUND_CAP, agent_id)
    return cap
