"""Roles, handing over, and invites."""

from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest
import pytest_asyncio

from claw.wire.ids import Prefix, decode_id
from stack.embedded import EmbeddedPostgres
from tests.support.answers import assert_refused
from tests.support.bots import Bot, Crew, Room
from tests.support.platform import Platform


@pytest_asyncio.fixture
async def admin(platform: Platform) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    """The platform's own database."""
    url = EmbeddedPostgres(platform.data_dir).known_admin_url()
    assert url is not None
    connection = await asyncpg.connect(url)
    yield connection
    await connection.close()


async def _appoint(room: Room, bot: Bot, role: str) -> dict[str, Any]:
    answer = await room.owner.http.patch(f"/servers/{room.server}/members/{bot.username}", json={"role": role})
    return dict(answer.raise_for_status().json())


async def _roles(room: Room) -> dict[str, str]:
    members = (await room.owner.http.get(f"/servers/{room.server}/members")).json()["items"]
    return {each["agent"]["username"]: each["role"] for each in members}


async def _invite(room: Room, **fields: Any) -> str:
    answer = await room.owner.http.post(f"/servers/{room.server}/invites", json=fields)
    return str(answer.raise_for_status().json()["invite"])


async def test_an_admin_may_what_a_member_may_not_until_it_is_one_again(crew: Crew) -> None:
    room = await crew.room()
    (guest,) = room.guests
    socket = await crew.socket(guest)
    await socket.subscribe(room.server)
    news = {"name": "news", "type": "announcement"}
    channel = (await room.owner.http.post(f"/servers/{room.server}/channels", json=news)).json()["id"]
    appointed = await _appoint(room, guest, "admin")
    assert (appointed["agent"]["username"], appointed["role"]) == (guest.username, "admin")
    told = await socket.expect("role_changed")
    assert (told["agent"]["username"], told["role"]) == (guest.username, "admin")
    assert (await guest.post(channel, "hear, hear"))["seq"] == 1
    await _appoint(room, guest, "member")
    assert (await socket.expect("role_changed"))["role"] == "member"
    refused = await guest.http.post(f"/channels/{channel}/messages", json={"content": "me too"})
    assert_refused(refused, 403, "forbidden")
    for role in ("king", None, ""):
        path = f"/servers/{room.server}/members/{guest.username}"
        assert_refused(await room.owner.http.patch(path, json={"role": role}), 422, "invalid", path="$.role")


async def test_who_is_made_the_owner_owns_and_the_owner_is_an_admin(crew: Crew) -> None:
    room = await crew.room()
    (heir,) = room.guests
    socket = await crew.socket(heir)
    await socket.subscribe(room.server)
    await _appoint(room, heir, "owner")
    told = [await socket.expect("role_changed") for _ in range(2)]
    assert {each["agent"]["username"]: each["role"] for each in told} == {
        heir.username: "owner",
        room.owner.username: "admin",
    }
    assert await _roles(room) == {heir.username: "owner", room.owner.username: "admin"}
    assert (await heir.http.get(f"/servers/{room.server}")).json()["owner"] == heir.username
    assert_refused(await room.owner.http.delete(f"/servers/{room.server}"), 403, "forbidden")
    assert_refused(await heir.http.delete(f"/servers/{room.server}/leave"), 409, "conflict")
    assert (await room.owner.http.delete(f"/servers/{room.server}/leave")).status_code == 204
    assert (await heir.http.delete(f"/servers/{room.server}")).status_code == 204


async def test_a_suspended_member_cannot_become_the_owner(
    crew: Crew, admin: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    room = await crew.room()
    (heir,) = room.guests
    heir_id = decode_id(Prefix.AGENT, heir.agent_id)
    await admin.execute("update agents set status = 'suspended' where id = $1", heir_id)
    path = f"/servers/{room.server}/members/{heir.username}"
    assert_refused(await room.owner.http.patch(path, json={"role": "owner"}), 409, "conflict")
    assert (await _roles(room))[room.owner.username] == "owner"


async def test_a_private_server_is_joined_by_invite(crew: Crew) -> None:
    room = await crew.room(guests=0, is_public=False)
    socket = await crew.socket(room.owner)
    await socket.subscribe(room.server)
    invite = await _invite(room)
    bot = await crew.bot()
    path = f"/servers/{room.server}/join"
    assert_refused(await bot.http.post(path), 404, "not_found")
    joined = await bot.http.post(path, json={"invite": invite})
    assert (joined.status_code, joined.json()["member_count"]) == (200, 2)
    assert (await socket.expect("member_joined"))["agent"]["username"] == bot.username
    assert (await bot.http.post(path, json={"invite": invite})).json()["member_count"] == 2
    assert (await bot.http.get(f"/channels/{room.channel}/messages")).status_code == 200


async def test_an_invite_is_answered_once_and_stored_as_a_hash(
    crew: Crew, admin: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    room = await crew.room(guests=0)
    answer = await room.owner.http.post(f"/servers/{room.server}/invites", json={"max_uses": 3, "expires_in": 60})
    assert answer.status_code == 201
    made = answer.json()
    assert (made["server"], made["max_uses"]) == (room.server, 3)
    prefix, identifier, secret = made["invite"].split("_", 2)
    assert (prefix, len(secret)) == ("inv", 43)
    row = await admin.fetchrow(
        "select secret_hash, uses, expires_at - now() < interval '61 seconds' as soon from server_invites"
        " where id = $1::text::uuid",
        identifier,
    )
    assert row is not None
    assert (len(row["secret_hash"]), row["uses"], row["soon"]) == (32, 0, True)


@pytest.mark.parametrize(
    "fields",
    [{"max_uses": 0}, {"max_uses": "x"}, {"expires_in": 59}, {"expires_in": 31 * 86_400}, {"expires_in": None}],
)
async def test_an_invite_has_bounds(crew: Crew, fields: dict[str, Any]) -> None:
    room = await crew.room(guests=0)
    (name,) = fields
    answer = await room.owner.http.post(f"/servers/{room.server}/invites", json=fields)
    assert_refused(answer, 422, "invalid", path=f"$.{name}")


async def test_an_invite_that_does_not_hold_is_as_good_as_none(
    crew: Crew, admin: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    room, other = [await crew.room(guests=0, is_public=False) for _ in range(2)]
    bot = await crew.bot()
    good, foreign, stale = await _invite(room), await _invite(other), await _invite(room)
    stale_id = stale.split("_")[1]
    await admin.execute("update server_invites set expires_at = now() where id = $1::text::uuid", stale_id)
    for wrong in (good[:-1], good + "x", good.upper(), foreign, stale, "inv_", "", "inv_x_y", "\u2603" * 200, "a b"):
        answer = await bot.http.post(f"/servers/{room.server}/join", json={"invite": wrong})
        assert_refused(answer, 404, "not_found")
    too_long = await bot.http.post(f"/servers/{room.server}/join", json={"invite": "x" * 201})
    assert_refused(too_long, 422, "invalid", path="$.invite")
    assert (await bot.http.post(f"/servers/{room.server}/join", json={"invite": good})).status_code == 200


async def test_an_invite_is_not_spent_by_who_cannot_use_it(
    crew: Crew, admin: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    room = await crew.room(guests=0, is_public=False, max_members=2)
    banned, member, late = [await crew.bot() for _ in range(3)]
    statement = "insert into server_bans (server_id, agent_id) values ($1, $2)"
    await admin.execute(statement, decode_id(Prefix.SERVER, room.server), decode_id(Prefix.AGENT, banned.agent_id))
    invite = await _invite(room, max_uses=2)
    path = f"/servers/{room.server}/join"
    assert_refused(await banned.http.post(path, json={"invite": invite}), 403, "banned")
    assert (await room.owner.http.post(path, json={"invite": invite})).status_code == 200
    assert (await member.http.post(path, json={"invite": invite})).status_code == 200
    assert_refused(await late.http.post(path, json={"invite": invite}), 409, "conflict")
    (await room.owner.http.patch(f"/servers/{room.server}", json={"max_members": 3})).raise_for_status()
    assert (await late.http.post(path, json={"invite": invite})).status_code == 200
    assert_refused(await (await crew.bot()).http.post(path, json={"invite": invite}), 404, "not_found")


async def test_an_invite_ends_with_its_server(crew: Crew) -> None:
    room = await crew.room(guests=0)
    invite = await _invite(room)
    (await room.owner.http.delete(f"/servers/{room.server}")).raise_for_status()
    answer = await (await crew.bot()).http.post(f"/servers/{room.server}/join", json={"invite": invite})
    assert_refused(answer, 404, "not_found")
