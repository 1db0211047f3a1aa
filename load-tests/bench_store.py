"""Acknowledged posts a second through the service, beside bare inserts, in one run on one server. See README.md.

Each contender has a process of its own with its connections open; the rounds are interleaved, one contender at a time.
"""

import asyncio
import itertools
import json
import multiprocessing
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from multiprocessing.connection import Connection as Pipe
from pathlib import Path
from typing import Any, Final, NamedTuple
from uuid import UUID

import asyncpg
import uvloop

from claw.wire.ids import Prefix, encode_id, uuid7
from core.clock import now
from core.events import author_card
from core.group_commit import GroupCommit
from core.services.messages import Draft, Posting
from db.database import Database
from db.migrate import migrate
from db.roles import Role, role_url
from stack.embedded import EmbeddedPostgres

_ROUNDS: Final = 3
_SECONDS: Final = 1.5
_WARM_UP_S: Final = 0.3
_AGENTS: Final = 1_024
_CHANNELS: Final = 50
_BATCH: Final = 1_000
_CONTENT: Final = "Hello bots: this is a message of an ordinary length, of some hundred characters, as rooms see them."

_BARE_CONNECTIONS: Final = (1, 16, 64, 90)
_POSTERS: Final = ((1, 1), (64, 1), (1_024, 1), (64, _CHANNELS), (1_024, _CHANNELS))

_TABLES: Final = """
create table bare_posts (like messages including defaults);
alter table bare_posts add primary key (id);
create table bare_messages (like messages including defaults including indexes);
create table bare_events (like events including defaults including indexes);
"""
_INSERT_ONE: Final = """
insert into bare_posts (id, channel_id, seq, agent_id, content, content_type, created_at)
values ($1, $2, $3, $4, $5, 'text', $6)
"""
_INSERT_MANY: Final = """
with rows as (
    select * from unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::uuid[], $5::text[], $6::timestamptz[], $7::bytea[])
        q (id, channel, seq, agent, content, at, frame)
), stored as (
    insert into bare_messages (id, channel_id, seq, agent_id, content, content_type, created_at)
    select id, channel, seq, agent, content, 'text', at from rows
)
insert into bare_events (stream_id, seq, created_at, frame) select channel, seq, at, frame from rows
"""


class Place(NamedTuple):
    """Where the contenders meet."""

    admin_url: str
    keys_dir: Path
    agents: list[UUID]
    channels: list[UUID]


class Result(NamedTuple):
    """What one case gave in one round: acknowledged posts, seconds, and the time of each post where it was taken."""

    posts: int
    seconds: float
    latencies: Sequence[float] = ()

    @property
    def rate(self) -> float:
        """Posts a second."""
        return self.posts / self.seconds


Case = Callable[..., Awaitable[Result]]


async def _closed_loop(count: int, post: Callable[[int], Awaitable[object]]) -> Result:
    """`count` posters, each posting again as soon as it was acknowledged; what the time after the warm-up gave."""
    opens = time.perf_counter() + _WARM_UP_S
    closes = opens + _SECONDS
    latencies: list[float] = []

    async def poster(number: int) -> None:
        while (begun := time.perf_counter()) < closes:
            await post(number)
            ended = time.perf_counter()
            if opens <= begun and ended <= closes:
                latencies.append(ended - begun)

    await asyncio.gather(*(poster(number) for number in range(count)))
    return Result(len(latencies), _SECONDS, latencies)


async def _service(place: Place, stack: AsyncExitStack) -> Case:
    url = role_url(place.admin_url, Role.GATEWAY, place.keys_dir)
    database = await Database.open(url, name="bench", size=4)
    stack.push_async_callback(database.close)
    commit = GroupCommit(database, lambda _events: None)
    posting = Posting(commit)
    channels = [encode_id(Prefix.CHANNEL, channel) for channel in place.channels]

    async def case(posters: int, spread: int) -> Result:
        return await _closed_loop(
            posters, lambda number: posting.post(place.agents[number], Draft(channels[number % spread], _CONTENT))
        )

    return case


async def _bare(place: Place, stack: AsyncExitStack) -> Case:
    connections = [await asyncpg.connect(place.admin_url) for _ in range(max(_BARE_CONNECTIONS))]
    for connection in connections:
        stack.push_async_callback(connection.close)
    statements = [await connection.prepare(_INSERT_ONE) for connection in connections]
    seqs = itertools.count(1)

    async def case(count: int) -> Result:
        return await _closed_loop(
            count,
            lambda number: statements[number].fetch(
                uuid7(), place.channels[0], next(seqs), place.agents[number], _CONTENT, now()
            ),
        )

    return case


async def _bulk(place: Place, stack: AsyncExitStack) -> Case:
    connection = await asyncpg.connect(place.admin_url)
    stack.push_async_callback(connection.close)
    statement = await connection.prepare(_INSERT_MANY)
    seqs = itertools.count(1)
    frame = b'{"op":"message",%b}' % (_CONTENT.encode() * 5)[:430]

    async def case() -> Result:
        # Only the statement is timed: making the rows is not what is compared.
        posts, seconds = 0, 0.0
        closes = time.perf_counter() + _WARM_UP_S + _SECONDS
        while time.perf_counter() < closes:
            numbers = [next(seqs) for _ in range(_BATCH)]
            rows = (
                [uuid7() for _ in numbers],
                [place.channels[0]] * _BATCH,
                numbers,
                [place.agents[number % _AGENTS] for number in numbers],
                [_CONTENT] * _BATCH,
                [now()] * _BATCH,
                [frame] * _BATCH,
            )
            begun = time.perf_counter()
            await statement.fetch(*rows)
            seconds += time.perf_counter() - begun
            posts += _BATCH
        return Result(posts, seconds)

    return case


_CONTENDERS: Final = {"service": _service, "bare": _bare, "bulk": _bulk}


def _contend(name: str, place: Place, pipe: Pipe) -> None:
    """The life of a contender's process: open, then a case for each order until there are no more."""

    async def run() -> None:
        async with AsyncExitStack() as stack:
            case = await _CONTENDERS[name](place, stack)
            while (order := pipe.recv()) is not None:
                pipe.send(await case(*order))

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run())


async def _furnish(admin_url: str, keys_dir: Path) -> Place:
    await migrate(admin_url, keys_dir)
    agents, channels, server = [uuid7() for _ in range(_AGENTS)], [uuid7() for _ in range(_CHANNELS)], uuid7()
    names = [f"poster-{number}" for number in range(_AGENTS)]
    cards = [author_card(agent, name, None, None) for agent, name in zip(agents, names, strict=True)]
    connection = await asyncpg.connect(admin_url)
    await connection.execute(
        "insert into agents (id, username, public_key, status, card)"
        " select id, name, repeat('a', 44), 'verified', card"
        " from unnest($1::uuid[], $2::text[], $3::bytea[]) q (id, name, card)",
        agents,
        names,
        cards,
    )
    await connection.execute(
        "insert into servers (id, name, owner_agent_id, max_members) values ($1, 'bench', $2, 5000)", server, agents[0]
    )
    await connection.execute(
        "insert into server_members (server_id, agent_id) select $1, id from unnest($2::uuid[]) id", server, agents
    )
    await connection.execute(
        "insert into channels (id, server_id, name) select id, $1, 'room' from unnest($2::uuid[]) id", server, channels
    )
    await connection.execute(_TABLES)
    await connection.close()
    return Place(admin_url, keys_dir, agents, channels)


async def _measure(place: Place) -> dict[tuple[Any, ...], list[Result]]:
    context = multiprocessing.get_context("spawn")
    pipes: dict[str, Any] = {}
    processes = []
    for name in _CONTENDERS:
        pipes[name], theirs = context.Pipe()
        processes.append(context.Process(target=_contend, args=(name, place, theirs), daemon=True))
        processes[-1].start()
        theirs.close()
    cases: list[tuple[Any, ...]] = [
        *(("service", *case) for case in _POSTERS),
        *(("bare", count) for count in _BARE_CONNECTIONS),
        ("bulk",),
    ]
    results: dict[tuple[Any, ...], list[Result]] = {case: [] for case in cases}
    connection = await asyncpg.connect(place.admin_url)
    for number in range(_ROUNDS):
        await connection.execute("checkpoint")
        for case in cases[number:] + cases[:number]:
            pipe = pipes[case[0]]
            pipe.send(case[1:])
            results[case].append(await asyncio.to_thread(pipe.recv))
    for pipe in pipes.values():
        pipe.send(None)
    for process in processes:
        await asyncio.to_thread(process.join)
    gaps = await connection.fetchval(
        "select count(*) from (select m.channel_id from messages m join streams s on s.id = m.channel_id"
        " group by m.channel_id, s.head having count(*) <> s.head or max(m.seq) <> s.head) g"
    )
    stored = await connection.fetchval("select count(*) from messages")
    await connection.close()
    counted = sum(result.posts for case, each in results.items() if case[0] == "service" for result in each)
    assert gaps == 0, f"{gaps} channels with gaps"
    assert stored >= counted, f"{counted} acknowledged, {stored} stored"
    return results


def _report(results: dict[tuple[Any, ...], list[Result]]) -> dict[str, float]:
    rates = {case: statistics.median(result.rate for result in each) for case, each in results.items()}
    best = max((case for case in rates if case[0] == "bare"), key=lambda case: rates[case])
    bare, bulk = rates[best], rates[("bulk",)]
    lone = {name: sorted(time for each in results[case] for time in each.latencies)
            for name, case in (("service", ("service", 1, 1)), ("bare", ("bare", 1)))}  # fmt: skip
    p50 = {name: times[len(times) // 2] for name, times in lone.items()}
    p99 = {name: times[len(times) * 99 // 100] for name, times in lone.items()}
    print(f"(a) one INSERT and commit a post, best at {best[1]} connections: {bare:,.0f} posts/s")
    print(f"(b) multi-row INSERT of {_BATCH} rows:                     {bulk:,.0f} posts/s\n")
    print("posters  channels    posts/s   of (a)   of (b)")
    for _, posters, spread in [case for case in rates if case[0] == "service"]:
        rate = rates[("service", posters, spread)]
        print(f"{posters:7,}  {spread:8}  {rate:9,.0f}  {rate / bare:6.2f}x  {rate / bulk:6.2f}x")
    print("\none poster     p50 ms   p99 ms")
    for name in ("service", "bare"):
        print(f"{name:10}  {p50[name] * 1e3:9.3f}  {p99[name] * 1e3:7.3f}")
    figures = {
        "posts_64_of_a": rates[("service", 64, 1)] / bare,
        "posts_1024_of_a": rates[("service", 1_024, 1)] / bare,
        "posts_1024_of_b": rates[("service", 1_024, 1)] / bulk,
        "spread_1024_of_a": rates[("service", 1_024, _CHANNELS)] / bare,
        "spread_1024_of_b": rates[("service", 1_024, _CHANNELS)] / bulk,
        "p50_one_of_a": p50["service"] / p50["bare"],
        "p99_one_of_a": p99["service"] / p99["bare"],
    }
    print(f"ratio of p50: {figures['p50_one_of_a']:.2f}, of p99: {figures['p99_one_of_a']:.2f}")
    return {name: round(value, 3) for name, value in figures.items()}


async def _main() -> None:
    with tempfile.TemporaryDirectory(prefix="molt-bench-") as scratch:
        data_dir = Path(scratch)
        async with EmbeddedPostgres(data_dir) as postgres:
            results = await _measure(await _furnish(postgres.admin_url, data_dir / "keys"))
    figures = _report(results)
    rates = {" ".join(map(str, case)): round(statistics.median(r.rate for r in each)) for case, each in results.items()}
    print(json.dumps({"bench": "store", "python": sys.version.split()[0], **figures, "posts_per_s": rates}))


if __name__ == "__main__":
    asyncio.run(_main())
