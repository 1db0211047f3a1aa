"""Bans from servers: what ends with one, who is told, and how it is taken back."""

import asyncio
from typing import Any

import pytest

from tests.support.answers import assert_refused
from tests.support.bots import Bot, Crew, Room, Socket
from tests.support.social import letters, pages


async def _ban(room: Room, bot: Bot, **fields: Any) -> dict[str, Any]:
    answer = await room.owner.http.post(f"/servers/{room.server}/ban", json={"username": bot.username, **fields})
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def _heard(socket: Socket) -> list[str]:
    """The ops of what comes until a ping is answered."""
    await socket.send(op="ping", ref="heard")
    ops = []
    while (frame := await socket.receive()).get("ref") != "heard":
        ops.append(frame["op"])
    return ops


async def test_a_banned_member_is_out_at_once_on_every_node(crew: Crew) -> None:
    room = await crew.room(guests=2)
    bot, witness = room.guests
    sockets = [await crew.socket(bot, node=node) for node in ("gw-1", "gw-2")]
    for socket in sockets:
        await socket.subscribe(room.channel, room.server)
    watching = await crew.socket(witness)
    await watching.subscribe(room.server)

    ban = await _ban(room, bot, reason="spam")
    assert (ban["agent"]["username"], ban["banned_by"], ban["reason"]) == (bot.username, room.owner.username, "spam")
    assert not ban["auto_ban"]
    told = await watching.expect("member_banned")
    assert (told["server"], told["agent"]["username"], told.get("channel")) == (room.server, bot.username, None)
    for socket in sockets:
        for stream in (room.channel, room.server):
            assert (await socket.expect("unsubscribed", channel=stream))["reason"] == "banned"
        assert (await socket.expect("notice"))["kind"] == "banned"
    await room.owner.post(room.channel, "among ourselves")
    for socket in sockets:
        assert "message" not in await _heard(socket)
        await socket.send(op="subscribe", channels=[room.channel], ref="again")
        assert (await socket.expect("error", ref="again"))["code"] == "not_found"
        await socket.send(op="message", channel=room.channel, content="me again", ref="post")
        assert (await socket.expect("error", ref="post"))["code"] == "banned"

    assert [each["op"] for each in await letters(crew, bot)] == ["notice"]
    members = (await witness.http.get(f"/servers/{room.server}/members")).json()["items"]
    assert bot.username not in [each["agent"]["username"] for each in members]
    assert (await witness.http.get(f"/servers/{room.server}")).json()["member_count"] == 2
    assert_refused(await bot.http.post(f"/servers/{room.server}/join"), 403, "banned")
    assert_refused(await bot.http.post(f"/channels/{room.channel}/messages", json={"content": "x"}), 403, "banned")


async def test_the_notice_says_where_and_why(crew: Crew) -> None:
    room = await crew.room(guests=1, is_public=True)
    (bot,) = room.guests
    stranger = await crew.bot()
    await _ban(room, bot, reason="spam")
    await _ban(room, stranger)
    (notice,) = await letters(crew, bot)
    expected = {"op": "notice", "seq": 1, "kind": "banned", "server": room.server, "reason": "spam"}
    assert notice == expected
    assert await letters(crew, stranger) == []  # who never was there is not bothered with it


async def test_banning_twice_is_once_and_who_is_let_in_again_joins_anew(crew: Crew) -> None:
    room = await crew.room(guests=1)
    (bot,) = room.guests
    first = await _ban(room, bot, reason="the first reason")
    assert await _ban(room, bot, reason="another one") == first
    path = f"/servers/{room.server}/ban/{bot.username}"
    assert (await room.owner.http.delete(path)).status_code == 204
    assert_refused(await room.owner.http.delete(path), 404, "not_found")
    # Not a member by that, but as free as anybody to become one.
    assert_refused(await bot.http.post(f"/channels/{room.channel}/messages", json={"content": "x"}), 403, "forbidden")
    await bot.join(room.server)
    assert (await bot.post(room.channel, "back again"))["seq"] == 1
    acts = (await room.owner.http.get(f"/servers/{room.server}/audit")).json()["items"]
    assert [(each["action"], each["target"]) for each in acts] == [
        ("unbanned", bot.username),
        ("banned", bot.username),
    ]


async def test_the_banned_are_listed_by_name_page_by_page(crew: Crew) -> None:
    room = await crew.room(guests=0)
    bots = [await crew.bot() for _ in range(5)]
    for bot in bots:
        await _ban(room, bot)
    listed = await pages(room.owner, f"/servers/{room.server}/bans", "after")
    assert [each["agent"]["username"] for each in listed] == sorted(bot.username for bot in bots)


async def test_an_invite_does_not_let_the_banned_in(crew: Crew) -> None:
    room = await crew.room(guests=0, is_public=False)
    bot = await crew.bot()
    await _ban(room, bot)
    invite = (await room.owner.http.post(f"/servers/{room.server}/invites")).json()["invite"]
    answer = await bot.http.post(f"/servers/{room.server}/join", json={"invite": invite})
    assert_refused(answer, 403, "banned")


@pytest.mark.parametrize("reason", ["x" * 2_001, "\0", 5])
async def test_a_reason_that_cannot_be_kept_is_refused(crew: Crew, reason: object) -> None:
    room = await crew.room(guests=1)
    body = {"username": room.guests[0].username, "reason": reason}
    assert_refused(await room.owner.http.post(f"/servers/{room.server}/ban", json=body), 422, "invalid")


async def test_nothing_is_stored_behind_a_ban_whatever_goes_on(crew: Crew) -> None:
    room = await crew.room(guests=4)
    target, *others = room.guests
    old = await others[0].post(room.channel, "react to this")
    going = 0

    async def until_banned(act: Any) -> None:
        nonlocal going
        while (answer := await act()).status_code != 403:
            assert answer.status_code in (201, 204), answer.text
            going += 1
        assert answer.json()["code"] == "banned"

    def post(bot: Bot, content: str) -> Any:
        return bot.http.post(f"/channels/{room.channel}/messages", json={"content": content})

    async def chat(bot: Bot) -> None:
        for _ in range(15):
            assert (await post(bot, f"@{target.username} @{others[0].username} hello")).status_code == 201

    async def ban_soon() -> int:
        while going < 20:
            await asyncio.sleep(0.005)
        await _ban(room, target)
        return int((await room.owner.http.get(f"/channels/{room.channel}")).json()["seq"])

    async with asyncio.TaskGroup() as group:
        for _ in range(3):
            group.create_task(until_banned(lambda: post(target, f"@{others[1].username} me")))
        for other in others:
            group.create_task(chat(other))
        banning = group.create_task(ban_soon())
    assert (await target.http.post(f"/messages/{old['id']}/react", json={"emoji": "x"})).status_code in (403, 404)
    history = await pages(room.owner, f"/channels/{room.channel}/messages", "before", limit=100)
    last = max(each["seq"] for each in history if each["agent"]["username"] == target.username)
    assert last <= banning.result()


async def test_a_server_is_moderated_from_all_sides_at_once(crew: Crew) -> None:
    """Nobody waits in a circle: bans, joins, posts with mentions, roles and deletions in one heap."""
    room = await crew.room(guests=5)
    owner, (admin, one, *rest) = room.owner, room.guests
    path = f"/servers/{room.server}"
    (await owner.http.patch(f"{path}/members/{admin.username}", json={"role": "admin"})).raise_for_status()
    extra = (await owner.http.post(f"{path}/channels", json={"name": "attic"})).json()["id"]
    for _ in range(3):
        answers = await asyncio.gather(
            *[owner.http.post(f"{path}/ban", json={"username": bot.username}) for bot in (one, *rest)],
            *[admin.http.post(f"{path}/ban", json={"username": bot.username}) for bot in (one, *rest)],
            *[bot.http.post(f"{path}/join") for bot in (one, *rest)],
            *[
                admin.http.post(f"/channels/{channel}/messages", json={"content": f"@{bot.username} hello"})
                for bot in (one, *rest)
                for channel in (room.channel, extra)
            ],
            *[bot.http.post(f"/channels/{room.channel}/messages", json={"content": "x"}) for bot in (one, *rest)],
            *[
                bot.http.post(f"/channels/{room.channel}/report", json={"username": one.username, "reason": "x"})
                for bot in rest
            ],
            owner.http.patch(f"{path}/members/{one.username}", json={"role": "admin"}),
            one.http.delete(f"{path}/leave"),
        )
        assert {each.status_code for each in answers} <= {200, 201, 204, 403, 404, 409}, [a.text for a in answers]
        lifted = await asyncio.gather(
            *[owner.http.delete(f"{path}/ban/{bot.username}") for bot in (one, *rest)],
            *[bot.http.post(f"{path}/join") for bot in (one, *rest)],
        )
        assert {each.status_code for each in lifted} <= {200, 204, 403}, [each.text for each in lifted]
