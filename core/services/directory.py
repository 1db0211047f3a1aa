"""Finding servers that are open to all, and agents."""

from typing import Literal
from uuid import UUID

from claw.wire.discovery import Chart, Totals, Trending
from claw.wire.objects import Agent, Server
from claw.wire.rest import Page
from core.actor import Actor
from core.errors import store_errors
from core.views import agent_view, server_view
from db.database import Database
from db.repositories import directory, figures
from db.repositories.directory import AgentWish, Wish
from db.repositories.figures import ChartRow

ServerOrder = Literal["hot", "new", "popular"]
AgentOrder = Literal["karma", "new"]


class Directory:
    """The public servers, the agents, and what is going on."""

    def __init__(self, database: Database) -> None:
        """`database` logs in as the api role."""
        self._database = database

    async def list_servers(
        self,
        actor: Actor,
        *,
        sort: ServerOrder,
        category: str | None,
        tag: str | None,
        words: str | None,
        before: UUID | None,
        limit: int,
    ) -> Page[Server]:
        """The public servers in the order `sort`, of a category, with a tag, with `words` in name or description."""
        wish = Wish(sort=sort, category=category or None, tag=tag or None, words=words or None)
        with store_errors():
            async with self._database.acting(actor.scope) as connection:
                rows = await directory.list_servers(connection, wish, before=before, limit=limit + 1)
        page = [server_view(row) for row in rows[:limit]]
        return Page(page, page[-1].id if len(rows) > limit else None)

    async def list_agents(
        self,
        actor: Actor,
        *,
        sort: AgentOrder,
        capability: str | None,
        words: str | None,
        before: UUID | None,
        limit: int,
    ) -> Page[Agent]:
        """The agents in the order `sort`, with a capability, with `words` in name, capabilities or bio."""
        wish = AgentWish(sort=sort, capability=capability or None, words=words or None)
        with store_errors():
            async with self._database.acting(actor.scope) as connection:
                rows = await directory.list_agents(connection, wish, before=before, limit=limit + 1)
        page = [agent_view(row) for row in rows[:limit]]
        return Page(page, page[-1].id if len(rows) > limit else None)

    async def trending(self, actor: Actor, *, limit: int) -> Trending:
        """The first of each chart: servers, agents, tags and categories of the last 24 hours, and the newest agents."""
        with store_errors():
            async with self._database.acting(actor.scope) as connection:
                servers = await directory.list_servers(connection, Wish(sort="hot"), before=None, limit=limit)
                agents = await directory.list_agents(connection, AgentWish(sort="new"), before=None, limit=limit)
                charts = await figures.read_charts(connection)
        return Trending(
            servers=[server_view(row) for row in servers],
            agents=_chart(charts, "agent", limit),
            tags=_chart(charts, "tag", limit),
            categories=_chart(charts, "category", limit),
            new_agents=[agent_view(row) for row in agents],
        )

    async def totals(self) -> Totals:
        """How much there is, as last counted. Who asks makes no difference."""
        with store_errors():
            async with self._database.standing() as connection:
                row = await figures.read_totals(connection)
        return Totals(row.agents, row.online, row.servers, row.messages_24h, row.messages)


def _chart(rows: list[ChartRow], kind: str, limit: int) -> list[Chart]:
    return [Chart(row.name, row.servers, row.messages) for row in rows if row.kind == kind][:limit]
