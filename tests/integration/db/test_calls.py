"""Which inbox events an agent is called for, when such a call is taken, and what is withheld."""

import asyncio

import pytest_asyncio

from db.database import NOBODY
from db.repositories import streams
from tests.conftest import Store
from tests.support.call_desk import Desk, mention, scene_of, seqs_of
from tests.support.town import Town


@pytest_asyncio.fixture
async def desk(store: Store, town: Town) -> Desk:
    return Desk(store, town)


async def test_the_first_event_leaves_at_once_and_the_next_share_a_call(desk: Desk, town: Town) -> None:
    author, room, agent = await scene_of(desk)
    await mention(town, author, room, agent)
    assert await desk.undecided() == {agent}
    await desk.plan(agent)
    (first,) = await desk.take()
    assert (first.kind, first.event_type, first.attempt, seqs_of(first)) == ("wake", "mention.received", 1, [1])
    await mention(town, author, room, agent, 2)
    await desk.plan(agent)
    assert await desk.take() == []
    await desk.record(first)
    # Not within three seconds of the beginning of the last one either.
    await desk.plan(agent)
    assert await desk.take() == []
    await desk.pass_pause()
    (second,) = await desk.take()
    assert seqs_of(second) == [2, 3]
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
        await mention(town, author, room, agent)
    await asyncio.gather(desk.plan(*agents), desk.plan(*agents))
    taken = [call for part in await asyncio.gather(*[desk.take(5) for _ in range(8)]) for call in part]
    while more := await desk.take(5):
        taken += more
    assert sorted(call.agent_id for call in taken) == sorted(agents)


async def test_a_call_that_nobody_recorded_is_made_again_with_its_id_and_its_events(desk: Desk, town: Town) -> None:
    author, room, agent = await scene_of(desk)
    await mention(town, author, room, agent)
    await desk.plan(agent)
    (lost,) = await desk.take()
    await mention(town, author, room, agent)
    await desk.plan(agent)
    assert await desk.take() == []
    await desk.pass_time(seconds=31)
    (again,) = await desk.take()
    assert (again.delivery_id, again.attempt, again.frames) == (lost.delivery_id, 2, lost.frames)
    assert again.occurred_at == lost.occurred_at


async def test_what_was_acknowledged_is_not_called_for(desk: Desk, town: Town) -> None:
    author, room, agent = await scene_of(desk)
    await mention(town, author, room, agent, 3)
    await desk.plan(agent)
    async with desk.store.gateway.connection() as connection:
        await connection.execute("select app.acknowledge($1, 2)", agent)
    (call,) = await desk.take()
    assert seqs_of(call) == [3]
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
        await mention(town, author, room, agent)
    await town.admin.execute("update agents set status = 'suspended' where id = $1", suspended)
    await desk.plan(bare, off, suspended)
    assert await desk.take() == []
    assert [await desk.wakes(agent) for agent in (bare, off, suspended)] == [["none"]] * 3
    assert await desk.undecided() == set()


async def test_only_wanted_types_and_no_notices_wake(desk: Desk, town: Town) -> None:
    author, room, agent = await scene_of(desk, webhook_events='["dm.received"]')
    await mention(town, author, room, agent, 2)
    letter = await town.friends(author, agent)
    async with desk.store.worker.acting(NOBODY) as connection:
        await streams.append_inbox(connection, agent, "notice", head=b'{"op":"notice","seq":', tail=b"}")
    await town.say(author, letter, "hello")
    await desk.plan(agent)
    (call,) = await desk.take()
    assert (call.event_type, seqs_of(call)) == ("dm.received", [4])
    assert await desk.wakes(agent) == ["withheld", "withheld", None, "called"]
    assert await desk.undecided() == set()


async def test_a_block_after_the_message_withholds_the_call(desk: Desk, town: Town) -> None:
    author, room, agent = await scene_of(desk)
    friendly = await town.agent()
    server = await town.admin.fetchval("select server_id from channels where id = $1", room)
    await town.join(server, friendly)
    await mention(town, author, room, agent)
    await mention(town, friendly, room, agent)
    await town.block(agent, author)
    await desk.plan(agent)
    (call,) = await desk.take()
    assert seqs_of(call) == [2]
    assert await desk.wakes(agent) == ["withheld", "called"]


async def test_beyond_the_budget_events_wait_and_leave_together_when_there_is_room_again(
    desk: Desk, town: Town
) -> None:
    author, room, agent = await scene_of(desk, max_inbound_wakes_per_hour=2)
    for seq in (1, 2):
        await mention(town, author, room, agent)
        await desk.plan(agent)
        (call,) = await desk.take()
        assert seqs_of(call) == [seq]
        await desk.record(call)
        await desk.pass_pause()
    for _ in range(2):
        await mention(town, author, room, agent)
        await desk.plan(agent)
        assert await desk.take() == []
    assert await desk.wakes(agent) == ["delivered", "delivered", "withheld", "withheld"]
    assert await desk.undecided() == set()
    await desk.pass_time(minutes=61)
    (call,) = await desk.take()
    assert seqs_of(call) == [3, 4]


async def test_a_budget_of_nothing_withholds_all_and_without_limits_none_counts(desk: Desk, town: Town) -> None:
    author, room, agent = await scene_of(desk, max_inbound_wakes_per_hour=0)
    await mention(town, author, room, agent)
    await desk.plan(agent)
    assert await desk.take() == []
    assert await desk.wakes(agent) == ["withheld"]
    await desk.plan(agent)
    (call,) = await desk.take(capped=False)
    assert seqs_of(call) == [1]


async def test_a_big_backlog_leaves_in_calls_of_bounded_size(desk: Desk, town: Town) -> None:
    author, room, agent = await scene_of(desk)
    await mention(town, author, room, agent, 120)
    for _ in range(6):
        await town.say(author, room, f"@{town.names[agent]} {'x' * 7_900}" * 1)
    seqs: list[int] = []
    sizes = []
    for _ in range(10):
        await desk.plan(agent)
        await desk.pass_pause()
        for call in await desk.take(capped=False):
            seqs += seqs_of(call)
            sizes.append((len(call.frames), sum(map(len, call.frames))))
            await desk.record(call)
    assert seqs == list(range(1, 127))
    assert sizes[0][0] == 100
    assert all(count == 1 or size <= 200_000 for count, size in sizes)
