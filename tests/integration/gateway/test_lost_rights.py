"""What was taken away is gone within a second or two on every node, also where nobody announced it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import UUID

import asyncpg
import pytest
import pytest_asyncio

from claw.wire.ids import Prefix, decode_id
from db.database import Database, Scope
from db.repositories import servers, sign_in
from db.roles import Role, role_url
from stack.embedded import EmbeddedPostgres
from tests.support.bots import Bot, Crew, Room, Socket
from tests.support.platform import Platform

_SOON_S = 3.0


@dataclass
class Store:
    """The platform's own database, behind its back: nothing that is done here is announced."""

    api: Database
    admin: "asyncpg.Connection[asyncpg.Record]"


@pytest_asyncio.fixture
async def behind(platform: Platform) -> AsyncIterator[Store]:
    url = EmbeddedPostgres(platform.data_dir).known_admin_url()
    assert url is not None
    api = await Database.open(role_url(url, Role.API, platform.data_dir / "keys"), name="test", size=1)
    admin = await asyncpg.connect(url)
    yield Store(api, admin)
    await admin.close()
    await api.close()


async def _on_both_nodes(crew: Crew, bot: Bot, *channels: str) -> list[Socket]:
    sockets = [await crew.socket(bot, node=node) for node in ("gw-1", "gw-2")]
    for socket in sockets:
        if channels:
            await socket.subscribe(*channels)
    return sockets


async def _assert_closed(socket: Socket, code: int, error: str) -> None:
    assert await socket.closed(_SOON_S) == code
    assert (await socket.expect("error"))["code"] == error


def _agent(bot: Bot) -> UUID:
    return decode_id(Prefix.AGENT, bot.agent_id)


@asynccontextmanager
async def _undisturbed(crew: Crew, room: Room) -> AsyncIterator[None]:
    """The other member's sessions notice nothing, and go on hearing."""
    sockets = await _on_both_nodes(crew, room.owner, room.channel)
    yield
    await room.owner.post(room.channel, "still here")
    for socket in sockets:
        assert await socket.expect("message", content="still here")


@pytest.mark.parametrize("everywhere", [True, False])
async def test_an_ended_login_closes_its_sockets_on_both_nodes(crew: Crew, behind: Store, everywhere: bool) -> None:
    room = await crew.room()
    bot = room.guests[0]
    async with _undisturbed(crew, room):
        sockets = await _on_both_nodes(crew, bot, room.channel)
        family = await behind.admin.fetchval(
            "select family_id from agent_tokens where agent_id = $1 order by created_at desc", _agent(bot)
        )
        async with behind.api.acting(Scope(agent=_agent(bot))) as connection:
            await sign_in.revoke(connection, "agent", _agent(bot), None if everywhere else family)
        for socket in sockets:
            await _assert_closed(socket, 4001, "unauthorized")
    again = await crew.raw_socket(bot.token)
    assert (await again.receive())["code"] == "unauthorized"
    assert await again.closed() == 4001


async def test_a_suspended_agent_is_told_so_and_can_do_nothing_any_more(crew: Crew, behind: Store) -> None:
    room = await crew.room()
    bot = room.guests[0]
    async with _undisturbed(crew, room):
        sockets = await _on_both_nodes(crew, bot, room.channel)
        await behind.admin.execute("update agents set status = 'suspended' where id = $1", _agent(bot))
        # From the same moment on, whichever process is asked, and whatever it has heard so far.
        answer = await bot.http.post(f"/channels/{room.channel}/messages", json={"content": "me again"})
        assert answer.json()["code"] == "suspended"
        for socket in sockets:
            await _assert_closed(socket, 4003, "suspended")
    answer = await bot.http.post("/auth/challenge", json={"username": bot.username})
    assert (answer.status_code, answer.json()["code"]) == (403, "suspended")


async def test_a_deleted_agent_is_logged_out(crew: Crew, behind: Store) -> None:
    bot = await crew.bot()
    sockets = await _on_both_nodes(crew, bot)
    await behind.admin.execute("update agents set status = 'deleted' where id = $1", _agent(bot))
    for socket in sockets:
        await _assert_closed(socket, 4001, "unauthorized")


async def _assert_lost(sockets: list[Socket], room: Room, streams: list[str], reason: str) -> None:
    for socket in sockets:
        for stream in streams:
            lost = await socket.expect("unsubscribed", timeout=_SOON_S, channel=stream)
            assert lost["reason"] == reason
    await room.owner.post(room.channel, "among ourselves")
    for socket in sockets:
        await socket.send(op="ping", ref="silent")
        while (frame := await socket.receive()).get("ref") != "silent":
            assert frame["op"] not in ("message", "member_left", "typing")


async def test_who_left_hears_no_more(crew: Crew, behind: Store) -> None:
    room = await crew.room()
    bot, server = room.guests[0], decode_id(Prefix.SERVER, room.server)
    async with _undisturbed(crew, room):
        sockets = await _on_both_nodes(crew, bot, room.channel, room.server)
        async with behind.api.acting(Scope(agent=_agent(bot))) as connection:
            assert await servers.delete_member(connection, server, _agent(bot))
        await _assert_lost(sockets, room, [room.channel, room.server], "left")


@pytest.mark.parametrize("kind", ["server", "channel"])
async def test_who_was_banned_hears_no_more(crew: Crew, behind: Store, kind: str) -> None:
    room = await crew.room()
    bot = room.guests[0]
    place = decode_id(Prefix.SERVER, room.server) if kind == "server" else decode_id(Prefix.CHANNEL, room.channel)
    async with _undisturbed(crew, room):
        sockets = await _on_both_nodes(crew, bot, room.channel, room.server)
        statement = f"insert into {kind}_bans ({kind}_id, agent_id) values ($1, $2)"  # noqa: S608 - from the lines above
        await behind.admin.execute(statement, place, _agent(bot))
        lost = [room.channel, room.server] if kind == "server" else [room.channel]
        await _assert_lost(sockets, room, lost, "banned")


async def test_a_server_that_becomes_private_is_closed_to_observers_alone(crew: Crew, behind: Store) -> None:
    room, other = await crew.room(), await crew.room(guests=0)
    guests = [await crew.observer() for _ in range(2)]
    member = (await _on_both_nodes(crew, room.guests[0], room.channel))[0]
    async with _undisturbed(crew, room):
        sockets = [(await _on_both_nodes(crew, guest, room.channel, other.channel))[0] for guest in guests]
        server = decode_id(Prefix.SERVER, room.server)
        await behind.admin.execute("update servers set is_public = false where id = $1", server)
        await _assert_lost(sockets, room, [room.channel], "left")
        assert (await member.expect("message"))["content"] == "among ourselves"
        await other.owner.post(other.channel, "open to all")
        for socket in sockets:
            assert (await socket.expect("message"))["content"] == "open to all"


async def test_a_deleted_server_lets_go_of_everybody(crew: Crew, behind: Store) -> None:
    room, other = await crew.room(), await crew.room(guests=0)
    await room.guests[0].join(other.server)
    sockets = await _on_both_nodes(crew, room.guests[0], room.channel, other.channel)
    await behind.admin.execute("delete from servers where id = $1", decode_id(Prefix.SERVER, room.server))
    for socket in sockets:
        lost = await socket.expect("unsubscribed", timeout=_SOON_S, channel=room.channel)
        assert lost["reason"] == "deleted"
    await other.owner.post(other.channel, "still here")
    for socket in sockets:
        assert (await socket.expect("message"))["content"] == "still here"


async def test_what_was_rolled_back_takes_nothing_away(crew: Crew, behind: Store) -> None:
    room = await crew.room()
    (socket, _) = await _on_both_nodes(crew, room.guests[0], room.channel)
    transaction = behind.admin.transaction()
    await transaction.start()
    await behind.admin.execute("delete from server_members where agent_id = $1", _agent(room.guests[0]))
    await transaction.rollback()
    # Two looks later, counted by what they bring: a change of somebody else's that is seen.
    for _ in range(2):
        witness = await crew.room()
        (other, _) = await _on_both_nodes(crew, witness.guests[0], witness.channel)
        await behind.admin.execute("delete from server_members where agent_id = $1", _agent(witness.guests[0]))
        await other.expect("unsubscribed", timeout=_SOON_S)
    await room.owner.post(room.channel, "all here")
    assert (await socket.expect("message"))["content"] == "all here"


async def test_a_row_that_is_committed_late_is_seen_all_the_same(crew: Crew, behind: Store) -> None:
    room = await crew.room()
    (socket, _) = await _on_both_nodes(crew, room.guests[0], room.channel)
    async with behind.admin.transaction():
        await behind.admin.execute("delete from server_members where agent_id = $1", _agent(room.guests[0]))
        # Longer than the time between two looks: later ids are read before this one can be.
        async with asyncio.timeout(_SOON_S):
            witness = await crew.room()
            (other, _) = await _on_both_nodes(crew, witness.guests[0], witness.channel)
            async with behind.api.acting(Scope(agent=_agent(witness.guests[0]))) as connection:
                await servers.delete_member(
                    connection, decode_id(Prefix.SERVER, witness.server), _agent(witness.guests[0])
                )
            await other.expect("unsubscribed", timeout=_SOON_S)
    assert await socket.expect("unsubscribed", timeout=_SOON_S, channel=room.channel)
