"""Challenges, refresh tokens and revocations."""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import msgspec

from db.database import Connection

MAX_OPEN_CHALLENGES: Final = 8

# Two requests at once may not both become the eighth.
_LOCK_AGENT: Final = "select pg_advisory_xact_lock(hashtextextended($1::uuid::text, 0))"
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
_INSERT_TOKEN: Final = """
insert into agent_tokens (id, agent_id, family_id, token_hash, refresh_token_hash, expires_at)
values ($1, $2, $3, $4, $5, $6)
"""
_FIND_TOKEN: Final = """
select id, agent_id, family_id, refresh_token_hash, expires_at, spent_at, revoked from agent_tokens where id = $1
"""
_SPEND_TOKEN: Final = """
update agent_tokens set spent_at = now()
where id = $1 and spent_at is null and not revoked and expires_at > now()
"""
_REVOKE_FAMILY: Final = """
update agent_tokens set revoked = true where agent_id = $1 and ($2::uuid is null or family_id = $2) and not revoked
"""
_LOG_REVOCATION: Final = "insert into revocations (agent_id, family_id) values ($1, $2) returning at"
_RECENT_REVOCATIONS: Final = """
select agent_id, family_id, at, suspended from revocations where at > now() - $1::interval
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

    id: UUID
    agent_id: UUID
    family_id: UUID
    refresh_token_hash: str
    expires_at: datetime
    spent_at: datetime | None
    revoked: bool


class RevocationRow(msgspec.Struct, frozen=True):
    """A log-in (or, with `family_id` None, every log-in) of an agent that ended early."""

    agent_id: UUID
    family_id: UUID | None
    at: datetime
    suspended: bool = False


async def lock_challenges(connection: Connection, agent_id: UUID) -> None:
    """Until the transaction ends, others who would issue a challenge to this agent wait."""
    await connection.execute(_LOCK_AGENT, agent_id)


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


async def insert_token(connection: Connection, token: RefreshTokenRow, *, access_token_hash: str) -> None:
    """Store what was handed out at a log-in or a renewal, as hashes."""
    await connection.execute(
        _INSERT_TOKEN,
        token.id,
        token.agent_id,
        token.family_id,
        access_token_hash,
        token.refresh_token_hash,
        token.expires_at,
    )


async def find_token(connection: Connection, token_id: UUID) -> RefreshTokenRow | None:
    """The refresh token with this id; the scope must claim it."""
    row = await connection.fetchrow(_FIND_TOKEN, token_id)
    return None if row is None else RefreshTokenRow(**row)


async def spend_token(connection: Connection, token_id: UUID) -> bool:
    """Use a refresh token up; False where it was spent or revoked before."""
    return await connection.execute(_SPEND_TOKEN, token_id) == "UPDATE 1"


async def revoke(connection: Connection, agent_id: UUID, family_id: UUID | None) -> datetime:
    """End one log-in, or with None all of the agent's, and write it to the log that every process reads.

    Gives the moment that stands in the log.
    """
    await connection.execute(_REVOKE_FAMILY, agent_id, family_id)
    at: datetime = await connection.fetchval(_LOG_REVOCATION, agent_id, family_id)
    return at


async def recent_revocations(connection: Connection, seconds: float) -> list[RevocationRow]:
    """What was revoked within the last `seconds`."""
    rows = await connection.fetch(_RECENT_REVOCATIONS, timedelta(seconds=seconds))
    return [RevocationRow(**row) for row in rows]
