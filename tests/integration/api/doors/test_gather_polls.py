"""Polling Gather's way: what it costs, when it is told of something, and when it is woken."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any, ClassVar

import asyncpg
import httpx
import msgspec
import nacl.signing
import pytest
import pytest_asyncio

from api.app import Api, build_app
from api.doors.gather import polls, services
from claw.wire.ids import Prefix, encode_id, uuid7
from core import limits
from core.clock import rfc3339
from core.container import Container
from core.keys import load_signing_key
from core.redis_client import RedisClient
from core.settings import Settings
from core.stream_waiter import StreamWaiter
from core.tokens import TokenIssuer
from db.database import Database
from db.roles import Role, role_url
from tests.conftest import Stores
from tests.integration.api.doors.test_gather_sign_in import assert_old_problem
from tests.support.bots import fresh_name
from tests.support.gather import pem
from tests.support.town import Town, post_row


class ByHand(polls.Polls):
    """What it does by its own clock a test does when it wants."""

    made: ClassVar[list["ByHand"]] = []

    def __init__(self, database: Database, redis: RedisClient, waiter: StreamWaiter) -> None:
        super().__init__(database, redis, waiter)
        self.made.append(self)

    async def _read_for_ever(self) -> None:
        await asyncio.Event().wait()


_KNOWN_MS, _POLLED_S = polls._KNOWN_MS, polls._POLLED_S

pytestmark = pytest.mark.asyncio(loop_scope="session")


class Process:
    """An api process inside the test's: its requests, and what they ask of the stores."""

    def __init__(self, container: Container, town: Town) -> None:
        self.container = container
        self.town = town
        settings = container.settings
        api = Api(
            container,
            container.rest,  # type: ignore[arg-type]  # opened with rest
            container.bearers(Role.API),
            container.posting(Role.API),
            container.outbound(Role.API),
        )
        self._app = build_app(api, {}, settings)
        self.polls = ByHand.made.pop()
        self.http = self.client("127.0.0.1")
        key = load_signing_key(settings.keys_dir)
        self._issuer = TokenIssuer(key, issuer=settings.public_url, lifetime_seconds=900)
        self.asked: list[str] = []
        self._spy(container.databases[Role.API])

    def client(self, address: str) -> httpx.AsyncClient:
        """One that comes from this address."""
        transport = httpx.ASGITransport(app=self._app, client=(address, 1))
        return httpx.AsyncClient(transport=transport, base_url="http://door", timeout=30)

    def token_of(self, agent: Any) -> dict[str, str]:
        token = self._issuer.issue("agent", agent, uuid7(), scope="*").token
        return {"Authorization": f"Bearer {token}"}

    async def refresh(self) -> None:
        """What the process does once a second, now; not counted."""
        asked = list(self.asked)
        await self.polls._read()
        self.asked = asked

    async def say(self, agent: Any, channel: Any, content: str = "hello", **fields: Any) -> str:
        """A post of another process, announced; its time as the old clients are told it."""
        row = post_row(agent, channel, content, **fields)
        outcomes, events = await self.town.posted(row)
        assert [outcome.outcome for outcome in outcomes] == ["stored"]
        self.container.announce(events)
        return rfc3339(row.created_at).replace("T", " ")

    def _spy(self, database: Database) -> None:
        standing, connection = database.standing, database.connection
        command = self.container.redis.execute_command

        def spied_standing() -> Any:
            self.asked.append("store")
            return standing()

        def spied_connection() -> Any:
            self.asked.append("store")
            return connection()

        async def spied_command(*arguments: Any, **options: Any) -> Any:
            self.asked.append(f"redis {arguments[0]}")
            return await command(*arguments, **options)

        database.standing = spied_standing  # type: ignore[method-assign]
        database.connection = spied_connection  # type: ignore[method-assign]
        self.container.redis.execute_command = spied_command  # type: ignore[method-assign]


@asynccontextmanager
async def _process(stores: Stores, url: str, town: Town) -> AsyncIterator[Process]:
    settings = Settings.from_env(
        {
            "MOLTSTACK_DATABASE_URL": url,
            "MOLTSTACK_REDIS_URL": stores.redis_url,
            "MOLTSTACK_KEYS_DIR": str(stores.keys_dir),
            "MOLTSTACK_PUBLIC_URL": "http://molt.example",
        }
    )
    container = await Container.open(settings, rest=True, sockets=False)
    process = Process(container, town)
    yield process
    await process.http.aclose()
    await container.close()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def processes(stores: Stores) -> AsyncIterator[tuple[Process, Process]]:
    """Two on a database of this module's own; each test has its own agents and channels."""
    maker = await asyncpg.connect(stores.admin_url)
    await maker.execute("create database molt_polls template molt_template")
    url = stores.database_url("molt_polls")
    gateway = await Database.open(role_url(url, Role.GATEWAY, stores.keys_dir), name="test", size=2)
    admin = await asyncpg.connect(url)
    town = Town(admin, gateway)
    with pytest.MonkeyPatch.context() as patched:
        # What is known expires when a test says so, and Redis is waited for, however slow this machine is.
        patched.setattr(services, "Polls", ByHand)
        patched.setattr(polls, "_KNOWN_MS", 120_000)
        patched.setattr(polls, "_POLLED_S", 120.0)
        patched.setattr(polls, "_REDIS_TIMEOUT_S", 30.0)
        patched.setattr(limits, "_REDIS_TIMEOUT_S", 30.0)
        async with _process(stores, url, town) as one, _process(stores, url, town) as other:
            yield one, other
    await admin.close()
    await gateway.close()
    await maker.execute("drop database molt_polls with (force)")
    await maker.close()


@pytest.fixture
def process(processes: tuple[Process, Process]) -> Process:
    return processes[0]


@pytest.fixture
def other(processes: tuple[Process, Process]) -> Process:
    return processes[1]


class Poller:
    """An agent that polls a channel; `writer` posts there."""

    def __init__(self, process: Process, agent: Any, writer: Any, channel: Any) -> None:
        self.process, self.agent, self.writer, self.channel = process, agent, writer, channel
        self.path = f"/api/channels/{encode_id(Prefix.CHANNEL, channel)}/messages"
        self.headers = process.token_of(agent)

    @classmethod
    async def make(cls, process: Process) -> "Poller":
        writer, agent = await process.town.agents(2)
        return cls(process, agent, writer, await process.town.room(writer, agent))

    async def poll(self, *, through: Process | None = None, etag: str | None = None, **params: Any) -> httpx.Response:
        headers = {**self.headers, **({"If-None-Match": etag} if etag else {})}
        return await (through or self.process).http.get(self.path, params={"limit": "10", **params}, headers=headers)

    async def found(self, **params: Any) -> list[str]:
        answer = await self.poll(**params)
        assert answer.status_code == 200, answer.text
        return [message["body"] for message in answer.json()["messages"]]


async def test_a_poll_that_finds_nothing_is_one_look_at_redis_and_asks_the_store_nothing(process: Process) -> None:
    poller = await Poller.make(process)
    since = await process.say(poller.writer, poller.channel)
    first = await poller.poll(since=since)
    assert first.json() == {"messages": [], "total": 0}
    await process.refresh()
    process.asked.clear()
    unchanged = first
    for _ in range(3):
        assert (await poller.poll(since=since)).json() == {"messages": [], "total": 0}
        assert (await poller.poll(since="2999-01-01 00:00:00.000Z")).json() == {"messages": [], "total": 0}
        unchanged = await poller.poll(etag=first.headers["etag"])
        assert (unchanged.status_code, unchanged.content, unchanged.headers["etag"]) == (
            304,
            b"",
            first.headers["etag"],
        )
    assert process.asked == ["redis GET"] * 9
    assert "x-ratelimit-limit" not in unchanged.headers


async def test_what_is_known_of_a_channel_expires_after_two_seconds(process: Process) -> None:
    poller = await Poller.make(process)
    since = await process.say(poller.writer, poller.channel)
    await poller.poll(since=since)
    await process.refresh()
    (key,) = [key async for key in process.container.redis.scan_iter(f"molt:poll:{poller.channel.hex}:*")]
    assert _KNOWN_MS == 2_000
    assert 0 < await process.container.redis.pttl(key) <= polls._KNOWN_MS
    await process.container.redis.delete(key)
    process.asked.clear()
    assert await poller.found(since=since) == []
    assert process.asked.count("store") == 1


async def test_one_process_reads_for_all(process: Process, other: Process) -> None:
    poller = await Poller.make(process)
    since = await process.say(poller.writer, poller.channel)
    await poller.poll(since=since)
    await process.refresh()
    other.asked.clear()
    assert (await poller.poll(through=other, since=since)).json() == {"messages": [], "total": 0}
    assert other.asked == ["redis GET"]


async def test_all_that_is_polled_is_read_in_one_statement(process: Process) -> None:
    pollers = [await Poller.make(process) for _ in range(5)]
    for poller in pollers:
        await poller.poll()
    process.asked.clear()
    await process.polls._read()
    assert process.asked == ["store"]


async def test_who_stops_polling_is_forgotten(process: Process) -> None:
    poller = await Poller.make(process)
    await poller.poll()
    known = process.polls
    assert known is not None
    assert _POLLED_S == 10
    assert 0 < known._pairs[poller.agent, poller.channel].until - time.monotonic() <= polls._POLLED_S
    for polled in known._pairs.values():
        polled.until = 0
    process.asked.clear()
    await known._read()
    assert process.asked == []


async def test_a_message_of_an_earlier_time_that_was_stored_later_is_found_too(process: Process) -> None:
    poller = await Poller.make(process)
    # Two processes whose clocks differ: the second message bears the earlier time.
    rows = [post_row(poller.writer, poller.channel, text) for text in ("first", "second")]
    rows[1] = msgspec.structs.replace(rows[1], created_at=rows[0].created_at - timedelta(seconds=2))
    await process.town.post(rows[0])
    since = rfc3339(rows[0].created_at)
    assert await poller.found(since=since) == []
    await process.refresh()
    await process.town.post(rows[1])
    await process.refresh()
    assert await poller.found(since=since) == ["second"]
    assert await poller.found(since=rfc3339(rows[1].created_at)) == []


async def test_who_lost_the_right_is_told_nothing_any_more(process: Process) -> None:
    poller = await Poller.make(process)
    since = await process.say(poller.writer, poller.channel)
    await poller.poll(since=since)
    await process.refresh()
    server = await process.town.admin.fetchval("select server_id from channels where id = $1", poller.channel)
    await process.town.admin.execute("delete from server_members where agent_id = $1", poller.agent)
    await process.refresh()
    await process.container.redis.delete(f"molt:poll:{poller.channel.hex}:{poller.agent.hex}")
    assert_old_problem(await poller.poll(since=since), 403, "Forbidden", "You are not a member of this channel")
    await process.town.admin.execute("update servers set is_public = false where id = $1", server)
    assert_old_problem(await poller.poll(since=since), 404, "Not Found")


async def test_a_long_poll_answers_at_once_where_there_is_something(process: Process) -> None:
    poller = await Poller.make(process)
    since = await process.say(poller.writer, poller.channel, "one")
    await process.say(poller.writer, poller.channel, "two")
    assert await poller.found(since=since, wait=12) == ["two"]


async def test_a_long_poll_is_woken_by_the_announcement(process: Process) -> None:
    poller = await Poller.make(process)
    since = await process.say(poller.writer, poller.channel, "one")
    await poller.poll(since=since)
    await process.refresh()
    process.asked.clear()
    waiting = asyncio.create_task(poller.poll(since=since, wait=12))
    # It looks, and then waits; nothing more is asked until it is woken.
    await _until_watching(process, poller)
    assert not waiting.done()
    assert process.asked == ["redis GET"]
    await process.say(poller.writer, poller.channel, "two")
    answer = await asyncio.wait_for(waiting, 30)
    assert [message["body"] for message in answer.json()["messages"]] == ["two"]


async def test_a_long_poll_whose_announcement_was_lost_is_woken_by_the_look_of_the_next_second(
    process: Process,
) -> None:
    poller = await Poller.make(process)
    since = await process.say(poller.writer, poller.channel, "one")
    waiting = asyncio.create_task(poller.poll(since=since, wait=12))
    await _until_watching(process, poller)
    await process.town.post(post_row(poller.writer, poller.channel, "two"))
    await process.refresh()
    answer = await asyncio.wait_for(waiting, 30)
    assert [message["body"] for message in answer.json()["messages"]] == ["two"]


async def test_a_long_poll_that_finds_nothing_ends_in_time_and_is_not_woken_for_nothing(process: Process) -> None:
    poller = await Poller.make(process)
    since = await process.say(poller.writer, poller.channel, "one")
    await poller.poll(since=since)
    await process.refresh()
    process.asked.clear()
    begun = time.monotonic()
    answer = await poller.poll(since=since, wait="0.5")
    assert time.monotonic() - begun >= 0.45
    assert answer.json() == {"messages": [], "total": 0}
    assert process.asked == ["redis GET"]
    unchanged = await poller.poll(etag=answer.headers["etag"], wait="0.2")
    assert unchanged.status_code == 304


async def test_who_is_removed_stops_waiting(process: Process) -> None:
    poller = await Poller.make(process)
    since = await process.say(poller.writer, poller.channel, "one")
    await poller.poll(since=since)
    await process.refresh()
    waiting = asyncio.create_task(poller.poll(since=since, wait=12))
    await _until_watching(process, poller)
    await process.town.admin.execute("delete from server_members where agent_id = $1", poller.agent)
    await process.refresh()
    assert_old_problem(await asyncio.wait_for(waiting, 30), 403, "Forbidden")


async def test_whose_log_in_ended_while_it_waited_is_told_so_and_nothing_else(process: Process) -> None:
    poller = await Poller.make(process)
    since = await process.say(poller.writer, poller.channel, "one")
    waiting = asyncio.create_task(poller.poll(since=since, wait=12))
    await _until_watching(process, poller)
    process.container.verifier.revoke(poller.agent, None, time.time() + 1)
    await process.say(poller.writer, poller.channel, "secret")
    assert_old_problem(await asyncio.wait_for(waiting, 30), 401, "Unauthorized")


async def test_a_process_that_stops_sends_those_home_who_wait(process: Process) -> None:
    poller = await Poller.make(process)
    since = await process.say(poller.writer, poller.channel, "one")
    waiting = asyncio.create_task(poller.poll(since=since, wait=12))
    await _until_watching(process, poller)
    process.container.stream_waiter.leave()
    assert (await asyncio.wait_for(waiting, 30)).json() == {"messages": [], "total": 0}
    process.container.stream_waiter._leaving = False


async def test_polls_that_find_nothing_are_not_counted_and_those_that_read_are(process: Process) -> None:
    poller = await Poller.make(process)
    since = await process.say(poller.writer, poller.channel, "one")
    await poller.poll(since=since)
    await process.refresh()
    for _ in range(110):
        assert (await poller.poll(since=since)).status_code == 200
    left = [await poller.poll() for _ in range(100)]
    limited = left[-1]
    problem = assert_old_problem(limited, 429, "Too Many Requests", "Rate limit exceeded. Try again shortly.")
    assert problem == {
        "title": "Too Many Requests",
        "status": 429,
        "detail": "Rate limit exceeded. Try again shortly.",
    }
    assert int(limited.headers["retry-after"]) >= 1
    assert left[0].status_code == 200


async def test_registering_and_asking_for_nonces_is_limited_as_everywhere(process: Process) -> None:
    async with process.client("198.51.100.7") as http:
        keys = [nacl.signing.SigningKey.generate() for _ in range(6)]
        made = [
            await http.post("/api/agents/register", json={"name": fresh_name(), "public_key": pem(key)}) for key in keys
        ]
        assert [answer.status_code for answer in made] == [200] * 5 + [429]
        assert_old_problem(made[-1], 429, "Too Many Requests", "Rate limit exceeded. Try again shortly.")
        asked = [await http.post("/api/agents/challenge", json={"public_key": pem(keys[0])}) for _ in range(9)]
        assert [answer.status_code for answer in asked] == [200] * 8 + [429]
        assert 0 < int(asked[-1].headers["retry-after"]) <= 300
        guesses = [await http.get("/api/inbox", headers={"Authorization": "Bearer x"}) for _ in range(301)]
        assert [answer.status_code for answer in guesses] == [401] * 300 + [429]


async def test_without_redis_the_store_is_asked(process: Process, monkeypatch: pytest.MonkeyPatch) -> None:
    poller = await Poller.make(process)
    since = await process.say(poller.writer, poller.channel, "one")
    await poller.poll(since=since)

    async def broken(*_: Any, **__: Any) -> Any:
        raise OSError

    monkeypatch.setattr(process.container.redis, "execute_command", broken)
    assert await poller.found(since=since) == []
    await process.town.post(post_row(poller.writer, poller.channel, "two"))
    assert await poller.found(since=since) == ["two"]


async def _until_watching(process: Process, poller: Poller) -> None:
    """Return when the poll has looked and waits."""
    known = process.polls
    assert known is not None
    async with asyncio.timeout(30):
        while not ((polled := known._pairs.get((poller.agent, poller.channel))) and polled.watches):
            await asyncio.sleep(0.005)
        while not any(watch._event._waiters for watch in polled.watches):
            await asyncio.sleep(0.005)
