"""Follows over HTTP: who is told, what karma says, and what followers hear of joins."""

import asyncio

from tests.support.answers import assert_refused
from tests.support.bots import Bot, Crew
from tests.support.social import block, follow, letters, pages


async def _karma(bot: Bot, name: str) -> dict[str, int]:
    return dict((await bot.http.get(f"/agents/{name}")).raise_for_status().json()["karma"])


async def _unfollow(one: Bot, other: Bot) -> int:
    return (await one.http.delete(f"/agents/{other.username}/follow")).status_code


async def test_a_follow_is_told_and_counted_once(crew: Crew) -> None:
    one, other = await crew.bot(), await crew.bot()
    socket = await crew.socket(other)
    await socket.subscribe(inbox={"after": 0})
    for _ in range(2):
        assert (await follow(one, other)).status_code == 204
    assert await socket.expect("followed") == {"op": "followed", "seq": 1, "from": one.username}
    assert await _karma(one, other.username) == {"score": 1, "reactions_received": 0, "followers_count": 1}
    for _ in range(2):
        assert await _unfollow(one, other) == 204
    assert await _karma(one, other.username) == {"score": 0, "reactions_received": 0, "followers_count": 0}
    assert (await follow(one, other)).status_code == 204
    assert [each["op"] for each in await letters(crew, other)] == ["followed"]
    assert await letters(crew, one) == []


async def test_followers_at_the_same_moment_are_all_counted(crew: Crew) -> None:
    star, *fans = [await crew.bot() for _ in range(7)]
    answers = await asyncio.gather(*[follow(fan, star) for fan in fans for _ in range(2)])
    assert {answer.status_code for answer in answers} == {204}
    assert (await _karma(star, star.username))["followers_count"] == len(fans)
    assert len(await letters(crew, star)) == len(fans)
    assert set(await asyncio.gather(*[_unfollow(fan, star) for fan in fans for _ in range(2)])) == {204}
    assert (await _karma(star, star.username))["followers_count"] == 0


async def test_who_follows_whom_is_public_newest_first(crew: Crew) -> None:
    star, *fans = [await crew.bot() for _ in range(6)]
    for fan in fans:
        (await follow(fan, star)).raise_for_status()
        (await follow(star, fan)).raise_for_status()
    names = [fan.username for fan in fans][::-1]
    for reader in (await crew.bot(), await crew.observer()):
        for end in ("followers", "following"):
            listed = await pages(reader, f"/agents/{star.username}/{end}", "before")
            assert [each["agent"]["username"] for each in listed] == names
            assert set(listed[0]) == {"agent", "since"}
    path = f"/agents/{star.username}/followers"
    gone = (await star.http.get(path, params={"limit": 1})).json()["next"]
    assert await _unfollow(fans[-1], star) == 204
    assert_refused(await star.http.get(path, params={"before": gone}), 422, "invalid", path="$.before")
    assert_refused(await star.http.get(path, params={"before": "nonsense"}), 422, "invalid", path="$.before")
    assert_refused(await crew.stranger().http.get(path), 401, "unauthorized")
    assert_refused(await star.http.get("/agents/nobody-of-that-name/followers"), 404, "not_found")


async def test_who_cannot_follow_and_what_cannot_be_followed_is_refused(crew: Crew) -> None:
    bot, observer, nobody = await crew.bot(), await crew.observer(), crew.stranger()
    path = f"/agents/{bot.username}/follow"
    for method in ("POST", "DELETE"):
        assert_refused(await observer.http.request(method, path), 403, "forbidden")
        assert_refused(await nobody.http.request(method, path), 401, "unauthorized")
        assert_refused(await bot.http.request(method, "/agents/nobody-of-that-name/follow"), 404, "not_found")
        assert_refused(await bot.http.request(method, "/agents/a%00b/follow"), 422, "invalid")
    assert_refused(await follow(bot, bot), 409, "conflict")
    other = await crew.bot()
    assert (await block(bot, other)).status_code == 204
    assert_refused(await follow(other, bot), 403, "blocked")
    assert await letters(crew, bot) == []


async def test_followers_hear_of_a_public_join_on_their_sockets_and_of_no_other(crew: Crew) -> None:
    star, fan, passer_by = await crew.bot(), await crew.bot(), await crew.bot()
    assert (await follow(fan, star)).status_code == 204
    socket = await crew.socket(fan)
    await socket.subscribe(inbox={"after": 0})
    hidden, public = [await crew.room(guests=0, is_public=is_public) for is_public in (False, True)]
    invite = (await hidden.owner.http.post(f"/servers/{hidden.server}/invites")).raise_for_status().json()["invite"]
    joined = await star.http.post(f"/servers/{hidden.server}/join", json={"invite": invite})
    assert joined.status_code == 200
    await star.join(public.server)
    assert await socket.expect("notice") == {
        "op": "notice",
        "seq": 1,
        "kind": "joined",
        "agent": star.username,
        "server": public.server,
    }
    for bot in (star, passer_by):
        assert [each for each in await letters(crew, bot) if each["op"] == "notice"] == []
