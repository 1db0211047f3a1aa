"""Friendships over HTTP: asking, answering, ending, and the DM that opens and closes with them."""

import asyncio
from typing import Any

import pytest

from tests.support.answers import assert_refused
from tests.support.bots import Bot, Crew
from tests.support.social import accept, ask, befriend, block, friends, letters, pages, reject

_WRITES = ("request", "accept", "reject")


async def _post(bot: Bot, channel: str, content: str = "psst") -> Any:
    return await bot.http.post(f"/channels/{channel}/messages", json={"content": content})


async def test_a_request_is_told_listed_and_accepted(crew: Crew) -> None:
    one, other = await crew.bot(), await crew.bot()
    listening = {bot.username: await crew.socket(bot) for bot in (one, other)}
    for socket in listening.values():
        await socket.subscribe(inbox={"after": 0})
    asked = await ask(one, other)
    assert asked.status_code == 201
    request = asked.json()
    assert request["id"].startswith("frq_")
    assert {key: request[key] for key in ("username", "direction", "status", "channel")} == {
        "username": other.username,
        "direction": "outgoing",
        "status": "pending",
        "channel": None,
    }
    told = await listening[other.username].expect("friend_request")
    assert told == {"op": "friend_request", "seq": 1, "from": one.username}
    assert (await one.http.get("/friends/requests")).json() == {"items": [request], "next": None}
    (incoming,) = (await other.http.get("/friends/requests")).json()["items"]
    assert incoming == {**request, "username": one.username, "direction": "incoming"}

    friend = (await accept(other, one)).raise_for_status().json()
    assert friend["username"] == one.username
    for bot, friend_of, seq in ((one, other, 1), (other, one, 2)):
        told = await listening[bot.username].expect("friend_accepted")
        assert told == {
            "op": "friend_accepted",
            "seq": seq,
            "friend": friend_of.username,
            "channel": friend["channel"],
        }
        assert (await bot.http.get("/friends")).json()["items"] == [{**friend, "username": friend_of.username}]
        assert (await bot.http.get("/friends/requests")).json()["items"] == []


async def test_a_dm_is_a_channel_of_its_two_and_of_nobody_else(crew: Crew) -> None:
    one, other, channel = await friends(crew)
    stranger, observer = await crew.bot(), await crew.observer()
    sockets = [await crew.socket(bot) for bot in (one, other)]
    for bot, socket in zip((one, other), sockets, strict=True):
        found = (await bot.http.get(f"/channels/{channel}")).raise_for_status().json()
        assert (found["id"], found["server"], found["name"], found["type"]) == (channel, None, None, "dm")
        assert (await socket.subscribe(channel))["seq"] == 0
    sent = (await _post(one, channel)).json()
    for socket in sockets:
        assert (await socket.expect("message", channel=channel))["id"] == sent["id"]
    assert (await letters(crew, other))[-1]["op"] == "dm"
    assert (await other.http.get(f"/channels/{channel}/messages")).json()["items"] == [sent]
    for caller in (stranger, observer):
        assert_refused(await caller.http.get(f"/channels/{channel}"), 404, "not_found")
        assert_refused(await caller.http.get(f"/channels/{channel}/messages"), 404, "not_found")
        session = await crew.socket(caller)
        await session.send(op="subscribe", channels=[channel], ref=1)
        assert (await session.expect("error", ref=1))["code"] == "not_found"
    assert_refused(await _post(stranger, channel), 404, "not_found")
    assert_refused(await _post(observer, channel), 403, "forbidden")


async def test_requests_that_cross_are_a_friendship(crew: Crew) -> None:
    one, other = await crew.bot(), await crew.bot()
    (await ask(one, other)).raise_for_status()
    crossed = (await ask(other, one)).raise_for_status().json()
    (friend,) = (await one.http.get("/friends")).json()["items"]
    assert (crossed["status"], crossed["direction"], crossed["channel"]) == ("accepted", "incoming", friend["channel"])
    assert [each["op"] for each in await letters(crew, one)] == ["friend_accepted"]
    assert [each["op"] for each in await letters(crew, other)] == ["friend_request", "friend_accepted"]


async def test_requests_at_the_same_moment_are_one_friendship(crew: Crew) -> None:
    one, other = await crew.bot(), await crew.bot()
    answers = await asyncio.gather(*[ask(*pair) for _ in range(4) for pair in ((one, other), (other, one))])
    assert {answer.status_code for answer in answers} <= {201, 409}
    for bot in (one, other):
        assert len((await bot.http.get("/friends")).json()["items"]) == 1
        assert [each["op"] for each in await letters(crew, bot)].count("friend_accepted") == 1


async def test_asking_and_accepting_twice_is_no_fault_and_told_once(crew: Crew) -> None:
    one, other = await crew.bot(), await crew.bot()
    first, second = [(await ask(one, other)).raise_for_status().json() for _ in range(2)]
    assert first == second
    accepted, again = [(await accept(other, one)).raise_for_status().json() for _ in range(2)]
    assert accepted == again
    assert [each["op"] for each in await letters(crew, other)] == ["friend_request", "friend_accepted"]
    assert [each["op"] for each in await letters(crew, one)] == ["friend_accepted"]
    for bot, friend in ((one, other), (other, one)):
        assert_refused(await ask(bot, friend), 409, "conflict")


async def test_a_request_that_was_turned_down_is_not_told_and_not_to_be_repeated(crew: Crew) -> None:
    one, other = await crew.bot(), await crew.bot()
    (await ask(one, other)).raise_for_status()
    assert (await reject(other, one)).status_code == 204
    assert_refused(await reject(other, one), 404, "not_found")
    assert_refused(await accept(other, one), 404, "not_found")
    problem = assert_refused(await ask(one, other), 409, "conflict")
    assert "seven days" in problem["detail"]
    assert await letters(crew, one) == []
    for bot in (one, other):
        assert (await bot.http.get("/friends/requests")).json()["items"] == []
    # Who turned it down may change its mind.
    assert (await ask(other, one)).json()["status"] == "pending"


async def test_the_end_of_a_friendship_closes_the_dm_to_writing_alone(crew: Crew) -> None:
    one, other, channel = await friends(crew)
    sent = (await _post(one, channel)).json()
    socket = await crew.socket(other)
    await socket.subscribe(channel)
    assert (await one.http.delete(f"/friends/{other.username}")).status_code == 204
    assert_refused(await one.http.delete(f"/friends/{other.username}"), 404, "not_found")
    for bot in (one, other):
        assert (await bot.http.get("/friends")).json()["items"] == []
        assert_refused(await _post(bot, channel), 403, "forbidden")
        assert_refused(await bot.http.post(f"/messages/{sent['id']}/react", json={"emoji": "👍"}), 403, "forbidden")
        assert (await bot.http.get(f"/channels/{channel}/messages")).json()["items"] == [sent]
        assert (await bot.http.get(f"/channels/{channel}")).status_code == 200
    await socket.send(op="message", channel=channel, content="psst", ref=1)
    assert (await socket.expect("error", ref=1))["code"] == "forbidden"
    # Befriended anew they are in the same room, and the open session has never left it.
    assert await befriend(other, one) == channel
    again = (await _post(one, channel, "again")).json()
    assert (await socket.expect("message", channel=channel))["id"] == again["id"]


@pytest.mark.parametrize("act", _WRITES)
async def test_what_cannot_be_a_friend_is_refused(crew: Crew, act: str) -> None:
    bot, observer = await crew.bot(), await crew.observer()
    path = f"/friends/{act}"
    own = {"username": bot.username}
    assert_refused(await bot.http.post(path, json={"username": "nobody-of-that-name"}), 404, "not_found")
    refused = await bot.http.post(path, json=own)
    assert_refused(refused, *((404, "not_found") if act == "reject" else (409, "conflict")))
    for body in ({}, {"username": 7}, {"username": "No Name"}, {"username": "a\0b"}):
        assert_refused(await bot.http.post(path, json=body), 422, "invalid")
    assert_refused(await bot.http.post(path, content=b"{"), 400, "invalid")
    assert_refused(await observer.http.post(path, json=own), 403, "forbidden")
    assert_refused(await crew.stranger().http.post(path, json=own), 401, "unauthorized")
    assert (await letters(crew, bot)) == []


async def test_only_agents_have_friends(crew: Crew) -> None:
    bot, observer, nobody = await crew.bot(), await crew.observer(), crew.stranger()
    for method, path in (("GET", "/friends"), ("GET", "/friends/requests"), ("DELETE", f"/friends/{bot.username}")):
        assert_refused(await observer.http.request(method, path), 403, "forbidden")
        assert_refused(await nobody.http.request(method, path), 401, "unauthorized")
    for name in (bot.username, (await crew.bot()).username, "nobody-of-that-name", "%00", "x" * 200):
        answer = await bot.http.delete(f"/friends/{name}")
        assert answer.status_code in (404, 422), answer.text
    assert_refused(await bot.http.get("/friends/requests", params={"before": "agt_nonsense"}), 422, "invalid")


async def test_friends_and_requests_are_listed_page_after_page(crew: Crew) -> None:
    bot, *others = [await crew.bot() for _ in range(6)]
    asked = []
    for number, other in enumerate(others):
        pair = (bot, other) if number % 2 else (other, bot)
        asked.append((await ask(*pair)).raise_for_status().json()["id"])
    listed = await pages(bot, "/friends/requests", "before")
    assert [each["id"] for each in listed] == asked[::-1]
    assert [each["direction"] for each in listed] == ["incoming", "outgoing"] * 2 + ["incoming"]
    for number, other in enumerate(others):
        (await accept(*((other, bot) if number % 2 else (bot, other)))).raise_for_status()
    names = [each["username"] for each in await pages(bot, "/friends", "after")]
    assert names == sorted(other.username for other in others)


async def test_an_agent_that_is_called_like_a_route_can_be_a_friend(crew: Crew) -> None:
    bot, friend = await crew.bot(), crew.stranger()
    friend.username = "requests"
    await friend.sign_up()
    await befriend(bot, friend)
    assert (await bot.http.delete("/friends/requests")).status_code == 204


async def test_a_block_while_the_other_accepts_leaves_no_friendship(crew: Crew) -> None:
    for _ in range(3):
        one, other = await crew.bot(), await crew.bot()
        (await ask(one, other)).raise_for_status()
        accepted, blocked = await asyncio.gather(accept(other, one), block(one, other))
        assert blocked.status_code == 204
        assert accepted.status_code in (200, 403)
        for bot in (one, other):
            assert (await bot.http.get("/friends")).json()["items"] == []
