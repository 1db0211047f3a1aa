"""A node that stops, with gateways in the test's process: what was accepted is finished, nobody else comes in."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest
import pytest_asyncio

from claw.wire.ids import Prefix, encode_id
from gateway.connection import Connection
from gateway.session import State
from tests.conftest import Store, Stores
from tests.support.gateways import Caller, Gateway, Pipe, opening
from tests.support.town import Town
from tests.unit.gateway.peer import head

_PATIENCE_S = 20


class Listener:
    """A caller that keeps its frames."""

    def __init__(self, gateway: Gateway, token: str) -> None:
        self.frames: list[dict[str, Any]] = []
        self._changed = asyncio.Event()
        self.caller = Caller(gateway.node, token, self._take)

    def _take(self, frame: dict[str, Any], _: bytes) -> None:
        self.frames.append(frame)
        self._changed.set()

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(_PATIENCE_S):
            while not holds():
                await asyncio.sleep(0.005)

    async def expect(self, op: str, **fields: Any) -> dict[str, Any]:
        found: list[dict[str, Any]] = []

        def has_come() -> bool:
            found[:] = [f for f in self.frames if f["op"] == op and fields.items() <= f.items()]
            return bool(found)

        await self.until(has_come)
        return found[0]

    async def closed(self) -> int | None:
        await self.until(lambda: self.caller.closed is not None)
        return self.caller.closed


Opener = Callable[..., Awaitable[Gateway]]


@pytest_asyncio.fixture
async def town(store: Store) -> AsyncIterator[Town]:
    admin = await store.admin()
    yield Town(admin, store.gateway)
    await admin.close()


@pytest_asyncio.fixture
async def opener(stores: Stores, store: Store) -> AsyncIterator[Opener]:
    """Opens a gateway with settings of one's own; all are closed at the end."""
    async with opening(stores, store, node="gw-a") as open_gateway:
        yield open_gateway


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A slow machine is given all the time that it needs for what was accepted."""
    monkeypatch.setattr("gateway.drain._FINISHING_S", _PATIENCE_S)
    monkeypatch.setattr("gateway.session._LEAVING_S", _PATIENCE_S)


@pytest.fixture(autouse=True)
def _no_clock_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    # The callers of these tests answer no closing frame.
    monkeypatch.setattr("gateway.sending.CLOSE_TIMEOUT_S", 0.2)
    # However slow this machine is, the door does not count it against anybody.
    monkeypatch.setattr("gateway.admission._LATE_S", 1_000.0)
    monkeypatch.setattr("gateway.admission._CLIENTS_TURN_S", 1_000.0)


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.drain._FINISHING_S", 0.1)


@asynccontextmanager
async def draining(gateway: Gateway) -> AsyncIterator["asyncio.Task[None]"]:
    task = asyncio.create_task(gateway.node.drain())
    yield task
    async with asyncio.timeout(_PATIENCE_S):
        await task


@pytest.mark.usefixtures("patient")
async def test_each_accepted_post_is_stored_and_acknowledged_before_its_socket_is_closed(
    opener: Opener, town: Town
) -> None:
    gateway = await opener()
    poster, reader = await town.agents(2)
    room = await town.room(poster, reader)
    channel = encode_id(Prefix.CHANNEL, room)
    posting, reading = (Listener(gateway, gateway.token(agent)) for agent in (poster, reader))
    for each in (posting, reading):
        await each.expect("hello")
    reading.caller.send(op="subscribe", channels=[channel])
    await reading.expect("subscribed", inbox=True)
    async with AsyncExitStack() as stopping:
        async with town.holding(room):
            for number in range(20):
                posting.caller.send(op="message", channel=channel, content=f"number {number}", ref=number)
            await town.until_waiting(1)
            await stopping.enter_async_context(draining(gateway))
            await posting.expect("reconnect", reason="drain")
            posting.caller.send(op="message", channel=channel, content="too late", ref="late")
            # Who has nothing under way goes at once, while the others' posts wait for the store.
            assert await reading.closed() == 4100
            assert posting.caller.closed is None
        assert await posting.closed() == 4100
    acknowledged = [frame["ref"] for frame in posting.frames if frame["op"] == "message_ack"]
    assert acknowledged == list(range(20))
    assert await town.seqs(room) == list(range(1, 21))


@pytest.mark.usefixtures("hasty")
async def test_a_store_that_does_not_answer_keeps_no_node_from_stopping(opener: Opener, town: Town) -> None:
    gateway = await opener()
    poster = await town.agent()
    room = await town.room(poster)
    posting = Listener(gateway, gateway.token(poster))
    await posting.expect("hello")
    async with town.holding(room):
        posting.caller.send(op="message", channel=encode_id(Prefix.CHANNEL, room), content="stuck")
        await town.until_waiting(1)
        async with draining(gateway):
            pass
        assert await posting.closed() == 4100
        assert not gateway.node.connections


async def test_a_client_that_does_not_read_is_cut_off(opener: Opener, town: Town) -> None:
    gateway = await opener()
    stalled = Listener(gateway, gateway.token(await town.agent()))
    await stalled.expect("hello")
    stalled.caller.pipe.stuck = True
    async with draining(gateway):
        pass
    assert not gateway.node.connections


async def test_many_are_sent_away_bit_by_bit(opener: Opener, town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.drain._LEAST_PER_S", 1.0)
    gateway = await opener(drain_seconds=4.0)
    agent = await town.agent()
    crowd = [Listener(gateway, gateway.token(agent)) for _ in range(200)]
    for each in crowd:
        await each.expect("hello")
    async with draining(gateway):
        left = set()
        while gateway.node.connections:
            left.add(sum(each.caller.closed is None for each in crowd))
            await asyncio.sleep(0.02)
    assert len(left) > 2
    waits = [(await each.expect("reconnect"))["after_ms"] for each in crowd]
    assert max(waits) <= 2_000
    assert len(set(waits)) > 50
    assert {each.caller.closed for each in crowd} == {4100}


class Visitor:
    """A handshake on a pipe; `answer` is what the server wrote."""

    def __init__(self, gateway: Gateway, *, extra: str = "", peer: str = "203.0.113.9") -> None:
        self.answer = b""
        self.connection = Connection(gateway.node)
        self.pipe = Pipe(self.connection, self._take)
        self.pipe._extra["peername"] = (peer, 4_711)  # type: ignore[attr-defined]
        self.connection.connection_made(self.pipe)
        self.connection.data_received(head(extra=extra))

    def _take(self, data: bytes) -> None:
        self.answer += data

    def is_in(self) -> bool:
        return self.answer.startswith(b"HTTP/1.1 101 ")

    def assert_refused(self) -> None:
        lines = self.answer.partition(b"\r\n\r\n")[0].decode().split("\r\n")
        assert lines[0].startswith("HTTP/1.1 503 ")
        (wait,) = [line.partition(": ")[2] for line in lines if line.lower().startswith("retry-after")]
        assert int(wait) >= 1
        assert self.pipe.is_closing()


async def test_a_stopping_node_refuses_every_handshake_before_the_upgrade(opener: Opener, town: Town) -> None:
    gateway = await opener()
    token = gateway.token(await town.agent())
    assert Visitor(gateway).is_in()
    async with draining(gateway):
        await asyncio.sleep(0)
        Visitor(gateway, extra=f"Authorization: Bearer {token}").assert_refused()


async def test_beyond_so_many_beginning_sessions_handshakes_are_refused_early(opener: Opener, town: Town) -> None:
    gateway = await opener(most_handshakes=3)
    token = gateway.token(await town.agent())
    crowd = [Visitor(gateway, extra=f"Authorization: Bearer {token}") for _ in range(10)]
    assert sum(each.is_in() for each in crowd) == 3
    for each in crowd[3:]:
        each.assert_refused()
    for each in crowd[:3]:
        async with asyncio.timeout(_PATIENCE_S):
            while each.connection.session.state is not State.OPEN:
                await asyncio.sleep(0.005)
    Visitor(gateway).assert_refused()  # Greeted, but not heard of yet.
    crowd[0].pipe.close()
    await asyncio.sleep(0)
    assert Visitor(gateway).is_in()


async def test_one_address_opens_so_many_sockets_and_fewer_without_a_token(opener: Opener, town: Town) -> None:
    gateway = await opener(limits=True, most_sockets_per_address=4, most_strangers_per_address=2)
    token = gateway.token(await town.agent())
    known = []
    for _ in range(2):
        known.append(Visitor(gateway, extra=f"Authorization: Bearer {token}"))
        async with asyncio.timeout(_PATIENCE_S):
            while known[-1].connection.session.state is not State.OPEN:
                await asyncio.sleep(0.005)
    assert all(Visitor(gateway).is_in() for _ in range(2))
    Visitor(gateway, extra=f"Authorization: Bearer {token}").assert_refused()
    # Nobody else pays for it, and nobody can write himself another address.
    assert Visitor(gateway, peer="203.0.113.10").is_in()
    Visitor(gateway, extra="X-Forwarded-For: 198.51.100.1").assert_refused()
    known[0].pipe.close()
    await asyncio.sleep(0)
    Visitor(gateway).assert_refused()  # Two strangers are still there.


async def test_an_agent_may_have_so_many_sessions_and_the_newest_is_refused(opener: Opener, town: Town) -> None:
    gateway = await opener(limits=True, most_sessions_per_agent=2)
    agent, other = await town.agents(2)
    sessions = [Listener(gateway, gateway.token(agent)) for _ in range(2)]
    for each in sessions:
        assert (await each.expect("hello"))["limits"]["sessions"] == 2
    third = Listener(gateway, gateway.token(agent))
    assert (await third.expect("error", code="rate_limited"))["retry_after"] > 0
    assert await third.closed() == 4102
    assert await Listener(gateway, gateway.token(other)).expect("hello")
    sessions[0].caller.cut()
    await third.until(lambda: len(gateway.node.of_agent(agent)) == 1)
    assert await Listener(gateway, gateway.token(agent)).expect("hello")


@pytest.mark.parametrize("most", [3])
async def test_a_session_follows_so_many_streams_and_what_it_has_stays(opener: Opener, town: Town, most: int) -> None:
    gateway = await opener(most_subscriptions=most)
    agent = await town.agent()
    server = await town.server(agent)
    channels = [encode_id(Prefix.CHANNEL, await town.channel(server)) for _ in range(most + 2)]
    session = Listener(gateway, gateway.token(agent))
    assert (await session.expect("hello"))["limits"]["subscriptions"] == most
    session.caller.send(op="subscribe", channels=channels, ref="all")
    for channel in channels[:most]:
        await session.expect("subscribed", channel=channel, ref="all")
    for channel in channels[most:]:
        await session.expect("error", channel=channel, code="invalid", ref="all")
    # What it follows already may begin anew, and one that is left makes room.
    session.caller.send(op="subscribe", channels=channels[:1], ref="anew")
    await session.expect("subscribed", channel=channels[0], ref="anew")
    session.caller.send(op="unsubscribe", channels=channels[:1])
    session.caller.send(op="subscribe", channels=channels[-1:], ref="room")
    await session.expect("subscribed", channel=channels[-1], ref="room")
