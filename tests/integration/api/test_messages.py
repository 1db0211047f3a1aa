"""Posting over HTTP and reading history, and how history joins the live stream."""

from typing import Any

import pytest

from claw.wire.ids import Prefix, encode_id, uuid7
from claw.wire.limits import METADATA_MAX_BYTES, METADATA_MAX_DEPTH
from tests.support.answers import assert_refused
from tests.support.bots import Bot, Crew, Room


async def _history(bot: Bot, room: Room, **params: Any) -> dict[str, Any]:
    answer = await bot.http.get(f"/channels/{room.channel}/messages", params=params)
    return dict(answer.raise_for_status().json())


def _seqs(page: dict[str, Any]) -> list[int]:
    return [each["seq"] for each in page["items"]]


async def _spoken(crew: Crew, count: int) -> tuple[Room, list[dict[str, Any]]]:
    room = await crew.room(guests=0)
    return room, [await room.owner.post(room.channel, f"message {number}") for number in range(1, count + 1)]


async def test_a_message_is_answered_as_it_is_read(crew: Crew) -> None:
    room = await crew.room()
    metadata = {"a": [1, 2.5, None, True, "ä\u2028"], "b": {"c": {}}}
    first = await room.owner.post(room.channel, "print(1)", content_type="code", metadata=metadata)
    assert first["agent"] == {
        "id": room.owner.agent_id, "username": room.owner.username, "display_name": None, "avatar_url": None
    }  # fmt: skip
    assert (first["seq"], first["channel"], first["content"]) == (1, room.channel, "print(1)")
    assert (first["content_type"], first["metadata"], first["reactions"]) == ("code", metadata, [])
    assert (first["reply_to"], first["edited_at"]) == (None, None)
    second = await room.guests[0].post(room.channel, "nice", reply_to=first["id"])
    assert (second["seq"], second["reply_to"]) == (2, first["id"])
    assert (await room.guests[0].http.get(f"/messages/{first['id']}")).json() == first
    page = await _history(room.guests[0], room)
    assert page["items"] == [second, first]
    assert (page["next"], page["seq"]) == (None, 2)


async def test_history_pages_to_both_ends_without_a_gap(crew: Crew) -> None:
    room, _ = await _spoken(crew, 7)
    for start, step, expected in (
        ({}, "before", [7, 6, 5, 4, 3, 2, 1]),
        ({"before": 6}, "before", [5, 4, 3, 2, 1]),
        ({"after": 0}, "after", [1, 2, 3, 4, 5, 6, 7]),
        ({"after": 3}, "after", [4, 5, 6, 7]),
    ):
        params: dict[str, Any] = {"limit": 3, **start}
        seen: list[int] = []
        while True:
            page = await _history(room.owner, room, **params)
            seen += _seqs(page)
            if page["next"] is None:
                break
            params = {"limit": 3, step: page["next"]}
        assert seen == expected, start


async def test_positions_are_message_ids_or_numbers(crew: Crew) -> None:
    room, messages = await _spoken(crew, 5)
    for position in (3, messages[2]["id"]):
        assert _seqs(await _history(room.owner, room, before=position)) == [2, 1]
        assert _seqs(await _history(room.owner, room, after=position)) == [4, 5]
        assert _seqs(await _history(room.owner, room, around=position, limit=3)) == [4, 3, 2]
    assert _seqs(await _history(room.owner, room, around=1, limit=3)) == [2, 1]
    assert _seqs(await _history(room.owner, room, around=5, limit=4)) == [5, 4, 3, 2]
    assert _seqs(await _history(room.owner, room, around=9, limit=2)) == [5, 4]
    assert _seqs(await _history(room.owner, room, after=5)) == []
    assert _seqs(await _history(room.owner, room, before=1)) == []


async def test_two_positions_and_positions_of_another_channel_are_invalid(crew: Crew) -> None:
    room, _ = await _spoken(crew, 1)
    elsewhere, foreign = await _spoken(crew, 1)
    path = f"/channels/{room.channel}/messages"
    assert_refused(await room.owner.http.get(path, params={"before": 1, "after": 1}), 422, "invalid")
    for parameter in ("before", "after", "around"):
        for position in (foreign[0]["id"], elsewhere.channel, encode_id(Prefix.MESSAGE, uuid7()), "", "-1", "1e3"):
            answer = await room.owner.http.get(path, params={parameter: position})
            assert_refused(answer, 422, "invalid", path=f"$.{parameter}")


async def test_history_joins_the_live_stream_without_loss_or_repetition(crew: Crew) -> None:
    room, _ = await _spoken(crew, 3)
    page = await _history(room.owner, room)
    for number in (4, 5):
        await room.owner.post(room.channel, f"message {number}")
    socket = await crew.socket(room.owner)
    answer = await socket.subscribe({"id": room.channel, "after": page["seq"], "epoch": page["epoch"]})
    assert (answer["seq"], answer["recovered"], answer["replayed"]) == (5, "replayed", 2)
    await room.owner.post(room.channel, "message 6")
    live = [await socket.expect("message") for _ in range(3)]
    assert [each["seq"] for each in live] == [4, 5, 6]
    stored = {each["id"]: each for each in (await _history(room.owner, room))["items"]}
    for frame in live:
        assert frame["timestamp"] == frame["created_at"]
        assert {key: value for key, value in frame.items() if key not in ("op", "timestamp")} == stored[frame["id"]]


def _nested(depth: int) -> dict[str, Any]:
    value: dict[str, Any] = {}
    for _ in range(depth - 1):
        value = {"a": value}
    return value


async def test_metadata_is_limited_in_size_depth_and_kind(crew: Crew) -> None:
    room = await crew.room(guests=0)
    padding = METADATA_MAX_BYTES - len('{"a":""}')
    for metadata in ({}, {"a": "x" * padding}, _nested(METADATA_MAX_DEPTH), None, {"ä" * 100: -1}):
        assert (await room.owner.post(room.channel, "fits", metadata=metadata))["metadata"] == metadata
    unfit: list[Any] = [{"a": "x" * (padding + 1)}, _nested(METADATA_MAX_DEPTH + 1), [1], "text", 1, True]
    for value in unfit:
        body = {"content": "does not fit", "metadata": value}
        answer = await room.owner.http.post(f"/channels/{room.channel}/messages", json=body)
        assert_refused(answer, 422, "invalid", path="$.metadata")
    assert (await room.owner.post(room.channel, "next"))["seq"] == 6


@pytest.mark.parametrize("number", ["1e999", "-1e999", "1" + "0" * 400, "1e-999", "0.1234567890123456789", "-0.0"])
async def test_a_number_out_of_range_in_metadata_is_no_fault_of_ours(crew: Crew, number: str) -> None:
    room = await crew.room(guests=0)
    answer = await room.owner.http.post(
        f"/channels/{room.channel}/messages",
        content=f'{{"content":"a","metadata":{{"n":{number}}}}}',
        headers={"Content-Type": "application/json"},
    )
    if answer.status_code == 201:
        assert isinstance(answer.json()["metadata"]["n"], int | float)
    else:
        assert_refused(answer, answer.status_code, "invalid")
        assert answer.status_code in (400, 422)


@pytest.mark.parametrize(
    "content", ["\u2028 \u202e \ufeff", "👩‍👩‍👧‍👦" * 100, "x" * 8_000, "\r\n\t\x1b[31m", "<script>"]
)
async def test_content_comes_back_as_it_was_sent(crew: Crew, content: str) -> None:
    room = await crew.room(guests=0)
    message = await room.owner.post(room.channel, content)
    assert message["content"] == content
    assert (await _history(room.owner, room))["items"] == [message]


async def test_a_reply_to_a_message_of_another_channel_is_invalid(crew: Crew) -> None:
    room, _ = await _spoken(crew, 1)
    other = (await room.owner.http.post(f"/servers/{room.server}/channels", json={"name": "attic"})).json()["id"]
    there = await room.owner.post(other, "elsewhere")
    for target in (there["id"], encode_id(Prefix.MESSAGE, uuid7()), room.channel):
        body = {"content": "re", "reply_to": target}
        answer = await room.owner.http.post(f"/channels/{room.channel}/messages", json=body)
        assert_refused(answer, 422, "invalid", path="$.reply_to")
    assert (await room.owner.post(room.channel, "next"))["seq"] == 2


async def test_a_nonce_makes_posting_idempotent_over_rest_and_socket(crew: Crew) -> None:
    room = await crew.room()
    first = await room.owner.post(room.channel, "once", nonce="n-1", metadata={"a": 1})
    assert await room.owner.post(room.channel, "once", nonce="n-1", metadata={"a": 1}) == first
    socket = await crew.socket(room.owner)
    await socket.send(op="message", channel=room.channel, content="once", nonce="n-1", metadata={"a": 1}, ref=1)
    ack = await socket.expect("message_ack")
    assert (ack["id"], ack["seq"], ack["nonce"], ack["ref"]) == (first["id"], 1, "n-1", 1)
    assert ack["timestamp"] == first["created_at"]
    for changed in ({"content": "twice"}, {"metadata": {"a": 2}}, {"content_type": "code"}, {"reply_to": first["id"]}):
        body = {"content": "once", "nonce": "n-1", "metadata": {"a": 1}, **changed}
        answer = await room.owner.http.post(f"/channels/{room.channel}/messages", json=body)
        assert_refused(answer, 409, "conflict")
        await socket.send(op="message", channel=room.channel, ref=2, **body)
        refused = await socket.expect("error", ref=2)
        assert (refused["code"], refused["nonce"], refused["channel"]) == ("conflict", "n-1", room.channel)
    assert (await room.guests[0].post(room.channel, "mine", nonce="n-1"))["seq"] == 2
    assert _seqs(await _history(room.owner, room)) == [2, 1]


async def test_who_may_read_and_write(crew: Crew) -> None:
    public, private = await crew.room(guests=0), await crew.room(guests=0, is_public=False)
    message = await public.owner.post(public.channel, "hello")
    hidden = await private.owner.post(private.channel, "psst")
    stranger, observer, nobody = await crew.bot(), await crew.observer(), crew.stranger()
    for caller, room, method, status, code in (
        (stranger, public, "GET", 403, "forbidden"),
        (stranger, public, "POST", 403, "forbidden"),
        (stranger, private, "GET", 404, "not_found"),
        (stranger, private, "POST", 404, "not_found"),
        (observer, public, "POST", 403, "forbidden"),
        (observer, private, "GET", 404, "not_found"),
        (nobody, public, "GET", 401, "unauthorized"),
        (nobody, public, "POST", 401, "unauthorized"),
        (nobody, private, "GET", 401, "unauthorized"),
    ):
        body = {"content": "let me in"} if method == "POST" else None
        answer = await caller.http.request(method, f"/channels/{room.channel}/messages", json=body)
        assert_refused(answer, status, code)
    assert (await _history(observer, public))["items"] == [message]
    assert (await observer.http.get(f"/messages/{message['id']}")).json() == message
    for caller in (stranger, observer):
        assert_refused(await caller.http.get(f"/messages/{hidden['id']}"), 404, "not_found")
    assert _seqs(await _history(private.owner, private)) == [1]


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"content_type": "code", "metadata": {"a": [1, {"b": None}], "text": "\u00e9\U0001f99e"}},
        {"metadata": None, "nonce": "once"},
        {"metadata": {}},
    ],
)
async def test_a_message_is_answered_to_its_author_as_it_is_read_later(crew: Crew, fields: dict[str, Any]) -> None:
    room = await crew.room(guests=0)
    await room.owner.http.patch("/agents/@me", json={"display_name": 'An Owner "quoted"'})
    first = await room.owner.post(room.channel, "first")
    posted = await room.owner.post(room.channel, 'with "quotes", \\ and \u2028', reply_to=first["id"], **fields)
    assert posted == (await room.owner.http.get(f"/messages/{posted['id']}")).json()
    history = (await room.owner.http.get(f"/channels/{room.channel}/messages")).json()["items"]
    assert history == [posted, first]
