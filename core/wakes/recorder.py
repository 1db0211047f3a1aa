"""Writing down what became of calls: those that end while a write is under way go together into the next one."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final
from uuid import UUID

import structlog
from msgspec import Struct

from core.events import inbox_event
from db.database import NOBODY, Database
from db.errors import StoreError
from db.repositories import calls, streams
from db.repositories.calls import AttemptRow
from db.repositories.streams import StoredEvent

_BATCH: Final = 100

_log = structlog.get_logger(__name__)


class _Waiting(Struct, frozen=True):
    agent_id: UUID
    attempt: AttemptRow
    written: asyncio.Future[None]


class Recorder:
    """Records attempts, and tells an agent when that switches its endpoint off."""

    def __init__(self, database: Database, announce: Callable[[Sequence[StoredEvent]], None]) -> None:
        """`database` logs in as the worker's role."""
        self._database = database
        self._announce = announce
        self._waiting: list[_Waiting] = []
        self._writing: asyncio.Task[None] | None = None

    async def record(self, agent_id: UUID, attempt: AttemptRow) -> None:
        """Returns when it is written, or cannot be: then the call counts as lost, and is made once more."""
        waiting = _Waiting(agent_id, attempt, asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write_all())
        await waiting.written

    async def _write_all(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting[:_BATCH], self._waiting[_BATCH:]
            # In one order, so that two workers do not wait for each other in a circle.
            batch.sort(key=lambda each: each.agent_id)
            try:
                if not await self._try(batch) and len(batch) > 1:
                    for each in batch:
                        await self._try([each])
            finally:
                for each in batch:
                    if not each.written.done():
                        each.written.set_result(None)

    async def _try(self, batch: Sequence[_Waiting]) -> bool:
        try:
            self._announce(await self._write(batch))
        except StoreError as error:
            _log.warning("calls_not_recorded", calls=len(batch), reason=type(error).__name__)
            return False
        except Exception:  # noqa: BLE001 - a fault in one batch must not end all
            _log.exception("recording_calls_failed")
            return False
        return True

    async def _write(self, batch: Sequence[_Waiting]) -> list[StoredEvent]:
        events = []
        async with self._database.acting(NOBODY) as connection:
            reasons = await calls.record_calls(connection, [each.attempt for each in batch])
            for each, reason in zip(batch, reasons, strict=True):
                if reason is not None:
                    fields = {"kind": "webhook_disabled", "reason": reason, "status": each.attempt.status}
                    parts = inbox_event("notice", fields)
                    events.append(
                        await streams.append_inbox(
                            connection, each.agent_id, "notice", head=parts.head, tail=parts.tail
                        )
                    )
        return events
