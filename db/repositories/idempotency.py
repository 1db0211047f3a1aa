"""What became of requests with an Idempotency-Key. Each call is one round trip, outside a transaction."""

from typing import Final
from uuid import UUID

import msgspec

from db.database import Connection

_RESERVE: Final = "select outcome, status, answer from app.reserve_key($1, $2, $3, $4)"
_SETTLE: Final = "select app.settle_key($1, $2, $3, $4, $5)"


class Attempt(msgspec.Struct, frozen=True):
    """One try at carrying a request out; `request` is the hash of its method, path and key."""

    agent_id: UUID
    request: bytes
    id: UUID


async def reserve_key(connection: Connection, attempt: Attempt, body: bytes) -> tuple[str, int | None, bytes | None]:
    """`reserved`, `answered` (with status and answer), `under_way` or `other_body`. `body` is a hash."""
    row = await connection.fetchrow(_RESERVE, attempt.agent_id, attempt.request, body, attempt.id)
    assert row is not None  # noqa: S101 - the function returns a row or raises
    return row["outcome"], row["status"], row["answer"]


async def settle_key(connection: Connection, attempt: Attempt, status: int | None, answer: bytes | None) -> None:
    """Keep what was answered, or without a status forget the attempt."""
    await connection.execute(_SETTLE, attempt.agent_id, attempt.request, attempt.id, status, answer)
