"""What a PicoClaw is told when it comes back: all that it missed, first, and nothing twice."""

import asyncio
from collections.abc import Mapping
from uuid import UUID

import pytest

from claw.wire.ids import Prefix, encode_id
from db.repositories import door_positions
from gateway.doors.pico.positions import Change
from tests.integration.gateway.doors.conftest import Opener
from tests.integration.gateway.doors.picoclaws import Claw, PicoGateway
from tests.support.town import Town

_PATIENCE_S = 30.0


async def _stored(town: Town, agent: UUID, channel: UUID, seq: int) -> None:
    """Return when the agent's client of that channel is known to have read so far."""
    async with asyncio.timeout(_PATIENCE_S):
        while True:
            async with town.gateway.connection() as connection:
                rows = await door_positions.list_positions(
                    connection, agent, f"pico:{encode_id(Prefix.CHANNEL, channel)}"
                )
            if [row.seq for row in rows if row.stream_id == channel] == [seq]:
                return
            await asyncio.sleep(0.01)


async def test_a_gateway_that_is_killed_tells_the_last_moment_twice_and_loses_nothing(
    opener: Opener, town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = await opener(), await opener(node="gw-2")
    owner, agent = await town.agents(2)
    room = await town.room(owner, agent)
    claw = Claw(here, agent, encode_id(Prefix.CHANNEL, room))
    await claw.until(lambda: claw.status == 101)
    await here.post(owner, room, "one")
    await claw.until_heard("one")
    await _stored(town, agent, room, 1)

    async def never(_due: Mapping[object, Change]) -> None:
        await asyncio.Event().wait()

    with monkeypatch.context() as killing:
        killing.setattr(here.door.positions, "_write", never)
        await here.post(owner, room, "two")
        await claw.until_heard("one", "two")
        claw.cut()
        await there.post(owner, room, "three")
        again = Claw(there, agent, encode_id(Prefix.CHANNEL, room))
        await again.until_heard("two", "three")
        for task in list(here.door.positions._tasks):
            task.cancel()


async def test_who_says_goodbye_finds_its_position_at_any_gateway_at_once(opener: Opener, town: Town) -> None:
    gateways = [await opener(), await opener(node="gw-2")]
    owner, agent = await town.agents(2)
    room = await town.room(owner, agent)

    async def visit(gateway: PicoGateway, missed: list[str], *words: str) -> None:
        claw = Claw(gateway, agent, encode_id(Prefix.CHANNEL, room))
        await claw.until(lambda: claw.status == 101)
        for content in words:
            await gateway.post(owner, room, content)
        await claw.until_heard(*missed, *words)
        claw.say_goodbye()
        await claw.until(lambda: claw.closed == 1000)

    missed: list[str] = []
    for number in range(12):
        await visit(gateways[number % 2], missed, f"{number} one", f"{number} two")
        missed = [f"{number} while away"]
        await gateways[0].post(owner, room, *missed)


async def test_who_is_sent_away_by_a_drain_goes_on_elsewhere(opener: Opener, town: Town) -> None:
    here, there = await opener(), await opener(node="gw-2")
    owner, agent = await town.agents(2)
    room = await town.room(owner, agent)
    claw = Claw(here, agent, encode_id(Prefix.CHANNEL, room))
    await claw.until(lambda: claw.status == 101)
    await here.post(owner, room, "one")
    await claw.until_heard("one")
    async with asyncio.timeout(_PATIENCE_S):
        await here.gateway.node.drain()
    assert claw.closed == 4100
    late = Claw(here, agent)
    assert (late.status, "Retry-After" in late.answer) == (503, True)
    await here.door.close()
    await there.post(owner, room, "two")
    again = Claw(there, agent, encode_id(Prefix.CHANNEL, room))
    await again.until_heard("two")


async def test_a_slow_reader_goes_on_from_where_it_had_all(opener: Opener, town: Town) -> None:
    gateway = await opener(send_buffer_bytes=100_000)
    owner, agent = await town.agents(2)
    room = await town.room(owner, agent)
    claw = Claw(gateway, agent, encode_id(Prefix.CHANNEL, room))
    await claw.until(lambda: claw.status == 101)
    await gateway.post(owner, room, "read")
    await claw.until_heard("read")
    await _stored(town, agent, room, 1)
    claw.pipe.stuck = True
    unread = [f"{number} {'x' * 7_900}" for number in range(16)]
    for content in unread:
        await gateway.post(owner, room, content)
    await claw.until(lambda: claw.connection.is_closed)
    claw.cut()
    again = Claw(gateway, agent, encode_id(Prefix.CHANNEL, room))
    await again.until_heard(*unread)


async def test_channels_that_it_may_read_no_more_are_forgotten(opener: Opener, town: Town) -> None:
    gateway = await opener()
    owner, agent = await town.agents(2)
    server = await town.server(owner, agent)
    room = await town.channel(server)
    channel = encode_id(Prefix.CHANNEL, room)
    claw = Claw(gateway, agent)
    await claw.until(lambda: claw.status == 101)
    claw.say(channel, "hello")
    await gateway.post(owner, room, "hello to you")
    await claw.until(lambda: channel in claw.connection.streams)
    claw.say_goodbye()
    await claw.until(lambda: claw.closed == 1000)
    await town.ban(server, agent)
    again = Claw(gateway, agent)
    await again.until(lambda: again.errors == ["not_found"])
    again.say_goodbye()
    await again.until(lambda: again.closed == 1000)
    async with town.gateway.connection() as connection:
        assert await door_positions.list_positions(connection, agent, "pico:inbox") == []


async def test_a_position_of_another_life_of_the_log_is_not_stored(town: Town) -> None:
    owner = await town.agent()
    room = await town.room(owner)
    async with town.gateway.connection() as connection:
        epoch = await connection.fetchval("select app.epoch()")
        move = door_positions.DoorMove(owner, "pico:inbox", room, 0, 3, "another")
        await door_positions.move_positions(connection, [move])
        await door_positions.inbox_told(connection, owner, 0, "another")
        assert await door_positions.list_positions(connection, owner, "pico:inbox") == []
        for since, seq in ((2, 3), (0, 9), (0, 5)):
            move = door_positions.DoorMove(owner, "pico:inbox", room, since, seq, epoch)
            await door_positions.move_positions(connection, [move])
        rows = await door_positions.list_positions(connection, owner, "pico:inbox")
        # It only moves forward, and since when does not change.
        assert [(row.stream_id, row.since, row.seq) for row in rows] == [(room, 2, 9)]
        # A channel that is gone by now is no fault.
        gone = door_positions.DoorMove(owner, "pico:inbox", owner, 0, 1, epoch)
        await town.admin.execute("delete from streams where id = $1", room)
        await door_positions.move_positions(connection, [move, gone])
