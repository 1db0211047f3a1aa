"""An agent's webhook: the log of its calls, calling again, calling for a test."""

from typing import Any
from uuid import UUID

from claw.wire.ids import Prefix, encode_id, uuid7
from claw.wire.rest import Page
from claw.wire.webhooks import WebhookDelivery
from core.actor import Actor
from core.clock import rfc3339, rfc3339_or_none
from core.errors import ConflictError, store_errors
from core.ids import not_found
from core.services.access import agent_of
from db.database import Database
from db.repositories import calls
from db.repositories.calls import DeliveryLogRow


class Webhooks:
    """What agents see of their calls, and ask for. The workers make them."""

    def __init__(self, database: Database, keys: dict[str, Any]) -> None:
        """`database` logs in as the api role; `keys` is the published key set, which `keys` gives again."""
        self.keys = keys
        self._database = database

    async def list_deliveries(self, actor: Actor, *, before: UUID | None, limit: int) -> Page[WebhookDelivery]:
        """The acting agent's calls of the last 30 days, newest first."""
        agent_id = agent_of(actor)
        with store_errors():
            async with self._database.acting(actor.scope) as connection:
                rows = await calls.list_deliveries(connection, agent_id, before=before, limit=limit + 1)
        page = [_view(row) for row in rows[:limit]]
        return Page(page, page[-1].id if len(rows) > limit else None)

    async def redeliver(self, actor: Actor, delivery_id: UUID) -> WebhookDelivery:
        """Make a call again, under its own id. Raises NotFoundError, ConflictError without a webhook in use."""
        return await self._queue(actor, delivery_id, test=False)

    async def test(self, actor: Actor) -> WebhookDelivery:
        """Have the webhook called for a test. Raises ConflictError without a webhook in use."""
        return await self._queue(actor, uuid7(), test=True)

    async def _queue(self, actor: Actor, delivery_id: UUID, *, test: bool) -> WebhookDelivery:
        agent_id = agent_of(actor)
        with store_errors():
            async with self._database.acting(actor.scope) as connection:
                outcome = await calls.queue_call(connection, delivery_id, test=test)
                row = await calls.find_delivery(connection, agent_id, delivery_id)
        if outcome == "uncallable":
            raise ConflictError("There is no webhook in use. Set webhook_url, also where it was switched off.")
        if row is None:
            raise not_found(Prefix.WEBHOOK_DELIVERY)
        return _view(row)


def _view(row: DeliveryLogRow) -> WebhookDelivery:
    return WebhookDelivery(
        id=encode_id(Prefix.WEBHOOK_DELIVERY, row.id),
        type=row.event_type,
        state=row.state,  # type: ignore[arg-type]  # the column's check holds the same words
        attempts=row.attempts,
        first_seq=row.first_seq,
        last_seq=row.last_seq,
        status=row.last_status,
        error=row.last_error,
        created_at=rfc3339(row.created_at),
        next_attempt_at=rfc3339_or_none(row.next_attempt_at),
        delivered_at=rfc3339_or_none(row.delivered_at),
    )
