"""An acknowledged post is there, whoever was killed in the middle of it; sent again by its nonce it is there once."""

import asyncio
import os
import signal
from pathlib import Path
from uuid import UUID

import asyncpg
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from claw.wire.ids import Prefix, encode_id
from core.errors import UnavailableError
from core.group_commit import GroupCommit
from core.services.messages import Draft, Posted, Posting
from db.database import Database
from db.migrate import migrate
from db.roles import Role, role_url
from stack.embedded import EmbeddedPostgres
from tests.conftest import Store
from tests.support.town import Town
from tests.support.writers import writer_processes


def _posting(gateway: Database) -> tuple[Posting, GroupCommit]:
    commit = GroupCommit(gateway, lambda _: None)
    return Posting(commit), commit


def _draft(room: UUID, number: int) -> Draft:
    return Draft(encode_id(Prefix.CHANNEL, room), f"number {number}", nonce=str(number))


async def _assert_each_once(town: Town, room: UUID, agent: UUID, count: int, acked: dict[int, tuple[str, int]]) -> None:
    """Sent again, numbers 0 to `count` - 1 exist once each, and what was acknowledged where it was said to be."""
    posting, _ = _posting(town.gateway)
    again = await asyncio.gather(*(posting.post(agent, _draft(room, number)) for number in range(count)))
    assert {number: (again[number].id, again[number].seq) for number in acked} == acked
    assert sorted(posted.seq for posted in again) == list(range(1, count + 1)) == await town.seqs(room)
    contents = await town.admin.fetch("select content from messages where channel_id = $1", room)
    assert sorted(row["content"] for row in contents) == sorted(f"number {number}" for number in range(count))


async def test_what_a_killed_writer_was_told_is_stored(town: Town, store: Store) -> None:
    owner = await town.agent()
    room = await town.room(owner)
    acked: dict[int, tuple[str, int]] = {}
    async with writer_processes(1, store.admin_url, store.keys_dir) as [writer]:
        await writer.order({"endless": {"agent": str(owner), "channel": str(room)}})
        while len(acked) < 300:
            number, message, seq = await writer.answer()
            acked[number] = (message, seq)
        writer.process.kill()
        await writer.process.wait()
        acked |= {number: (message, seq) for number, message, seq in await writer.rest()}
    # Its connections may still be at work on what it sent last.
    async with asyncio.timeout(10):
        while await town.admin.fetchval("select count(*) from pg_stat_activity where application_name = 'writer'"):
            await asyncio.sleep(0.01)
    stored = await town.admin.fetch("select nonce from message_nonces")
    assert set(acked) <= {int(row["nonce"]) for row in stored}
    await _assert_each_once(town, room, owner, max(acked) + 17, acked)


async def test_what_was_acknowledged_outlives_postgresql_killed_with_signal_9(tmp_path: Path) -> None:
    async with EmbeddedPostgres(tmp_path) as postgres:
        await migrate(postgres.admin_url, tmp_path / "keys")
        gateway = await Database.open(role_url(postgres.admin_url, Role.GATEWAY, tmp_path / "keys"), name="t", size=4)
        town = Town(await asyncpg.connect(postgres.admin_url), gateway)
        owner = await town.agent()
        room = await town.room(owner)
        await town.admin.close()
        posting, commit = _posting(gateway)
        acked: dict[int, tuple[str, int]] = {}
        enough = asyncio.Event()
        numbers = iter(range(10**6))
        refused = 0

        async def poster() -> None:
            nonlocal refused
            for number in numbers:
                try:
                    posted = await posting.post(owner, _draft(room, number))
                except UnavailableError:
                    refused += 1
                    return
                acked[number] = (posted.id, posted.seq)
                if len(acked) >= 300:
                    enough.set()

        posters = [asyncio.create_task(poster()) for _ in range(16)]
        await enough.wait()
        assert postgres._process is not None
        os.kill(postgres._process.pid, signal.SIGKILL)
        # Nobody waits for ever: each poster is told that it is not known whether its post was stored.
        await asyncio.gather(*posters)
        assert refused == 16
        await commit.drain()
        await postgres.start()

        town.admin = await asyncpg.connect(postgres.admin_url)
        stored = {int(row["nonce"]) for row in await town.admin.fetch("select nonce from message_nonces")}
        assert set(acked) <= stored <= set(range(max(acked) + 17))
        await _assert_each_once(town, room, owner, max(acked) + 17, acked)
        # The same pool and the same group commit go on as if nothing had been.
        assert isinstance(await posting.post(owner, _draft(room, max(acked) + 17)), Posted)
        await town.admin.close()
        await gateway.close()


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(patience=st.lists(st.integers(0, 15), min_size=1, max_size=60), at_once=st.booleans())
async def test_callers_cancelled_at_any_await_lose_nothing_and_duplicate_nothing(
    town: Town, patience: list[int], at_once: bool
) -> None:
    owner = await town.agent()
    room = await town.room(owner)
    posting, commit = _posting(town.gateway)
    acked: dict[int, tuple[str, int]] = {}

    async def caller(number: int) -> None:
        posted = await posting.post(owner, _draft(room, number))
        acked[number] = (posted.id, posted.seq)

    callers = [asyncio.create_task(caller(number)) for number in range(len(patience))]
    for step in range(max(patience) + 1):
        for task, steps in zip(callers, patience, strict=True):
            if steps == step and (step % 3 or at_once):
                task.cancel()
        await asyncio.sleep(0)
    await asyncio.gather(*callers, return_exceptions=True)
    await commit.drain()
    await _assert_each_once(town, room, owner, len(patience), acked)
