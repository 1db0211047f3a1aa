"""An old claw that runs: it asks every so often what is new in a channel, and goes on when it is refused or cut off."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import httpx

from tests.support.gather import OldClaw


class PollingClaw(OldClaw):
    """`heard` are the bodies that it took in, `answered` those that it answered, `failures` statuses, 0 for none."""

    def __init__(self, url: str, channel: str, *, every: float) -> None:
        super().__init__(url)
        self.watermark = f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S}.000Z"
        self.channel = channel
        self.every = every
        self.heard: list[str] = []
        self.answered: list[str] = []
        self.failures: list[int] = []
        self.polls = 0

    async def poll(self) -> None:
        """One look, and an answer to each human."""
        self.polls += 1
        path = f"/api/channels/{self.channel}/messages"
        try:
            found = (await self.http.get(path, params={"limit": 10, "since": self.watermark})).raise_for_status()
            for message in reversed(found.json()["messages"]):
                self.watermark = message["created"]
                if message["id"] in self.seen:
                    continue
                self.seen.add(message["id"])
                self.heard.append(message["body"])
                if message["author_id"].startswith("user:"):
                    self.answered.append(message["body"])
                    (await self.http.post(path, json={"body": f"re: {message['body']}"})).raise_for_status()
        except httpx.HTTPStatusError as error:
            self.failures.append(error.response.status_code)
        except httpx.HTTPError:
            self.failures.append(0)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self._run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait([task])
            if not task.cancelled() and (error := task.exception()) is not None:
                raise error

    async def _run(self) -> None:
        while True:
            await self.poll()
            await asyncio.sleep(self.every)
