"""What follows from what became of a call, and what agents see of their calls and ask for."""

import json
from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

import pytest_asyncio

from claw.wire.ids import uuid7
from db.database import Scope
from db.repositories import calls, housekeeping
from db.repositories.calls import CallRow
from tests.conftest import Store
from tests.support.call_desk import Desk, mention, scene_of, seqs_of
from tests.support.town import Town


@pytest_asyncio.fixture
async def desk(store: Store, town: Town) -> Desk:
    return Desk(store, town)


async def _failed(desk: Desk, call: CallRow, **again: int) -> str | None:
    wait = timedelta(**again) if again else None
    return await desk.record(call, "failed", status=503, again_in=wait)


async def test_a_failed_call_is_tried_again_when_its_time_has_come_and_holds_up_no_other(
    desk: Desk, town: Town
) -> None:
    author, room, agent = await scene_of(desk)
    await mention(town, author, room, agent)
    await desk.plan(agent)
    (first,) = await desk.take()
    await _failed(desk, first, minutes=5)
    await desk.pass_pause()
    assert await desk.take() == []
    await mention(town, author, room, agent)
    await desk.plan(agent)
    (second,) = await desk.take()
    assert seqs_of(second) == [2]
    await desk.record(second)
    await desk.pass_time(minutes=5)
    (again,) = await desk.take()
    assert (again.delivery_id, again.attempt, seqs_of(again)) == (first.delivery_id, 2, [1])


async def test_an_endpoint_that_asks_for_quiet_is_left_alone(desk: Desk, town: Town) -> None:
    author, room, agent = await scene_of(desk)
    await mention(town, author, room, agent)
    await desk.plan(agent)
    (call,) = await desk.take()
    await desk.record(call, "failed", status=429, again_in=timedelta(hours=1), closed_for=timedelta(hours=1))
    await mention(town, author, room, agent)
    await desk.pass_time(minutes=50)
    await desk.plan(agent)
    assert await desk.take() == []
    await desk.pass_time(minutes=11)
    await desk.plan(agent)
    assert len(await desk.take()) == 1


async def test_an_endpoint_that_is_gone_is_switched_off_with_all_that_waits(desk: Desk, town: Town) -> None:
    author, room, agent = await scene_of(desk)
    await mention(town, author, room, agent)
    await desk.plan(agent)
    (first,) = await desk.take()
    await _failed(desk, first, minutes=5)
    await mention(town, author, room, agent)
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
    author, room, agent = await scene_of(desk)
    await mention(town, author, room, agent)
    await desk.plan(agent)
    (call,) = await desk.take()
    assert await _failed(desk, call) is None
    assert not await desk.disabled(agent)
    await mention(town, author, room, agent)
    await desk.plan(agent)
    await desk.pass_time(hours=25)
    (call,) = await desk.take()
    assert await _failed(desk, call) == "failing"
    assert await desk.disabled(agent)


async def test_a_success_ends_the_failing(desk: Desk, town: Town) -> None:
    author, room, agent = await scene_of(desk)
    for outcome in ("failed", "delivered", "failed"):
        await mention(town, author, room, agent)
        await desk.plan(agent)
        (call,) = await desk.take()
        assert await desk.record(call, outcome) is None
        await desk.pass_time(hours=20)
    assert not await desk.disabled(agent)


async def test_words_that_were_deleted_are_in_no_later_attempt(desk: Desk, town: Town) -> None:
    author, room, agent = await scene_of(desk)
    (message,) = await mention(town, author, room, agent)
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
    author, room, agent = await scene_of(desk)
    other = await desk.sleeper()
    await mention(town, author, room, agent)
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
    author, room, agent = await scene_of(desk, max_inbound_wakes_per_hour=1)
    assert await _queue(store, agent, uuid7(), test=True) == "done"
    (call,) = await desk.take()
    assert (call.kind, call.event_type, call.frames) == ("test", "webhook.test", [])
    await desk.record(call)
    await mention(town, author, room, agent)
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
    author, room, agent = await scene_of(desk)
    await mention(town, author, room, agent)
    await desk.plan(agent)
    (done,) = await desk.take()
    await desk.record(done)
    await mention(town, author, room, agent)
    await desk.plan(agent)
    await desk.pass_pause()
    (pending,) = await desk.take()
    await town.admin.execute("update webhook_deliveries set created_at = now() - interval '31 days'")
    async with store.worker.connection() as connection:
        await housekeeping.sweep(connection)
    assert [row.id for row in await _log(store, agent)] == [pending.delivery_id]
    assert (await desk.wakes(agent))[0] == "delivered"
