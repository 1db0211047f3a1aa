"""What changes while a session is in the middle of something, held there by the test."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio

from claw.wire.frames import TypingFrame
from claw.wire.ids import Prefix, encode_id
from claw.wire.rest import UpdateChannel
from core.actor import Actor
from core.events import server_event
from core.settings import Settings
from db.database import Scope
from db.repositories import servers, sign_in, streams
from gateway import hub
from tests.conftest import Store, Stores
from tests.support.gateways import Caller, Gateway
from tests.support.town import Town


class Client:
    """A caller that keeps what came."""

    def __init__(self, gateway: Gateway, agent: UUID) -> None:
        self.frames: list[dict[str, Any]] = []
        self._arrived = asyncio.Event()
        self.caller = Caller(gateway.node, gateway.token(agent), self._on_frame)

    def _on_frame(self, frame: dict[str, Any], _data: bytes) -> None:
        self.frames.append(frame)
        self._arrived.set()

    def ops(self) -> list[str]:
        return [frame["op"] for frame in self.frames]

    async def expect(self, op: str, **fields: Any) -> dict[str, Any]:
        async with asyncio.timeout(10):
            while True:
                for frame in self.frames:
                    if frame["op"] == op and all(frame.get(name) == value for name, value in fields.items()):
                        return frame
                self._arrived.clear()
                await self._arrived.wait()

    async def follow(self, channel: UUID, after: int | None = None) -> None:
        key = encode_id(Prefix.CHANNEL, channel)
        self.caller.send(op="subscribe", channels=[key if after is None else {"id": key, "after": after}], ref="f")


@dataclass
class Place:
    """A gateway, and a room with two members."""

    gateway: Gateway
    town: Town
    store: Store
    owner: UUID
    member: UUID
    channel: UUID


@pytest_asyncio.fixture
async def place(stores: Stores, store: Store) -> AsyncIterator[Place]:
    chosen = Settings(
        database_url=store.admin_url, redis_url=stores.redis_url, keys_dir=store.keys_dir, node="gw", limits=False
    )
    gateway = await Gateway.open(chosen)
    admin = await store.admin()
    town = Town(admin, store.gateway)
    owner, member = await town.agents(2)
    yield Place(gateway, town, store, owner, member, await town.room(owner, member))
    await gateway.close()
    await admin.close()


class Gate:
    """Holds callers of a function until it is opened."""

    def __init__(self, function: Callable[..., Awaitable[Any]]) -> None:
        self._function = function
        self._open = asyncio.Event()
        self.reached = asyncio.Event()

    async def __call__(self, *arguments: Any, **named: Any) -> Any:
        result = await self._function(*arguments, **named)
        self.reached.set()
        await self._open.wait()
        return result

    def open(self) -> None:
        self._open.set()


async def _until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not holds():
            await asyncio.sleep(0.005)


async def test_who_loses_the_right_during_its_replay_never_follows(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        await place.town.say(place.owner, place.channel, f"before {number}")
    pages = place.gateway.node.pages
    gate = Gate(pages.read)
    monkeypatch.setattr(pages, "read", gate)
    client = Client(place.gateway, place.member)
    await client.expect("hello")
    await client.follow(place.channel, after=0)
    await gate.reached.wait()
    await place.town.admin.execute("delete from server_members where agent_id = $1", place.member)
    await _until(lambda: place.gateway.node.rights_changes > 0)
    gate.open()
    assert (await client.expect("error", ref="f"))["code"] == "not_found"
    await client.expect("subscribed", inbox=True)
    assert [frame for frame in client.frames if frame["op"] == "subscribed" and "channel" in frame] == []
    assert place.gateway.node.following(place.channel) == []


async def test_a_change_that_was_about_somebody_else_only_costs_a_question(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    await place.town.say(place.owner, place.channel, "before")
    pages = place.gateway.node.pages
    gate = Gate(pages.read)
    monkeypatch.setattr(pages, "read", gate)
    client = Client(place.gateway, place.owner)
    await client.expect("hello")
    await client.follow(place.channel, after=0)
    await gate.reached.wait()
    await place.town.admin.execute("delete from server_members where agent_id = $1", place.member)
    await _until(lambda: place.gateway.node.rights_changes > 0)
    gate.open()
    assert (await client.expect("subscribed", ref="f"))["replayed"] == 1


async def test_instructions_that_change_during_a_replay_come_with_its_end(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    await place.town.say(place.owner, place.channel, "before")
    pages = place.gateway.node.pages
    gate = Gate(pages.read)
    monkeypatch.setattr(pages, "read", gate)
    client = Client(place.gateway, place.member)
    await client.expect("hello")
    await client.follow(place.channel, after=0)
    await gate.reached.wait()
    change = UpdateChannel(instructions="be brief")
    await place.gateway.rest.channels.update(Actor("agent", place.owner), place.channel, change)
    await _until(lambda: place.gateway.node.rights_changes > 0)
    gate.open()
    await client.expect("context", channel_id=encode_id(Prefix.CHANNEL, place.channel), channel="be brief")


async def test_a_stream_that_ended_is_told_to_its_end_though_nobody_announced_it(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub, "_SLICE", 2)
    server = await place.town.admin.fetchval("select server_id from channels where id = $1", place.channel)
    key = encode_id(Prefix.SERVER, server)
    clients = [Client(place.gateway, place.member) for _ in range(7)]
    for client in clients:
        await client.expect("hello")
        client.caller.send(op="subscribe", channels=[key], ref="f")
        await client.expect("subscribed", server=key)
        await client.follow(place.channel)
        await client.expect("subscribed", channel=encode_id(Prefix.CHANNEL, place.channel))
    parts = server_event("server_updated", server, deleted=True)
    async with place.store.api.acting(Scope(agent=place.owner)) as connection:
        await servers.delete_server(connection, server, parts.head, parts.tail, datetime.now(UTC))
    for client in clients:
        await client.expect("unsubscribed", channel=key, reason="deleted")
        await client.expect("unsubscribed", channel=encode_id(Prefix.CHANNEL, place.channel), reason="deleted")
        told = [frame["op"] for frame in client.frames if key in (frame.get("server"), frame.get("channel"))]
        assert told[-2:] == ["server_updated", "unsubscribed"]


async def test_a_login_that_ends_while_it_is_shown_opens_nothing(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    gate = Gate(streams.open_session)
    monkeypatch.setattr(streams, "open_session", gate)
    client = Client(place.gateway, place.member)
    await gate.reached.wait()
    claims_are_revoked = place.gateway.node.verifier._revoked_agents
    async with place.store.api.acting(Scope(agent=place.member)) as connection:
        await sign_in.revoke(connection, "agent", place.member, None)
    await _until(lambda: place.member in claims_are_revoked)
    gate.open()
    assert (await client.expect("error"))["code"] == "unauthorized"
    await _until(lambda: client.caller.closed is not None)
    assert client.caller.closed == 4001
    assert "hello" not in client.ops()


async def test_who_lags_gets_no_typing_but_every_event(place: Place) -> None:
    node = place.gateway.node
    client, quick = Client(place.gateway, place.member), Client(place.gateway, place.owner)
    for each in (client, quick):
        await each.expect("hello")
        await each.follow(place.channel)
        await each.expect("subscribed", ref="f")
    client.caller.pipe.stuck = True
    key = encode_id(Prefix.CHANNEL, place.channel)
    for number in range(20):
        quick.caller.send(op="message", channel=key, content="x" * 8_000, ref=number)
    await quick.expect("message_ack", ref=19)
    await quick.expect("message", seq=20)
    node.announce_passing(place.channel, TypingFrame(channel=key, agent="somebody"))
    await quick.expect("typing")
    assert node.hub.passing_dropped == 1
    client.caller.pipe.unstick()
    await client.expect("message", seq=20)
    assert "typing" not in client.ops()
    assert client.caller.closed is None
    node.announce_passing(place.channel, TypingFrame(channel=key, agent="somebody"))
    await client.expect("typing")


async def test_more_waiting_commands_than_it_may_have_stop_its_reading_until_they_are_done(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, other = Client(place.gateway, place.member), Client(place.gateway, place.owner)
    for each in (client, other):
        await each.expect("hello")
    gate = Gate(streams.readable)
    monkeypatch.setattr(streams, "readable", gate)
    key = encode_id(Prefix.CHANNEL, place.channel)
    for number in range(70):
        client.caller.send(op="typing", channel=key, ref=number)
    await gate.reached.wait()
    assert not client.caller.pipe.reading
    assert other.caller.pipe.reading
    other.caller.send(op="ping", ref="p")
    await other.expect("pong", ref="p")
    gate.open()
    await client.expect("ok", ref=69)
    assert client.caller.pipe.reading
