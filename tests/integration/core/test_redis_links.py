"""The raw connections to a Valkey that wants a log-in, and grants it only so much."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import pytest_asyncio
from redis.asyncio import Redis

from claw.wire.ids import uuid7
from core.broker import Publisher, Subscriber, stream_channel
from db.repositories.streams import StoredEvent
from stack.embedded import EmbeddedValkey
from tests.support.proxy import Proxy

_PASSWORD = "p w/%@:ü"


class Server:
    """A Valkey with an administrator's connection; the parts under test dial it over TCP."""

    def __init__(self, redis: Redis, port: int) -> None:
        self._redis = redis
        self._port = port

    async def order(self, *words: str | bytes) -> Any:
        return await self._redis.execute_command(*words)  # type: ignore[no-untyped-call]

    async def allow(self, *rights: str) -> str:
        """A user with these rights; its URL."""
        await self.order("ACL", "SETUSER", "molt", "reset", "on", f">{_PASSWORD}", *rights)
        return f"redis://molt:{quote(_PASSWORD, safe='')}@127.0.0.1:{self._port}"


@pytest_asyncio.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    async with EmbeddedValkey(tmp_path) as valkey, Proxy(valkey.url.removeprefix("unix://")) as proxy:
        redis: Redis = Redis.from_url(valkey.url)
        yield Server(redis, proxy.port)
        await redis.aclose()


def subscriber(url: str, told: "asyncio.Queue[StoredEvent]") -> Subscriber:
    return Subscriber(url, on_event=told.put_nowait, on_control=lambda _: None, on_restored=lambda: None)


async def test_the_rights_that_are_documented_are_enough(server: Server) -> None:
    url = await server.allow("+@all", "-@dangerous", "&molt:*", "~molt:*", "~moltstack:*")
    told: asyncio.Queue[StoredEvent] = asyncio.Queue()
    hearing, speaking = subscriber(url, told), Publisher(url)
    await hearing.start()
    await speaking.start()
    stream = uuid7()
    await hearing.follow(stream)
    event = StoredEvent(stream, 7, b"{}")
    speaking.announce([event])
    assert await asyncio.wait_for(told.get(), 30) == event
    await hearing.close()
    await speaking.close()


async def test_a_wrong_password_is_told_at_the_start_without_showing_it(server: Server) -> None:
    url = await server.allow("+@all", "&molt:*")
    hearing = subscriber(url.replace("molt:", "other:", 1), asyncio.Queue())
    with pytest.raises(OSError, match="AuthenticationError") as caught:
        await hearing.start()
    assert quote(_PASSWORD, safe="") not in str(caught.value)


async def test_who_may_not_subscribe_is_not_kept_waiting(server: Server) -> None:
    url = await server.allow("+@all", "-@dangerous")
    hearing = subscriber(url, asyncio.Queue())
    await hearing.start()
    async with asyncio.timeout(30):
        await hearing.follow(uuid7())
    await hearing.close()


async def test_a_stream_that_is_left_while_it_is_confirmed_keeps_nobody_waiting(server: Server) -> None:
    url = await server.allow("+@all", "&molt:*")
    hearing = subscriber(url, asyncio.Queue())
    await hearing.start()
    left, kept = uuid7(), uuid7()
    following = asyncio.create_task(hearing.follow(left))
    await asyncio.sleep(0)
    hearing.unfollow(left)
    async with asyncio.timeout(30):
        await following
        await hearing.follow(kept)
    assert await server.order("PUBSUB", "SHARDNUMSUB", stream_channel(left)) == [stream_channel(left), 0]
    assert await server.order("PUBSUB", "SHARDNUMSUB", stream_channel(kept)) == [stream_channel(kept), 1]
    await hearing.close()
