"""For whom a call is due: agents that something in their inbox waits for while nobody listens.

Who has a session is left a short while to acknowledge; who has none is called at once. Without Redis nobody knows who
has one, and all are left that while.
"""

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from typing import Any, Final
from uuid import UUID

import structlog

from core.presence.batch import OutOfContactError
from core.presence.records import AgentRecords
from core.redis_client import RedisClient
from core.wakes.signal import agents_of
from db.database import Database
from db.errors import StoreError
from db.repositories import calls
from db.repositories.streams import StoredEvent

_SWEEP_EVERY_S: Final = 1.0
_MOST_A_SWEEP: Final = 5_000
_BATCH: Final = 200

_log = structlog.get_logger(__name__)


class Planner:
    """Runs until cancelled. Several may run at once: they plan the same."""

    def __init__(
        self,
        database: Database,
        redis: RedisClient,
        living_gateways: Callable[[], Iterable[UUID] | None],
        *,
        grace_s: float,
        planned: Callable[[], None],
    ) -> None:
        """`database` logs in as the worker's role. `living_gateways` gives None while that is not known."""
        self._database = database
        self._records = AgentRecords(redis)
        self._living_gateways = living_gateways
        self._grace_s = grace_s
        self._planned = planned
        self._heard: set[UUID] = set()
        self._has_heard = asyncio.Event()

    def hear(self, signal: StoredEvent) -> None:
        """Some process has put something into these agents' inboxes."""
        self._heard.update(agents_of(signal))
        self._has_heard.set()

    async def run(self) -> None:
        """Plan what is heard of at once, and sweep each second; for ever."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._hear_for_ever())
            group.create_task(self._sweep_for_ever())

    async def sweep(self) -> None:
        """Plan all that is due now, heard of or not. Raises StoreError."""
        async with self._database.connection() as connection:
            waiting = await calls.list_undecided(connection, limit=_MOST_A_SWEEP)
        late = {each.agent_id for each in waiting if each.waits_s >= self._grace_s}
        await self._plan(late | await self._alone([each.agent_id for each in waiting if each.agent_id not in late]))

    async def _hear_for_ever(self) -> None:
        while True:
            await self._has_heard.wait()
            self._has_heard.clear()
            heard, self._heard = self._heard, set()
            await self._guarded(self._plan_those_alone(heard))

    async def _sweep_for_ever(self) -> None:
        while True:
            await self._guarded(self.sweep())
            await asyncio.sleep(_SWEEP_EVERY_S)

    async def _plan_those_alone(self, agents: Iterable[UUID]) -> None:
        await self._plan(await self._alone(list(agents)))

    async def _alone(self, agents: list[UUID]) -> set[UUID]:
        """Those of the agents that have no session anywhere."""
        living = self._living_gateways()
        if living is None or not agents:
            return set()
        try:
            return set(agents) - await self._records.connected(living, agents)
        except OutOfContactError:
            return set()

    async def _plan(self, agents: set[UUID]) -> None:
        chosen = sorted(agents)
        for start in range(0, len(chosen), _BATCH):
            async with self._database.connection() as connection:
                await calls.plan_calls(connection, chosen[start : start + _BATCH])
            self._planned()

    async def _guarded(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except StoreError as error:
            # The rows are still there: the next sweep finds them.
            _log.warning("wakes_not_planned", reason=type(error).__name__)
        except Exception:  # noqa: BLE001 - a fault in one round must not end all
            _log.exception("wake_planning_failed")
