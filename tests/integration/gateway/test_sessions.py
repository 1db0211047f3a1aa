"""The life of a session on a real socket: logging in, order of answers, faults, renewal."""

import contextlib
import json
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed

from claw.wire.ids import Prefix, decode_id, encode_id, uuid7
from claw.wire.limits import CLIENT_FRAME_MAX_BYTES, CONTENT_MAX_CHARS, SUBSCRIBE_MAX_STREAMS
from tests.support.bots import Bot, Crew, Socket


async def _assert_alive(socket: Socket) -> None:
    await socket.send(op="ping", ref="alive")
    assert await socket.expect("pong", ref="alive")


async def _assert_replied(socket: Socket, code: str, **fields: Any) -> dict[str, Any]:
    error = await socket.expect("error", **fields)
    assert error["code"] == code, error
    assert error["message"]
    return error


def _assert_hello(hello: dict[str, Any], bot: Bot) -> None:
    assert hello["op"] == "hello"
    assert (hello["v"], hello["kind"], hello["agent"]) == (1, "agent", bot.username)
    assert hello["node"] in ("gw-1", "gw-2")
    assert decode_id(Prefix.SESSION, hello["session"]).version == 7
    assert hello["heartbeat_ms"] == 30_000
    assert hello["epoch"]
    assert hello["inbox"] == {"seq": 0, "acked": 0}
    assert hello["token_expires_at"] < hello["session_expires_at"]
    assert hello["limits"]["frame_bytes"] == CLIENT_FRAME_MAX_BYTES
    assert hello["limits"]["content_chars"] == CONTENT_MAX_CHARS


async def test_a_token_comes_in_the_header_the_query_or_the_first_frame(crew: Crew) -> None:
    bot = await crew.bot()
    header = await crew.raw_socket(bot.token)
    query = await crew.raw_socket(query=f"?token={bot.token}")
    frame = await crew.raw_socket()
    await frame.send(op="auth", token=bot.token, ref=1)
    for socket in (header, query, frame):
        _assert_hello(await socket.receive(), bot)
        context = await socket.receive()
        assert context["op"] == "context"
        assert context["platform"]
        assert set(context) == {"op", "platform"}


@pytest.mark.parametrize("way", ["header", "query", "frame"])
async def test_a_bad_token_is_told_then_closed_with_4001(crew: Crew, way: str) -> None:
    socket = await crew.raw_socket("bad" if way == "header" else None, query="?token=bad" if way == "query" else "")
    if way == "frame":
        await socket.send(op="auth", token="bad", ref="r")
    error = await socket.receive()
    assert (error["op"], error["code"], error.get("ref")) == ("error", "unauthorized", "r" if way == "frame" else None)
    assert await socket.closed() == 4001


async def test_who_speaks_before_logging_in_is_closed_with_4001(crew: Crew) -> None:
    for frame in ({"op": "ping", "ref": 7}, {"op": "subscribe", "channels": [], "ref": 7}):
        socket = await crew.raw_socket()
        await socket.send(**frame)
        await _assert_replied(socket, "unauthorized", ref=7)
        assert await socket.closed() == 4001


async def test_commands_sent_along_with_the_token_wait_for_it(crew: Crew) -> None:
    room = await crew.room(guests=0)
    socket = await crew.raw_socket()
    await socket.send(op="auth", token=room.owner.token)
    await socket.send(op="subscribe", channels=[room.channel], ref=1)
    await socket.send(op="message", channel=room.channel, content="at once", ref=2)
    assert (await socket.receive())["op"] == "hello"
    assert (await socket.expect("subscribed", ref=1, inbox=None))["seq"] == 0
    assert (await socket.expect("message_ack", ref=2))["seq"] == 1
    assert (await socket.expect("message"))["content"] == "at once"


async def test_subscribed_comes_before_the_context_of_its_three_tiers(crew: Crew) -> None:
    owner = await crew.bot()
    server = (await owner.create_server(instructions="be kind"))["id"]
    body = {"name": "attic", "instructions": "whisper"}
    channel = (await owner.http.post(f"/servers/{server}/channels", json=body)).json()["id"]
    socket = await crew.socket(owner)
    await socket.send(op="subscribe", channels=[channel, server], ref="s")
    subscribed, context, presence, of_server, server_context, inbox = [await socket.receive() for _ in range(6)]
    assert subscribed == {
        "op": "subscribed", "channel": channel, "seq": 0, "epoch": socket.hello["epoch"],
        "recovered": "nothing_missed", "replayed": 0, "ref": "s",
    }  # fmt: skip
    assert (context["op"], context["channel_id"]) == ("context", channel)
    assert (context["server"], context["channel"]) == ("be kind", "whisper")
    assert context["platform"]
    assert presence == {"op": "presence", "channel": channel, "online": [owner.username], "count": 1}
    assert (of_server["op"], of_server["server"], of_server["seq"]) == ("subscribed", server, 1)
    assert (server_context["op"], server_context["server"]) == ("context", "be kind")
    assert (inbox["op"], inbox["inbox"], inbox["seq"], inbox["ref"]) == ("subscribed", True, 0, "s")


async def test_each_stream_asked_for_is_answered_by_itself(crew: Crew) -> None:
    room, hidden = await crew.room(guests=0), await crew.room(guests=0, is_public=False)
    foreign = encode_id(Prefix.CHANNEL, uuid7())
    socket = await crew.socket(room.owner)
    refused = [hidden.channel, hidden.server, foreign, room.owner.agent_id, "nonsense", "\0", "", "x" * 9_000]
    await socket.send(op="subscribe", channels=[*refused, room.channel], ref=1)
    for key in refused:
        await _assert_replied(socket, "not_found", channel=key[:64], ref=1)
    assert (await socket.expect("subscribed", channel=room.channel))["ref"] == 1


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        ({"op": "fly", "ref": "r"}, "unknown_op"),
        ({"ref": "r"}, "invalid"),
        ({"op": 7, "ref": "r"}, "invalid"),
        ({"op": "subscribe", "channels": "all", "ref": "r"}, "invalid"),
        ({"op": "subscribe", "channels": ["ch_x"] * (SUBSCRIBE_MAX_STREAMS + 1), "ref": "r"}, "invalid"),
        ({"op": "subscribe", "channels": [{"id": "ch_x", "after": -1}], "ref": "r"}, "invalid"),
        ({"op": "subscribe", "inbox": {"after": 2**60}, "ref": "r"}, "invalid"),
        ({"op": "message", "channel": "ch_x", "ref": "r"}, "invalid"),
        ({"op": "message", "channel": "ch_x", "content": "", "ref": "r"}, "invalid"),
        ({"op": "message", "channel": "ch_x", "content": "x" * 8_001, "ref": "r"}, "invalid"),
        ({"op": "message", "channel": "ch_x", "content": "a", "metadata": [], "ref": "r"}, "not_found"),
        ({"op": "message", "channel": "ch_x", "content": "a", "ref": "r"}, "not_found"),
        ({"op": "message", "channel": "\0", "content": "a\0", "ref": "r"}, "not_found"),
        ({"op": "typing", "channel": "ch_x", "ref": "r"}, "not_found"),
        ({"op": "ack", "seq": 1, "ref": "r"}, "invalid"),
        ({"op": "ack", "seq": "1", "ref": "r"}, "invalid"),
        ({"op": "auth", "ref": "r"}, "invalid"),
        ({"op": "auth", "token": "bad", "ref": "r"}, "unauthorized"),
    ],
)  # fmt: skip
async def test_a_faulty_command_is_answered_with_its_ref_on_an_open_socket(
    crew: Crew, frame: dict[str, Any], code: str
) -> None:
    socket = await crew.socket(await crew.bot())
    await socket.send(**frame)
    await _assert_replied(socket, code, ref="r")
    await _assert_alive(socket)


async def test_a_refused_post_names_its_channel_and_nonce(crew: Crew) -> None:
    room = await crew.room()
    socket = await crew.socket(await crew.bot())
    await socket.send(op="message", channel=room.channel, content="let me in", nonce="n", ref=1.5)
    error = await _assert_replied(socket, "forbidden", ref=1.5)
    assert (error["channel"], error["nonce"]) == (room.channel, "n")


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "null", '"op"', "{}x", "\0", '{"op":"ping","ref":NaN}', '{"op":"ping","ref":"\\ud800"}',
     "[" * 30_000, '{"op":"ping","x":' * 3_000, '{"op":' + "9" * 5_000 + "}"],
)  # fmt: skip
async def test_what_is_no_command_is_invalid_on_an_open_socket(crew: Crew, text: str) -> None:
    socket = await crew.socket(await crew.bot())
    await socket.connection.send(text)
    await _assert_replied(socket, "invalid")
    await _assert_alive(socket)


async def test_a_binary_frame_is_invalid_on_an_open_socket(crew: Crew) -> None:
    socket = await crew.socket(await crew.bot())
    await socket.connection.send(b'{"op":"ping"}')
    await _assert_replied(socket, "invalid")
    await _assert_alive(socket)


async def test_the_largest_frame_passes_in_one_piece_or_many(crew: Crew) -> None:
    socket = await crew.socket(await crew.bot())
    filler = "x" * (CLIENT_FRAME_MAX_BYTES - len(json.dumps({"op": "ping", "ref": 1, "x": ""})))
    await socket.send(op="ping", ref=1, x=filler)
    await socket.expect("pong", ref=1)
    text = json.dumps({"op": "ping", "ref": 2, "x": filler})
    await socket.connection.send([text[start : start + 1_000] for start in range(0, len(text), 1_000)])
    await socket.expect("pong", ref=2)


@pytest.mark.parametrize("size", [CLIENT_FRAME_MAX_BYTES + 1, 500_000, 4_000_000])
async def test_a_larger_frame_is_too_large_then_closed_with_1009(crew: Crew, size: int) -> None:
    socket = await crew.socket(await crew.bot())
    with contextlib.suppress(ConnectionClosed):  # The refusal may come while we still send.
        await socket.connection.send("x" * size)
    assert await socket.closed() == 1009
    await _assert_replied(socket, "too_large")


async def test_text_that_is_not_utf8_is_closed_with_1007(crew: Crew) -> None:
    for pieces in ([b'{"op":"\xff"}'], [b'{"op":"\xf0\x9f', b'\x90"}']):
        socket = await crew.socket(await crew.bot())
        await socket.connection.send(pieces if len(pieces) > 1 else pieces[0], text=True)
        assert await socket.closed() == 1007


async def test_the_twentieth_fault_of_a_minute_closes_with_4004(crew: Crew) -> None:
    socket = await crew.socket(await crew.bot())
    for number in range(19):
        await socket.send(op="fly", ref=number)
    await _assert_replied(socket, "unknown_op", ref=18)
    await _assert_alive(socket)
    await socket.connection.send("no JSON")
    await _assert_replied(socket, "invalid", ref=None)
    assert await socket.closed() == 4004


async def test_the_end_of_one_session_disturbs_no_other(crew: Crew) -> None:
    room = await crew.room()
    listening = await crew.socket(room.guests[0], node="gw-1")
    await listening.subscribe(room.channel)
    endings: list[tuple[Any, int]] = [("x" * 100_000, 1009), ([b"\xff", b"\xff"], 1007)]
    for data, code in endings:
        rowdy = await crew.socket(room.guests[0], node="gw-1")
        await rowdy.subscribe(room.channel)
        await rowdy.connection.send(data, text=True)
        assert await rowdy.closed() == code
    lost = await crew.socket(room.guests[0], node="gw-1")
    await lost.subscribe(room.channel)
    lost.connection.transport.abort()
    await room.owner.post(room.channel, "still here?")
    assert (await listening.expect("message"))["content"] == "still here?"
    await _assert_alive(listening)


async def test_an_observer_watches_and_does_nothing_else(crew: Crew) -> None:
    room, hidden = await crew.room(guests=0), await crew.room(guests=0, is_public=False)
    guest = await crew.observer()
    socket = await crew.socket(guest)
    assert (socket.hello["kind"], socket.hello["agent"], socket.hello["inbox"]) == ("observer", None, None)
    await socket.subscribe(room.channel, room.server)
    for frame in (
        {"op": "message", "channel": room.channel, "content": "hello"},
        {"op": "typing", "channel": room.channel},
        {"op": "ack", "seq": 0},
    ):
        await socket.send(ref="no", **frame)
        await _assert_replied(socket, "forbidden", ref="no")
    await socket.send(op="subscribe", channels=[hidden.channel], ref="hidden")
    await _assert_replied(socket, "not_found", ref="hidden")
    await room.owner.post(room.channel, "watch me")
    assert (await socket.expect("message"))["content"] == "watch me"
    await socket.send(op="auth", token=(await crew.observer()).token, ref="again")
    assert await socket.expect("auth_ok", ref="again")
    await socket.send(op="unsubscribe", channels=[room.channel], ref="bye")
    assert await socket.expect("unsubscribed", ref="bye")


async def test_a_token_is_renewed_on_the_open_socket_for_the_same_agent_alone(crew: Crew) -> None:
    room = await crew.room()
    bot, other = room.owner, room.guests[0]
    socket = await crew.socket(bot)
    await socket.subscribe(room.channel)
    bot.take_tokens((await bot.http.post("/auth/refresh", json={"refresh_token": bot.refresh_token})).json())
    await socket.send(op="auth", token=bot.token, ref=1)
    renewed = await socket.expect("auth_ok", ref=1)
    assert renewed["token_expires_at"] >= socket.hello["token_expires_at"]
    for token in (other.token, (await crew.observer()).token):
        await socket.send(op="auth", token=token, ref=2)
        await _assert_replied(socket, "forbidden", ref=2)
    await socket.send(op="message", channel=room.channel, content="still me")
    assert (await socket.expect("message"))["agent"]["username"] == bot.username
