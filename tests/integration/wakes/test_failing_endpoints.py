"""Endpoints that fail in every way, and a worker that is killed: nothing is lost, and a call keeps its id."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import asyncpg
import pytest_asyncio

from claw.wire.ids import Prefix, decode_id
from stack.embedded import EmbeddedPostgres
from tests.support.answers import assert_refused
from tests.support.bots import Crew
from tests.support.platform import Platform
from tests.support.sleepers import Sleeper, eventually, sleeper
from tests.support.webhooks import Receiver

if TYPE_CHECKING:
    Admin = asyncpg.Connection[asyncpg.Record]


@pytest_asyncio.fixture
async def admin(waking: Platform) -> AsyncIterator["Admin"]:
    url = EmbeddedPostgres(waking.data_dir).known_admin_url()
    assert url is not None
    connection = await asyncpg.connect(url)
    yield connection
    await connection.close()


async def _redelivered(asleep: Sleeper) -> None:
    """Ask for the last call once more, rather than wait for its time."""
    (last, *_) = await asleep.log()
    (await asleep.bot.http.post(f"/webhooks/deliveries/{last['id']}/redeliver")).raise_for_status()


async def test_a_failed_call_comes_again_with_the_same_id_and_bytes(crew: Crew, receiver: Receiver) -> None:
    asleep = await sleeper(crew, receiver, "204,503,204")
    message = await asleep.wake()
    first, again = await receiver.until(asleep.path, 2)
    assert (again.id, again.body) == (first.id, first.body)
    assert again.headers["webhook-timestamp"] != first.headers["webhook-timestamp"]
    (call,) = await eventually(asleep.log, lambda log: log[0]["state"] == "delivered")
    assert (call["attempts"], call["status"], call["next_attempt_at"]) == (2, 204, None)
    assert await asleep.reached(message) == "woken"


async def _fails_and_is_called_again(crew: Crew, receiver: Receiver, answer: str) -> None:
    asleep = await sleeper(crew, receiver, f"204,{answer},204")
    message = await asleep.wake()
    (call,) = await eventually(asleep.log, lambda log: log[:1] != [] and (log[0]["error"] or log[0]["status"]))
    assert (call["status"], call["error"] is None) == ((302, True) if answer == "redirect" else (None, False))
    assert call["next_attempt_at"] is not None
    assert [item["state"] for item in await asleep.inbox()] == ["waiting"]
    assert await asleep.reached(message) == "queued"
    await _redelivered(asleep)
    first, again = await receiver.until(asleep.path, 2)
    assert first.id == again.id


async def test_while_an_endpoint_fails_the_event_waits_and_everybody_can_see_it(crew: Crew, receiver: Receiver) -> None:
    answers = ("hang", "close", "garbage", "heads", "redirect")
    await asyncio.gather(*[_fails_and_is_called_again(crew, receiver, answer) for answer in answers])


async def test_a_hanging_endpoint_holds_up_nobody_else(crew: Crew, receiver: Receiver) -> None:
    hanging = await sleeper(crew, receiver, "204,hang")
    other = await sleeper(crew, receiver)
    await hanging.wake()
    await receiver.until(hanging.path, 1)
    await other.wake()
    await receiver.until(other.path, 1)


async def test_an_endpoint_that_is_gone_is_switched_off_and_its_agent_is_told(crew: Crew, receiver: Receiver) -> None:
    asleep = await sleeper(crew, receiver, "204,410,204")
    await asleep.wake()
    items = await eventually(asleep.inbox, lambda items: len(items) > 1)
    notice = {"op": "notice", "seq": 2, "state": "waiting", "kind": "webhook_disabled", "reason": "gone", "status": 410}
    assert items[1] == notice
    assert (await asleep.config())["webhook_disabled_at"] is not None
    assert_refused(await asleep.bot.http.post("/webhooks/test"), 409, "conflict")
    # Set again, it is used again.
    answer = await asleep.bot.http.patch("/agents/@me/config", json={"webhook_url": receiver.url(asleep.path)})
    assert answer.raise_for_status().json()["webhook_disabled_at"] is None
    await asleep.wake()
    await receiver.until(asleep.path, 2)


async def test_an_endpoint_that_has_failed_for_a_day_is_switched_off(
    crew: Crew, receiver: Receiver, admin: "Admin"
) -> None:
    asleep = await sleeper(crew, receiver, "204,500")
    await asleep.wake()
    await eventually(asleep.log, lambda log: log[:1] != [] and log[0]["status"] == 500)
    agent = decode_id(Prefix.AGENT, asleep.bot.agent_id)
    # As if seven attempts had failed since yesterday.
    await admin.execute(
        "update webhook_endpoints set failing_since = now() - interval '25 hours', due_at = now() where agent_id = $1",
        agent,
    )
    await admin.execute(
        "update webhook_deliveries set attempts = 7, next_attempt_at = now() where agent_id = $1 and state = 'pending'",
        agent,
    )
    items = await eventually(asleep.inbox, lambda items: len(items) > 1)
    assert (items[1]["kind"], items[1]["reason"], items[1]["status"]) == ("webhook_disabled", "failing", 500)
    (call,) = await asleep.log()
    assert (call["state"], call["attempts"]) == ("failed", 8)


async def _killed_worker(waking: Platform) -> None:
    pid = waking.pid_of("worker")
    assert pid is not None
    os.kill(pid, signal.SIGKILL)


async def test_a_killed_worker_loses_nothing_and_calls_again_under_the_same_id(
    crew: Crew, receiver: Receiver, waking: Platform, admin: "Admin"
) -> None:
    calling, recording = [await sleeper(crew, receiver, f"204,{answer},204") for answer in ("hang", "late:1")]
    await recording.wake()
    await receiver.until(recording.path, 1)
    async with admin.transaction():
        # What became of the call cannot be written while this is held.
        agent = decode_id(Prefix.AGENT, recording.bot.agent_id)
        await admin.execute("select from agent_config where agent_id = $1 for update", agent)
        await _until_locks_wait(admin, wanted=True)
        await calling.wake()
        await receiver.until(calling.path, 1)
        await _killed_worker(waking)
        # The server finishes what it was asked for last, whoever asked: it must have given up before the lock is free.
        await _until_locks_wait(admin, wanted=False)
    for asleep in (calling, recording):
        lost, again = await receiver.until(asleep.path, 2)
        assert (again.id, again.body) == (lost.id, lost.body)
        (call,) = await eventually(asleep.log, lambda log: log[0]["state"] == "delivered")
        assert call["attempts"] == 2


async def _until_locks_wait(admin: "Admin", *, wanted: bool) -> None:
    async with asyncio.timeout(30):
        while wanted != await admin.fetchval("select exists (select from pg_locks where not granted)"):
            await asyncio.sleep(0.05)
