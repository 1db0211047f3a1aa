"""API tokens: made, listed and revoked by their agent, looked up by whoever is shown one."""

from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from db.database import Connection

MAX_TOKENS: Final = 50

_COLUMNS: Final = "select id, name, scopes, created_at, expires_at, last_used_at from api_tokens "
_LIST: Final = _COLUMNS + "where agent_id = $1 order by id desc"
_COUNT: Final = "select count(*) from api_tokens where agent_id = $1"
_INSERT: Final = """
insert into api_tokens (id, agent_id, name, scopes, token_hash, expires_at, created_at)
values ($1, $2, $3, $4, $5, $6, $7)
"""
_DELETE: Final = "delete from api_tokens where agent_id = $1 and id = $2"
_LOG_REVOCATION: Final = "insert into revocations (agent_id, family_id) values ($1, $2) returning at"
_FIND: Final = "select agent_id, status, scopes, token_hash, expires_at, created_at from app.api_token($1)"
_USED: Final = "select app.api_token_used($1)"


class ApiTokenRow(msgspec.Struct, frozen=True):
    """A token as its agent sees it."""

    id: UUID
    name: str
    scopes: list[str]
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None = None


class KnownToken(msgspec.Struct, frozen=True):
    """A token as who is shown it checks it; `status` is its agent's."""

    agent_id: UUID
    status: str
    scopes: list[str]
    token_hash: str
    expires_at: datetime | None
    created_at: datetime

    def __repr__(self) -> str:
        return f"KnownToken({self.agent_id!r})"


async def list_tokens(connection: Connection, agent_id: UUID) -> list[ApiTokenRow]:
    """The agent's tokens, the newest first."""
    return [ApiTokenRow(**row) for row in await connection.fetch(_LIST, agent_id)]


async def count_tokens(connection: Connection, agent_id: UUID) -> int:
    """How many tokens the agent has."""
    return int(await connection.fetchval(_COUNT, agent_id))


async def insert_token(connection: Connection, agent_id: UUID, row: ApiTokenRow, token_hash: str) -> None:
    """Store a new token of the acting agent."""
    await connection.execute(
        _INSERT, row.id, agent_id, row.name, row.scopes, token_hash, row.expires_at, row.created_at
    )


async def revoke_token(connection: Connection, agent_id: UUID, token_id: UUID) -> datetime | None:
    """End a token of the acting agent, and write it to the log that every process reads; None where there is none.

    Gives the moment that stands in the log.
    """
    if await connection.execute(_DELETE, agent_id, token_id) != "DELETE 1":
        return None
    at: datetime = await connection.fetchval(_LOG_REVOCATION, agent_id, token_id)
    return at


async def find_token(connection: Connection, token_id: UUID) -> KnownToken | None:
    """The token with this id, whoever asks."""
    row = await connection.fetchrow(_FIND, token_id)
    return None if row is None else KnownToken(**row)


async def token_used(connection: Connection, token_id: UUID) -> None:
    """Remember that the token was shown just now."""
    await connection.execute(_USED, token_id)
