"""Filling gaps from the store: what Redis lost, delayed or reordered.

An announcement ahead of its turn is given a few milliseconds, since most gaps close by themselves; then the missing
events are read. Once a second the heads of all followed streams are compared with the store's in one statement, which
also reads what was taken away, log-ins and rights: a lost tail, or a lost revocation, costs a second and no more.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable, Coroutine
from typing import Final

import structlog

from db.database import Database
from db.errors import StoreError
from db.repositories import sign_in, streams
from db.repositories.sign_in import RevocationRow
from db.repositories.streams import RightsRow, StoredEvent
from gateway.hub import Hub, LiveStream

_PATIENCE_S: Final = 0.005
_LOOK_EVERY_S: Final = 1.0
# Longer than any transaction lasts: a row bears the time at which it was written, and is seen when it is committed.
_SLOWEST_COMMIT_S: Final = 15.0
_FIRST_REVOCATIONS_S: Final = 2 * 3600.0
_PAGE: Final = 500

_log = structlog.get_logger(__name__)


class Recovery:
    """Reads from the store what the hub misses."""

    def __init__(
        self,
        database: Database,
        hub: Hub,
        *,
        on_revoked: Callable[[list[RevocationRow]], None],
        on_rights_changed: Callable[[list[RightsRow]], None],
        on_new_epoch: Callable[[], None],
    ) -> None:
        """`on_revoked` may be told of the same log-ins many times, `on_rights_changed` is told of each change once.

        `on_new_epoch` is called when the log has a new life: positions from before mean nothing.
        """
        self._database = database
        self._hub = hub
        self._on_revoked = on_revoked
        self._on_rights_changed = on_rights_changed
        self._on_new_epoch = on_new_epoch
        self._epoch = ""
        self._rights_seen: set[int] = set()
        self._looked_at = 0.0
        self._tasks: set[asyncio.Task[None]] = set()
        self._wake = asyncio.Event()
        self.back_fills = 0

    async def start(self) -> None:
        """Learn of the log-ins that ended lately, then look once a second. Raises StoreError."""
        self._looked_at = time.monotonic()
        async with self._database.connection() as connection:
            self._on_revoked(await sign_in.recent_revocations(connection, _FIRST_REVOCATIONS_S))
            self._epoch = await streams.epoch(connection)
        self._spawn(self._look_for_ever())

    async def stop(self) -> None:
        """Stop looking and filling."""
        for task in list(self._tasks):
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    def look_now(self) -> None:
        """Do not wait for the second to pass."""
        self._wake.set()

    def fill_soon(self, live: LiveStream) -> None:
        """Close the stream's gap, unless it closes by itself within a few milliseconds."""
        if not live.recovering:
            live.recovering = True
            self._spawn(self._fill_gap(live))

    async def read(self, live: LiveStream, after: int, limit: int) -> list[StoredEvent]:
        """Events of a stream after a seq, in order. Raises StoreError."""
        async with self._database.connection() as connection:
            if live.is_inbox:
                return await streams.read_inbox(connection, live.id, after=after, limit=limit)
            return await streams.read_events(connection, live.id, after=after, limit=limit)

    async def catch_up(self, live: LiveStream, head: int) -> None:
        """Bring a stream that has listeners up to `head`. Raises StoreError."""
        while live.head is not None and live.head < head:
            before = live.head
            events = await self.read(live, before, _PAGE)
            self.back_fills += 1
            for event in events:
                self._hub.offer(event)
            if live.head == before:
                # Nothing there although the head is ahead: the events were dropped with the retention.
                self._hub.set_head(live, events[0].seq - 1 if events else head)

    async def _fill_gap(self, live: LiveStream) -> None:
        try:
            await asyncio.sleep(_PATIENCE_S)
            if live.held and live.head is not None:
                await self.catch_up(live, min(live.held) - 1)
        except StoreError as error:
            # The held events stay; the look of the next second tries again.
            _log.warning("back_fill_failed", reason=type(error).__name__)
        finally:
            live.recovering = False

    async def _look_for_ever(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_EVERY_S):
                    await self._wake.wait()
            self._wake.clear()
            try:
                await self._look()
            except StoreError as error:
                _log.warning("look_failed", reason=type(error).__name__)
            except Exception:  # noqa: BLE001 - whatever it is: a gateway that never looked again would lose messages
                _log.exception("look_broke")

    async def _look(self) -> None:
        followed = {live.id: live for live in self._hub.followed()}
        begun = time.monotonic()
        async with self._database.connection() as connection:
            # After a time without the store, as far back as nobody has looked.
            since_s = begun - self._looked_at + _SLOWEST_COMMIT_S
            found = await streams.look(connection, list(followed), since_s=since_s)
        self._looked_at = begun
        self._on_revoked(found.revoked)
        news = [row for row in found.rights if row.id not in self._rights_seen]
        self._rights_seen = {row.id for row in found.rights}
        if news:
            self._on_rights_changed(news)
        if self._epoch != found.epoch:
            # A restore or a failover: numbers that were given out may be given out again. Who is connected begins anew.
            _log.warning("new_epoch", streams=len(found.heads))
            for stream_id, head in found.heads.items():
                self._hub.set_head(followed[stream_id], head)
            self._on_new_epoch()
        self._epoch = found.epoch
        for stream_id, head in found.heads.items():
            live = followed[stream_id]
            if live.head is not None and live.head < head and not live.recovering:
                live.recovering = True
                self._spawn(self._fill_to(live, head))

    async def _fill_to(self, live: LiveStream, head: int) -> None:
        try:
            await self.catch_up(live, head)
        except StoreError as error:
            _log.warning("back_fill_failed", reason=type(error).__name__)
        finally:
            live.recovering = False

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
