"""The queue of jobs: what is queued is done once, whoever dies, and followers hear of joins by it."""

import asyncio
import json
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import UUID

import pytest

from claw.wire.ids import Prefix, encode_id
from core.jobs import Done, Handler, Job, JobRunner, enqueue
from core.join_notices import TellFollowers
from core.request_id import REQUEST_ID
from core.work import HANDLERS
from db.database import Connection, Scope
from db.roles import Role, role_url
from tests.conftest import Store
from tests.support.town import Town

_WORKER = Path(__file__).parents[2] / "support" / "job_worker.py"
_JOBS = "select kind, attempts, failed_at is not null as given_up, run_at > now() as later from jobs order by id"
_NOTICES = "select agent_id, convert_from(frame, 'UTF8') as frame from inbox_events where kind = 'notice'"


class Count(Job, frozen=True, kw_only=True, tag="count"):
    """Done as often as `times` says."""

    times: int = 1


class Elsewhere(Job, frozen=True, kw_only=True, tag="elsewhere"):
    """Nobody here knows how."""


def _runner(store: Store, **handlers: Handler) -> JobRunner:
    return JobRunner(store.worker, {Count: handlers["count"]} if handlers else HANDLERS, lambda _: None)


async def _queue(store: Store, *jobs: Job) -> None:
    async with store.api.acting(Scope()) as connection:
        for job in jobs:
            await enqueue(connection, job)


async def _work(runner: JobRunner) -> int:
    done = 0
    while await runner.run_one():
        done += 1
    return done


async def _jobs(town: Town) -> list[tuple[object, ...]]:
    return [tuple(row) for row in await town.admin.fetch(_JOBS)]


async def _followed(town: Town, count: int) -> tuple[UUID, list[UUID]]:
    """An agent with so many followers, who come in the order in which they are told."""
    agent, *followers = await town.agents(count + 1)
    for follower in followers:
        await town.admin.execute("insert into agent_follows values ($1, $2)", follower, agent)
    return agent, sorted(followers)


async def _joined(town: Town, store: Store, agent: UUID, *, public: bool = True) -> UUID:
    """A server that the agent is in, and the job that tells so."""
    server = await town.server(await town.agent(), agent, public=public)
    await _queue(store, TellFollowers(agent=agent, username=town.names[agent], server=server))
    return server


async def _told(town: Town) -> Counter[UUID]:
    return Counter(row["agent_id"] for row in await town.admin.fetch(_NOTICES))


@asynccontextmanager
async def _worker(store: Store) -> AsyncIterator[asyncio.subprocess.Process]:
    url = role_url(store.admin_url, Role.WORKER, store.keys_dir)
    process = await asyncio.create_subprocess_exec(sys.executable, "-P", str(_WORKER), url)
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def test_what_is_queued_is_done_once_and_gone(town: Town, store: Store) -> None:
    done: list[int] = []

    async def count(_: Connection, job: Count) -> Done:
        done.append(job.times)
        return Done()

    await _queue(store, Count(times=1), Count(times=2))
    assert await _work(_runner(store, count=count)) == 2
    assert done == [1, 2]
    assert await _jobs(town) == []


async def test_a_job_is_queued_with_its_cause_or_not_at_all(town: Town, store: Store) -> None:
    async def cause_nothing() -> None:
        async with store.api.acting(Scope()) as connection:
            await enqueue(connection, Count())
            raise LookupError

    with pytest.raises(LookupError):
        await cause_nothing()
    assert await _jobs(town) == []


async def test_workers_share_the_jobs_and_none_waits_for_another(town: Town, store: Store) -> None:
    done: list[int] = []
    all_at_it = asyncio.Barrier(3)

    async def count(_: Connection, job: Count) -> Done:
        async with asyncio.timeout(30):
            await all_at_it.wait()
        done.append(job.times)
        return Done()

    await _queue(store, *[Count(times=number) for number in range(3)])
    runners = [_runner(store, count=count) for _ in range(3)]
    assert await asyncio.gather(*[runner.run_one() for runner in runners]) == [True] * 3
    assert sorted(done) == [0, 1, 2]
    assert await _jobs(town) == []


async def test_a_job_is_done_bite_by_bite(town: Town, store: Store) -> None:
    async def count(_: Connection, job: Count) -> Done:
        return Done(rest=Count(times=job.times - 1)) if job.times > 1 else Done()

    await _queue(store, Count(times=5))
    assert await _work(_runner(store, count=count)) == 5
    assert await _jobs(town) == []


async def test_a_job_that_fails_is_tried_again_later_and_given_up_in_the_end(town: Town, store: Store) -> None:
    async def count(connection: Connection, _: Count) -> Done:
        await connection.execute("update jobs set kind = 'done by half'")
        raise RuntimeError("this test wants it")

    runner = _runner(store, count=count)
    await _queue(store, Count())
    for attempt in range(1, 13):
        assert await _work(runner) == 1
        assert await _jobs(town) == [("count", attempt, attempt == 12, True)]
        await town.admin.execute("update jobs set run_at = now()")
    assert await _work(runner) == 0


async def test_one_failing_job_does_not_hold_up_the_others(town: Town, store: Store) -> None:
    async def count(connection: Connection, job: Count) -> Done:
        if job.times == 1:
            await connection.execute("select from nothing_of_that_name")
        return Done()

    await _queue(store, Count(times=1), Count(times=2))
    assert await _work(_runner(store, count=count)) == 2
    assert await _jobs(town) == [("count", 1, False, True)]


async def test_a_job_of_another_version_is_left_for_it(town: Town, store: Store) -> None:
    await _queue(store, Elsewhere())
    assert await _work(_runner(store)) == 0
    assert await _jobs(town) == [("elsewhere", 0, False, False)]


async def test_followers_hear_once_that_an_agent_joined_a_public_server(town: Town, store: Store) -> None:
    agent, followers = await _followed(town, 450)
    server = await _joined(town, store, agent)
    assert await _work(_runner(store)) == 3
    assert await _told(town) == Counter(followers)
    frames = [json.loads(row["frame"]) for row in await town.admin.fetch(_NOTICES)]
    wire_server = encode_id(Prefix.SERVER, server)
    assert frames == [
        {"op": "notice", "seq": 1, "kind": "joined", "agent": town.names[agent], "server": wire_server}
    ] * len(followers)
    # Who leaves and comes back the same day is told of once.
    await _queue(store, TellFollowers(agent=agent, username=town.names[agent], server=server))
    assert await _work(_runner(store)) == 1
    assert await _told(town) == Counter(followers)


@pytest.mark.parametrize("reason", ["private", "left", "banned"])
async def test_of_what_is_no_matter_for_the_public_nobody_hears(town: Town, store: Store, reason: str) -> None:
    agent, _ = await _followed(town, 2)
    server = await _joined(town, store, agent, public=reason != "private")
    if reason == "left":
        await town.admin.execute("delete from server_members where agent_id = $1", agent)
    if reason == "banned":
        await town.ban(server, agent)
    assert await _work(_runner(store)) == 1
    assert await _told(town) == Counter()


async def test_a_worker_killed_in_the_middle_has_told_nobody_twice(town: Town, store: Store) -> None:
    agent, followers = await _followed(town, 500)
    await _joined(town, store, agent)
    # It is stopped in the middle of its second bite, which waits for the last one's inbox.
    async with town.holding(followers[399]), _worker(store) as worker:
        async with asyncio.timeout(60):
            while not await _told(town):
                await asyncio.sleep(0.02)
        await town.until_waiting(1)
        worker.kill()
        await worker.wait()
    assert (await _told(town))[followers[0]] == 1
    async with _worker(store), asyncio.timeout(60):
        while await _jobs(town):
            await asyncio.sleep(0.05)
    assert await _told(town) == Counter(followers)


async def test_a_job_runs_in_the_name_of_the_request_that_queued_it(store: Store) -> None:
    seen = []

    async def count(connection: Connection, job: Count) -> Done:
        seen.append(REQUEST_ID.get())
        if job.times:
            await enqueue(connection, Count(times=job.times - 1))
        return Done()

    for request in ("request-1", None):
        REQUEST_ID.set(request)
        await _queue(store, Count(times=1))
    assert await _work(_runner(store, count=count)) == 4
    assert sorted(seen, key=str) == [None, None, "request-1", "request-1"]
    assert REQUEST_ID.get() is None
