"""A crowd that resumes the same stretch reads each page from the store once."""

import asyncio
import gc
from collections import Counter
from uuid import UUID

import pytest

from db.errors import StoreUnavailableError
from db.repositories.streams import StoredEvent
from gateway import pages as module
from gateway.hub import LiveStream
from gateway.pages import Pages

STREAM = UUID(int=1)
PAGE = 256


class Store:
    """Counts what it is asked, and answers when it is let."""

    def __init__(self, length: int, *, open_at_once: bool = True) -> None:
        self.length = length
        self.asked: Counter[tuple[UUID, int]] = Counter()
        self.failures = 0
        self._gate = asyncio.Event()
        if open_at_once:
            self._gate.set()

    async def read(self, live: LiveStream, after: int, limit: int) -> list[StoredEvent]:
        self.asked[live.id, after] += 1
        length = self.length
        await self._gate.wait()
        if self.failures:
            self.failures -= 1
            raise StoreUnavailableError("away")
        return [StoredEvent(live.id, seq, b"") for seq in range(after + 1, min(after + limit, length) + 1)]

    def open(self) -> None:
        self._gate.set()


def stream(head: int, number: UUID = STREAM) -> LiveStream:
    live = LiveStream(number, is_inbox=False)
    live.head = head
    return live


async def seqs(pages: Pages, live: LiveStream, after: int) -> list[int]:
    return [event.seq for event in await pages.read(live, after)]


async def walk(pages: Pages, live: LiveStream, after: int) -> list[int]:
    """Everything after `after`, as a replay reads it."""
    found: list[int] = []
    while (position := after + len(found)) < (live.head or 0):
        found += await seqs(pages, live, position)
    return found


async def passed() -> None:
    """Everything that can go on now has gone on."""
    for _ in range(10):
        await asyncio.sleep(0)


async def test_two_hundred_that_resume_at_once_ask_the_store_for_each_page_once() -> None:
    store = Store(1_000)
    live, pages = stream(1_000), Pages(store.read)
    found = await asyncio.gather(*(walk(pages, live, 100 + number % 7) for number in range(200)))
    assert found == [list(range(101 + number % 7, 1_001)) for number in range(200)]
    assert store.asked == {(STREAM, 0): 1, (STREAM, 256): 1, (STREAM, 512): 1, (STREAM, 768): 1}


async def test_who_comes_while_a_page_is_read_waits_for_it() -> None:
    store = Store(10, open_at_once=False)
    live, pages = stream(10), Pages(store.read)
    first, second = [asyncio.create_task(seqs(pages, live, after)) for after in (0, 7)]
    await passed()
    store.open()
    assert await first == list(range(1, 11))
    assert await second == [8, 9, 10]
    assert store.asked == {(STREAM, 0): 1}


async def test_streams_do_not_share_pages() -> None:
    store = Store(10)
    pages, other = Pages(store.read), UUID(int=2)
    await asyncio.gather(*(seqs(pages, stream(10, number), 0) for number in (STREAM, other)))
    assert store.asked == {(STREAM, 0): 1, (other, 0): 1}


async def test_a_page_from_before_the_stream_grew_is_read_anew() -> None:
    store = Store(10)
    live, pages = stream(10), Pages(store.read)
    assert await seqs(pages, live, 0) == list(range(1, 11))
    store.length = live.head = 12
    assert await seqs(pages, live, 10) == [11, 12]
    assert store.asked == {(STREAM, 0): 2}


async def test_a_full_page_stays_good_when_the_stream_grows() -> None:
    store = Store(PAGE)
    live, pages = stream(PAGE), Pages(store.read)
    await seqs(pages, live, 0)
    store.length = live.head = PAGE + 1
    assert await walk(pages, live, 0) == list(range(1, PAGE + 2))
    assert store.asked == {(STREAM, 0): 1, (STREAM, PAGE): 1}


async def test_a_page_that_was_asked_for_before_the_stream_grew_is_not_waited_for() -> None:
    store = Store(10, open_at_once=False)
    live, pages = stream(10), Pages(store.read)
    early = asyncio.create_task(seqs(pages, live, 0))
    await passed()
    store.length = live.head = 12
    late = asyncio.create_task(seqs(pages, live, 10))
    await passed()
    store.open()
    assert (await early)[-1] == 10
    assert await late == [11, 12]


async def test_a_page_is_forgotten_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_KEEP_S", 0.0)
    store = Store(10)
    live, pages = stream(10), Pages(store.read)
    for _ in range(2):
        await seqs(pages, live, 0)
        await passed()
    assert store.asked == {(STREAM, 0): 2}
    assert pages._pages == {}


async def test_a_failure_reaches_those_who_waited_and_nobody_after_them() -> None:
    store = Store(10, open_at_once=False)
    store.failures = 1
    live, pages = stream(10), Pages(store.read)
    waiting = [asyncio.create_task(seqs(pages, live, 0)) for _ in range(3)]
    await passed()
    store.open()
    outcomes = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [StoreUnavailableError] * 3
    assert await seqs(pages, live, 0) == list(range(1, 11))
    assert store.asked == {(STREAM, 0): 2}


async def test_one_that_gives_up_takes_the_page_from_nobody() -> None:
    store = Store(10, open_at_once=False)
    live, pages = stream(10), Pages(store.read)
    first, second = [asyncio.create_task(seqs(pages, live, 0)) for _ in range(2)]
    await passed()
    first.cancel()
    await passed()
    assert first.cancelled()
    store.open()
    assert await second == list(range(1, 11))
    assert store.asked == {(STREAM, 0): 1}


async def test_a_failure_that_nobody_waited_for_is_not_complained_about(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "_KEEP_S", 0.0)
    store = Store(10, open_at_once=False)
    store.failures = 1
    pages = Pages(store.read)
    gone = asyncio.create_task(seqs(pages, stream(10), 0))
    await passed()
    gone.cancel()
    await asyncio.wait([gone])
    store.open()
    await passed()
    assert store.failures == 0
    assert pages._pages == {}
    del gone
    gc.collect()  # asyncio complains when such a task is thrown away.
    assert caplog.records == []


async def test_what_the_retention_has_dropped_comes_back_as_it_is() -> None:
    async def read(live: LiveStream, _after: int, _limit: int) -> list[StoredEvent]:
        return [StoredEvent(live.id, 8, b"")]

    assert await seqs(Pages(read), stream(8), 0) == [8]
