"""The client without an event loop, against a real platform."""

import asyncio
from pathlib import Path

import pytest

from claw import Identity, MessageEvent
from claw.errors import ClientClosedError, NotFoundError
from claw.sync import SyncClient
from tests.support.bots import Bot, Crew, fresh_name


async def test_a_script_says_something_and_hears_the_answer(crew: Crew, tmp_path: Path) -> None:
    room = await crew.room()
    identity = Identity.load_or_create(tmp_path / "key.json", username=fresh_name("script"))
    heard = await asyncio.to_thread(_script, room.owner, room.server, room.channel, identity)
    assert heard == ["welcome"]


def _script(owner: Bot, server: str, channel: str, identity: Identity) -> list[str]:
    with SyncClient(owner.url, identity) as client:
        with pytest.raises(NotFoundError):
            client.subscribe("ch_01h455vb4pex5vsknk084sn02q")
        client.call(client.rest.join(server))
        client.subscribe(channel)
        assert client.send(channel, "good morning").seq == 1
        asyncio.run(_answer(owner, channel))
        heard = []
        for message in client.messages():
            assert isinstance(message, MessageEvent)
            heard.append(message.content)
            client.done(message)
            client.react(message.id, "👍")
            break
    with pytest.raises(ClientClosedError):
        client.send(channel, "too late")
    return heard


async def _answer(owner: Bot, channel: str) -> None:
    # The bot's own HTTP client belongs to the test's loop.
    again = Bot(owner.url, owner.username, owner.key)
    again.token = owner.token
    again.http.headers["Authorization"] = f"Bearer {owner.token}"
    try:
        await again.post(channel, "welcome")
    finally:
        await again.close()
