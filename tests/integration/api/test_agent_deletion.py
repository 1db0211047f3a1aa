"""Leaving for good: a tombstone keeps the name and the messages, all else is gone."""

import asyncio

import httpx
import pytest

from tests.support.answers import assert_refused
from tests.support.bots import Bot, Crew


async def _delete(bot: Bot) -> None:
    answer = await bot.http.delete("/agents/@me")
    assert answer.status_code == 204, answer.text


async def _befriend(one: Bot, other: Bot) -> str:
    (await one.http.post("/friends/request", json={"username": other.username})).raise_for_status()
    (await other.http.post("/friends/accept", json={"username": one.username})).raise_for_status()
    friends = (await one.http.get("/friends")).raise_for_status().json()["items"]
    return str(next(each["channel"] for each in friends if each["username"] == other.username))


async def test_the_log_ins_end_and_nobody_comes_back_under_the_name(crew: Crew) -> None:
    bot, other = await crew.bot(), await crew.bot()
    tokens = await bot.log_in()
    sockets = [await crew.socket(bot, node=node) for node in ("gw-1", "gw-2")]
    issued = (await bot.http.post("/auth/challenge", json={"agent_id": bot.agent_id})).json()
    await _delete(bot)
    for socket in sockets:
        assert await socket.closed() == 4001
        assert (await socket.expect("error"))["code"] == "unauthorized"
    assert_refused(await bot.http.get("/agents/@me"), 401, "unauthorized")
    assert_refused(await bot.http.delete("/agents/@me"), 401, "unauthorized")
    for refresh_token in (bot.refresh_token, tokens["refresh_token"]):
        answer = await bot.http.post("/auth/refresh", json={"refresh_token": refresh_token})
        assert_refused(answer, 401, "unauthorized")
    signed = {"agent_id": bot.agent_id, "signed_challenge": bot.sign(issued["challenge"])}
    assert_refused(await bot.http.post("/auth/token", json=signed), 404, "not_found")
    assert_refused(await bot.http.post("/auth/challenge", json={"username": bot.username}), 404, "not_found")
    assert_refused(await other.http.get(f"/agents/{bot.username}"), 404, "not_found")
    taken = crew.stranger()
    taken.username = bot.username
    assert_refused(await taken.http.post("/agents/register", json=taken.registration()), 409, "conflict")


async def test_messages_stay_under_a_tombstone(crew: Crew) -> None:
    room = await crew.room(guests=2)
    bot, witness = room.guests
    (
        await bot.http.patch("/agents/@me", json={"display_name": "Ada", "avatar_url": "https://a.example"})
    ).raise_for_status()
    said = await bot.post(room.channel, "what I said")
    await _delete(bot)
    left = (await witness.http.get(f"/messages/{said['id']}")).raise_for_status().json()
    assert left["content"] == "what I said"
    assert left["agent"] == {
        "id": bot.agent_id,
        "username": bot.username,
        "display_name": None,
        "avatar_url": None,
        "deleted": True,
    }
    page = (await witness.http.get(f"/channels/{room.channel}/messages")).json()
    assert page["items"][0] == left
    # Somebody else may still react to it.
    assert (await witness.http.post(f"/messages/{said['id']}/react", json={"emoji": "x"})).status_code == 204
    assert (await witness.http.delete(f"/messages/{said['id']}/react/x")).status_code == 204


async def test_the_servers_are_told_and_have_a_member_less(crew: Crew) -> None:
    rooms = [await crew.room(guests=0) for _ in range(2)]
    bot = await crew.bot()
    sockets = []
    for room in rooms:
        await bot.join(room.server)
        sockets.append(await crew.socket(room.owner))
        await sockets[-1].subscribe(room.server)
    await _delete(bot)
    for room, socket in zip(rooms, sockets, strict=True):
        assert (await socket.expect("member_left"))["agent"]["username"] == bot.username
        assert (await room.owner.http.get(f"/servers/{room.server}")).json()["member_count"] == 1


async def test_friendships_follows_and_karma_end(crew: Crew) -> None:
    bot, friend, fan = await crew.bot(), await crew.bot(), await crew.bot()
    dm = await _befriend(bot, friend)
    await bot.post(dm, "a letter")
    (await bot.http.post(f"/agents/{friend.username}/follow")).raise_for_status()
    (await fan.http.post(f"/agents/{bot.username}/follow")).raise_for_status()
    assert (await friend.http.get("/agents/@me")).json()["karma"]["followers_count"] == 1
    await _delete(bot)
    karma = (await friend.http.get("/agents/@me")).json()["karma"]
    assert karma == {"score": 0, "reactions_received": 0, "followers_count": 0}
    assert (await friend.http.get("/friends")).json()["items"] == []
    assert (await fan.http.get(f"/agents/{fan.username}/following")).json()["items"] == []
    # The letters can be read, and no more be answered.
    assert (await friend.http.get(f"/channels/{dm}/messages")).json()["items"][0]["content"] == "a letter"
    answer = await friend.http.post(f"/channels/{dm}/messages", json={"content": "are you there?"})
    assert_refused(answer, 403, "forbidden")


async def test_an_owner_hands_over_first_and_nothing_was_left_before(crew: Crew) -> None:
    room = await crew.room(guests=0)
    bot = room.owner
    other = await crew.room(guests=0)
    await bot.join(other.server)
    assert_refused(await bot.http.delete("/agents/@me"), 409, "conflict")
    assert len((await bot.http.get("/agents/@me/servers")).json()["items"]) == 2
    (await bot.http.delete(f"/servers/{room.server}")).raise_for_status()
    await _delete(bot)


async def test_of_many_at_once_one_is_the_last(crew: Crew) -> None:
    room = await crew.room()
    (bot,) = room.guests
    answers: list[httpx.Response] = await asyncio.gather(*[bot.http.delete("/agents/@me") for _ in range(6)])
    statuses = sorted(answer.status_code for answer in answers)
    assert statuses[0] == 204, [answer.text for answer in answers]
    assert set(statuses) <= {204, 401, 404}
    assert statuses.count(204) == 1
    assert (await room.owner.http.get(f"/servers/{room.server}")).json()["member_count"] == 1


@pytest.mark.parametrize("act", ["post", "join", "react", "follow"])
async def test_leaving_while_acting_leaves_nothing_half_done(crew: Crew, act: str) -> None:
    room, elsewhere = await crew.room(), await crew.room(guests=0)
    (bot,) = room.guests
    message = (await room.owner.post(room.channel, "hello"))["id"]

    async def do(number: int) -> httpx.Response:
        match act:
            case "post":
                return await bot.http.post(f"/channels/{room.channel}/messages", json={"content": f"m{number}"})
            case "join":
                return await bot.http.post(f"/servers/{elsewhere.server}/join")
            case "react":
                return await bot.http.post(f"/messages/{message}/react", json={"emoji": f"e{number}"})
            case _:
                return await bot.http.post(f"/agents/{room.owner.username}/follow")

    *answers, deleted = await asyncio.gather(*[do(number) for number in range(8)], bot.http.delete("/agents/@me"))
    assert deleted.status_code == 204, deleted.text
    assert {answer.status_code for answer in answers} <= {200, 201, 204, 401, 403, 404, 409}, [a.text for a in answers]
    for each in (room, elsewhere):
        members = (await each.owner.http.get(f"/servers/{each.server}/members")).json()["items"]
        assert [member["agent"]["username"] for member in members] == [each.owner.username]
    stored = (await room.owner.http.get(f"/channels/{room.channel}/messages")).json()["items"]
    # One that was stored may not have been shown any more.
    assert len(stored) >= 1 + sum(answer.status_code == 201 for answer in answers if act == "post")
    karma = (await room.owner.http.get("/agents/@me")).json()["karma"]
    reactions = (await room.owner.http.get(f"/messages/{message}")).json()["reactions"]
    assert karma == {"score": len(reactions), "reactions_received": len(reactions), "followers_count": 0}
