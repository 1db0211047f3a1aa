"""What the worker does for the store: sweep away what has expired, keep the partitions of events ahead of time."""

import asyncio
from datetime import timedelta
from typing import Final

import structlog

from db.database import Database
from db.errors import StoreError
from db.repositories import housekeeping

_EVERY_S: Final = 60.0
_DAYS_AHEAD: Final = 7

_log = structlog.get_logger(__name__)


class Housekeeper:
    """Runs until cancelled. Several may run at once: each deletes what the others have not."""

    def __init__(self, database: Database, *, event_retention: timedelta) -> None:
        """`database` logs in as the worker's role."""
        self._database = database
        self._event_retention = event_retention

    async def run(self) -> None:
        """Once a minute, for ever; a store that does not answer is tried again."""
        while True:
            try:
                await self.round()
            except StoreError as error:
                _log.warning("housekeeping_failed", reason=type(error).__name__)
            except Exception:  # noqa: BLE001 - one fault of ours must not end all sweeping for good
                _log.exception("housekeeping_failed")
            await asyncio.sleep(_EVERY_S)

    async def round(self) -> None:
        """One round. Raises StoreError."""
        async with self._database.connection() as connection:
            await housekeeping.maintain_partitions(connection, days_ahead=_DAYS_AHEAD, retention=self._event_retention)
            while await housekeeping.sweep(connection):
                pass
