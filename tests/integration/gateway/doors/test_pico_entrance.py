"""The way in of a PicoClaw: held until all is checked, and bounded while it is."""

import asyncio
from typing import Any

import pytest

from claw.wire.ids import Prefix, encode_id
from core.limit_settings import Rate
from tests.integration.gateway.doors.conftest import Opener
from tests.integration.gateway.doors.picoclaws import Claw, PicoGateway
from tests.support.town import Town
from tests.unit.gateway.peer import TEXT, client_frame


class Gate:
    """Holds the reading of positions, the last thing before a client is let in."""

    def __init__(self, gateway: PicoGateway, monkeypatch: pytest.MonkeyPatch) -> None:
        self.reached = asyncio.Event()
        self.opened = asyncio.Event()
        self._read = gateway.door.positions.read
        monkeypatch.setattr(gateway.door.positions, "read", self._held)

    async def _held(self, *arguments: Any) -> Any:
        self.reached.set()
        await self.opened.wait()
        return await self._read(*arguments)


async def test_what_comes_before_the_answer_waits_for_it(
    opener: Opener, town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway = await opener()
    gate = Gate(gateway, monkeypatch)
    claw = Claw(gateway, await town.agent())
    claw.write('{"type":"ping","id":"early"}')
    async with asyncio.timeout(30):
        await gate.reached.wait()
    assert claw.status is None
    gate.opened.set()
    await claw.until(lambda: claw.status == 101 and bool(claw.frames))
    assert (claw.frames[0]["type"], claw.frames[0]["id"]) == ("pong", "early")


async def test_who_sends_too_much_before_the_answer_is_cut_off(
    opener: Opener, town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway = await opener()
    gate = Gate(gateway, monkeypatch)
    claw = Claw(gateway, await town.agent())
    for _ in range(2):
        claw.connection.data_received(client_frame(TEXT, b"x" * 40_000))
    await claw.until(lambda: not gateway.gateway.node.connections)
    gate.opened.set()
    assert claw.status is None


async def test_who_goes_before_the_answer_is_forgotten(
    opener: Opener, town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway = await opener()
    gate = Gate(gateway, monkeypatch)
    claw = Claw(gateway, await town.agent())
    async with asyncio.timeout(30):
        await gate.reached.wait()
    claw.connection.eof_received()
    gate.opened.set()
    claw.cut()
    await claw.until(lambda: not gateway.gateway.node.connections)
    assert claw.status is None


async def test_a_check_that_takes_too_long_is_a_503(
    opener: Opener, town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway = await opener()

    async def never(_token: str, _address: str) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(gateway.gateway.node.bearers, "claims", never)
    claw = Claw(gateway, await town.agent())
    claw.connection.on_time(gateway.gateway.node.now() + 11)
    await claw.until(lambda: claw.status == 503)
    assert "Retry-After" in claw.answer


async def test_a_drain_meanwhile_is_a_503(opener: Opener, town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    gateway = await opener()
    gate = Gate(gateway, monkeypatch)
    claw = Claw(gateway, await town.agent())
    async with asyncio.timeout(30):
        await gate.reached.wait()
        drain = asyncio.create_task(gateway.gateway.node.drain())
        await claw.until(lambda: claw.connection.session.state.name == "LEAVING")
        claw.connection.finish()
        await drain
    gate.opened.set()
    assert claw.status == 503


async def test_an_agent_with_as_many_sessions_as_it_may_have_is_told_to_wait(opener: Opener, town: Town) -> None:
    gateway = await opener(limits=True, most_sessions_per_agent=1)
    agent = await town.agent()
    first = Claw(gateway, agent)
    await first.until(lambda: first.status == 101)
    second = Claw(gateway, agent)
    await second.until(lambda: second.status == 429)
    assert "Retry-After: 30" in second.answer


async def test_its_posts_are_limited_like_everybodys(opener: Opener, town: Town) -> None:
    gateway = await opener(limits=True, limit_messages=Rate(2, 3_600_000))
    owner, agent = await town.agents(2)
    room = await town.room(owner, agent)
    channel = encode_id(Prefix.CHANNEL, room)
    claw = Claw(gateway, agent, channel)
    for number in range(3):
        claw.say(channel, f"number {number}")
    await claw.until(lambda: claw.errors == ["rate_limited"])
    await gateway.gateway.settle_posts()
    assert await town.seqs(room) == [1, 2]


async def test_it_is_sent_nothing_that_its_client_does_not_know(opener: Opener, town: Town) -> None:
    gateway = await opener()
    owner, agent = await town.agents(2)
    room = await town.room(owner, agent)
    claw = Claw(gateway, agent, encode_id(Prefix.CHANNEL, room))
    await claw.until(lambda: claw.status == 101)
    await gateway.post(owner, room, "hello")
    await claw.until_heard("hello")
    # No hello, context, subscribed or presence: a pico_client would not know what to do with them.
    assert [frame["type"] for frame in claw.frames] == ["message.create"]
