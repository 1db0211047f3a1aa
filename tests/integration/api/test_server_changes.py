"""Changing servers and channels over HTTP: what stays, what is cleared, what is refused, and what the events carry."""

from typing import Any

import pytest

from tests.support.answers import assert_refused
from tests.support.bots import Crew, Room, Socket

_TOLD = (
    *("name", "description", "icon_url", "owner", "is_public", "max_members", "instructions", "report_threshold"),
    *("tags", "category"),
)


async def _following(crew: Crew, room: Room) -> Socket:
    socket = await crew.socket(room.owner)
    await socket.subscribe(room.server)
    return socket


async def _patch(room: Room, **fields: Any) -> dict[str, Any]:
    answer = await room.owner.http.patch(f"/servers/{room.server}", json=fields)
    return dict(answer.raise_for_status().json())


async def test_a_patch_changes_what_it_names_and_null_clears(crew: Crew) -> None:
    room = await crew.room(description="d", category="c", icon_url="https://x.test/i.png", instructions="i", tags=["t"])
    socket = await _following(crew, room)
    before = (await room.owner.http.get(f"/servers/{room.server}")).json()
    after = await _patch(room, name="new", is_public=False, max_members=9, report_threshold=3, unknown=1)
    assert after == {**before, "name": "new", "is_public": False, "max_members": 9, "report_threshold": 3}
    assert (await room.owner.http.get(f"/servers/{room.server}")).json() == after
    told = await socket.expect("server_updated")
    assert {name: told[name] for name in _TOLD} == {name: after[name] for name in _TOLD}
    cleared = await _patch(room, description=None, category=None, icon_url=None, instructions=None)
    assert cleared == {**after, **dict.fromkeys(("description", "category", "icon_url", "instructions"))}
    assert (await socket.expect("server_updated"))["seq"] == told["seq"] + 1


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"name": None}, "$.name"),
        ({"name": ""}, "$.name"),
        ({"name": "x" * 101}, "$.name"),
        ({"description": "x" * 2_001}, "$.description"),
        ({"is_public": None}, "$.is_public"),
        ({"max_members": 0}, "$.max_members"),
        ({"max_members": "many"}, "$.max_members"),
        ({"report_threshold": 2}, "$.report_threshold"),
        ({"instructions": "x" * 4_001}, "$.instructions"),
    ],
)
async def test_a_patch_that_makes_no_sense_changes_nothing(crew: Crew, fields: dict[str, Any], path: str) -> None:
    room = await crew.room(guests=0)
    before = (await room.owner.http.get(f"/servers/{room.server}")).json()
    answer = await room.owner.http.patch(f"/servers/{room.server}", json={"description": "changed", **fields})
    assert_refused(answer, 422, "invalid", path=path)
    assert (await room.owner.http.get(f"/servers/{room.server}")).json() == before


async def test_a_text_that_cannot_be_stored_is_invalid(crew: Crew) -> None:
    room = await crew.room(guests=0)
    for method, path, body in (
        ("PATCH", f"/servers/{room.server}", {"description": "a\0b"}),
        ("PUT", f"/servers/{room.server}/tags", {"tags": ["a\0b"]}),
        ("PATCH", f"/channels/{room.channel}", {"topic": "a\0b"}),
        ("POST", f"/servers/{room.server}/channels", {"name": "a\0b"}),
        ("POST", f"/servers/{room.server}/join", {"invite": "inv_a\0b"}),
    ):
        answer = await room.owner.http.request(method, path, json=body)
        assert answer.status_code in (200, 422), answer.text


async def test_a_server_smaller_than_its_crowd_takes_nobody_and_loses_nobody(crew: Crew) -> None:
    room = await crew.room(guests=2)
    assert (await _patch(room, max_members=1))["member_count"] == 3
    assert_refused(await (await crew.bot()).http.post(f"/servers/{room.server}/join"), 409, "conflict")


async def test_tags_are_replaced_as_a_whole(crew: Crew) -> None:
    room = await crew.room(guests=0, tags=["a", "b"])
    socket = await _following(crew, room)
    path = f"/servers/{room.server}/tags"
    assert (await room.owner.http.put(path, json={"tags": ["c", "b", "c"]})).json()["tags"] == ["b", "c"]
    assert (await socket.expect("server_updated"))["tags"] == ["b", "c"]
    assert (await room.owner.http.put(path, json={"tags": []})).json()["tags"] == []
    for tags in ([f"t{number}" for number in range(21)], [""], ["x" * 33], "a", None):
        assert (await room.owner.http.put(path, json={"tags": tags})).status_code == 422
    assert_refused(await room.owner.http.put(path, json={}), 422, "invalid")


async def test_a_channel_is_changed_and_the_servers_stream_tells_all_of_it(crew: Crew) -> None:
    room = await crew.room(guests=0)
    socket = await _following(crew, room)
    path = f"/channels/{room.channel}"
    body = {"name": "lobby", "category": "main", "topic": "t", "position": 4, "instructions": "i", "type": "dm"}
    changed = (await room.owner.http.patch(path, json=body)).raise_for_status().json()
    assert (changed["name"], changed["category"], changed["topic"]) == ("lobby", "main", "t")
    assert (changed["position"], changed["instructions"], changed["type"]) == (4, "i", "text")
    assert (await socket.expect("channel_updated"))["channel"] == changed
    cleared = (await room.owner.http.patch(path, json={"topic": None, "category": None})).json()
    assert cleared == {**changed, "topic": None, "category": None}
    for wrong in ({"name": None}, {"position": -1}, {"topic": "x" * 2_001}, {"instructions": "x" * 4_001}):
        assert_refused(await room.owner.http.patch(path, json=wrong), 422, "invalid")


async def test_a_deleted_channel_makes_room_for_another(crew: Crew) -> None:
    room = await crew.room(guests=0)
    path = f"/servers/{room.server}/channels"
    for number in range(99):
        (await room.owner.http.post(path, json={"name": f"c{number}"})).raise_for_status()
    assert_refused(await room.owner.http.post(path, json={"name": "no room"}), 409, "conflict")
    assert (await room.owner.http.delete(f"/channels/{room.channel}")).status_code == 204
    assert (await room.owner.http.post(path, json={"name": "room"})).status_code == 201


async def test_what_was_said_in_a_deleted_channel_cannot_be_read(crew: Crew) -> None:
    room = await crew.room()
    message = (await room.owner.post(room.channel, "secret"))["id"]
    (await room.owner.http.delete(f"/channels/{room.channel}")).raise_for_status()
    for bot in (room.owner, room.guests[0]):
        assert_refused(await bot.http.get(f"/messages/{message}"), 404, "not_found")
        assert_refused(await bot.http.delete(f"/messages/{message}"), 404, "not_found")
        answer = await bot.http.post(f"/messages/{message}/react", json={"emoji": "x"})
        assert_refused(answer, 404, "not_found")


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PATCH", "/servers/{}", {"name": "x"}),
        ("DELETE", "/servers/{}", None),
        ("PUT", "/servers/{}/tags", {"tags": []}),
        ("PUT", "/servers/{}/instructions", {"instructions": None}),
        ("POST", "/servers/{}/join", None),
        ("DELETE", "/servers/{}/leave", None),
        ("POST", "/servers/{}/invites", None),
        ("PATCH", "/servers/{}/members/nobody-here", {"role": "admin"}),
        ("POST", "/servers/{}/channels", {"name": "x"}),
        ("PATCH", "/channels/{}", {"name": "x"}),
        ("DELETE", "/channels/{}", None),
        ("PUT", "/channels/{}/instructions", {"instructions": None}),
    ],
)
async def test_a_foreign_or_malformed_id_is_not_found(crew: Crew, method: str, path: str, body: Any) -> None:
    bot = await crew.bot()
    nothing = "01h455vb4pex5vsknk084sn02q"
    for wrong in (f"srv_{nothing}", f"ch_{nothing}", f"msg_{nothing}", "srv_", "%00", "x" * 300, "%C3%A9", "@me"):
        answer = await bot.http.request(method, path.format(wrong), json=body)
        assert_refused(answer, 404, "not_found")
