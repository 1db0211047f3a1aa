"""Which inbox events an agent is called for, how calls are taken and recorded, and what is withheld."""

import asyncio
import json
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest_asyncio

from claw.wire.ids import uuid7
from db.database import NOBODY, Scope
from db.repositories import calls, housekeeping, streams
from db.repositories.calls import AttemptRow, CallRow
from tests.conftest import Store
from tests.support.town import Town

_LEASE = timedelta(seconds=30)
_PAUSE = timedelta(seconds=3)


class Desk:
    """A worker's hands: what it plans, takes and records."""

    def __init__(self, store: Store, town: Town) -> None:
        self.store = store
        self.town = town

    async def sleeper(self, **config: Any) -> UUID:
        """An agent with a webhook."""
        agent = await self.town.agent()
        fields = {"webhook_url": "https://hook.example/", "webhook_secret_sealed": b"sealed", **config}
        names = ", ".join(fields)
        marks = ", ".join(f"${number}" for number in range(2, len(fields) + 2))
        await self.town.admin.execute(
            f"insert into agent_config (agent_id, {names}) values ($1, {marks})",  # noqa: S608
            agent,
            *fields.values(),
        )
        return agent

    async def plan(self, *agents: UUID) -> None:
        async with self.store.worker.connection() as connection:
            await calls.plan_calls(connection, sorted(agents))

    async def take(self, most: int = 10, *, capped: bool = True, lease: timedelta = _LEASE) -> list[CallRow]:
        async with self.store.worker.connection() as connection:
            taken, _ = await calls.claim_calls(
                connection, [uuid7() for _ in range(most)], lease=lease, pause=_PAUSE, capped=capped
            )
        return taken

    async def record(self, call: CallRow, outcome: str = "delivered", **fields: Any) -> str | None:
        given = {"status": 204, "problem": None, "again_in": None, "closed_for": timedelta(), **fields}
        row = AttemptRow(call.delivery_id, call.attempt, outcome, **given)
        async with self.store.worker.connection() as connection:
            (reason,) = await calls.record_calls(connection, [row])
        return reason

    async def pass_pause(self) -> None:
        """As if the time in which no call may begin were over."""
        await self.town.admin.execute("update webhook_endpoints set open_at = now(), due_at = least(due_at, now())")

    async def pass_time(self, **interval: int) -> None:
        """As if so much time had passed since everything here."""
        past = timedelta(**interval)
        await self.town.admin.execute(
            "update webhook_deliveries set created_at = created_at - $1::interval,"
            " next_attempt_at = next_attempt_at - $1::interval",
            past,
        )
        await self.town.admin.execute(
            "update webhook_endpoints set due_at = due_at - $1::interval, open_at = open_at - $1::interval,"
            " busy_until = busy_until - $1::interval, failing_since = failing_since - $1::interval",
            past,
        )

    async def wakes(self, agent: UUID) -> list[str | None]:
        rows = await self.town.admin.fetch("select wake from inbox_events where agent_id = $1 order by seq", agent)
        return [row[0] for row in rows]

    async def undecided(self) -> set[UUID]:
        async with self.store.worker.connection() as connection:
            return {row.agent_id for row in await calls.list_undecided(connection, limit=100)}

    async def disabled(self, agent: UUID) -> bool:
        statement = "select webhook_disabled_at is not null from agent_config where agent_id = $1"
        return bool(await self.town.admin.fetchval(statement, agent))


@pytest_asyncio.fixture
async def desk(store: Store, town: Town) -> Desk:
    return Desk(store, town)


def _seqs(call: CallRow) -> list[int]:
    return [json.loads(frame)["seq"] for frame in call.frames]


async def _mention(town: Town, author: UUID, room: UUID, agent: UUID, times: int = 1) -> list[UUID]:
    return [await town.say(author, room, f"@{town.names[agent]} {number}") for number in range(times)]


async def _scene(desk: Desk, **config: Any) -> tuple[UUID, UUID, UUID]:
    """An author, a room, and a sleeper in it."""
    author, agent = await desk.town.agent(), await desk.sleeper(**config)
    return author, await desk.town.room(author, agent), agent


async def test_the_first_event_leaves_at_once_and_the_next_share_a_call(desk: Desk, town: Town) -> None:
    author, room, agent = await _scene(desk)
    await _mention(town, author, room, agent)
    assert await desk.undecided() == {agent}
    await desk.plan(agent)
    (first,) = await desk.take()
    assert (first.kind, first.event_type, first.attempt, _seqs(first)) == ("wake", "mention.received", 1, [1])
    await _mention(town, author, room, agent, 2)
    await desk.plan(agent)
    assert await desk.take() == []
    await desk.record(first)
    # Not within three seconds of the beginning of the last one either.
    await desk.plan(agent)
    assert await desk.take() == []
    await desk.pass_pause()
    (second,) = await desk.take()
    assert _seqs(second) == [2, 3]
    assert await desk.wakes(agent) == ["delivered", "called", "called"]
    await desk.record(second)
    await desk.pass_pause()
    assert await desk.take() == []
    assert await desk.undecided() == set()


async def test_two_workers_never_take_the_same_call(desk: Desk, town: Town) -> None:
    author = await town.agent()
    agents = [await desk.sleeper() for _ in range(20)]
    room = await town.room(author, *agents)
    for agent in agents:
        await _mention(town, author, room, agent)
    await asyncio.gather(desk.plan(*agents), desk.plan(*agents))
    taken = [call for part in await asyncio.gather(*[desk.take(5) for _ in range(8)]) for call in part]
    while more := await desk.take(5):
        taken += more
    assert sorted(call.agent_id for call in taken) == sorted(agents)


async def test_a_call_that_nobody_recorded_is_made_again_with_its_id_and_its_events(desk: Desk, town: Town) -> None:
    author, room, agent = await _scene(desk)
    await _mention(town, author, room, agent)
    await desk.plan(agent)
    (lost,) = await desk.take()
    await _mention(town, author, room, agent)
    await desk.plan(agent)
    assert await desk.take() == []
    await desk.pass_time(seconds=31)
    (again,) = await desk.take()
    assert (again.delivery_id, again.attempt, again.frames) == (lost.delivery_id, 2, lost.frames)
    assert again.occurred_at == lost.occurred_at


async def test_what_was_acknowledged_is_not_called_for(desk: Desk, town: Town) -> None:
    author, room, agent = await _scene(desk)
    await _mention(town, author, room, agent, 3)
    await desk.plan(agent)
    async with desk.store.gateway.connection() as connection:
        await connection.execute("select app.acknowledge($1, 2)", agent)
    (call,) = await desk.take()
    assert _seqs(call) == [3]
    assert await desk.wakes(agent) == [None, None, "called"]
    assert await desk.undecided() == set()


async def test_who_cannot_be_called_is_noted_and_never_looked_at_again(desk: Desk, town: Town) -> None:
    author = await town.agent()
    bare = await town.agent()
    off = await desk.sleeper()
    suspended = await desk.sleeper()
    await town.admin.execute("update agent_config set webhook_disabled_at = now() where agent_id = $1", off)
    room = await town.room(author, bare, off, suspended)
    for agent in (bare, off, suspended):
        await _mention(town, author, room, agent)
    await town.admin.execute("update agents set status = 'suspended' where id = $1", suspended)
    await desk.plan(bare, off, suspended)
    assert await desk.take() == []
    assert [await desk.wakes(agent) for agent in (bare, off, suspended)] == [["none"]] * 3
    assert await desk.undecided() == set()


async def test_only_wanted_types_and_no_notices_wake(desk: Desk, town: Town) -> None:
    author, room, agent = await _scene(desk, webhook_events='["dm.received"]')
    await _mention(town, author, room, agent, 2)
    letter = await town.friends(author, agent)
    async with desk.store.worker.acting(NOBODY) as connection:
        await streams.append_inbox(connection, agent, "notice", head=b'{"op":"notice","seq":', tail=b"}")
    await town.say(author, letter, "hello")
    await desk.plan(agent)
    (call,) = await desk.take()
    assert (call.event_type, _seqs(call)) == ("dm.received", [4])
    assert await desk.wakes(agent) == ["withheld", "withheld", None, "called"]
    assert await desk.undecided() == set()


async def test_a_block_after_the_message_withholds_the_call(desk: Desk, town: Town) -> None:
    author, room, agent = await _scene(desk)
    friendly = await town.agent()
    server = await town.admin.fetchval("select server_id from channels where id = $1", room)
    await town.join(server, friendly)
    await _mention(town, author, room, agent)
    await _mention(town, friendly, room, agent)
    await town.block(agent, author)
    await desk.plan(agent)
    (call,) = await desk.take()
    assert _seqs(call) == [2]
    assert await desk.wakes(agent) == ["withheld", "called"]


async def test_beyond_the_budget_events_wait_and_leave_together_when_there_is_room_again(
    desk: Desk, town: Town
) -> None:
    author, room, agent = await _scene(desk, max_inbound_wakes_per_hour=2)
    for seq in (1, 2):
        await _mention(town, author, room, agent)
        await desk.plan(agent)
        (call,) = await desk.take()
        assert _seqs(call) == [seq]
        await desk.record(call)
        await desk.pass_pause()
    for _ in range(2):
        await _mention(town, author, room, agent)
        await desk.plan(agent)
        assert await desk.take() == []
    assert await desk.wakes(agent) == ["delivered", "delivered", "withheld", "withheld"]
    assert await desk.undecided() == set()
    await desk.pass_time(minutes=61)
    (call,) = await desk.take()
    assert _seqs(call) == [3, 4]


async def test_a_budget_of_nothing_withholds_all_and_without_limits_none_counts(desk: Desk, town: Town) -> None:
    author, room, agent = await _scene(desk, max_inbound_wakes_per_hour=0)
    await _mention(town, author, room, agent)
    await desk.plan(agent)
    assert await desk.take() == []
    assert await desk.wakes(agent) == ["withheld"]
    await desk.plan(agent)
    (call,) = await desk.take(capped=False)
    assert _seqs(call) == [1]


async def test_a_big_backlog_leaves_in_calls_of_bounded_size(desk: Desk, town: Town) -> None:
    author, room, agent = await _scene(desk)
    await _mention(town, author, room, agent, 120)
    for _ in range(6):
        await town.say(author, room, f"@{town.names[agent]} {'x' * 7_900}" * 1)
    seqs: list[int] = []
    sizes = []
    for _ in range(10):
        await desk.plan(agent)
        await desk.pass_pause()
        for call in await desk.take(capped=False):
            seqs += _seqs(call)
            sizes.append((len(call.frames), sum(map(len, call.frames))))
            await desk.record(call)
    assert seqs == list(range(1, 127))
    assert sizes[0][0] == 100
    assert all(count == 1 or size <= 200_000 for count, size in sizes)


async def _failed(desk: Desk, call: CallRow, **again: int) -> str | None:
    wait = timedelta(**again) if again else None
    return await desk.record(call, "failed", status=503, again_in=wait)


async def test_a_failed_call_is_tried_again_when_its_time_has_come_and_holds_up_no_other(
    desk: Desk, town: Town
) -> None:
    author, room, agent = await _scene(desk)
    await _mention(town, author, room, agent)
    await desk.plan(agent)
    (first,) = await desk.take()
    await _failed(desk, first, minutes=5)
    await desk.pass_pause()
    assert await desk.take() == []
    await _mention(town, author, room, agent)
    await desk.plan(agent)
    (second,) = await desk.take()
    assert _seqs(second) == [2]
    await desk.record(second)
    await desk.pass_time(minutes=5)
    (again,) = await desk.take()
    assert (again.delivery_id, again.attempt, _seqs(again)) == (first.delivery_id, 2, [1])


async def test_an_endpoint_that_asks_for_quiet_is_left_alone(desk: Desk, town: Town) -> None:
    author, room, agent = await _scene(desk)
    await _mention(town, author, room, agent)
    await desk.plan(agent)
    (call,) = await desk.take()
    await desk.record(call, "failed", status=429, again_in=timedelta(hours=1), closed_for=timedelta(hours=1))
    await _mention(town, author, room, agent)
    await desk.pass_time(minutes=50)
    await desk.plan(agent)
    assert await desk.take() == []
    await desk.pass_time(minutes=11)
    await desk.plan(agent)
    assert len(await desk.take()) == 1


async def test_an_endpoint_that_is_gone_is_switched_off_with_all_that_waits(desk: Desk, town: Town) -> None:
    author, room, agent = await _scene(desk)
    await _mention(town, author, room, agent)
    await desk.plan(agent)
    (first,) = await desk.take()
    await _failed(desk, first, minutes=5)
    await _mention(town, author, room, agent)
    await desk.pass_pause()
    await desk.plan(agent)
    (second,) = await desk.take()
    assert await desk.record(second, "gone", status=410) == "gone"
    assert await desk.disabled(agent)
    rows = await town.admin.fetch("select state, next_attempt_at from webhook_deliveries")
    assert [tuple(row) for row in rows] == [("failed", None)] * 2
    await desk.pass_time(hours=2)
    assert await desk.take() == []
    # Told once, however many calls were under way.
    assert await desk.record(second, "gone", status=410) is None


async def test_giving_a_call_up_switches_off_only_what_has_failed_for_a_day(desk: Desk, town: Town) -> None:
    author, room, agent = await _scene(desk)
    await _mention(town, author, room, agent)
    await desk.plan(agent)
    (call,) = await desk.take()
    assert await _failed(desk, call) is None
    assert not await desk.disabled(agent)
    await _mention(town, author, room, agent)
    await desk.plan(agent)
    await desk.pass_time(hours=25)
    (call,) = await desk.take()
    assert await _failed(desk, call) == "failing"
    assert await desk.disabled(agent)


async def test_a_success_ends_the_failing(desk: Desk, town: Town) -> None:
    author, room, agent = await _scene(desk)
    for outcome in ("failed", "delivered", "failed"):
        await _mention(town, author, room, agent)
        await desk.plan(agent)
        (call,) = await desk.take()
        assert await desk.record(call, outcome) is None
        await desk.pass_time(hours=20)
    assert not await desk.disabled(agent)


async def test_words_that_were_deleted_are_in_no_later_attempt(desk: Desk, town: Town) -> None:
    author, room, agent = await _scene(desk)
    (message,) = await _mention(town, author, room, agent)
    await desk.plan(agent)
    (first,) = await desk.take()
    assert json.loads(first.frames[0])["message"]["content"]
    await _failed(desk, first, seconds=5)
    row = await town.admin.fetchrow("select channel_id, seq, created_at from messages where id = $1", message)
    assert row is not None
    await town.admin.execute("select app.scrub_message($1, $2, $3, $4, now())", message, *row)
    await desk.pass_time(seconds=6)
    (again,) = await desk.take()
    assert again.delivery_id == first.delivery_id
    assert json.loads(again.frames[0])["message"]["content"] == ""


async def _queue(store: Store, agent: UUID, delivery: UUID, *, test: bool) -> str:
    async with store.api.acting(Scope(agent=agent)) as connection:
        return await calls.queue_call(connection, delivery, test=test)


async def _log(store: Store, agent: UUID) -> Sequence[calls.DeliveryLogRow]:
    async with store.api.acting(Scope(agent=agent)) as connection:
        return await calls.list_deliveries(connection, agent, before=None, limit=10)


async def test_a_delivery_can_be_repeated_by_its_agent_alone(desk: Desk, town: Town, store: Store) -> None:
    author, room, agent = await _scene(desk)
    other = await desk.sleeper()
    await _mention(town, author, room, agent)
    await desk.plan(agent)
    (call,) = await desk.take()
    await desk.record(call)
    assert await _queue(store, other, call.delivery_id, test=False) == "not_found"
    assert await _queue(store, author, call.delivery_id, test=False) == "uncallable"
    assert await _queue(store, agent, call.delivery_id, test=False) == "done"
    (again,) = await desk.take()
    assert (again.delivery_id, again.attempt, again.frames) == (call.delivery_id, 1, call.frames)
    # Meanwhile it stays what it was for those who ask for the events.
    assert await desk.wakes(agent) == ["delivered"]
    await desk.record(again)
    (row,) = await _log(store, agent)
    assert (row.state, row.attempts, row.first_seq, row.last_seq, row.last_status) == ("delivered", 1, 1, 1, 204)


async def test_a_test_is_a_call_without_events_that_costs_no_budget(desk: Desk, town: Town, store: Store) -> None:
    author, room, agent = await _scene(desk, max_inbound_wakes_per_hour=1)
    assert await _queue(store, agent, uuid7(), test=True) == "done"
    (call,) = await desk.take()
    assert (call.kind, call.event_type, call.frames) == ("test", "webhook.test", [])
    await desk.record(call)
    await _mention(town, author, room, agent)
    await desk.plan(agent)
    await desk.pass_pause()
    assert len(await desk.take()) == 1


async def test_a_new_endpoint_is_probed_and_the_outcome_is_only_noted(desk: Desk, town: Town, store: Store) -> None:
    agent = await desk.sleeper()
    for is_checked in (True, False, None):
        async with store.api.acting(Scope(agent=agent)) as connection:
            await calls.configure_calls(connection, probe_id=uuid7())
        (call,) = await desk.take()
        assert (call.kind, call.event_type) == ("probe", "webhook.probe")
        assert await desk.record(call, "failed", status=410, is_checked=is_checked) is None
        statement = "select webhook_signature_checked from agent_config where agent_id = $1"
        assert await town.admin.fetchval(statement, agent) is is_checked
        assert not await desk.disabled(agent)


async def test_old_deliveries_are_swept_but_not_what_is_pending(desk: Desk, town: Town, store: Store) -> None:
    author, room, agent = await _scene(desk)
    await _mention(town, author, room, agent)
    await desk.plan(agent)
    (done,) = await desk.take()
    await desk.record(done)
    await _mention(town, author, room, agent)
    await desk.plan(agent)
    await desk.pass_pause()
    (pending,) = await desk.take()
    await town.admin.execute("update webhook_deliveries set created_at = now() - interval '31 days'")
    async with store.worker.connection() as connection:
        await housekeeping.sweep(connection)
    assert [row.id for row in await _log(store, agent)] == [pending.delivery_id]
    assert (await desk.wakes(agent))[0] == "delivered"
