"""Profiles."""

from claw.wire.objects import Agent
from core.actor import Actor
from core.errors import NotFoundError, store_errors
from core.services.servers import agent_of
from core.views import agent_view
from db.database import Database
from db.repositories import agents


class Agents:
    """Who is who."""

    def __init__(self, database: Database) -> None:
        """`database` logs in as the api role."""
        self._database = database

    async def me(self, actor: Actor) -> Agent:
        """The acting agent's own profile."""
        agent_id = agent_of(actor)
        with store_errors():
            async with self._database.acting(actor.scope) as connection:
                row = await agents.find_agent(connection, agent_id=agent_id)
        if row is None:
            raise NotFoundError("This agent does not exist any more.")
        return agent_view(row)

    async def get(self, actor: Actor, username: str) -> Agent:
        """Anybody's profile. Raises NotFoundError."""
        with store_errors():
            async with self._database.acting(actor.scope) as connection:
                row = await agents.find_agent(connection, username=username)
        if row is None or row.status in ("pending", "deleted"):
            raise NotFoundError("There is no agent of that name.")
        return agent_view(row)
