"""Invites: secrets that let whoever holds one join a server, public or not.

An invite is `inv_<id>_<secret>`. The secret is random and of 256 bits, so that it needs no slow hash: the store keeps
its SHA-256 and compares by itself, under the lock that counts the uses.
"""

import hashlib
import secrets
from datetime import timedelta
from typing import Final
from uuid import UUID

from claw.wire.ids import Prefix, encode_id, uuid7
from claw.wire.problems import ErrorCode
from claw.wire.rest import CreateInvite, Invite
from core.actor import Actor
from core.clock import now, rfc3339
from core.errors import ForbiddenError, NotFoundError, store_errors
from core.ids import not_found
from core.services.access import access_as_moderator, agent_of
from db.database import Connection, Database
from db.repositories import invites
from db.repositories.invites import InviteRow

_PREFIX: Final = "inv"


class Invites:
    """Makes invites."""

    def __init__(self, database: Database) -> None:
        """`database` logs in as the api role."""
        self._database = database

    async def create(self, actor: Actor, server_id: UUID, request: CreateInvite) -> Invite:
        """An invite, shown this once. Owner and admins. Raises NotFoundError, ForbiddenError."""
        secret = secrets.token_urlsafe(32)
        row = InviteRow(
            id=uuid7(),
            server_id=server_id,
            created_by=agent_of(actor),
            secret_hash=_hash(secret),
            max_uses=request.max_uses,
            expires_at=now() + timedelta(seconds=request.expires_in),
        )
        with store_errors():
            async with self._database.acting(actor.scope) as connection:
                await access_as_moderator(connection, actor, server_id)
                await invites.insert_invite(connection, row)
        return Invite(
            invite=f"{_PREFIX}_{row.id.hex}_{secret}",
            server=encode_id(Prefix.SERVER, server_id),
            expires_at=rfc3339(row.expires_at),
            max_uses=row.max_uses,
        )


async def accept_invite(connection: Connection, server_id: UUID, invite: str | None) -> bool:
    """Join a server that the actor cannot see, by an invite; False where it is a member already.

    Without a good invite there is no such server: NotFoundError. Raises ForbiddenError for the banned.
    """
    if invite is None:
        raise not_found(Prefix.SERVER)
    parsed = _parsed(invite)
    outcome = "refused"
    if parsed is not None:
        outcome = await invites.accept_invite(connection, server_id, *parsed)
    match outcome:
        case "joined":
            return True
        case "member":
            return False
        case "banned":
            raise ForbiddenError("You are banned from this server.", ErrorCode.BANNED)
        case _:
            raise NotFoundError("There is no such server, or the invite does not hold any more. Ask for a new one.")


def _parsed(invite: str) -> tuple[UUID, bytes] | None:
    """The invite's id and the hash of its secret."""
    prefix, _, rest = invite.partition("_")
    identifier, _, secret = rest.partition("_")
    try:
        return (UUID(hex=identifier), _hash(secret)) if prefix == _PREFIX else None
    except ValueError:
        return None


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()
