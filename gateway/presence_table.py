"""What the table of agents is told of their presence: in batches, each state once, until the store has taken it."""

import asyncio
import itertools
from typing import Final
from uuid import UUID

import structlog

from db.database import Database
from db.errors import StoreError
from db.repositories import presence
from db.repositories.presence import PresenceRow

_BATCH: Final = 1_000
_AGAIN_S: Final = 1.0

_log = structlog.get_logger(__name__)


class PresenceTable:
    """The transitions that this process has made."""

    def __init__(self, database: Database) -> None:
        """`database` logs in as the gateway's role."""
        self._database = database
        self._untold: dict[UUID, PresenceRow] = {}
        self._has_untold = asyncio.Event()

    def tell(self, row: PresenceRow) -> None:
        """Have the agent's state shown soon; of several only the last."""
        self._untold[row.agent_id] = row
        self._has_untold.set()

    async def write_for_ever(self) -> None:
        """Write what there is to tell, until cancelled."""
        while True:
            await self._has_untold.wait()
            self._has_untold.clear()
            while self._untold:
                try:
                    await self._write([*itertools.islice(self._untold.values(), _BATCH)])
                except StoreError as error:
                    _log.warning("presence_not_told", reason=type(error).__name__)
                    await asyncio.sleep(_AGAIN_S)
                except Exception:  # noqa: BLE001 - a fault in one batch must not end all
                    _log.exception("presence_table_failed")
                    await asyncio.sleep(_AGAIN_S)

    async def _write(self, rows: list[PresenceRow]) -> None:
        async with self._database.connection() as connection:
            await presence.tell_presence(connection, rows)
        for row in rows:
            if self._untold.get(row.agent_id) is row:
                del self._untold[row.agent_id]
