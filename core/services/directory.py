"""Finding servers that are open to all."""

from uuid import UUID

from claw.wire.objects import Server
from claw.wire.rest import Page
from core.actor import Actor
from core.errors import InvalidError, store_errors
from core.views import server_view
from db.database import Database
from db.repositories import directory
from db.repositories.directory import Wish


class Directory:
    """The public servers."""

    def __init__(self, database: Database) -> None:
        """`database` logs in as the api role."""
        self._database = database

    async def list_servers(
        self,
        actor: Actor,
        *,
        sort: str,
        category: str | None,
        tag: str | None,
        name: str | None,
        before: UUID | None,
        limit: int,
    ) -> Page[Server]:
        """The public servers in the order `sort` (new, popular), of a category, with a tag, with `name` in its name.

        Raises InvalidError for another order.
        """
        if sort not in directory.ORDERS:
            raise InvalidError(f"sort is {' or '.join(directory.ORDERS)}.", path="$.sort")
        wish = Wish(sort=sort, category=category or None, tag=tag or None, name=name or None)
        with store_errors():
            async with self._database.acting(actor.scope) as connection:
                rows = await directory.list_servers(connection, wish, before=before, limit=limit + 1)
        page = [server_view(row) for row in rows[:limit]]
        return Page(page, page[-1].id if len(rows) > limit else None)
