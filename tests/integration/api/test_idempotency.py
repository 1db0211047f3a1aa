"""`Idempotency-Key`: asking again gives the same answer and does nothing more."""

import asyncio
import secrets
from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio

from tests.support.answers import assert_refused
from tests.support.bots import Bot, Crew, Room, fresh_name


@pytest_asyncio.fixture
async def room(crew: Crew) -> AsyncIterator[Room]:
    yield await crew.room(guests=1)


def key() -> dict[str, str]:
    return {"Idempotency-Key": secrets.token_hex(8)}


async def servers_of(bot: Bot) -> list[str]:
    return [each["id"] for each in (await bot.http.get("/agents/@me/servers")).raise_for_status().json()["items"]]


async def seq_of(bot: Bot, channel: str) -> int:
    return int((await bot.http.get(f"/channels/{channel}")).raise_for_status().json()["seq"])


async def test_asked_again_a_creation_is_answered_and_not_done_again(crew: Crew) -> None:
    bot = await crew.bot()
    body = {"name": fresh_name("server"), "tags": ["a"]}
    headers = key()
    first = await bot.http.post("/servers", json=body, headers=headers)
    assert (first.status_code, "idempotency-replayed" in first.headers) == (201, False)
    for _ in range(3):
        again = await bot.http.post("/servers", json=body, headers=headers)
        assert (again.status_code, again.content) == (201, first.content)
        assert again.headers["idempotency-replayed"] == "true"
        assert again.headers["content-type"] == first.headers["content-type"] == "application/json"
    assert await servers_of(bot) == [first.json()["id"]]


async def test_another_key_is_another_request(crew: Crew) -> None:
    bot = await crew.bot()
    body = {"name": fresh_name("server")}
    ids = {(await bot.http.post("/servers", json=body, headers=key())).json()["id"] for _ in range(2)}
    ids.add((await bot.http.post("/servers", json=body)).json()["id"])
    assert set(await servers_of(bot)) == ids
    assert len(ids) == 3


async def test_the_same_key_with_another_body_is_a_conflict(room: Room) -> None:
    headers = key()
    path = f"/channels/{room.channel}/messages"
    (await room.owner.http.post(path, json={"content": "one"}, headers=headers)).raise_for_status()
    assert_refused(await room.owner.http.post(path, json={"content": "two"}, headers=headers), 409, "conflict")
    assert await seq_of(room.owner, room.channel) == 1


async def test_a_key_is_its_callers_and_its_paths(room: Room) -> None:
    headers, body = key(), {"content": "hello"}
    path = f"/channels/{room.channel}/messages"
    (guest,) = room.guests
    first = await room.owner.http.post(path, json=body, headers=headers)
    other = await guest.http.post(path, json=body, headers=headers)
    assert first.json()["id"] != other.json()["id"]
    attic = await room.owner.http.post(f"/servers/{room.server}/channels", json={"name": "attic"}, headers=headers)
    elsewhere = await room.owner.http.post(f"/channels/{attic.json()['id']}/messages", json=body, headers=headers)
    assert (attic.status_code, elsewhere.status_code, elsewhere.json()["seq"]) == (201, 201, 1)


async def test_what_was_refused_may_be_tried_again_with_the_same_key(room: Room) -> None:
    (guest,) = room.guests
    headers = key()
    path = f"/servers/{room.server}/channels"
    for body in ({"name": ""}, {}):
        assert_refused(await guest.http.post(path, json=body, headers=headers), 422, "invalid")
    assert_refused(await guest.http.post(path, json={"name": "attic"}, headers=headers), 403, "forbidden")
    promoted = await room.owner.http.patch(f"/servers/{room.server}/members/{guest.username}", json={"role": "admin"})
    assert promoted.is_success
    assert (await guest.http.post(path, json={"name": "attic"}, headers=headers)).status_code == 201


async def test_of_many_at_once_one_is_carried_out(crew: Crew) -> None:
    bot = await crew.bot()
    body, headers = {"name": fresh_name("server")}, key()
    answers = await asyncio.gather(*(bot.http.post("/servers", json=body, headers=headers) for _ in range(12)))
    created = {answer.json()["id"] for answer in answers if answer.status_code == 201}
    for answer in answers:
        if answer.status_code != 201:
            assert assert_refused(answer, 409, "conflict")["retry_after"] == 1
    assert await servers_of(bot) == list(created)
    assert len(created) == 1


async def test_a_message_posted_with_a_key_is_there_once(room: Room) -> None:
    headers = key()
    path = f"/channels/{room.channel}/messages"

    async def post() -> httpx.Response:
        return await room.owner.http.post(path, json={"content": "hello"}, headers=headers)

    answers = await asyncio.gather(*(post() for _ in range(6)))
    answers.append(await post())
    assert {answer.status_code for answer in answers} <= {201, 409}
    assert answers[-1].status_code == 201
    assert len({answer.json()["id"] for answer in answers if answer.status_code == 201}) == 1
    assert await seq_of(room.owner, room.channel) == 1


async def test_an_answer_that_holds_a_secret_is_not_kept(crew: Crew, room: Room) -> None:
    headers = key()
    invites = [
        (await room.owner.http.post(f"/servers/{room.server}/invites", json={}, headers=headers)).json()["invite"]
        for _ in range(2)
    ]
    assert invites[0] != invites[1]
    bot = crew.stranger()
    first, second = [await bot.http.post("/agents/register", json=bot.registration(), headers=headers) for _ in "ab"]
    assert first.status_code == 201
    assert_refused(second, 409, "conflict")


@pytest.mark.parametrize("bad", ["", "a b", "x" * 256, "caf\xe9", "tab\tbed"])
async def test_a_key_of_another_form_is_invalid(room: Room, bad: str) -> None:
    answer = await room.owner.http.post(
        f"/channels/{room.channel}/messages",
        json={"content": "hello"},
        headers=[(b"Idempotency-Key", bad.encode("latin-1"))],
    )
    assert_refused(answer, 422, "invalid")
    assert await seq_of(room.owner, room.channel) == 0
