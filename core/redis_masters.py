"""Links to all masters of a Redis cluster, or to the one server: which of them a channel belongs to.

A server without a cluster is a cluster of one. The map of slots is read at the start, and anew while a master is away
or when a server says that a slot has moved: announcements that are lost meanwhile are found in the store.
"""

import asyncio
import contextlib
import random
from collections.abc import Callable
from typing import Any, Final

import hiredis
import structlog
from redis.crc import key_slot

from core.redis_client import SlotRange, read_slots
from core.redis_link import RedisLink

_SLOTS: Final = 16_384
_FIRST_PAUSE_S: Final = 0.1
_MAX_PAUSE_S: Final = 2.0

_log = structlog.get_logger(__name__)


class RedisMasters:
    """The links, and the way from a channel to its own."""

    def __init__(
        self,
        url: str,
        *,
        on_reply: Callable[[RedisLink, Any], None],
        on_open: Callable[[RedisLink], None] = lambda _: None,
        on_lost: Callable[[RedisLink], None] = lambda _: None,
        on_moved: Callable[[], None] = lambda: None,
    ) -> None:
        """`url` is of any node. `on_moved` is called when channels may belong to other links than before."""
        self._seed = url
        self._on_open = on_open
        self._on_reply = on_reply
        self._on_lost = on_lost
        self._on_moved = on_moved
        self._links: dict[str, RedisLink] = {}
        self._only: RedisLink | None = None
        self._by_slot: list[RedisLink | None] = [None] * _SLOTS
        self._stale = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @property
    def connected(self) -> bool:
        """Whether every channel has a master that listens."""
        covered = self._only is not None or None not in self._by_slot
        return covered and all(link.connected for link in self._links.values())

    async def start(self) -> None:
        """Find the masters and connect. Raises OSError where the server of the URL does not answer now."""
        slots = await read_slots(self._seed)
        if slots is None:
            self._only = self._links[self._seed] = self._link(self._seed)
            await self._only.start()
            return
        await self._use(slots)
        if not self.connected:
            self._stale.set()
        self._task = asyncio.create_task(self._keep_map())

    async def close(self) -> None:
        """Disconnect for good."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        for link in self._links.values():
            await link.close()

    def of(self, channel: bytes) -> RedisLink | None:
        """The link of a channel's master; None where nobody has its slot."""
        return self._only or self._by_slot[key_slot(channel)]

    def refused(self, error: hiredis.ReplyError) -> None:
        """A server would not do something: the map is old (MOVED), the cluster is down, or the log-in lacks a right."""
        if not self._stale.is_set():
            _log.warning("redis_refused", reason=str(error).partition(" ")[0])
        self._stale.set()

    def look_anew(self) -> None:
        """The map may be old."""
        self._stale.set()

    def _link(self, url: str) -> RedisLink:
        return RedisLink(url, on_open=self._on_open, on_reply=self._on_reply, on_lost=self._lose)

    def _lose(self, link: RedisLink) -> None:
        self._stale.set()
        self._on_lost(link)

    async def _keep_map(self) -> None:
        pause = _FIRST_PAUSE_S
        while True:
            await self._stale.wait()
            self._stale.clear()
            slots = await self._read()
            if slots:
                await self._use(slots)
            if not self.connected:
                self._stale.set()
            await asyncio.sleep(random.uniform(pause / 2, pause))  # noqa: S311 - jitter, not a secret
            pause = min(pause * 2, _MAX_PAUSE_S) if self._stale.is_set() else _FIRST_PAUSE_S

    async def _read(self) -> list[SlotRange] | None:
        """The map as the first node knows it that answers; those that are connected are asked first."""
        links = sorted(self._links.values(), key=lambda link: (not link.connected, random.random()))  # noqa: S311 - as above
        for url in dict.fromkeys([*(link.url for link in links), self._seed]):
            try:
                return await read_slots(url)
            except OSError:
                continue
        return None

    async def _use(self, slots: list[SlotRange]) -> None:
        urls = {each.url for each in slots}
        gone = [self._links.pop(url) for url in [*self._links] if url not in urls]
        fresh = {url: self._link(url) for url in urls if url not in self._links}
        self._links |= fresh
        self._by_slot = [None] * _SLOTS
        for each in slots:
            self._by_slot[each.first : each.last + 1] = [self._links[each.url]] * (each.last + 1 - each.first)
        for link in gone:
            await link.close()
            self._on_lost(link)
        await asyncio.gather(*(link.start() for link in fresh.values()))
        self._on_moved()
