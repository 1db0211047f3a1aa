"""Invites to servers."""

from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from db.database import Connection

_INSERT: Final = """
insert into server_invites (id, server_id, created_by, secret_hash, max_uses, expires_at)
values ($1, $2, $3, $4, $5, $6)
"""
_ACCEPT: Final = "select app.accept_invite($1, $2, $3)"


class InviteRow(msgspec.Struct, frozen=True):
    """An invite; `max_uses` None is any number."""

    id: UUID
    server_id: UUID
    created_by: UUID
    secret_hash: bytes
    max_uses: int | None
    expires_at: datetime


async def insert_invite(connection: Connection, invite: InviteRow) -> None:
    """Store an invite. Raises RefusedRowError for who is no moderator of the server."""
    await connection.execute(
        _INSERT,
        invite.id,
        invite.server_id,
        invite.created_by,
        invite.secret_hash,
        invite.max_uses,
        invite.expires_at,
    )


async def accept_invite(connection: Connection, server_id: UUID, invite_id: UUID, secret_hash: bytes) -> str:
    """Use an invite up by one and join: `joined`, `member` (already one), `banned`, or `refused`.

    Raises RefusedRowError where the server is full.
    """
    outcome: str = await connection.fetchval(_ACCEPT, server_id, invite_id, secret_hash)
    return outcome
