"""Challenges, refresh tokens and revocations.

Agents and observers log in each in their own way; a log-in, once begun, is the same thing for both.
"""

from datetime import datetime, timedelta
from typing import Final, Literal
from uuid import UUID

import msgspec

from db.database import Connection

MAX_OPEN_CHALLENGES: Final = 8

Kind = Literal["agent", "observer"]

_LOCK: Final = "select pg_advisory_xact_lock(hashtextextended($1::uuid::text, 0))"
_OPEN: Final = """
select id, purpose, nonce, body, expires_at from challenges
where agent_id = $1 and spent_at is null and expires_at > now() order by expires_at
"""
_INSERT_CHALLENGE: Final = """
insert into challenges (id, agent_id, purpose, nonce, body, expires_at) values ($1, $2, $3, $4, $5, $6)
"""
_SPEND: Final = """
update challenges set spent_at = now() where id = $1 and spent_at is null and expires_at > now()
"""
_VOID: Final = "update challenges set spent_at = now() where agent_id = $1 and spent_at is null"
_INSERT_TOKEN: Final[dict[Kind, str]] = {
    "agent": """
        insert into agent_tokens (id, agent_id, family_id, token_hash, refresh_token_hash, expires_at)
        values ($1, $2, $3, $4, $5, $6)
    """,
    "observer": """
        insert into observer_tokens (id, observer_id, family_id, token_hash, refresh_token_hash, expires_at)
        values ($1, $2, $3, $4, $5, $6)
    """,
}
_FIND_TOKEN: Final = """
select 'agent' as kind, id, agent_id as subject_id, family_id, refresh_token_hash, expires_at, spent_at, revoked
from agent_tokens where id = $1
union all
select 'observer', id, observer_id, family_id, refresh_token_hash, expires_at, spent_at, revoked
from observer_tokens where id = $1
"""
_SPEND_TOKEN: Final[dict[Kind, str]] = {
    "agent": """
        update agent_tokens set spent_at = now()
        where id = $1 and spent_at is null and not revoked and expires_at > now()
    """,
    "observer": """
        update observer_tokens set spent_at = now()
        where id = $1 and spent_at is null and not revoked and expires_at > now()
    """,
}
_REVOKE: Final[dict[Kind, str]] = {
    "agent": """
        update agent_tokens set revoked = true
        where agent_id = $1 and ($2::uuid is null or family_id = $2) and not revoked
    """,
    "observer": """
        update observer_tokens set revoked = true
        where observer_id = $1 and ($2::uuid is null or family_id = $2) and not revoked
    """,
}
_LOG_REVOCATION: Final[dict[Kind, str]] = {
    "agent": "insert into revocations (agent_id, family_id) values ($1, $2) returning at",
    "observer": "insert into revocations (observer_id, family_id) values ($1, $2) returning at",
}
# An access token lives for a day at most, so older log-ins that were not renewed have none and no socket.
_REVOKE_OTHERS: Final = """
with ended as (
    update agent_tokens set revoked = true where agent_id = $1 and family_id is distinct from $2 and not revoked
    returning family_id, created_at
), api as (
    delete from api_tokens where agent_id = $1 returning id
)
insert into revocations (agent_id, family_id)
select $1, e.family_id from ended e where e.created_at > now() - interval '1 day' group by e.family_id
union all
select $1, api.id from api
returning agent_id as subject_id, family_id, at, suspended
"""
_RECENT_REVOCATIONS: Final = """
select coalesce(agent_id, observer_id) as subject_id, family_id, at, suspended
from revocations where at > now() - $1::interval
"""


class ChallengeRow(msgspec.Struct, frozen=True):
    """An open challenge; `body` is the text that was handed out."""

    id: UUID
    purpose: str
    nonce: str
    body: str
    expires_at: datetime


class RefreshTokenRow(msgspec.Struct, frozen=True):
    """A refresh token that was issued once, in whatever state it is now."""

    kind: Kind
    id: UUID
    subject_id: UUID
    family_id: UUID
    refresh_token_hash: str
    expires_at: datetime
    spent_at: datetime | None = None
    revoked: bool = False


class RevocationRow(msgspec.Struct, frozen=True):
    """A log-in (or, with `family_id` None, every log-in) of an agent or observer that ended early."""

    subject_id: UUID
    family_id: UUID | None
    at: datetime
    suspended: bool = False


async def lock_sign_in(connection: Connection, subject_id: UUID) -> None:
    """Until the transaction ends, others who would issue a challenge to this subject, renew or end its log-ins wait.

    Without it two could both issue the eighth challenge, and a renewal could slip past the end of its log-in.
    """
    await connection.execute(_LOCK, subject_id)


async def open_challenges(connection: Connection, agent_id: UUID) -> list[ChallengeRow]:
    """The agent's challenges that can still be answered, the one that expires first in front."""
    return [ChallengeRow(**row) for row in await connection.fetch(_OPEN, agent_id)]


async def insert_challenge(connection: Connection, agent_id: UUID, challenge: ChallengeRow) -> None:
    """Store a challenge before it is handed out."""
    await connection.execute(
        _INSERT_CHALLENGE,
        challenge.id,
        agent_id,
        challenge.purpose,
        challenge.nonce,
        challenge.body,
        challenge.expires_at,
    )


async def spend_challenge(connection: Connection, challenge_id: UUID) -> bool:
    """Use a challenge up; False where somebody else did so first or it expired."""
    return await connection.execute(_SPEND, challenge_id) == "UPDATE 1"


async def void_challenges(connection: Connection, agent_id: UUID) -> None:
    """Let no open challenge of the agent be answered any more; the scope must claim the agent."""
    await connection.execute(_VOID, agent_id)


async def insert_token(connection: Connection, token: RefreshTokenRow, *, access_token_hash: str) -> None:
    """Store what was handed out at a log-in or a renewal, as hashes."""
    await connection.execute(
        _INSERT_TOKEN[token.kind],
        token.id,
        token.subject_id,
        token.family_id,
        access_token_hash,
        token.refresh_token_hash,
        token.expires_at,
    )


async def find_token(connection: Connection, token_id: UUID) -> RefreshTokenRow | None:
    """The refresh token with this id; the scope must claim it."""
    row = await connection.fetchrow(_FIND_TOKEN, token_id)
    return None if row is None else RefreshTokenRow(**row)


async def spend_token(connection: Connection, token: RefreshTokenRow) -> bool:
    """Use a refresh token up; False where it was spent or revoked before."""
    return await connection.execute(_SPEND_TOKEN[token.kind], token.id) == "UPDATE 1"


async def revoke(connection: Connection, kind: Kind, subject_id: UUID, family_id: UUID | None) -> datetime:
    """End one log-in, or with None all of the subject's, and write it to the log that every process reads.

    Gives the moment that stands in the log.
    """
    await lock_sign_in(connection, subject_id)
    await connection.execute(_REVOKE[kind], subject_id, family_id)
    at: datetime = await connection.fetchval(_LOG_REVOCATION[kind], subject_id, family_id)
    return at


async def revoke_others(connection: Connection, agent_id: UUID, family_id: UUID | None) -> list[RevocationRow]:
    """End all of the agent's log-ins but this one, and its API tokens; gives those of which a socket may be open."""
    await lock_sign_in(connection, agent_id)
    return [RevocationRow(**row) for row in await connection.fetch(_REVOKE_OTHERS, agent_id, family_id)]


async def recent_revocations(connection: Connection, seconds: float) -> list[RevocationRow]:
    """What was revoked within the last `seconds`."""
    rows = await connection.fetch(_RECENT_REVOCATIONS, timedelta(seconds=seconds))
    return [RevocationRow(**row) for row in rows]
