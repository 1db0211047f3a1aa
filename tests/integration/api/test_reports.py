"""Reports: whose count, when they ban from the channel, and what lifting such a ban means."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import asyncpg
import httpx
import pytest
import pytest_asyncio

from claw.wire.ids import Prefix, decode_id
from stack.embedded import EmbeddedPostgres
from tests.support.answers import assert_refused
from tests.support.bots import Bot, Crew
from tests.support.platform import Platform
from tests.support.social import befriend, letters, pages

_LONG_AGO = "update server_members set joined_at = now() - interval '25 hours' where server_id = $1"
_OLDER = "update channel_reports set created_at = created_at - $2::interval where channel_id = $1"


@dataclass
class Square:
    """A server of long-standing members who have all posted in its channel, and one of them who is to be reported."""

    server: str
    channel: str
    owner: Bot
    target: Bot
    reporters: list[Bot]

    async def report(self, reporter: Bot, target: Bot | None = None) -> httpx.Response:
        body = {"username": (target or self.target).username, "reason": "spam"}
        return await reporter.http.post(f"/channels/{self.channel}/report", json=body)

    async def counted(self, reporter: Bot, target: Bot | None = None) -> bool:
        answer = await self.report(reporter, target)
        assert answer.status_code == 201, answer.text
        return bool(answer.json()["counts"])

    async def bans(self) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = (await self.owner.http.get(f"/channels/{self.channel}/bans")).json()["items"]
        return items

    async def acts(self) -> list[str]:
        items = await pages(self.owner, f"/servers/{self.server}/audit", "before")
        return [each["action"] for each in reversed(items)]

    async def lift(self) -> None:
        path = f"/channels/{self.channel}/ban/{self.target.username}"
        assert (await self.owner.http.delete(path)).status_code == 204


@dataclass
class Squares:
    """Makes squares on the platform, and moves their past about."""

    crew: Crew
    admin: "asyncpg.Connection[asyncpg.Record]"

    async def square(self, reporters: int, *, threshold: int = 3) -> Square:
        room = await self.crew.room(guests=reporters + 1, report_threshold=threshold)
        target, *others = room.guests
        for bot in room.guests:
            await bot.post(room.channel, "hello")
        await self.admin.execute(_LONG_AGO, decode_id(Prefix.SERVER, room.server))
        return Square(room.server, room.channel, room.owner, target, others)

    async def age(self, square: Square, days: int) -> None:
        """Let the square's reports be that much older."""
        await self.admin.execute(_OLDER, _channel(square), timedelta(days=days))

    async def set_role(self, square: Square, bot: Bot, role: str) -> None:
        path = f"/servers/{square.server}/members/{bot.username}"
        (await square.owner.http.patch(path, json={"role": role})).raise_for_status()


def _channel(square: Square) -> UUID:
    return decode_id(Prefix.CHANNEL, square.channel)


@pytest_asyncio.fixture
async def squares(platform: Platform, crew: Crew) -> AsyncIterator[Squares]:
    url = EmbeddedPostgres(platform.data_dir).known_admin_url()
    assert url is not None
    admin = await asyncpg.connect(url)
    yield Squares(crew, admin)
    await admin.close()


async def test_the_report_that_reaches_the_threshold_bans_from_the_channel_alone(crew: Crew, squares: Squares) -> None:
    square = await squares.square(3)
    target = square.target
    other = (await square.owner.http.post(f"/servers/{square.server}/channels", json={"name": "b"})).json()["id"]
    sockets = [await crew.socket(target, node=node) for node in ("gw-1", "gw-2")]
    for socket in sockets:
        await socket.subscribe(square.channel, other, square.server)
    watching = await crew.socket(square.owner)
    await watching.subscribe(square.server)
    for reporter in square.reporters[:2]:
        assert await square.counted(reporter)
    assert await square.bans() == []
    assert (await target.post(square.channel, "still here"))["seq"]

    assert await square.counted(square.reporters[2])
    told = await watching.expect("member_banned")
    assert (told["agent"]["username"], told["channel"]) == (target.username, square.channel)
    for socket in sockets:
        assert (await socket.expect("unsubscribed", channel=square.channel))["reason"] == "banned"
    (ban,) = await square.bans()
    assert (ban["agent"]["username"], ban["banned_by"], ban["auto_ban"]) == (target.username, None, True)
    assert ban["reason"] == "Reported by 3 members within seven days."
    refused = await target.http.post(f"/channels/{square.channel}/messages", json={"content": "x"})
    assert_refused(refused, 403, "banned")
    assert_refused(await square.report(target, square.owner), 403, "banned")
    # Elsewhere in the server it is a member as before, and its sessions hear what is said there.
    assert (await target.post(other, "over here"))["seq"] == 1
    for socket in sockets:
        assert await socket.expect("message", channel=other)
    (notice,) = await letters(crew, target)
    place = {"server": square.server, "channel": square.channel}
    assert notice == {"op": "notice", "seq": 1, "kind": "banned", **place}
    (act,) = (await square.owner.http.get(f"/servers/{square.server}/audit?limit=1")).json()["items"]
    assert (act["action"], act["actor"], act["target"]) == ("auto_banned", None, target.username)
    assert act["channel"] == square.channel


async def test_moderators_read_who_reported_whom_and_why(squares: Squares) -> None:
    square = await squares.square(3)
    for reporter in square.reporters:
        await square.counted(reporter)
    listed = await pages(square.owner, f"/channels/{square.channel}/reports", "before")
    found = [(each["username"], each["reporter"], each["reason"], each["counts"]) for each in listed]
    assert found == [(square.target.username, bot.username, "spam", True) for bot in reversed(square.reporters)]


async def test_the_same_report_is_taken_once_in_seven_days(squares: Squares) -> None:
    square = await squares.square(2)
    (one, other) = square.reporters
    assert await square.counted(one)
    assert_refused(await square.report(one), 409, "conflict")
    assert await square.counted(one, other)  # of somebody else
    await squares.age(square, 6)
    assert_refused(await square.report(one), 409, "conflict")
    await squares.age(square, 1)
    assert await square.counted(one)


async def test_reports_count_for_seven_days(squares: Squares) -> None:
    square = await squares.square(4)
    assert await square.counted(square.reporters[0])
    await squares.age(square, 7)
    for reporter in square.reporters[1:3]:
        assert await square.counted(reporter)
    assert await square.bans() == []
    assert await square.counted(square.reporters[3])
    assert len(await square.bans()) == 1


async def test_who_is_new_or_has_not_posted_there_is_heard_and_not_counted(crew: Crew, squares: Squares) -> None:
    square = await squares.square(2)
    newcomer, silent, deleter = [await crew.bot() for _ in range(3)]
    for bot in (silent, deleter):
        await bot.join(square.server)
    removed = (await deleter.post(square.channel, "spam of my own"))["id"]
    (await square.owner.http.delete(f"/messages/{removed}")).raise_for_status()
    elsewhere = (await square.owner.http.post(f"/servers/{square.server}/channels", json={"name": "b"})).json()["id"]
    await silent.post(elsewhere, "not there")
    await squares.admin.execute(_LONG_AGO, decode_id(Prefix.SERVER, square.server))
    await newcomer.join(square.server)
    await newcomer.post(square.channel, "hello")
    for reporter in square.reporters:
        assert await square.counted(reporter)
    for reporter in (newcomer, silent, deleter):
        assert not await square.counted(reporter)
    assert await square.bans() == []


async def test_reports_of_who_is_gone_or_banned_count_no_more(squares: Squares) -> None:
    square = await squares.square(5)
    left, banned, *others = square.reporters
    for reporter in (left, banned):
        assert await square.counted(reporter)
    (await left.http.delete(f"/servers/{square.server}/leave")).raise_for_status()
    body = {"username": banned.username}
    (await square.owner.http.post(f"/servers/{square.server}/ban", json=body)).raise_for_status()
    for reporter in others[:2]:
        assert await square.counted(reporter)
    assert await square.bans() == []
    assert await square.counted(others[2])
    assert len(await square.bans()) == 1


@pytest.mark.parametrize("role", ["owner", "admin"])
async def test_who_rules_is_reported_and_never_banned_by_it(squares: Squares, role: str) -> None:
    square = await squares.square(4)
    target = square.owner
    if role == "admin":
        target = square.target
        await squares.set_role(square, target, "admin")
    for reporter in square.reporters:
        assert await square.counted(reporter, target)
    assert await square.bans() == []
    if role == "admin":
        # As soon as it is a member like others it is one with many reports: the next one bans.
        await squares.set_role(square, target, "member")
        assert await square.bans() == []
        await square.owner.post(square.channel, "enough")
        assert await square.counted(square.owner)
        assert len(await square.bans()) == 1


async def test_a_lifted_ban_takes_a_whole_new_set_of_reports(squares: Squares) -> None:
    square = await squares.square(5)
    for reporter in square.reporters[:3]:
        assert await square.counted(reporter)
    assert len(await square.bans()) == 1
    assert await square.counted(square.reporters[3])  # meanwhile
    await square.lift()
    assert (await square.target.post(square.channel, "back"))["seq"]
    assert await square.counted(square.reporters[4])
    assert await square.bans() == []
    # Those of before may report again when their seven days are over, and then count again.
    assert_refused(await square.report(square.reporters[0]), 409, "conflict")
    await squares.admin.execute(
        "update channel_reports set created_at = now() - interval '8 days' where channel_id = $1 and not counts",
        _channel(square),
    )
    for reporter in square.reporters[:2]:
        assert await square.counted(reporter)
    assert len(await square.bans()) == 1
    assert await square.acts() == ["auto_banned", "ban_lifted", "auto_banned"]


async def test_all_report_at_once_and_ban_once(crew: Crew, squares: Squares) -> None:
    for _ in range(3):
        square = await squares.square(5)
        watching = await crew.socket(square.owner)
        await watching.subscribe(square.server)
        answers = await asyncio.gather(*[square.report(reporter) for reporter in square.reporters])
        assert [each.status_code for each in answers] == [201] * 5, [each.text for each in answers]
        assert len(await square.bans()) == 1
        assert len(await letters(crew, square.target)) == 1
        assert await square.acts() == ["auto_banned"]
        # What follows on the stream shows that no second event came between.
        await square.owner.http.patch(f"/servers/{square.server}", json={"description": "calm again"})
        banned = await watching.expect("member_banned")
        assert (await watching.expect("server_updated"))["seq"] == banned["seq"] + 1


async def test_a_direct_channel_has_nobody_to_report_to(crew: Crew) -> None:
    one, other = await crew.bot(), await crew.bot()
    channel = await befriend(one, other)
    body = {"username": other.username, "reason": "rude"}
    assert_refused(await one.http.post(f"/channels/{channel}/report", json=body), 403, "forbidden")
    for path in (f"/channels/{channel}/bans", f"/channels/{channel}/reports"):
        assert_refused(await one.http.get(path), 403, "forbidden")


@pytest.mark.parametrize("body", [{}, {"reason": ""}, {"reason": "x" * 2_001}, {"reason": None}])
async def test_a_report_says_why(crew: Crew, body: dict[str, Any]) -> None:
    room = await crew.room()
    given = {"username": room.guests[0].username, **body}
    assert_refused(await room.owner.http.post(f"/channels/{room.channel}/report", json=given), 422, "invalid")


async def test_what_is_no_position_in_a_list_is_said_to_be_none(crew: Crew) -> None:
    room = await crew.room()
    for path in (f"/servers/{room.server}/audit", f"/channels/{room.channel}/reports"):
        answer = await room.owner.http.get(path, params={"before": room.server})
        assert_refused(answer, 422, "invalid", path="$.before")
