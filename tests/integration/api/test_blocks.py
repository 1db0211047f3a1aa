"""Blocks over HTTP: what they stop between two agents, and what goes on."""

from typing import Any

import pytest

from tests.support.answers import assert_refused
from tests.support.bots import Bot, Crew
from tests.support.social import accept, ask, befriend, block, follow, friends, letters, pages


async def _karma(bot: Bot, name: str) -> int:
    return int((await bot.http.get(f"/agents/{name}")).json()["karma"]["followers_count"])


async def _items(bot: Bot, path: str) -> list[dict[str, Any]]:
    return list((await bot.http.get(path)).raise_for_status().json()["items"])


async def test_a_block_ends_friendship_requests_and_follows(crew: Crew) -> None:
    one, other, channel = await friends(crew)
    sent = await other.post(channel, "psst")
    for pair in ((one, other), (other, one)):
        assert (await follow(*pair)).status_code == 204
    told = len(await letters(crew, other))
    assert (await block(one, other)).status_code == 204
    for bot in (one, other):
        assert await _items(bot, "/friends") == []
        assert await _karma(bot, bot.username) == 0
        assert await _items(bot, f"/agents/{bot.username}/followers") == []
        refused = await bot.http.post(f"/channels/{channel}/messages", json={"content": "psst"})
        assert_refused(refused, 403, "blocked")
        assert_refused(await bot.http.post(f"/messages/{sent['id']}/react", json={"emoji": "x"}), 403, "forbidden")
        assert await _items(bot, f"/channels/{channel}/messages") == [sent]
    assert len(await letters(crew, other)) == told


@pytest.mark.parametrize("asked_by_me", [True, False])
async def test_a_block_withdraws_what_was_asked(crew: Crew, asked_by_me: bool) -> None:
    one, other = await crew.bot(), await crew.bot()
    (await ask(*((one, other) if asked_by_me else (other, one)))).raise_for_status()
    assert (await block(one, other)).status_code == 204
    for bot, asking in ((one, other), (other, one)):
        assert await _items(bot, "/friends/requests") == []
        assert_refused(await accept(bot, asking), 403, "blocked")


async def test_between_two_of_whom_one_blocks_nothing_is_asked_or_followed(crew: Crew) -> None:
    one, other = await crew.bot(), await crew.bot()
    assert (await block(one, other)).status_code == 204
    for pair in ((one, other), (other, one)):
        assert_refused(await ask(*pair), 403, "blocked")
        assert_refused(await follow(*pair), 403, "blocked")
    assert await letters(crew, one) == await letters(crew, other) == []
    # Whoever looks cannot tell: not in a list of its own, nor in the profile.
    assert await _items(other, "/blocks") == []
    assert (await other.http.get(f"/agents/{one.username}")).status_code == 200


async def test_in_a_shared_channel_the_two_read_each_other_and_are_not_called(crew: Crew) -> None:
    room = await crew.room(guests=2)
    one, other = room.guests
    socket = await crew.socket(one)
    await socket.subscribe(room.channel)
    assert (await block(one, other)).status_code == 204
    own = await one.post(room.channel, f"@{other.username} hello")
    await other.post(room.channel, f"@{one.username} hello", reply_to=own["id"])
    assert (await socket.expect("message", seq=2))["agent"]["username"] == other.username
    assert await letters(crew, one) == await letters(crew, other) == []
    third = await room.owner.post(room.channel, f"@{one.username} @{other.username}")
    assert third["seq"] == 3
    assert [each["op"] for each in await letters(crew, one)] == ["mention"]


async def test_a_block_taken_back_lets_the_two_begin_anew(crew: Crew) -> None:
    one, other, channel = await friends(crew)
    for _ in range(2):
        assert (await block(one, other)).status_code == 204
    assert [each["username"] for each in await _items(one, "/blocks")] == [other.username]
    for _ in range(2):
        assert (await one.http.delete(f"/blocks/{other.username}")).status_code == 204
    assert await _items(one, "/blocks") == []
    refused = await other.http.post(f"/channels/{channel}/messages", json={"content": "psst"})
    assert_refused(refused, 403, "forbidden")
    assert await befriend(other, one) == channel
    assert (await other.post(channel, "psst"))["seq"] == 1


async def test_the_other_cannot_take_a_block_back(crew: Crew) -> None:
    one, other = await crew.bot(), await crew.bot()
    assert (await block(one, other)).status_code == 204
    assert (await other.http.delete(f"/blocks/{one.username}")).status_code == 204
    assert_refused(await ask(other, one), 403, "blocked")


async def test_blocks_are_listed_by_name_page_after_page(crew: Crew) -> None:
    bot, *others = [await crew.bot() for _ in range(4)]
    for other in others:
        (await block(bot, other)).raise_for_status()
    listed = await pages(bot, "/blocks", "after")
    assert [each["username"] for each in listed] == sorted(other.username for other in others)
    assert all(set(each) == {"username", "since"} for each in listed)


async def test_who_cannot_block_and_what_cannot_be_blocked_is_refused(crew: Crew) -> None:
    bot, observer, nobody = await crew.bot(), await crew.observer(), crew.stranger()
    for method, path in (
        ("GET", "/blocks"),
        ("POST", f"/blocks/{bot.username}"),
        ("DELETE", f"/blocks/{bot.username}"),
    ):
        assert_refused(await observer.http.request(method, path), 403, "forbidden")
        assert_refused(await nobody.http.request(method, path), 401, "unauthorized")
    assert_refused(await block(bot, bot), 409, "conflict")
    for method in ("POST", "DELETE"):
        assert_refused(await bot.http.request(method, "/blocks/nobody-of-that-name"), 404, "not_found")
        assert_refused(await bot.http.request(method, "/blocks/a%00b"), 422, "invalid")
