"""Requests that come at the same moment, over both nodes: what may happen once happens once."""

import asyncio
from typing import Any

import httpx

from tests.support.bots import Bot, Crew

_AT_ONCE = 12


async def _statuses(*requests: Any) -> list[int]:
    answers: list[httpx.Response] = await asyncio.gather(*requests)
    assert all(answer.status_code < 500 for answer in answers), [answer.text for answer in answers]
    return sorted(answer.status_code for answer in answers)


def _once(status: int, refusal: int) -> list[int]:
    return sorted([status, *[refusal] * (_AT_ONCE - 1)])


async def _signed(bot: Bot, path: str, body: dict[str, Any]) -> dict[str, Any]:
    issued = (await bot.http.post(path, json=body)).raise_for_status().json()
    return {"agent_id": issued["agent_id"], "signed_challenge": bot.sign(issued["challenge"])}


async def test_a_name_is_registered_once(crew: Crew) -> None:
    bots = [crew.stranger() for _ in range(_AT_ONCE)]
    for bot in bots:
        bot.username = bots[0].username
    requests = [bot.http.post("/agents/register", json=bot.registration()) for bot in bots]
    assert await _statuses(*requests) == _once(201, 409)


async def test_a_challenge_is_spent_once(crew: Crew) -> None:
    bot = crew.stranger()
    signed = await _signed(bot, "/agents/register", bot.registration())
    verified = await _statuses(*[bot.http.post("/agents/verify", json=signed) for _ in range(_AT_ONCE)])
    assert verified == _once(200, 401)
    signed = await _signed(bot, "/auth/challenge", {"username": bot.username})
    assert await _statuses(*[bot.http.post("/auth/token", json=signed) for _ in range(_AT_ONCE)]) == _once(200, 401)


async def test_at_most_eight_of_many_challenges_are_handed_out(crew: Crew) -> None:
    bot = await crew.bot()
    requests = [bot.http.post("/auth/challenge", json={"username": bot.username}) for _ in range(_AT_ONCE)]
    assert await _statuses(*requests) == [200] * 8 + [429] * (_AT_ONCE - 8)


async def test_a_refresh_token_is_spent_once_and_the_log_in_ended(crew: Crew) -> None:
    bot = await crew.bot()
    body = {"refresh_token": bot.refresh_token}
    answers = await asyncio.gather(*[bot.http.post("/auth/refresh", json=body) for _ in range(_AT_ONCE)])
    renewed = [answer.json() for answer in answers if answer.status_code == 200]
    assert len(renewed) <= 1
    assert {answer.status_code for answer in answers} <= {200, 401}
    for tokens in renewed:
        again = await bot.http.post("/auth/refresh", json={"refresh_token": tokens["refresh_token"]})
        assert again.status_code == 401


async def test_the_last_place_of_a_server_is_taken_once(crew: Crew) -> None:
    owner, *bots = [await crew.bot() for _ in range(_AT_ONCE + 1)]
    server = (await owner.create_server(max_members=2))["id"]
    joined = await _statuses(*[bot.http.post(f"/servers/{server}/join") for bot in bots])
    assert joined == _once(200, 409)
    assert (await owner.http.get(f"/servers/{server}")).json()["member_count"] == 2


async def test_one_agent_joining_many_times_at_once_is_one_member(crew: Crew) -> None:
    room = await crew.room(guests=0)
    bot = await crew.bot()
    joined = await _statuses(*[bot.http.post(f"/servers/{room.server}/join") for _ in range(_AT_ONCE)])
    assert set(joined) <= {200, 409}
    assert 200 in joined
    assert (await bot.http.get(f"/servers/{room.server}")).json()["member_count"] == 2
    socket = await crew.socket(room.owner)
    assert (await socket.subscribe(room.server))["seq"] == 1


async def test_one_agent_leaving_many_times_at_once_leaves_once(crew: Crew) -> None:
    room = await crew.room()
    (guest,) = room.guests
    left = await _statuses(*[guest.http.delete(f"/servers/{room.server}/leave") for _ in range(_AT_ONCE)])
    assert left == _once(204, 409)
    assert (await guest.http.get(f"/servers/{room.server}")).json()["member_count"] == 1
    socket = await crew.socket(room.owner)
    assert (await socket.subscribe(room.server))["seq"] == 2


async def test_members_come_and_go_at_once_and_the_stream_tells_of_each(crew: Crew) -> None:
    room = await crew.room(guests=_AT_ONCE)
    socket = await crew.socket(room.owner)
    head = (await socket.subscribe(room.server))["seq"]

    async def come_and_go(bot: Bot) -> None:
        for _ in range(4):
            assert (await bot.http.delete(f"/servers/{room.server}/leave")).status_code == 204
            assert (await bot.http.post(f"/servers/{room.server}/join")).status_code == 200

    await asyncio.gather(*[come_and_go(bot) for bot in room.guests])
    told: list[dict[str, Any]] = []
    while len(told) < _AT_ONCE * 8:
        frame = await socket.receive()
        told += [frame] if frame["op"].startswith("member_") else []
    assert [each["seq"] for each in told] == list(range(head + 1, head + len(told) + 1))
    for bot in room.guests:
        own = [each["op"] for each in told if each["agent"]["username"] == bot.username]
        assert own == ["member_left", "member_joined"] * 4
    assert (await room.owner.http.get(f"/servers/{room.server}")).json()["member_count"] == _AT_ONCE + 1


async def test_one_nonce_is_one_message_wherever_it_comes_in(crew: Crew) -> None:
    room = await crew.room(guests=0)
    sockets = [await crew.socket(room.owner, node=node) for node in ("gw-1", "gw-2")]
    for number in range(10):
        for socket in sockets:
            await socket.send(op="message", channel=room.channel, content="once", nonce="n", ref=number)
    posted = await asyncio.gather(*[room.owner.post(room.channel, "once", nonce="n") for _ in range(_AT_ONCE)])
    acks = [await socket.expect("message_ack", ref=number) for number in range(10) for socket in sockets]
    assert len({each["id"] for each in (*posted, *acks)}) == 1
    page = (await room.owner.http.get(f"/channels/{room.channel}/messages")).json()
    assert [each["seq"] for each in page["items"]] == [1]


async def test_the_hundredth_channel_is_made_once(crew: Crew) -> None:
    room = await crew.room(guests=0)
    path = f"/servers/{room.server}/channels"
    for number in range(98):
        (await room.owner.http.post(path, json={"name": f"c{number}"})).raise_for_status()
    requests = [room.owner.http.post(path, json={"name": "the last"}) for _ in range(_AT_ONCE)]
    assert await _statuses(*requests) == _once(201, 409)
