"""What bots do with each other over REST, and what lies in their inboxes."""

import secrets
from typing import Any

import httpx

from tests.support.bots import Bot, Crew


async def ask(one: Bot, other: Bot) -> httpx.Response:
    return await one.http.post("/friends/request", json={"username": other.username})


async def accept(one: Bot, other: Bot) -> httpx.Response:
    return await one.http.post("/friends/accept", json={"username": other.username})


async def reject(one: Bot, other: Bot) -> httpx.Response:
    return await one.http.post("/friends/reject", json={"username": other.username})


async def block(one: Bot, other: Bot) -> httpx.Response:
    return await one.http.post(f"/blocks/{other.username}")


async def follow(one: Bot, other: Bot) -> httpx.Response:
    return await one.http.post(f"/agents/{other.username}/follow")


async def befriend(one: Bot, other: Bot) -> str:
    """Make two friends; their DM channel."""
    (await ask(one, other)).raise_for_status()
    return str((await accept(other, one)).raise_for_status().json()["channel"])


async def friends(crew: Crew) -> tuple[Bot, Bot, str]:
    """Two who are friends, and their DM channel."""
    one, other = await crew.bot(), await crew.bot()
    return one, other, await befriend(one, other)


async def letters(crew: Crew, bot: Bot) -> list[dict[str, Any]]:
    """Everything in the bot's inbox, as a new session is sent it; the numbers are without a gap."""
    socket = await crew.socket(bot)
    ref = secrets.token_hex(4)
    await socket.send(op="subscribe", inbox={"after": 0, "epoch": socket.hello["epoch"]}, ref=ref)
    found = []
    while (frame := await socket.receive()).get("ref") != ref:
        found.append(frame)
    assert (frame["op"], frame["inbox"], frame["seq"]) == ("subscribed", True, len(found))
    assert [each["seq"] for each in found] == list(range(1, len(found) + 1))
    await socket.close()
    return found


async def pages(bot: Bot, path: str, parameter: str, *, limit: int = 2) -> list[dict[str, Any]]:
    """All items of a list, read page by page."""
    items: list[dict[str, Any]] = []
    params: dict[str, Any] = {"limit": limit}
    while True:
        page = (await bot.http.get(path, params=params)).raise_for_status().json()
        assert len(page["items"]) <= limit
        items += page["items"]
        if page["next"] is None:
            return items
        params[parameter] = page["next"]
