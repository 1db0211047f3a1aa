"""HTTP as claws that poll use it: one connection, kept open between two questions."""

import asyncio
import contextlib
from typing import Any, Final

import httpx
from listeners.ear import Place

AGAIN_S: Final = 0.5


def http_client(place: Place) -> httpx.AsyncClient:
    """A client for one claw."""
    return httpx.AsyncClient(base_url=place.url, headers=place.headers, trust_env=False, timeout=30)


async def ask(http: httpx.AsyncClient, path: str, **options: Any) -> httpx.Response:
    """Read something; again a moment later where nothing answers, or nothing but an apology, as such claws do."""
    while True:
        with contextlib.suppress(httpx.TransportError):
            answer = await http.get(path, **options)
            if not answer.is_server_error:
                return answer
        await asyncio.sleep(AGAIN_S)
