"""What happens to a server at the same moment, over both nodes: everybody gets an answer that fits, and nobody waits in
a circle (a deadlock would be answered 503).
"""

import asyncio
from typing import Any

import httpx
import pytest

from tests.support.bots import Bot, Crew, Room

_AT_ONCE = 12


async def _at_once(*requests: Any) -> list[httpx.Response]:
    answers: list[httpx.Response] = await asyncio.gather(*requests)
    assert all(answer.status_code < 500 for answer in answers), [answer.text for answer in answers]
    return answers


def _statuses(answers: list[httpx.Response]) -> list[int]:
    return sorted(answer.status_code for answer in answers)


async def _owners(room: Room, bot: Bot) -> list[str]:
    members = (await bot.http.get(f"/servers/{room.server}/members")).json()["items"]
    return [each["agent"]["username"] for each in members if each["role"] == "owner"]


async def test_a_heir_that_leaves_meanwhile_is_the_owner_or_gone(crew: Crew) -> None:
    for _ in range(8):
        room = await crew.room()
        (heir,) = room.guests
        path = f"/servers/{room.server}"
        given, left = await _at_once(
            room.owner.http.patch(f"{path}/members/{heir.username}", json={"role": "owner"}),
            heir.http.delete(f"{path}/leave"),
        )
        assert (given.status_code, left.status_code) in ((200, 409), (404, 204)), (given.text, left.text)
        owner = heir if given.status_code == 200 else room.owner
        assert await _owners(room, owner) == [owner.username]
        assert (await owner.http.get(path)).json()["owner"] == owner.username


async def test_a_server_is_handed_to_one_of_many_heirs(crew: Crew) -> None:
    room = await crew.room(guests=6)
    path = f"/servers/{room.server}/members"
    answers = await _at_once(
        *[room.owner.http.patch(f"{path}/{heir.username}", json={"role": "owner"}) for heir in room.guests]
    )
    assert _statuses(answers) == [200, *[403] * 5]
    (owner,) = await _owners(room, room.owner)
    assert owner != room.owner.username


async def test_members_are_appointed_while_they_leave(crew: Crew) -> None:
    room = await crew.room(guests=_AT_ONCE)
    path = f"/servers/{room.server}"
    appointing = [
        room.owner.http.patch(f"{path}/members/{bot.username}", json={"role": "admin"}) for bot in room.guests
    ]
    leaving = [bot.http.delete(f"{path}/leave") for bot in room.guests]
    answers = await _at_once(*[each for pair in zip(appointing, leaving, strict=True) for each in pair])
    assert {answer.status_code for answer in answers[::2]} <= {200, 404}
    assert {answer.status_code for answer in answers[1::2]} == {204}
    assert (await room.owner.http.get(path)).json()["member_count"] == 1


async def test_an_invite_for_one_lets_one_in(crew: Crew) -> None:
    room = await crew.room(guests=0, is_public=False)
    path = f"/servers/{room.server}"
    invite = (await room.owner.http.post(f"{path}/invites", json={"max_uses": 1})).json()["invite"]
    bots = [await crew.bot() for _ in range(_AT_ONCE)]
    answers = await _at_once(*[bot.http.post(f"{path}/join", json={"invite": invite}) for bot in bots])
    assert _statuses(answers) == [200, *[404] * (_AT_ONCE - 1)]
    assert (await room.owner.http.get(path)).json()["member_count"] == 2


@pytest.mark.parametrize("place", ["server", "channel"])
async def test_posting_goes_on_until_the_place_is_deleted(crew: Crew, place: str) -> None:
    room = await crew.room(guests=3)
    rest = await crew.room(guests=0)
    follower = await crew.socket(room.guests[0])
    await follower.subscribe(room.channel)
    acknowledged: set[str] = set()
    gone = asyncio.Event()

    async def post_until_gone(bot: Bot) -> None:
        while True:
            answer = await bot.http.post(f"/channels/{room.channel}/messages", json={"content": "x"})
            # A message may be deleted with its channel before it could be read again for the answer.
            assert answer.status_code in (201, 404), answer.text
            if answer.status_code == 404:
                return
            acknowledged.add(answer.json()["id"])

    async def post_elsewhere() -> None:
        while not gone.is_set():
            assert (await rest.owner.post(rest.channel, "undisturbed"))["seq"]

    async def delete_soon() -> None:
        while len(acknowledged) < 10:
            await asyncio.sleep(0.005)
        path = f"/servers/{room.server}" if place == "server" else f"/channels/{room.channel}"
        (await room.owner.http.delete(path)).raise_for_status()

    async with asyncio.TaskGroup() as group:
        elsewhere = group.create_task(post_elsewhere())
        posters = [group.create_task(post_until_gone(bot)) for bot in (*room.guests, *room.guests)]
        group.create_task(delete_soon())
        await asyncio.gather(*posters)
        gone.set()
        await elsewhere
    # Whoever followed the channel to its end has all that was acknowledged.
    seen: set[str] = set()
    while (frame := await follower.receive(30))["op"] != "unsubscribed":
        seen |= {frame["id"]} if frame["op"] == "message" else set()
    assert frame["reason"] == "deleted"
    assert acknowledged <= seen


async def test_a_server_is_deleted_in_the_middle_of_everything(crew: Crew) -> None:
    for _ in range(3):
        room = await crew.room(guests=4)
        path = f"/servers/{room.server}"
        newcomers = [await crew.bot() for _ in range(4)]
        owner, (admin, *others) = room.owner, room.guests
        (await owner.http.patch(f"{path}/members/{admin.username}", json={"role": "admin"})).raise_for_status()
        answers = await _at_once(
            *[bot.http.post(f"{path}/join") for bot in newcomers[:2]],
            others[0].http.delete(f"{path}/leave"),
            admin.http.patch(path, json={"name": "new"}),
            admin.http.put(f"{path}/tags", json={"tags": ["a"]}),
            admin.http.post(f"{path}/channels", json={"name": "attic"}),
            owner.http.delete(path),
            owner.http.patch(f"{path}/members/{others[1].username}", json={"role": "admin"}),
            admin.http.post(f"{path}/invites"),
            admin.http.delete(f"/channels/{room.channel}"),
            others[1].http.post(f"/channels/{room.channel}/messages", json={"content": "x"}),
            *[bot.http.post(f"{path}/join") for bot in newcomers[2:]],
        )
        # Who leaves what has just ended is no member of it, nor is who asked a moment before.
        assert {answer.status_code for answer in answers} <= {200, 201, 204, 403, 404, 409}
        assert (await owner.http.get(path)).status_code == 404
