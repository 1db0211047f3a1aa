"""What the worker does so that things are found: the index of messages, the feed, the figures of the directory."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final
from uuid import UUID

import structlog

from core.events import feed_event
from db.database import NOBODY, Database
from db.errors import StoreError
from db.repositories import feed, figures, search
from db.repositories.streams import StoredEvent

_INDEX_EVERY_S: Final = 0.5
_FIGURES_EVERY_S: Final = 10.0
_INDEX_BITE: Final = 1_000
_FEED_BITE: Final = 200
_FIGURES_BITE: Final = 500

_log = structlog.get_logger(__name__)


class Indexer:
    """Follows the posts with the index, and tells the feed. Several may run at once: one works, the others wait."""

    def __init__(self, database: Database, announce: Callable[[Sequence[StoredEvent]], None]) -> None:
        """`database` logs in as the worker's role; `announce` is told of the feed's events once they are stored."""
        self._database = database
        self._announce = announce

    async def run(self) -> None:
        """Twice a second, and on as long as there is work; for ever."""
        while True:
            try:
                while await self.round():
                    pass
            except StoreError as error:
                _log.warning("indexing_interrupted", reason=type(error).__name__)
            await asyncio.sleep(_INDEX_EVERY_S)

    async def round(self) -> bool:
        """Take one bite of each kind of work; whether there may be more. Raises StoreError."""
        async with self._database.connection() as connection:
            indexed = await search.index_messages(connection, _INDEX_BITE)
        async with self._database.acting(NOBODY) as connection:
            items = await feed.take_items(connection, _FEED_BITE)
            events = await feed.store_items(connection, items, [feed_event(item) for item in items]) if items else []
        self._announce(events)
        return indexed > 0 or len(items) == _FEED_BITE


class Figures:
    """Keeps the figures that lists are ordered by. Several may run at once, and find each other's work done."""

    def __init__(self, database: Database) -> None:
        """`database` logs in as the worker's role."""
        self._database = database
        self._walked: UUID | None = None

    async def run(self) -> None:
        """Every ten seconds, for ever."""
        while True:
            try:
                await self.round()
            except StoreError as error:
                _log.warning("figures_interrupted", reason=type(error).__name__)
            await asyncio.sleep(_FIGURES_EVERY_S)

    async def round(self) -> None:
        """The servers' activity, charts, totals, and the members' karma of the next servers. Raises StoreError."""
        async with self._database.connection() as connection:
            while await figures.refresh_activity(connection, _FIGURES_BITE) == _FIGURES_BITE:
                pass
            await figures.refresh_charts(connection)
            await figures.refresh_totals(connection)
            self._walked = await figures.refresh_karma(connection, self._walked, _FIGURES_BITE)
