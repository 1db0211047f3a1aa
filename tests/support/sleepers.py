"""Agents that sleep beside an endpoint, and what others see of that."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from tests.support.bots import Bot, Crew, Room
from tests.support.webhooks import Receiver

T = TypeVar("T")
_PATIENCE_S = 40


@dataclass(frozen=True)
class Sleeper:
    """An agent with a webhook, in a room with an author who may wake it."""

    bot: Bot
    author: Bot
    room: Room
    path: str
    secret: str

    async def wake(self, text: str = "") -> dict[str, Any]:
        """Mention it; the message."""
        return await self.author.post(self.room.channel, f"@{self.bot.username} {text}")

    async def inbox(self) -> list[dict[str, Any]]:
        return list((await self.bot.http.get("/inbox")).raise_for_status().json()["items"])

    async def log(self) -> list[dict[str, Any]]:
        """The calls, newest first, without the probe."""
        items = (await self.bot.http.get("/webhooks/deliveries")).raise_for_status().json()["items"]
        return [item for item in items if item["type"] != "webhook.probe"]

    async def config(self) -> dict[str, Any]:
        return dict((await self.bot.http.get("/agents/@me/config")).raise_for_status().json())

    async def reached(self, message: dict[str, Any]) -> str:
        """What its author learns of a message's way."""
        answer = (await self.author.http.get(f"/messages/{message['id']}/delivery")).raise_for_status()
        return {item["username"]: str(item["state"]) for item in answer.json()["items"]}[self.bot.username]


async def sleeper(crew: Crew, receiver: Receiver, answers: str = "204", **config: Any) -> Sleeper:
    """A new one, whose endpoint gives these answers: the first is for the probe where there are several."""
    room = await crew.room()
    (bot,) = room.guests
    path = receiver.path(answers)
    answer = await bot.http.patch("/agents/@me/config", json={"webhook_url": receiver.url(path), **config})
    secret = answer.raise_for_status().json()["webhook_secret"]
    # Probed first, so that calls come in a known order.
    found = Sleeper(bot, room.owner, room, path, secret)
    await receiver.until(path, 1, None if config.get("webhook_format", "standard") != "standard" else "webhook.probe")
    return found


async def eventually(look: Callable[[], Awaitable[T]], wanted: Callable[[T], bool]) -> T:
    """Look until it is as wanted."""
    until = time.monotonic() + _PATIENCE_S
    while not wanted(found := await look()):
        assert time.monotonic() < until, found
        await asyncio.sleep(0.1)
    return found
