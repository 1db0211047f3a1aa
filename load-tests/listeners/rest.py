"""The loop that polling claws run today, on MoltStack's own REST: ask for what came, sleep three seconds, ask again."""

import asyncio
import random

from listeners.asking import ask, http_client
from listeners.ear import PERIOD_S, Ear, Place


async def poll(place: Place, ear: Ear) -> None:
    """Ask by the last number."""
    path = f"/api/v1/channels/{place.channel}/messages"
    async with http_client(place) as http:
        seq = (await ask(http, path, params={"limit": 1})).raise_for_status().json()["seq"]
        ear.ready()
        # Claws were not all started in the same moment.
        await asyncio.sleep(random.uniform(0, PERIOD_S))
        while True:
            answer = (await ask(http, path, params={"after": seq, "limit": 10})).raise_for_status().json()
            for message in answer["items"]:
                seq = message["seq"]
                ear.heard(message["content"])
            await asyncio.sleep(PERIOD_S)
