"""Changing one's own profile: what is given changes, null clears, and messages carry what is true."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.support.answers import assert_refused
from tests.support.bots import Crew


def _in(**ahead: float) -> str:
    return (datetime.now(UTC) + timedelta(**ahead)).isoformat()


async def test_what_is_given_changes_and_all_else_stays(crew: Crew) -> None:
    bot = await crew.bot()
    first = {
        "display_name": "Ada",
        "avatar_url": "https://ada.example/a.png",
        "bio": "thinks",
        "capabilities": ["sums"],
        "agent_type": "engine",
    }
    answer = await bot.http.patch("/agents/@me", json=first)
    assert answer.status_code == 200, answer.text
    assert {name: answer.json()[name] for name in first} == first
    after = (await bot.http.patch("/agents/@me", json={"bio": "counts", "unknown": 1})).json()
    assert {name: after[name] for name in first} == {**first, "bio": "counts"}
    assert after == (await bot.http.get(f"/agents/{bot.username}")).json()
    assert (await bot.http.patch("/agents/@me", json={})).json() == after


async def test_null_clears_what_may_be_empty(crew: Crew) -> None:
    bot = await crew.bot()
    full = {"display_name": "Ada", "avatar_url": "https://ada.example", "bio": "b", "next_active_at": _in(hours=4)}
    assert (await bot.http.patch("/agents/@me", json=full)).json()["next_active_at"] is not None
    cleared = (await bot.http.patch("/agents/@me", json=dict.fromkeys(full))).json()
    assert [cleared[name] for name in full] == [None] * 4
    for name in ("agent_type", "capabilities"):
        answer = await bot.http.patch("/agents/@me", json={name: None})
        assert_refused(answer, 422, "invalid", path=f"$.{name}")


async def test_a_time_is_told_in_utc_to_the_millisecond(crew: Crew) -> None:
    bot = await crew.bot()
    moment = (datetime.now(UTC) + timedelta(hours=5)).replace(microsecond=123_456)
    given = moment.astimezone().isoformat()
    told = (await bot.http.patch("/agents/@me", json={"next_active_at": given})).json()["next_active_at"]
    assert told == moment.strftime("%Y-%m-%dT%H:%M:%S.123Z")


async def test_new_messages_carry_the_new_name_live_and_in_history(crew: Crew) -> None:
    room = await crew.room()
    (guest,) = room.guests
    socket = await crew.socket(guest)
    await socket.subscribe(room.channel)
    changed = {"display_name": 'Ada "the" Ü', "avatar_url": "https://ada.example/ü"}
    (await room.owner.http.patch("/agents/@me", json=changed)).raise_for_status()
    await room.owner.post(room.channel, "hello")
    author = {"id": room.owner.agent_id, "username": room.owner.username, **changed}
    assert (await socket.expect("message"))["agent"] == author
    page = (await guest.http.get(f"/channels/{room.channel}/messages")).json()
    assert page["items"][0]["agent"] == author


async def test_changes_at_once_lose_nothing(crew: Crew) -> None:
    bot = await crew.bot()
    fields: list[dict[str, Any]] = [{"bio": "b"}, {"display_name": "d"}, {"agent_type": "t"}, {"capabilities": ["c"]}]
    answers = await asyncio.gather(*[bot.http.patch("/agents/@me", json=each) for each in fields * 3])
    assert {answer.status_code for answer in answers} == {200}
    me = (await bot.http.get("/agents/@me")).json()
    assert (me["bio"], me["display_name"], me["agent_type"], me["capabilities"]) == ("b", "d", "t", ["c"])


_INVALID: list[dict[str, Any]] = [
    {"display_name": ""},
    {"display_name": "x" * 129},
    {"bio": "x" * 257},
    {"bio": 7},
    {"avatar_url": "http://ada.example/a.png"},
    {"avatar_url": "javascript:alert(1)"},
    {"avatar_url": "https://"},
    {"avatar_url": "https://user:pw@ada.example"},
    {"avatar_url": "https://ada.example/a b"},
    {"avatar_url": "https://ada.example/\n"},
    {"avatar_url": f"https://{'x' * 2_000}"},
    {"agent_type": ""},
    {"capabilities": ["x"] * 51},
    {"capabilities": [""]},
    {"next_active_at": "tomorrow"},
    {"next_active_at": "2030-01-01T00:00:00"},
    {"next_active_at": "2020-01-01T00:00:00Z"},
    {"next_active_at": "0001-01-01T00:00:00+05:00"},
    {"next_active_at": "9999-12-31T23:59:59-05:00"},
]


async def test_what_cannot_be_a_profile_is_invalid_and_changes_nothing(crew: Crew) -> None:
    bot = await crew.bot()
    before = (await bot.http.get("/agents/@me")).json()
    for body in _INVALID:
        problem = assert_refused(
            await bot.http.patch("/agents/@me", json={"agent_type": "new", **body}), 422, "invalid"
        )
        assert problem["path"].startswith(f"$.{next(iter(body))}"), body
    for body in ({"bio": "a\0b"}, {"capabilities": ["a\0b"]}):
        assert_refused(await bot.http.patch("/agents/@me", json=body), 422, "invalid")
    assert (await bot.http.get("/agents/@me")).json() == before


_OWN: list[tuple[str, str, Any]] = [
    ("PATCH", "/agents/@me", {"bio": "x"}),
    ("DELETE", "/agents/@me", None),
    ("GET", "/agents/@me/config", None),
    ("PATCH", "/agents/@me/config", {"on_idle": "stay"}),
    ("POST", "/webhooks/secret/rotate", None),
    ("POST", "/agents/@me/keys", {"public_key": "A" * 44, "signed_by_old": "A" * 88, "signed_by_new": "A" * 88}),
    ("GET", "/inbox", None),
    ("POST", "/inbox/ack", {"seq": 0}),
    ("GET", "/messages/msg_01h455vb4pex5vsknk084sn02q/delivery", None),
]


async def test_what_is_an_agents_own_is_for_agents_alone(crew: Crew) -> None:
    guest, stranger = await crew.observer(), crew.stranger()
    for method, path, body in _OWN:
        content = {} if body is None else {"json": body}
        assert_refused(await guest.http.request(method, path, **content), 403, "forbidden")
        assert_refused(await stranger.http.request(method, path, **content), 401, "unauthorized")
