"""Who reads slowly, or not at all, costs nobody else anything."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from tests.support.bots import Bot, Crew
from tests.support.platform import Platform, running_platform
from tests.support.readers import Reader
from tests.unit.gateway.peer import TEXT, client_frame

_BUFFER = 65_536
_LONG = "x" * 8_000
_CROWD = 300


@pytest.fixture(scope="module")
def narrow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """`moltstack up` with one node that keeps little for a client."""
    env = {"MOLTSTACK_LIMITS": "off", "MOLTSTACK_SEND_BUFFER_BYTES": str(_BUFFER)}
    with running_platform(tmp_path_factory.mktemp("narrow"), env=env) as running:
        yield running


@pytest_asyncio.fixture
async def crew(narrow: Platform) -> AsyncIterator[Crew]:
    async with Crew(narrow.url) as crew:
        yield crew


@pytest_asyncio.fixture
async def readers() -> AsyncIterator[list[Reader]]:
    """Those that are put in here are gone at the end of the test."""
    opened: list[Reader] = []
    yield opened
    for reader in opened:
        reader.close()


class Speaker:
    """Posts over a socket of its own, and reads its acknowledgements."""

    def __init__(self, reader: Reader, channel: str) -> None:
        self._reader = reader
        self._channel = channel

    async def say(self, content: str, count: int = 1) -> float:
        """Post and wait until all of it is stored; the loop's time of the sending."""
        loop = asyncio.get_running_loop()
        begun, before = loop.time(), self._reader.received
        for _ in range(count):
            self._reader.send(op="message", channel=self._channel, content=content)
        await self._reader.until(before + count)
        return begun


async def _speaker(bot: Bot, channel: str, readers: list[Reader]) -> Speaker:
    reader = await Reader.open(bot.url, bot.token, count_only=True)
    readers.append(reader)
    return Speaker(reader, channel)


async def _reading(bot: Bot, channel: Any, readers: list[Reader], **options: Any) -> Reader:
    """A session that follows a channel."""
    reader = await Reader.open(bot.url, bot.token, **options)
    readers.append(reader)
    before = reader.received
    reader.send(op="subscribe", channels=[channel])
    await reader.until(before + 3)  # subscribed, context, subscribed to the inbox
    return reader


async def _metric(url: str, name: str) -> float:
    async with httpx.AsyncClient(trust_env=False) as http:
        text = (await http.get(f"{url}/metrics")).raise_for_status().text
    found = re.search(rf"^{re.escape(name)} (\S+)$", text, re.MULTILINE)
    return 0.0 if found is None else float(found[1])


async def _closed_as_slow(url: str) -> float:
    return await _metric(url, 'moltstack_closes_total{code="4101"}')


async def _until_closed_as_slow(url: str, count: float) -> None:
    async with asyncio.timeout(15):
        while await _closed_as_slow(url) < count:
            await asyncio.sleep(0.05)


def _resident(platform: Platform) -> int:
    """Bytes of memory of the platform's one node."""
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            words = (folder / "cmdline").read_bytes().split(b"\0")
            if parent == platform.process.pid and b"stack.node" in words:
                return int((folder / "statm").read_text().split()[1]) * 4096
        except OSError:
            continue
    raise AssertionError("the platform has no node")


async def test_who_stops_reading_is_closed_and_resumes_with_all_that_it_missed(
    crew: Crew, readers: list[Reader]
) -> None:
    room = await crew.room()
    speaker = await _speaker(room.owner, room.channel, readers)
    slow = await _reading(room.guests[0], room.channel, readers, small=True)
    closed = await _closed_as_slow(crew.url)
    slow.stall()
    said = 0
    async with asyncio.timeout(30):
        while await _closed_as_slow(crew.url) == closed:
            await speaker.say(_LONG, 100)
            said += 100
    slow.read_on()
    await slow.until_lost()
    assert slow.closed in (4101, None)  # None where the rest was too much for it, and the connection was cut
    last = max([frame["seq"] for frame in slow.of("message")], default=0)
    assert [frame["seq"] for frame in slow.of("message")] == list(range(1, last + 1))
    assert last < said
    back = await _reading(room.guests[0], {"id": room.channel, "after": last}, readers)
    answer = await back.expect("subscribed", channel=room.channel)
    assert (answer["recovered"], answer["replayed"], answer["seq"]) == ("replayed", said - last, said)
    assert [frame["seq"] for frame in back.of("message")] == list(range(last + 1, said + 1))


async def _latencies(speaker: Speaker, noise: Speaker, crowd: list[Reader], count: int) -> list[float]:
    """How long each reader waited for each of `count` messages, sorted; beside them another channel is flooded."""
    found = []
    for _ in range(count):
        flood = asyncio.create_task(noise.say(_LONG, 8))
        before = [reader.received for reader in crowd]
        begun = await speaker.say("now")
        for reader, number in zip(crowd, before, strict=True):
            await reader.until(number + 1)
        found += [reader.received_at - begun for reader in crowd]
        await flood
    return sorted(found)


async def test_one_stalled_reader_among_300_changes_nobody_elses_latency(crew: Crew, readers: list[Reader]) -> None:
    room, noisy = await crew.room(), await crew.room()
    speaker, noise = [await _speaker(each.owner, each.channel, readers) for each in (room, noisy)]
    crowd = [await _reading(room.guests[0], room.channel, readers, count_only=True) for _ in range(_CROWD)]
    await _latencies(speaker, noise, crowd, 10)
    before = await _latencies(speaker, noise, crowd, 60)
    closed = await _closed_as_slow(crew.url)
    # Only now: beside the flood so small a reader may be too slow already without being stalled.
    stalled = await _reading(noisy.guests[0], noisy.channel, readers, small=True, count_only=True)
    stalled.stall()
    while_stalled = await _latencies(speaker, noise, crowd, 60)
    await _until_pressed(crew, noise, closed)
    # Not the 99th percentile: of 60 messages that is the slowest, and a hiccup of the machine decides it.
    p90, p90_stalled = (found[len(found) * 90 // 100] for found in (before, while_stalled))
    print(f"\np90 of {_CROWD}: {p90 * 1000:.1f} ms before, {p90_stalled * 1000:.1f} ms beside a stalled reader")
    assert p90_stalled < max(5 * p90, 0.25)


async def _until_pressed(crew: Crew, noise: Speaker, closed: float) -> None:
    """The stalled reader really was more than the kernel took off our hands: in the end it is closed."""
    async with asyncio.timeout(30):
        while await _closed_as_slow(crew.url) == closed:
            await noise.say(_LONG, 100)


async def test_memory_does_not_grow_with_stalled_readers(crew: Crew, narrow: Platform, readers: list[Reader]) -> None:
    room = await crew.room()
    speaker = await _speaker(room.owner, room.channel, readers)
    await speaker.say(_LONG, 500)
    stalled = [await _reading(room.guests[0], room.channel, readers, small=True) for _ in range(60)]
    closed = await _closed_as_slow(crew.url)
    before = _resident(narrow)
    for reader in stalled:
        reader.stall()
    highest = before
    for _ in range(12):
        await speaker.say(_LONG, 100)
        highest = max(highest, _resident(narrow))
    await _until_closed_as_slow(crew.url, closed + len(stalled))
    grown = (highest - before) / 2**20
    print(f"\n10 MB to each of {len(stalled)} stalled readers: {grown:.0f} MB more")
    # Unbounded it would be several hundred; 64 KiB for each are four, and a burst passes through whole.
    assert grown < 80


async def test_a_long_replay_waits_for_its_reader_and_does_not_count_as_slow(crew: Crew, readers: list[Reader]) -> None:
    room, other = await crew.room(), await crew.room(guests=0)
    await room.guests[0].join(other.server)
    bot, count = room.guests[0], 5_000
    speaker = await _speaker(room.owner, room.channel, readers)
    for _ in range(10):
        await speaker.say("y" * 2_500, count // 10)
    closed = await _closed_as_slow(crew.url)
    slow = await _reading(bot, other.channel, readers, small=True)
    slow.stall()
    slow.send(op="subscribe", channels=[{"id": room.channel, "after": 0}], ref="long")
    # The replay fills what the kernel takes, and waits: 12 MB are not kept here for one reader.
    async with asyncio.timeout(20):
        waiting = 0.0
        while waiting < _BUFFER / 4:
            await asyncio.sleep(0.05)
            waiting = await _metric(crew.url, "moltstack_queue_bytes")
    quick = await _speaker(other.owner, other.channel, readers)
    await quick.say("meanwhile, elsewhere", 20)
    assert await _metric(crew.url, "moltstack_queue_bytes") < 4 * _BUFFER
    slow.read_on()
    answer = await slow.expect("subscribed", ref="long", channel=room.channel, timeout=60)
    assert (answer["recovered"], answer["replayed"], answer["seq"]) == ("replayed", count, count)
    messages = slow.of("message")
    assert [each["seq"] for each in messages if each["channel"] == room.channel] == list(range(1, count + 1))
    assert [each["seq"] for each in messages if each["channel"] == other.channel] == list(range(1, 21))
    assert await _closed_as_slow(crew.url) == closed


async def test_who_floods_commands_is_read_no_faster_and_others_do_not_wait(crew: Crew, readers: list[Reader]) -> None:
    room = await crew.room()
    flooding = await Reader.open(crew.url, room.guests[0].token)
    other = await Reader.open(crew.url, room.owner.token)
    readers += [flooding, other]
    ask = client_frame(TEXT, json.dumps({"op": "subscribe", "channels": [room.channel], "ref": "flood"}).encode())
    flooding.transport.write(ask * 80_000)
    loop = asyncio.get_running_loop()
    waited = []
    for number in range(50):
        begun = loop.time()
        other.send(op="ping", ref=number)
        await other.expect("pong", ref=number)
        waited.append(loop.time() - begun)
    print(f"\nslowest of 50 pings beside a flood: {max(waited) * 1000:.1f} ms")
    assert max(waited) < 1.0
    assert flooding.transport.get_write_buffer_size() > 0, "the flood was over before it could disturb"
    # It is served nevertheless, one command after the other.
    answered = len(flooding.of("subscribed"))
    await flooding.until(flooding.received + 100)
    assert len(flooding.of("subscribed")) > answered
    assert not flooding.is_lost
