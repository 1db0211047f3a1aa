"""Waiting until a stream moves, for long polls in a process without sockets: woken by announcements, never by a clock.

The order that loses nothing: watch, then read the store, then wait, then read again. An announcement may be lost like
any other, so whoever has waited in vain reads the store once more before it answers that there is nothing.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Final
from uuid import UUID

from core.broker import Subscriber
from db.repositories.streams import StoredEvent

# Whoever polled once comes again: the stream stays followed in between, and Redis is not asked each time.
_LINGER_S: Final = 30.0


class StreamWatch:
    """One who watches some streams, from `StreamWaiter.watching`."""

    __slots__ = ("_event", "_leaving", "_moved", "streams")

    def __init__(self, streams: frozenset[UUID]) -> None:
        """Not for callers."""
        self.streams = streams
        self._moved: set[UUID] = set()
        self._event = asyncio.Event()
        self._leaving = False

    def wake(self, streams: Iterable[UUID], *, leaving: bool = False) -> None:
        """These moved, or may have; `leaving` when nothing will be heard any more."""
        self._leaving = self._leaving or leaving
        self._moved.update(streams)
        self._event.set()

    async def moved(self, timeout_s: float) -> set[UUID]:
        """Wait until a stream moves, and tell which did since the watching began, or since this told the last time.

        Empty when the time is up, or when the process is leaving. Some may be named that did not move.
        """
        try:
            async with asyncio.timeout(timeout_s):
                await self._event.wait()
        except TimeoutError:
            return set()
        if self._leaving:
            return set()
        self._event.clear()
        moved, self._moved = self._moved, set()
        return moved


class StreamWaiter:
    """Hears of the streams that somebody in this process waits for: channels, servers, inboxes (by the agent's id)."""

    def __init__(self, redis_url: str) -> None:
        """`redis_url` is the setting's."""
        self._subscriber = Subscriber(
            redis_url, on_event=self._on_event, on_control=lambda _: None, on_restored=self._wake_all
        )
        self._watches: dict[UUID, set[StreamWatch]] = {}
        self._lingering: dict[UUID, asyncio.TimerHandle] = {}
        self._leaving = False

    async def start(self) -> None:
        """Connect. Raises OSError where Redis cannot be reached now."""
        await self._subscriber.start()

    def leave(self) -> None:
        """Send home all who wait, since the process is stopping: from now on nobody waits."""
        self._leaving = True
        self._wake_all()

    async def stop(self) -> None:
        """Disconnect."""
        self.leave()
        for handle in self._lingering.values():
            handle.cancel()
        await self._subscriber.close()

    @asynccontextmanager
    async def watching(self, stream_ids: Iterable[UUID]) -> AsyncIterator[StreamWatch]:
        """Watch streams: what moves after this is entered is heard of. Read the store inside, not before."""
        wanted = frozenset(stream_ids)
        watch = StreamWatch(wanted)
        for stream_id in wanted:
            self._keep(stream_id)
            self._watches.setdefault(stream_id, set()).add(watch)
        try:
            for stream_id in wanted:
                await self._subscriber.follow(stream_id)
            if self._leaving:
                watch.wake((), leaving=True)
            yield watch
        finally:
            for stream_id in wanted:
                self._watches[stream_id].discard(watch)
                if not self._watches[stream_id]:
                    del self._watches[stream_id]
                    self._let_go_later(stream_id)

    def _keep(self, stream_id: UUID) -> None:
        handle = self._lingering.pop(stream_id, None)
        if handle is not None:
            handle.cancel()

    def _let_go_later(self, stream_id: UUID) -> None:
        if not self._leaving:
            loop = asyncio.get_running_loop()
            self._lingering[stream_id] = loop.call_later(_LINGER_S, self._let_go, stream_id)

    def _let_go(self, stream_id: UUID) -> None:
        del self._lingering[stream_id]
        self._subscriber.unfollow(stream_id)

    def _on_event(self, event: StoredEvent) -> None:
        for watch in self._watches.get(event.stream_id, ()):
            watch.wake((event.stream_id,))

    def _wake_all(self) -> None:
        for watches in self._watches.values():
            for watch in watches:
                watch.wake(watch.streams, leaving=self._leaving)
