"""Long polls are woken by announcements, by a lost connection that came back, and by the end of the process."""

import asyncio
from collections.abc import AsyncIterator

import pytest_asyncio

from claw.wire.ids import uuid7
from core.broker import Publisher
from core.stream_waiter import StreamWaiter
from db.repositories.streams import StoredEvent
from tests.conftest import Stores
from tests.support.proxy import Proxy

# Far longer than anything here takes: whoever waits so long was not woken.
_LONG_S = 60.0


@pytest_asyncio.fixture
async def publisher(stores: Stores) -> AsyncIterator[Publisher]:
    publisher = Publisher(stores.redis_url)
    await publisher.start()
    yield publisher
    await publisher.close()


@pytest_asyncio.fixture
async def waiter(stores: Stores) -> AsyncIterator[StreamWaiter]:
    waiter = StreamWaiter(stores.redis_url)
    await waiter.start()
    yield waiter
    await waiter.stop()


async def test_a_watch_tells_what_moved_since_it_began(publisher: Publisher, waiter: StreamWaiter) -> None:
    moving, still, foreign = uuid7(), uuid7(), uuid7()
    async with waiter.watching([moving, still]) as watch, waiter.watching([still]) as other:
        publisher.announce([StoredEvent(foreign, 1, b"{}"), StoredEvent(moving, 1, b"{}")])
        assert await watch.moved(_LONG_S) == {moving}
        publisher.announce([StoredEvent(moving, 2, b"{}"), StoredEvent(still, 1, b"{}")])
        assert await other.moved(_LONG_S) == {still}
        # Both came in that order, so both are known by now, and told together.
        assert await watch.moved(_LONG_S) == {moving, still}
        assert await watch.moved(0) == set()
    # Who comes again is told what is new from then on.
    async with waiter.watching([moving]) as watch:
        publisher.announce([StoredEvent(moving, 3, b"{}")])
        assert await watch.moved(_LONG_S) == {moving}


async def test_whoever_waits_looks_again_after_a_lost_connection(stores: Stores) -> None:
    async with Proxy(stores.redis_url.removeprefix("unix://")) as proxy:
        waiter = StreamWaiter(f"redis://127.0.0.1:{proxy.port}")
        await waiter.start()
        stream = uuid7()
        async with waiter.watching([stream]) as watch:
            proxy.cut()
            proxy.mend()
            assert await watch.moved(_LONG_S) == {stream}
        await waiter.stop()


async def test_nobody_waits_in_a_process_that_is_leaving(waiter: StreamWaiter) -> None:
    async with waiter.watching([uuid7()]) as watch:
        waiting = asyncio.create_task(watch.moved(_LONG_S))
        await asyncio.sleep(0)
        waiter.leave()
        assert await waiting == set()
        assert await watch.moved(_LONG_S) == set()
    async with waiter.watching([uuid7()]) as late:
        assert await late.moved(_LONG_S) == set()
