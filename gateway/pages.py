"""Replays read from the store in pages that everybody shares.

When a node dies, its sockets come back together and ask for the same stretch of the same streams. Each page is read
once while it is wanted: who comes during the read waits for it, who comes within two seconds finds it.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final
from uuid import UUID

from db.repositories.streams import StoredEvent
from gateway.hub import LiveStream

_PAGE: Final = 256
_KEEP_S: Final = 2.0

ReadEvents = Callable[[LiveStream, int, int], Awaitable[list[StoredEvent]]]


class Pages:
    """Pages of streams, by number. `read_events` takes a stream, a seq to read after, and how many at most."""

    def __init__(self, read_events: ReadEvents) -> None:
        self._read_events = read_events
        self._pages: dict[tuple[UUID, int], tuple[int, asyncio.Task[list[StoredEvent]]]] = {}

    async def read(self, live: LiveStream, after: int) -> list[StoredEvent]:
        """Some events after `after`, in order: at least one where the store has any up to `live.head`.

        Raises StoreError.
        """
        number = after // _PAGE
        key = (live.id, number)
        head = live.head or 0
        known_to, task = self._pages.get(key, (-1, None))
        # A page that was read when the stream was shorter may lack what is asked for now.
        if task is None or known_to < min(head, (number + 1) * _PAGE) or _has_failed(task):
            task = asyncio.create_task(self._load(live, number))
            # Looked at, whoever waited: an error that nobody is left to hear of is not complained about.
            task.add_done_callback(_has_failed)
            self._pages[key] = (head, task)
            asyncio.get_running_loop().call_later(_KEEP_S, self._forget, key, task)
        # Shielded: one reader that gives up must not take the page from the others.
        return [event for event in await asyncio.shield(task) if event.seq > after]

    async def _load(self, live: LiveStream, number: int) -> list[StoredEvent]:
        return await self._read_events(live, number * _PAGE, _PAGE)

    def _forget(self, key: tuple[UUID, int], task: "asyncio.Task[list[StoredEvent]]") -> None:
        if self._pages.get(key, (0, None))[1] is task:
            del self._pages[key]


def _has_failed(task: "asyncio.Task[list[StoredEvent]]") -> bool:
    return task.done() and (task.cancelled() or task.exception() is not None)
