"""How far the clients have read, kept in the store for them: a few statements a second, however many they are.

A position moves when a frame was written to the socket. It is stored a moment later, and at once when a connection
ends: a gateway that is killed in between tells its clients the frames of that moment twice.
"""

import asyncio
from typing import Final, Protocol
from uuid import UUID

import structlog
from msgspec import Struct

from core.ending import end_tasks
from db.database import Database
from db.errors import StoreError
from db.repositories import door_positions
from db.repositories.door_positions import DoorMove, DoorPositionRow

_SOON_S: Final = 0.25
_AFTER_A_FAILURE_S: Final = 1.0
_BATCH: Final = 500

_log = structlog.get_logger(__name__)
_Key = tuple[UUID, str, UUID]


class Forgotten(Struct, frozen=True):
    """The client follows this channel no more."""

    agent_id: UUID
    door: str
    stream_id: UUID


Change = DoorMove | Forgotten


class Source(Protocol):
    """A connection whose client is told things."""

    def take_changes(self) -> list[Change]:
        """What has changed since this was asked last; whoever has more to say later says again that it changed."""


class Positions:
    """The positions of one gateway's clients. The inbox goes by the agent's own id: its cursor is the agent's."""

    def __init__(self, database: Database) -> None:
        """`database` logs in as the gateway's role."""
        self._database = database
        self._changed: set[Source] = set()
        self._due: dict[_Key, Change] = {}
        self._writing = asyncio.Lock()
        self._timer: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def changed(self, source: Source) -> None:
        """Something has changed for this connection's client: ask it soon."""
        self._changed.add(source)
        self._plan(_SOON_S)

    def ended(self, source: Source) -> "asyncio.Task[None]":
        """The connection is gone, or about to go; the task is done when all that it had to say is stored."""
        self._take(source)
        self._changed.discard(source)
        return self._flush_soon()

    async def read(self, agent_id: UUID, door: str) -> list[DoorPositionRow]:
        """The channels that a client follows, and how far, as far as that is stored. Raises StoreError."""
        async with self._database.connection() as connection:
            return await door_positions.list_positions(connection, agent_id, door)

    async def flush(self) -> None:
        """Store what is not stored yet; what cannot be is tried again by itself."""
        async with self._writing:
            for source in list(self._changed):
                self._take(source)
            if self._changed:
                self._plan(_SOON_S)
            due, self._due = self._due, {}
            try:
                if due:
                    await self._write(due)
            except BaseException as error:
                self._due = due | self._due
                self._plan(_AFTER_A_FAILURE_S)
                if not isinstance(error, StoreError):
                    raise
                _log.warning("positions_not_stored", reason=type(error).__name__)

    async def close(self) -> None:
        """Store what is not stored yet; the connections are gone by then."""
        await self.flush()
        await end_tasks(self._tasks)
        if self._timer is not None:
            self._timer.cancel()

    def _take(self, source: Source) -> None:
        self._changed.discard(source)
        for change in source.take_changes():
            key = change.agent_id, change.door, change.stream_id
            known = self._due.get(key)
            # Of two connections of one client, one may be behind.
            if not (isinstance(change, DoorMove) and isinstance(known, DoorMove) and known.seq > change.seq):
                self._due[key] = change

    async def _write(self, due: dict[_Key, Change]) -> None:
        channels = [each for each in due.values() if isinstance(each, DoorMove) and each.stream_id != each.agent_id]
        async with self._database.connection() as connection:
            for start in range(0, len(channels), _BATCH):
                await door_positions.move_positions(connection, channels[start : start + _BATCH])
            for change in due.values():
                if isinstance(change, Forgotten):
                    await door_positions.forget_position(connection, change.agent_id, change.door, change.stream_id)
                elif change.stream_id == change.agent_id:
                    # One inbox a transaction: nobody waits for the rows of another.
                    await door_positions.inbox_told(connection, change.agent_id, change.seq, change.epoch)

    def _plan(self, seconds: float) -> None:
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(seconds, self._flush_soon)

    def _flush_soon(self) -> "asyncio.Task[None]":
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        task = asyncio.create_task(self.flush())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task
