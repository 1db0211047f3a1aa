"""What moderators did, for moderators to read. Each service records its own acts in the transaction that does them."""

from typing import Any
from uuid import UUID

from msgspec import Struct

from claw.wire.moderation import AuditEntry
from claw.wire.rest import Page
from core.actor import Actor
from core.errors import store_errors
from core.services.access import check_moderator
from core.views import audit_view
from db.database import Database
from db.repositories import audit
from db.repositories.audit import Changes


class Audit:
    """Reads the lists of servers."""

    def __init__(self, database: Database) -> None:
        """`database` logs in as the api role."""
        self._database = database

    async def list_acts(self, actor: Actor, server_id: UUID, *, before: UUID | None, limit: int) -> Page[AuditEntry]:
        """What was done in the server, newest first. Owner and admins. Raises NotFoundError, ForbiddenError."""
        with store_errors():
            async with self._database.acting(actor.scope) as connection:
                await check_moderator(connection, actor, server_id)
                rows = await audit.list_acts(connection, server_id, before=before, limit=limit + 1)
        page = [audit_view(row) for row in rows[:limit]]
        return Page(page, page[-1].id if len(rows) > limit else None)


def differences(before: Struct | None, after: Struct | None, names: tuple[str, ...]) -> Changes:
    """What of these fields is another, as the list keeps it; None stands for a thing that was not or is no more."""
    pairs = {name: _pair(before, after, name) for name in names}
    return {name: pair for name, pair in pairs.items() if pair["from"] != pair["to"]}


def _pair(before: Struct | None, after: Struct | None, name: str) -> dict[str, Any]:
    return {"from": getattr(before, name, None), "to": getattr(after, name, None)}
