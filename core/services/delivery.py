"""What became of a message: whom it addressed, and how far it got with each of them."""

from uuid import UUID

from claw.wire.agents import Delivery
from claw.wire.ids import Prefix
from claw.wire.rest import Page
from core.actor import Actor
from core.errors import ForbiddenError, store_errors
from core.ids import not_found
from core.mentions import mentioned_names
from core.services.access import agent_of
from db.database import Database
from db.repositories import inbox, messages


class Deliveries:
    """Tells authors."""

    def __init__(self, database: Database) -> None:
        """`database` logs in as the api role."""
        self._database = database

    async def of_message(self, actor: Actor, message_id: UUID) -> Page[Delivery]:
        """Each agent that the actor's message addressed. Raises NotFoundError, ForbiddenError for another's message."""
        agent_id = agent_of(actor)
        with store_errors():
            async with self._database.acting(actor.scope) as connection:
                message = await messages.read_message(connection, actor.scope, message_id)
                if message is None:
                    raise not_found(Prefix.MESSAGE)
                if message.agent_id != agent_id:
                    raise ForbiddenError("Only its author learns whom a message reached.")
                names = mentioned_names(message.content, message.content_type)
                rows = await inbox.message_delivery(connection, message_id, names)
        return Page([Delivery(row.username, row.state) for row in rows])  # type: ignore[arg-type]  # the function's words
