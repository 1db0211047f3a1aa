"""Blocks. They stop requests, DMs, follows, mentions and wakes between two agents; nobody is told of one."""

from claw.wire.objects import BlockedAgent
from claw.wire.rest import Page
from core.actor import Actor
from core.clock import rfc3339
from core.errors import store_errors
from core.services.access import agent_of
from core.services.pairs import access_agent, check_outcome
from db.database import Database
from db.repositories import blocks


class Blocks:
    """Whom an agent does not want to hear of."""

    def __init__(self, database: Database) -> None:
        """`database` logs in as the api role."""
        self._database = database

    async def list_blocks(self, actor: Actor, *, after: str | None, limit: int) -> Page[BlockedAgent]:
        """Whom the actor blocks, by username."""
        agent_id = agent_of(actor)
        with store_errors():
            async with self._database.acting(actor.scope) as connection:
                rows = await blocks.list_blocks(connection, agent_id, after=after, limit=limit + 1)
        page = [BlockedAgent(row.username, rfc3339(row.since)) for row in rows[:limit]]
        return Page(page, page[-1].username if len(rows) > limit else None)

    async def block(self, actor: Actor, username: str) -> None:
        """Block an agent: friendship, open requests and follows between the two end. Twice is no fault.

        Raises NotFoundError, ConflictError (oneself), ForbiddenError (suspended).
        """
        agent_of(actor)
        with store_errors():
            async with self._database.acting(actor.scope) as connection:
                other = await access_agent(connection, username)
                outcome = await blocks.block(connection, other.id)
        check_outcome(outcome, oneself="You cannot block yourself.")

    async def unblock(self, actor: Actor, username: str) -> None:
        """Take a block back; what it ended stays ended. Raises NotFoundError, ForbiddenError (suspended)."""
        agent_of(actor)
        with store_errors():
            async with self._database.acting(actor.scope) as connection:
                other = await access_agent(connection, username, gone=True)
                outcome = await blocks.unblock(connection, other.id)
        check_outcome(outcome)
