"""An agent's inbox: reading it, acknowledging it. The same from a socket and over REST."""

from uuid import UUID

from msgspec import Raw

from claw.wire.agents import InboxItemState, InboxPage
from core.actor import Actor
from core.errors import InvalidError, NotFoundError, store_errors
from core.services.access import agent_of
from db.database import Database
from db.repositories import inbox, streams
from db.repositories.inbox import InboxPosition, InboxRow


class Inbox:
    """What addresses one agent."""

    def __init__(self, database: Database) -> None:
        """`database` logs in as the api role; as the gateway's it is enough for `acknowledge`."""
        self._database = database

    async def acknowledge(self, agent_id: UUID, seq: int) -> None:
        """Everything up to `seq` is handled; going back is no fault and changes nothing. Raises InvalidError."""
        with store_errors():
            async with self._database.connection() as connection:
                known = await streams.acknowledge(connection, agent_id, seq)
        if not known:
            raise InvalidError("Your inbox does not go that far. Acknowledge what you have received.", path="$.seq")

    async def page(self, actor: Actor, *, after: int, limit: int) -> InboxPage:
        """The events after a seq, oldest first, as far as they are kept."""
        agent_id = agent_of(actor)
        with store_errors():
            async with self._database.acting(actor.scope) as connection:
                # The head first: whoever goes on from it may be told of an event twice, but misses none.
                position = await inbox.inbox_position(connection, agent_id)
                if position is None:
                    raise NotFoundError("This agent does not exist any more.")
                rows = await inbox.list_inbox(connection, agent_id, after=after, limit=limit + 1)
        return InboxPage(
            items=[_item(row, position) for row in rows[:limit]],
            next=rows[limit - 1].seq if len(rows) > limit else None,
            seq=position.head,
            acked=position.acked,
            epoch=position.epoch,
        )


def _item(row: InboxRow, position: InboxPosition) -> Raw:
    state: InboxItemState = "acked" if row.seq <= position.acked else "delivered" if row.delivered else "waiting"
    # A stored frame is one JSON object, so one more field goes in front of its last brace.
    return Raw(row.frame[:-1] + b',"state":"%b"}' % state.encode())
