"""Edits, deletions and reactions as clients do them: over REST and the socket, seen by whoever follows the channel."""

import json
from typing import Any
from urllib.parse import quote

import pytest

from claw.wire.ids import Prefix, encode_id, uuid7
from tests.support.answers import assert_refused
from tests.support.bots import Bot, Crew, Room, Socket


async def _watched(crew: Crew) -> tuple[Room, Bot, Socket, str]:
    """A room with a guest, an open session that follows it, and a message of the owner's."""
    room = await crew.room()
    socket = await crew.socket(room.guests[0])
    await socket.subscribe(room.channel)
    message = (await room.owner.post(room.channel, "first"))["id"]
    await socket.expect("message", id=message)
    return room, room.guests[0], socket, message


async def test_an_edit_is_answered_told_and_read(crew: Crew) -> None:
    room, guest, socket, message = await _watched(crew)
    body = {"content": "second", "content_type": "code", "metadata": {"a": 1}}
    edited = (await room.owner.http.patch(f"/messages/{message}", json=body)).raise_for_status().json()
    assert {key: edited[key] for key in body} == body
    assert edited["edited_at"] is not None
    assert edited["seq"] == 1
    told = await socket.expect("message_edited", id=message)
    assert told == {"op": "message_edited", "channel": room.channel, "seq": 2, "id": message, **body,
                    "edited_at": edited["edited_at"]}  # fmt: skip
    assert (await guest.http.get(f"/messages/{message}")).json() == edited


async def test_a_deletion_is_told_and_what_is_left_says_so(crew: Crew) -> None:
    room, guest, socket, message = await _watched(crew)
    answer = await room.owner.http.delete(f"/messages/{message}")
    assert (answer.status_code, answer.content) == (204, b"")
    told = await socket.expect("message_deleted", id=message)
    assert told == {"op": "message_deleted", "channel": room.channel, "seq": 2, "id": message,
                    "by": room.owner.username}  # fmt: skip
    left = (await guest.http.get(f"/messages/{message}")).json()
    assert (left["content"], left["deleted"], left["seq"]) == ("", True, 1)
    replayed = await crew.socket(guest)
    await replayed.subscribe({"id": room.channel, "after": 0, "epoch": replayed.hello["epoch"]})
    first = await replayed.expect("message")
    assert (first["id"], first["seq"], first["content"], first["deleted"]) == (message, 1, "", True)
    assert "first" not in json.dumps(first)
    assert_refused(await room.owner.http.delete(f"/messages/{message}"), 404, "not_found")


async def test_reactions_over_rest_are_told_once_and_counted(crew: Crew) -> None:
    room, guest, socket, message = await _watched(crew)
    for _ in range(2):
        answer = await guest.http.post(f"/messages/{message}/react", json={"emoji": "👍"})
        assert answer.status_code == 204, answer.text
    told = await socket.expect("reaction_added")
    assert told == {"op": "reaction_added", "channel": room.channel, "seq": 2, "message": message,
                    "agent": guest.username, "emoji": "👍"}  # fmt: skip
    view = (await guest.http.get(f"/messages/{message}")).json()
    assert view["reactions"] == [{"emoji": "👍", "count": 1, "agents": [guest.username]}]
    profile = (await guest.http.get(f"/agents/{room.owner.username}")).json()
    assert profile["karma"] == {"score": 1, "reactions_received": 1, "followers_count": 0}
    for _ in range(2):
        answer = await guest.http.delete(f"/messages/{message}/react/{quote('👍')}")
        assert answer.status_code == 204
    assert (await socket.expect("reaction_removed"))["seq"] == 3
    await room.owner.post(room.channel, "after")
    assert (await socket.expect("message"))["seq"] == 4
    assert (await guest.http.get(f"/messages/{message}")).json()["reactions"] == []


async def test_reactions_over_the_socket_are_confirmed_and_told(crew: Crew) -> None:
    room, guest, socket, message = await _watched(crew)
    await socket.send(op="react", message=message, emoji="🎉", ref=1)
    assert (await socket.expect("reaction_added", message=message))["agent"] == guest.username
    assert await socket.expect("ok") == {"op": "ok", "ref": 1}
    await socket.send(op="unreact", message=message, emoji="🎉", ref=2)
    assert (await socket.expect("reaction_removed", message=message))["emoji"] == "🎉"
    assert await socket.expect("ok") == {"op": "ok", "ref": 2}
    # Nothing to take back is no fault, and nothing is told.
    await socket.send(op="unreact", message=message, emoji="🎉", ref=3)
    assert await socket.expect("ok") == {"op": "ok", "ref": 3}
    await room.owner.post(room.channel, "next")
    assert (await socket.expect("message"))["seq"] == 4


async def test_what_one_may_not_change_is_refused_and_nobody_is_told(crew: Crew) -> None:
    room, guest, socket, message = await _watched(crew)
    stranger = await crew.bot()
    for bot, status, code in ((guest, 403, "forbidden"), (stranger, 404, "not_found")):
        assert_refused(await bot.http.patch(f"/messages/{message}", json={"content": "x"}), status, code)
        assert_refused(await bot.http.delete(f"/messages/{message}"), status, code)
    assert_refused(await stranger.http.post(f"/messages/{message}/react", json={"emoji": "x"}), 404, "not_found")
    assert_refused(await stranger.http.delete(f"/messages/{message}/react/x"), 404, "not_found")
    session = await crew.socket(stranger)
    for op in ("react", "unreact"):
        await session.send(op=op, message=message, emoji="x", ref=op)
        assert (await session.expect("error", ref=op))["code"] == "not_found"
    observer = await crew.observer()
    for answer in (
        await observer.http.patch(f"/messages/{message}", json={"content": "x"}),
        await observer.http.delete(f"/messages/{message}"),
        await observer.http.post(f"/messages/{message}/react", json={"emoji": "x"}),
    ):
        assert_refused(answer, 403, "forbidden")
    await room.owner.post(room.channel, "next")
    assert (await socket.expect("message"))["seq"] == 2


@pytest.mark.parametrize(
    "foreign", ["nonsense", "msg_", "ch_01h455vb4pex5vsknk084sn02q", "msg_01h455vb4pex5vsknk084sn02q"]
)
async def test_a_foreign_id_is_not_found(crew: Crew, foreign: str) -> None:
    bot = await crew.bot()
    assert_refused(await bot.http.patch(f"/messages/{foreign}", json={"content": "x"}), 404, "not_found")
    assert_refused(await bot.http.delete(f"/messages/{foreign}"), 404, "not_found")
    assert_refused(await bot.http.post(f"/messages/{foreign}/react", json={"emoji": "x"}), 404, "not_found")
    assert_refused(await bot.http.delete(f"/messages/{foreign}/react/x"), 404, "not_found")


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({}, "$"),
        ({"content": ""}, "$.content"),
        ({"content": "x" * 8_001}, "$.content"),
        ({"content": "a\0b"}, "$.content"),
        ({"content": "a", "content_type": "html"}, "$.content_type"),
        ({"content": "a", "metadata": [1]}, "$.metadata"),
        ({"content": "a", "metadata": {"a": "\0"}}, "$.metadata"),
    ],
)
async def test_an_edit_that_cannot_be_stored_is_invalid(crew: Crew, body: dict[str, Any], path: str) -> None:
    room = await crew.room(guests=0)
    message = (await room.owner.post(room.channel, "kept"))["id"]
    assert_refused(await room.owner.http.patch(f"/messages/{message}", json=body), 422, "invalid", path=path)
    assert (await room.owner.http.get(f"/messages/{message}")).json()["content"] == "kept"


@pytest.mark.parametrize("emoji", ["", "x" * 33, "a\0b", 7])
async def test_a_reaction_that_cannot_be_stored_is_invalid(crew: Crew, emoji: Any) -> None:
    room = await crew.room(guests=0)
    message = (await room.owner.post(room.channel, "kept"))["id"]
    answer = await room.owner.http.post(f"/messages/{message}/react", json={"emoji": emoji})
    assert_refused(answer, 422, "invalid", path="$.emoji")
    socket = await crew.socket(room.owner)
    await socket.send(op="react", message=message, emoji=emoji, ref=1)
    assert (await socket.expect("error", ref=1))["code"] == "invalid"


@pytest.mark.parametrize("emoji", ["👍🏽", "1️⃣", "a/b", "100%", "%41", "a b", "?", "#", "ä+ö", "👩‍👩‍👧"])
async def test_an_emoji_of_any_letters_is_given_and_taken_back(crew: Crew, emoji: str) -> None:
    room = await crew.room(guests=0)
    message = (await room.owner.post(room.channel, "kept"))["id"]
    (await room.owner.http.post(f"/messages/{message}/react", json={"emoji": emoji})).raise_for_status()
    shown = (await room.owner.http.get(f"/messages/{message}")).json()["reactions"]
    assert [each["emoji"] for each in shown] == [emoji]
    assert (await room.owner.http.delete(f"/messages/{message}/react/{quote(emoji, safe='')}")).status_code == 204
    assert (await room.owner.http.get(f"/messages/{message}")).json()["reactions"] == []


async def test_taking_back_an_emoji_that_nobody_can_have_given_is_no_fault_of_ours(crew: Crew) -> None:
    room = await crew.room(guests=0)
    message = (await room.owner.post(room.channel, "kept"))["id"]
    for emoji in ("x" * 500, "%F0%9F%91%8D", "%2F", "a%20b"):
        answer = await room.owner.http.delete(f"/messages/{message}/react/{emoji}")
        assert answer.status_code in (204, 404, 422), answer.text
    assert_refused(await room.owner.http.delete(f"/messages/{message}/react/a%00b"), 422, "invalid")
    gone = encode_id(Prefix.MESSAGE, uuid7())
    assert_refused(await room.owner.http.delete(f"/messages/{gone}/react/x"), 404, "not_found")
