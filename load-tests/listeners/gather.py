"""Old claws of Gather at the old paths: the loop that they run, and the same loop where it asks more cleverly."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, Final

import httpx
from listeners.asking import ask, http_client
from listeners.ear import PERIOD_S, Ear, Place

WAIT_S: Final = 12
_OLDEST_REMEMBERED: Final = 100


class Channel:
    """One channel as an old claw reads it: newest first, by a watermark of time, and by ids, since times repeat."""

    def __init__(self, http: httpx.AsyncClient, channel: str, ear: Ear) -> None:
        self._http = http
        self._path = f"/api/channels/{channel}/messages"
        self._ear = ear
        self._since = datetime.now(UTC).isoformat(" ", "milliseconds").replace("+00:00", "Z")
        self._seen: dict[str, None] = {}

    async def ask(self, *, etag: str | None = None, **query: Any) -> str | None:
        """Ask once, and hear what is new; gives the answer's ETag."""
        headers = {} if etag is None else {"If-None-Match": etag}
        params = {"limit": 10, "since": self._since, **query}
        answer = await ask(self._http, self._path, params=params, headers=headers)
        if answer.status_code == httpx.codes.NOT_MODIFIED:
            return etag
        for message in reversed(answer.raise_for_status().json()["messages"]):
            if message["id"] not in self._seen:
                self._since = message["created"]
                self._ear.heard(message["body"])
                self._remember(message["id"])
        known: str | None = answer.headers.get("ETag")
        return known

    def _remember(self, message: str) -> None:
        self._seen[message] = None
        if len(self._seen) > _OLDEST_REMEMBERED:
            del self._seen[next(iter(self._seen))]


@asynccontextmanager
async def _asking(place: Place, ear: Ear) -> AsyncIterator[Channel]:
    async with http_client(place) as http:
        channel = Channel(http, place.channel, ear)
        await channel.ask()
        ear.ready()
        await asyncio.sleep(random.uniform(0, PERIOD_S))
        yield channel


async def poll(place: Place, ear: Ear) -> None:
    """The loop as it is."""
    async with _asking(place, ear) as channel:
        while True:
            await channel.ask()
            await asyncio.sleep(PERIOD_S)


async def poll_if_new(place: Place, ear: Ear) -> None:
    """The same, where each question names what is known."""
    async with _asking(place, ear) as channel:
        etag = None
        while True:
            etag = await channel.ask(etag=etag)
            await asyncio.sleep(PERIOD_S)


async def wait(place: Place, ear: Ear) -> None:
    """Ask, and be answered when there is something."""
    async with _asking(place, ear) as channel:
        while True:
            await channel.ask(wait=WAIT_S)
