"""What agents do, noted in their records: a message, a reaction or typing starts their idle timer anew.

Any process may see an act. Not each is written: of one agent the first at once, what follows once in a few seconds,
which is far less than the shortest idle timeout, so nobody is found idle for an act that was not written yet.
"""

import asyncio
import time
from typing import Final
from uuid import UUID

import structlog

from core.broker import Publisher
from core.ending import end_tasks
from core.presence.batch import OutOfContactError
from core.presence.records import AgentRecords
from core.presence.registry import PRESENCE_SEQ, encode_agents
from db.repositories.streams import StoredEvent

_TICK_S: Final = 0.25
_WINDOW_S: Final = 5.0
_MAX_KEPT: Final = 50_000
_BATCH: Final = 200

_log = structlog.get_logger(__name__)


class Acts:
    """The acts that one process sees."""

    def __init__(self, records: AgentRecords, publisher: Publisher) -> None:
        self._records = records
        self._publisher = publisher
        self._due: dict[UUID, float] = {}
        self._later: dict[UUID, float] = {}
        self._written: set[UUID] = set()
        self._window_ends = 0.0
        self._task: asyncio.Task[None] | None = None

    def acted(self, agent: UUID) -> None:
        """An agent has done something just now."""
        if agent in self._written:
            self._later[agent] = time.monotonic()
        else:
            self._written.add(agent)
            self._due[agent] = time.monotonic()

    def start(self) -> None:
        """Begin to write."""
        self._task = asyncio.create_task(self._write_for_ever())

    async def stop(self) -> None:
        """Stop writing."""
        if self._task is not None:
            await end_tasks([self._task])

    async def _write_for_ever(self) -> None:
        while True:
            await asyncio.sleep(_TICK_S)
            self._turn_window()
            try:
                while self._due:
                    await self._write()
            except OutOfContactError:
                # Without Redis nobody becomes idle; what is kept is written when it is back.
                continue
            except Exception:  # noqa: BLE001 - a fault in one round must not end all
                _log.exception("acts_failed")

    def _turn_window(self) -> None:
        now = time.monotonic()
        if now >= self._window_ends:
            self._window_ends = now + _WINDOW_S
            self._due |= self._later
            self._written = set(self._later)
            self._later = {}
        if len(self._due) > _MAX_KEPT:
            self._due.clear()

    async def _write(self) -> None:
        some = {agent: self._due.pop(agent) for agent in [*self._due][:_BATCH]}
        now = time.monotonic()
        try:
            waking = await self._records.note_acts({agent: now - at for agent, at in some.items()})
        except BaseException:
            self._due = some | self._due
            raise
        self._publisher.announce(
            [StoredEvent(gateway, PRESENCE_SEQ, encode_agents(agents)) for gateway, agents in waking.items()]
        )
