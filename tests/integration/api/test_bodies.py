"""Bodies, paths and heads that are not what they should be: each a clear refusal, none a 500."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlsplit

import pytest
import pytest_asyncio

from claw.wire.ids import Prefix, encode_id, uuid7
from claw.wire.limits import BODY_MAX_BYTES, CONTENT_MAX_CHARS, INSTRUCTIONS_MAX_CHARS, NONCE_MAX_CHARS
from tests.support.answers import assert_refused
from tests.support.bots import Crew, Room, fresh_name
from tests.support.platform import Platform

_JSON = {"Content-Type": "application/json"}


@pytest_asyncio.fixture
async def room(crew: Crew) -> AsyncIterator[Room]:
    yield await crew.room(guests=0)


def _messages(room: Room) -> str:
    return f"/channels/{room.channel}/messages"


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b'{"content":}', b"nothing", b"\xff\xfe", b'{"content":"\xff"}', b'{"content":"a"}x', b"\0", b"nul",
     b'{"content":"\\ud800"}', b'{"content":"\\udc00\\ud800"}', b'{"content":"a' + b"\n" + b'"}'],
)  # fmt: skip
async def test_what_is_no_json_is_malformed(room: Room, body: bytes) -> None:
    assert_refused(await room.owner.http.post(_messages(room), content=body, headers=_JSON), 400, "invalid")


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({}, "$"),
        ([], "$"),
        ("text", "$"),
        (7, "$"),
        ({"content": 7}, "$.content"),
        ({"content": None}, "$.content"),
        ({"content": ""}, "$.content"),
        ({"content": "x" * (CONTENT_MAX_CHARS + 1)}, "$.content"),
        ({"content": "a", "content_type": "html"}, "$.content_type"),
        ({"content": "a", "metadata": []}, "$.metadata"),
        ({"content": "a", "reply_to": 3}, "$.reply_to"),
        ({"content": "a", "reply_to": "msg_x"}, "$.reply_to"),
        ({"content": "a", "nonce": ""}, "$.nonce"),
        ({"content": "a", "nonce": "n" * (NONCE_MAX_CHARS + 1)}, "$.nonce"),
    ],
)
async def test_a_wrong_value_is_invalid_with_its_path(room: Room, body: Any, path: str) -> None:
    assert_refused(await room.owner.http.post(_messages(room), json=body), 422, "invalid", path=path)


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"name": ""}, "$.name"),
        ({"name": "n" * 101}, "$.name"),
        ({"tags": ["a", 1]}, "$.tags[1]"),
        ({"tags": ["t"] * 21}, "$.tags"),
        ({"tags": ["t" * 33]}, "$.tags[0]"),
        ({"is_public": "yes"}, "$.is_public"),
        ({"max_members": 0}, "$.max_members"),
        ({"max_members": 2**70}, "$.max_members"),
        ({"max_members": 1.5}, "$.max_members"),
        ({"report_threshold": 2}, "$.report_threshold"),
        ({"instructions": "i" * (INSTRUCTIONS_MAX_CHARS + 1)}, "$.instructions"),
    ],
)
async def test_a_server_with_a_wrong_field_is_invalid_with_its_path(
    crew: Crew, fields: dict[str, Any], path: str
) -> None:
    bot = await crew.bot()
    answer = await bot.http.post("/servers", json={"name": fresh_name("server"), **fields})
    assert_refused(answer, 422, "invalid", path=path)


@pytest.mark.parametrize("type_", ["dm", "voice", "text\n", 1])
async def test_a_channel_of_a_kind_that_cannot_be_made_is_invalid(room: Room, type_: Any) -> None:
    answer = await room.owner.http.post(f"/servers/{room.server}/channels", json={"name": "x", "type": type_})
    assert_refused(answer, 422, "invalid", path="$.type")


async def test_an_oversized_body_is_too_large_announced_or_not(room: Room) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(64):
            yield b"x" * 4096

    large = b'{"content":"' + b"x" * BODY_MAX_BYTES + b'"}'
    assert_refused(await room.owner.http.post(_messages(room), content=large, headers=_JSON), 413, "too_large")
    assert_refused(await room.owner.http.post(_messages(room), content=pieces(), headers=_JSON), 413, "too_large")
    assert (await room.owner.post(room.channel, "still here"))["seq"] == 1


@pytest.mark.parametrize("brackets", [b"[" * 20_000 + b"]" * 20_000, b'{"a":' * 10_000 + b"1" + b"}" * 10_000])
async def test_deep_nesting_is_refused(room: Room, brackets: bytes) -> None:
    for body in (brackets, b'{"content":"a","metadata":%b}' % brackets, b'{"content":"a","unknown":%b}' % brackets):
        answer = await room.owner.http.post(_messages(room), content=body, headers=_JSON)
        assert answer.status_code in (400, 422), answer.text
        assert_refused(answer, answer.status_code, "invalid")


async def test_a_nul_is_refused_in_every_text_field(crew: Crew, room: Room) -> None:
    http = room.owner.http
    requests: list[tuple[str, dict[str, Any]]] = [
        ("/servers", {field: "a\0b"} if field == "name" else {"name": "n", field: "a\0b"})
        for field in ("name", "description", "icon_url", "category", "instructions")
    ]
    requests += [("/servers", {"name": "n", "tags": ["a\0b"]})]
    requests += [
        (f"/servers/{room.server}/channels", {"name": "n", field: "a\0b"})
        for field in ("name", "category", "topic", "instructions")
    ]
    requests += [
        (_messages(room), {"content": "a", field: value})
        for field, value in (
            ("content", "a\0b"),
            ("nonce", "a\0b"),
            ("reply_to", "a\0b"),
            ("metadata", {"a": "\0"}),
            ("metadata", {"\0": 1}),
            ("metadata", {"a": [{"b": ["\0"]}]}),
        )
    ]
    stranger = crew.stranger()
    requests += [
        ("/agents/register", {**stranger.registration(), field: value})
        for field, value in (
            ("display_name", "a\0b"), ("bio", "\0"), ("agent_type", "\0"), ("capabilities", ["\0"])
        )
    ]  # fmt: skip
    for path, body in requests:
        assert_refused(await http.post(path, json=body), 422, "invalid")
    assert_refused(await http.post("/auth/challenge", json={"username": "\0"}), 422, "invalid")


async def test_lone_surrogates_are_refused_in_every_text_field(crew: Crew, room: Room) -> None:
    bot = crew.stranger()
    for path, field, body in (
        (_messages(room), "content", {}),
        (_messages(room), "metadata", {"content": "a"}),
        ("/servers", "name", {}),
        ("/agents/register", "bio", bot.registration()),
    ):
        value = '{"a":"\\ud800"}' if field == "metadata" else '"\\ud800"'
        text = json.dumps(body)[:-1] + (", " if body else "") + f'"{field}": {value}}}'
        answer = await room.owner.http.post(path, content=text.encode(), headers=_JSON)
        assert answer.status_code in (400, 422), answer.text
        assert_refused(answer, answer.status_code, "invalid")


async def test_unknown_fields_are_ignored(room: Room) -> None:
    message = await room.owner.post(room.channel, "hello", invented={"deep": [1]}, id="msg_mine", seq=99)
    assert (message["content"], message["seq"]) == ("hello", 1)
    assert message["id"] != "msg_mine"


async def test_an_unknown_path_is_not_found_and_a_wrong_method_names_the_right_ones(room: Room) -> None:
    http = room.owner.http
    for path in ("/nothing", "/servers/", "/channels", f"/channels/{room.channel}/nothing"):
        assert_refused(await http.get(path), 404, "not_found")
    for method, path, allowed in (
        ("DELETE", "/servers", {"GET", "HEAD", "OPTIONS", "POST"}),
        ("PUT", _messages(room), {"GET", "HEAD", "OPTIONS", "POST"}),
        ("GET", "/auth/token", {"OPTIONS", "POST"}),
        ("POST", "/agents/@me", {"DELETE", "GET", "HEAD", "OPTIONS", "PATCH"}),
    ):
        answer = await http.request(method, path)
        assert_refused(answer, 405, "invalid")
        assert {each.strip() for each in answer.headers["allow"].split(",")} == allowed


def _foreign_ids(room: Room) -> list[str]:
    fresh = [encode_id(prefix, uuid7()) for prefix in Prefix]
    malformed = ["ch_", "ch_0", room.channel[:-1], room.channel + "0", room.channel.upper(), "srv_" + "z" * 26]
    return [*fresh, *malformed, "0", "-1", "@me", "%00", "%0A", "%ff", "..", "x" * 3_000, "'--", "%F0%9F%90%99"]


async def test_a_foreign_or_malformed_id_in_a_path_is_not_found(room: Room) -> None:
    http = room.owner.http
    for foreign in _foreign_ids(room):
        for path in (
            f"/servers/{foreign}/members",
            f"/servers/{foreign}/channels",
            f"/channels/{foreign}/messages",
            f"/messages/{foreign}",
        ):
            assert_refused(await http.get(path.replace("..", "%2E%2E")), 404, "not_found")
        posted = await http.post(f"/channels/{foreign.replace('..', '%2E%2E')}/messages", json={"content": "a"})
        assert_refused(posted, 404, "not_found")


async def test_a_foreign_or_malformed_position_is_invalid(room: Room) -> None:
    for foreign in _foreign_ids(room):
        if foreign == "0":
            continue
        for parameter in ("before", "after", "around"):
            answer = await room.owner.http.get(f"{_messages(room)}?{parameter}={foreign}")
            assert_refused(answer, 422, "invalid", path=f"$.{parameter}")
        if not foreign.startswith("srv_"):
            assert_refused(await room.owner.http.get(f"/servers?before={foreign}"), 422, "invalid", path="$.before")


@pytest.mark.parametrize("limit", ["0", "101", "-1", "1.0", "", "ten", "+5", "٣", "9" * 500, "\0", "1_0"])
async def test_a_bad_limit_is_invalid(room: Room, limit: str) -> None:
    for path in ("/servers", _messages(room), f"/servers/{room.server}/members"):
        answer = await room.owner.http.get(path, params={"limit": limit})
        assert_refused(answer, 422, "invalid", path="$.limit")


async def _raw(platform: Platform, data: bytes) -> bytes:
    address = urlsplit(platform.url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    try:
        writer.write(data)
        async with asyncio.timeout(10):
            return await reader.read()
    finally:
        writer.close()


@pytest.mark.parametrize("size", [33_000, 100_000, 1_000_000])
async def test_a_huge_head_is_refused(platform: Platform, size: int) -> None:
    head = b"GET /healthz HTTP/1.1\r\nhost: x\r\nx-filler: %b\r\nconnection: close\r\n\r\n" % (b"x" * size)
    assert (await _raw(platform, head)).startswith(b"HTTP/1.1 431 ")
    line = b"GET /%b HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n" % (b"x" * size)
    assert (await _raw(platform, line)).startswith(b"HTTP/1.1 431 ")


@pytest.mark.parametrize(
    "garbage", [b"\0\0\0\0\r\n\r\n", b"hello\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"\x16\x03\x01\r\n"]
)
async def test_what_is_no_http_is_a_bad_request(platform: Platform, garbage: bytes) -> None:
    assert (await _raw(platform, garbage)).startswith(b"HTTP/1.1 400 ")


async def test_a_head_in_single_bytes_is_read(platform: Platform) -> None:
    address = urlsplit(platform.url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    for byte in b"GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n":
        writer.write(bytes([byte]))
        await writer.drain()
    assert (await reader.read()).startswith(b"HTTP/1.1 200 ")
    writer.close()


async def test_nothing_of_this_hurts_the_platform(platform: Platform, room: Room) -> None:
    assert (await room.owner.http.get(f"{platform.url}/readyz")).json() == {"ready": True, "missing": []}
    assert platform.faults() == []
