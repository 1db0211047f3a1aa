"""What live sessions are told when a channel or server ends, closes to them, or instructs them anew."""

import asyncio
from typing import Any

import pytest

from tests.support.bots import Bot, Crew, Room, Socket

_SOON_S = 30.0


async def _on_both_nodes(crew: Crew, bot: Bot, *streams: str) -> list[Socket]:
    sockets = [await crew.socket(bot, node=node) for node in ("gw-1", "gw-2")]
    for socket in sockets:
        await socket.subscribe(*streams)
    return sockets


async def _until_lost(socket: Socket, *streams: str) -> list[dict[str, Any]]:
    """The frames up to the last `unsubscribed` of these streams."""
    frames: list[dict[str, Any]] = []
    waiting = set(streams)
    async with asyncio.timeout(_SOON_S):
        while waiting:
            frame = await socket.receive(_SOON_S)
            frames.append(frame)
            if frame["op"] == "unsubscribed":
                assert frame["reason"] == "deleted"
                waiting.remove(frame["channel"])
    return frames


def _ops(frames: list[dict[str, Any]], *ops: str) -> list[str]:
    return [frame["op"] for frame in frames if frame["op"] in ops]


async def _add_channel(room: Room, name: str) -> str:
    answer = await room.owner.http.post(f"/servers/{room.server}/channels", json={"name": name})
    return str(answer.raise_for_status().json()["id"])


async def test_a_deleted_server_tells_its_followers_before_it_lets_go_of_them(crew: Crew) -> None:
    room = await crew.room()
    attic = await _add_channel(room, "attic")
    watcher = await crew.observer()
    sockets = [
        *await _on_both_nodes(crew, room.guests[0], room.server, room.channel, attic),
        *await _on_both_nodes(crew, watcher, room.server, room.channel, attic),
    ]
    await room.owner.post(attic, "last words")
    (await room.owner.http.delete(f"/servers/{room.server}")).raise_for_status()
    for socket in sockets:
        frames = await _until_lost(socket, room.server, room.channel, attic)
        of_server = [frame for frame in frames if room.server in (frame.get("server"), frame.get("channel"))]
        assert _ops(of_server, "server_updated", "unsubscribed") == ["server_updated", "unsubscribed"]
        assert next(frame for frame in frames if frame["op"] == "server_updated")["deleted"] is True
        of_attic = [frame for frame in frames if frame.get("channel") == attic]
        assert _ops(of_attic, "message", "unsubscribed") == ["message", "unsubscribed"]
    again = sockets[0]
    await again.send(op="subscribe", channels=[room.server, attic], ref="again")
    for _ in range(2):
        assert (await again.expect("error", ref="again"))["code"] == "not_found"
    for path in (f"/servers/{room.server}", f"/channels/{attic}", f"/channels/{attic}/messages"):
        assert (await room.owner.http.get(path)).status_code == 404
    refused = await room.owner.http.post(f"/channels/{attic}/messages", json={"content": "anybody?"})
    assert refused.status_code == 404


async def test_a_deleted_channel_is_told_of_on_the_servers_stream(crew: Crew) -> None:
    room = await crew.room()
    attic = await _add_channel(room, "attic")
    sockets = await _on_both_nodes(crew, room.guests[0], room.server, attic, room.channel)
    await room.owner.post(attic, "last words")
    (await room.owner.http.delete(f"/channels/{attic}")).raise_for_status()
    assert (await room.owner.http.delete(f"/channels/{attic}")).status_code == 404
    await room.owner.post(room.channel, "still here")
    for socket in sockets:
        frames = await _until_lost(socket, attic)
        assert _ops([frame for frame in frames if frame.get("channel") == attic], "message") == ["message"]
        # What was read above may hold these two already.
        seen = {frame["op"]: frame for frame in frames}
        deleted = seen.get("channel_deleted") or await socket.expect("channel_deleted", _SOON_S)
        assert (deleted["server"], deleted["channel"]) == (room.server, attic)
    for socket in sockets:
        await socket.subscribe({"id": room.channel, "after": 0})
        assert await socket.expect("message", _SOON_S, content="still here")


async def test_a_server_that_becomes_private_keeps_its_members_and_loses_the_others(crew: Crew) -> None:
    room = await crew.room()
    watcher = await crew.observer()
    (member, _) = await _on_both_nodes(crew, room.guests[0], room.server, room.channel)
    lost = await _on_both_nodes(crew, watcher, room.server, room.channel)
    answer = await room.owner.http.patch(f"/servers/{room.server}", json={"is_public": False})
    assert answer.json()["is_public"] is False
    for socket in lost:
        for stream in (room.server, room.channel):
            frame = await socket.expect("unsubscribed", _SOON_S, channel=stream)
            assert frame["reason"] == "left"
    await room.owner.post(room.channel, "among ourselves")
    assert await member.expect("message", _SOON_S, content="among ourselves")
    for socket in lost:
        await socket.send(op="ping", ref="silent")
        while (frame := await socket.receive(_SOON_S)).get("ref") != "silent":
            assert frame["op"] != "message"
    assert (await watcher.http.get(f"/servers/{room.server}")).status_code == 404


@pytest.mark.parametrize("kind", ["server", "channel"])
async def test_new_instructions_reach_those_who_follow(crew: Crew, kind: str) -> None:
    room = await crew.room(instructions="be kind")
    other = await crew.room(guests=0)
    sockets = await _on_both_nodes(crew, room.guests[0], room.server, room.channel)
    outsider = await crew.socket(other.owner)
    await outsider.subscribe(other.channel)
    place = f"/servers/{room.server}" if kind == "server" else f"/channels/{room.channel}"
    answer = await room.owner.http.put(f"{place}/instructions", json={"instructions": "be brief"})
    assert answer.json()["instructions"] == "be brief"
    expected = {"server": "be brief"} if kind == "server" else {"server": "be kind", "channel": "be brief"}
    for socket in sockets:
        told = await socket.expect("context", _SOON_S, channel_id=room.channel, **expected)
        assert told["platform"]
        if kind == "server":
            # Who follows the server's own stream is told too, of its tier alone.
            assert "channel" not in await socket.expect("context", _SOON_S, channel_id=None, server="be brief")
    cleared = await room.owner.http.put(f"{place}/instructions", json={"instructions": None})
    assert cleared.json()["instructions"] is None
    for socket in sockets:
        told = await socket.expect("context", _SOON_S, channel_id=room.channel, **{kind: None})
        assert told.get(kind) is None
    await outsider.send(op="ping", ref="mine")
    while (frame := await outsider.receive(_SOON_S)).get("ref") != "mine":
        assert frame["op"] != "context" or frame.get("channel_id") == other.channel
