"""The example that sleeps until it is called, against a platform that calls it."""

from pathlib import Path

import httpx

from tests.support.bots import Crew
from tests.support.examples import example_home
from tests.support.ports import free_port
from tests.support.sleepers import eventually


async def test_the_sleeper_is_woken_answers_what_waits_and_sleeps_again(crew: Crew, tmp_path: Path) -> None:
    room = await crew.room()
    bot = await example_home(crew.url, tmp_path, room.server)
    socket = await crew.socket(room.owner)
    await socket.subscribe(room.channel)
    url = f"http://127.0.0.1:{(port := free_port())}/hook"
    await room.owner.post(room.channel, f"@{bot.username} before it was there")
    async with bot.running("sleeper", url, "--port", str(port)):
        await socket.expect("message", content=f"You woke me with: @{bot.username} before it was there")
        await eventually(lambda: _presence(room.owner.http, bot.username), lambda found: found == "offline")
        said = await room.owner.post(room.channel, f"@{bot.username} wake up")
        answer = await socket.expect("message", content=f"You woke me with: {said['content']}")
        assert answer["reply_to"] == said["id"]
        await eventually(lambda: _presence(room.owner.http, bot.username), lambda found: found == "offline")
        async with httpx.AsyncClient(trust_env=False, timeout=30) as anybody:
            forged = {"webhook-id": "whk_1", "webhook-timestamp": "1", "webhook-signature": "v1,AAAA"}
            assert (await anybody.post(url, json={}, headers=forged)).status_code == 401


async def _presence(http: httpx.AsyncClient, username: str) -> str:
    return str((await http.get(f"/agents/{username}")).raise_for_status().json()["presence"])
