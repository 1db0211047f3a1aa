"""Polling made cheap: whether a channel moved, for agents that ask again and again.

While an agent polls a channel through this process, the process reads once a second, for all such pairs in one
statement, whether the agent may read the channel and how it stands, and writes that to Redis, where it is gone after
two seconds. A poll looks there, once; only where something moved, or where nothing is known, is the store asked. So a
poll may hear of a message a second late, and of a right that was taken away two. Whoever waits is woken by the
announcement, and by what is read each second, in case one was lost.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

import structlog
from msgspec import Struct, field

from core.ending import end_tasks
from core.presence.batch import OutOfContactError, run_together
from core.redis_client import REDIS_FAILURES, RedisClient
from core.stream_waiter import StreamWaiter, StreamWatch
from db.database import Database
from db.errors import StoreError
from db.repositories import gather
from db.repositories.gather import PollHead

_EVERY_S: Final = 1.0
_KNOWN_MS: Final = 2_000
# Longer than old clients wait between two polls.
_POLLED_S: Final = 10.0
_MOST_PAIRS: Final = 20_000
_REDIS_TIMEOUT_S: Final = 0.5

Pair = tuple[UUID, UUID]

_log = structlog.get_logger(__name__)


class _Polled(Struct):
    """A pair of agent and channel that is polled until `until` (monotonic), and how the channel stood at last."""

    until: float
    head: PollHead | None = None
    watches: set[StreamWatch] = field(default_factory=set)


class Polls:
    """The polls of one process. It begins to read with the first, and ends with `stop`."""

    def __init__(self, database: Database, redis: RedisClient, waiter: StreamWaiter) -> None:
        """`database` logs in as the api role."""
        self._database = database
        self._redis = redis
        self._waiter = waiter
        self._pairs: dict[Pair, _Polled] = {}
        self._some = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def stop(self) -> None:
        """Stop reading."""
        if self._task is not None:
            await end_tasks([self._task])

    async def look(self, pair: Pair) -> PollHead | None:
        """How the channel stood within the last two seconds, if the agent could read it then; else None."""
        try:
            async with asyncio.timeout(_REDIS_TIMEOUT_S):
                found: Any = await self._redis.get(_key(pair))
        except REDIS_FAILURES:
            return None
        if found is None:
            return None
        self._polled_until(pair, time.monotonic() + _POLLED_S)
        head, polled = _decoded(found), self._pairs.get(pair)
        # What this process has read since then is newer, and nobody is woken for it a second time.
        newer = polled is not None and polled.head is not None and polled.head.head > head.head
        return polled.head if polled is not None and newer else head

    def found(self, pair: Pair, head: PollHead) -> None:
        """The store has just shown the agent the channel, as it stands at `head`: the agent will ask again."""
        self._polled_until(pair, time.monotonic() + _POLLED_S)
        polled = self._pairs.get(pair)
        if polled is not None and (polled.head is None or polled.head.head < head.head):
            polled.head = head

    @asynccontextmanager
    async def watching(self, pair: Pair) -> AsyncIterator[StreamWatch]:
        """Watch the channel for the agent: woken when it moves, or when the agent may not read it any more.

        Read inside, not before.
        """
        async with self._waiter.watching([pair[1]]) as watch:
            self._polled_until(pair, time.monotonic() + _POLLED_S)
            polled = self._pairs.get(pair)
            if polled is None:
                yield watch
                return
            polled.watches.add(watch)
            try:
                yield watch
            finally:
                polled.watches.discard(watch)
                polled.until = time.monotonic() + _POLLED_S

    def _polled_until(self, pair: Pair, until: float) -> None:
        known = self._pairs.get(pair)
        if known is not None:
            known.until = until
        elif len(self._pairs) < _MOST_PAIRS:
            self._pairs[pair] = _Polled(until)
            self._some.set()
            if self._task is None:
                self._task = asyncio.create_task(self._read_for_ever())

    async def _read_for_ever(self) -> None:
        while True:
            await self._some.wait()
            try:
                await self._read()
            except (StoreError, OutOfContactError) as error:
                _log.warning("polls_not_read", reason=type(error).__name__)
            except Exception:  # noqa: BLE001 - whatever it is: without these reads each poll would ask the store
                _log.exception("reading_polls_broke")
            await asyncio.sleep(_EVERY_S)

    async def _read(self) -> None:
        now = time.monotonic()
        self._pairs = {pair: polled for pair, polled in self._pairs.items() if polled.watches or polled.until > now}
        if not self._pairs:
            self._some.clear()
            return
        asked = {pair: polled.head for pair, polled in self._pairs.items()}
        known = [-1 if head is None else head.head for head in asked.values()]
        async with self._database.standing() as connection:
            found = await gather.poll_heads(connection, list(asked), known)
        for pair, head in asked.items():
            self._take(pair, head, found)
        # From the moment before the statement, so that nobody believes an answer for longer than was said.
        left_ms = _KNOWN_MS - int((time.monotonic() - now) * 1000)
        if left_ms > 0:
            heads = {pair: polled.head for pair in found if (polled := self._pairs.get(pair)) is not None}
            await run_together(
                self._redis,
                [
                    ("SET", _key(pair), _encoded(head), "PX", left_ms)
                    for pair, head in heads.items()
                    if head is not None
                ],
            )

    def _take(self, pair: Pair, before: PollHead | None, found: dict[Pair, PollHead | None]) -> None:
        polled = self._pairs.get(pair)
        if polled is None:
            return
        if pair not in found:
            # Not to be read any more: whoever waits asks the store and hears why.
            del self._pairs[pair]
        elif found[pair] is None or polled.head is not before:
            # Nothing new; or somebody has read the channel meanwhile, and the next look compares with that.
            return
        else:
            polled.head = found[pair]
        for watch in polled.watches:
            watch.wake([pair[1]])


def _key(pair: Pair) -> str:
    agent_id, channel_id = pair
    return f"molt:poll:{channel_id.hex}:{agent_id.hex}"


def _encoded(head: PollHead) -> bytes:
    return b"%d %d %d" % (head.head, _ms(head.newest), _ms(head.latest))


def _decoded(text: bytes) -> PollHead:
    head, newest, latest = map(int, text.split())
    return PollHead(head, _moment(newest), _moment(latest))


def _ms(moment: datetime | None) -> int:
    return 0 if moment is None else round(moment.timestamp() * 1000)


def _moment(ms: int) -> datetime | None:
    return None if ms == 0 else datetime.fromtimestamp(ms // 1000, UTC).replace(microsecond=ms % 1000 * 1000)
