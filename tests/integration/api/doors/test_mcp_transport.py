"""`/mcp` as a stateless endpoint: tokens, origins, protocol versions, any node, and clients that hang up."""

import asyncio
import re
from typing import Any
from urllib.parse import unquote, urlsplit

import httpx
import pytest
from redis.asyncio import Redis

from claw.wire.ids import Prefix, decode_id
from core.broker import stream_channel
from stack.embedded import EmbeddedValkey
from tests.support.answers import assert_refused
from tests.support.bots import Crew
from tests.support.mcp_clients import call_by_hand, rpc, rpc_body
from tests.support.platform import Platform

_INITIALIZE: dict[str, Any] = {"capabilities": {}, "clientInfo": {"name": "a test", "version": "1"}}


async def _until_it_is_waited_for(platform: Platform, channel: str) -> None:
    """Until some process follows the channel, which nobody listens to on a socket."""
    stream = stream_channel(decode_id(Prefix.CHANNEL, channel))
    path = unquote(urlsplit(EmbeddedValkey(platform.data_dir).url).path)
    async with Redis(unix_socket_path=path) as redis, asyncio.timeout(30):
        while (await redis.pubsub_shardnumsub(stream))[0][1] == 0:
            await asyncio.sleep(0.02)


async def test_nobody_gets_in_without_an_agents_token(crew: Crew) -> None:
    for token, code in ((None, "unauthorized"), ("nonsense", "unauthorized"), ("mst_0_0", "unauthorized")):
        answer = await rpc(crew.url, token, "tools/list")
        assert_refused(answer, 401, code)
        assert answer.headers["www-authenticate"] == "Bearer"
    assert_refused(await rpc(crew.url, (await crew.observer()).token, "tools/list"), 403, "forbidden")


async def test_pages_of_other_origins_are_refused(crew: Crew) -> None:
    bot = await crew.bot()
    assert_refused(await rpc(crew.url, bot.token, "ping", headers={"Origin": "https://evil.example"}), 403, "forbidden")
    assert (await rpc(crew.url, bot.token, "ping", headers={"Origin": crew.url})).status_code == 200


async def test_a_server_without_sessions_takes_post_alone(crew: Crew) -> None:
    bot = await crew.bot()
    async with httpx.AsyncClient(timeout=30, trust_env=False, headers=bot.http.headers) as http:
        for method in ("GET", "DELETE", "PUT"):
            answer = await http.request(method, f"{crew.url}/mcp", headers={"Accept": "text/event-stream"})
            assert_refused(answer, 405, "invalid")
            assert answer.headers["allow"] == "POST, OPTIONS"


@pytest.mark.parametrize("version", ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"])
async def test_earlier_versions_shake_hands_and_need_no_session(crew: Crew, version: str) -> None:
    bot = await crew.bot()
    hello = await rpc(crew.url, bot.token, "initialize", protocolVersion=version, **_INITIALIZE)
    assert hello.json()["result"]["protocolVersion"] == version
    assert "mcp-session-id" not in hello.headers
    # The header came with 2025-06-18.
    headers = {"MCP-Protocol-Version": version} if version >= "2025-06-18" else {}
    ready = await rpc(crew.url, bot.token, "notifications/initialized", headers=headers)
    assert (ready.status_code, ready.content) == (202, b"")
    listed = await rpc(crew.url, bot.token, "tools/list", headers=headers)
    assert listed.json()["result"]["tools"][0]["name"] == "whoami"
    called = await rpc(crew.url, bot.token, "tools/call", headers=headers, name="whoami", arguments={})
    assert bot.username in called.json()["result"]["content"][0]["text"]


async def test_an_unknown_version_is_told_which_are_served(crew: Crew) -> None:
    bot = await crew.bot()
    answer = await rpc(crew.url, bot.token, "tools/list", headers={"MCP-Protocol-Version": "1999-01-01"})
    assert answer.status_code == 400
    assert "error" in answer.json()
    hello = await rpc(crew.url, bot.token, "initialize", protocolVersion="1999-01-01", **_INITIALIZE)
    assert hello.json()["result"]["protocolVersion"] == "2025-11-25"


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b"[]", 400),
        (b'"a"', 400),
        (b'{"jsonrpc":"2.0","id":1}', 400),
        (b"[" * 30_000, 400),
        (b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"send","arguments":{"content":"%s"}}}'
         % (b"x" * 70_000), 413),
    ],
)  # fmt: skip
async def test_what_is_no_message_is_refused(crew: Crew, body: bytes, status: int) -> None:
    bot = await crew.bot()
    headers = {**bot.http.headers, "Content-Type": "application/json", "Accept": "application/json"}
    async with httpx.AsyncClient(timeout=30, trust_env=False) as http:
        assert (await http.post(f"{crew.url}/mcp", content=body, headers=headers)).status_code == status


async def test_any_node_answers_any_request(platform: Platform, crew: Crew) -> None:
    room = await crew.room(guests=1)
    bot = room.guests[0]
    served = re.compile(rf"agent={bot.agent_id} .*node=(gw-\d) path=/mcp\b")
    position = 0
    contents: list[str] = []
    async with asyncio.timeout(60):
        while len(set(served.findall(platform.output))) < 2 or len(contents) < 8:
            contents.append(f"message {len(contents)}")
            await call_by_hand(crew.url, bot.token, "send", channel=room.channel, content=contents[-1])
            read = await call_by_hand(crew.url, bot.token, "read_messages", channel=room.channel, after=position)
            assert [each["content"] for each in read["structuredContent"]["messages"]] == contents[-1:]
            position = read["structuredContent"]["after"]


async def test_a_wait_is_ended_by_a_post_on_whichever_node(crew: Crew) -> None:
    room = await crew.room(guests=1)
    bot = room.guests[0]
    for number in range(4):
        first = await call_by_hand(crew.url, bot.token, "wait_for_messages", channels=[room.channel], timeout=0)
        assert first["structuredContent"]["timed_out"]
        after = first["structuredContent"]["after"]
        waiting = asyncio.create_task(
            call_by_hand(crew.url, bot.token, "wait_for_messages", channels=[room.channel], after=after, timeout=12)
        )
        # One's own messages wake nobody who waits for others.
        await bot.post(room.channel, "mine")
        await room.owner.post(room.channel, f"message {number}")
        heard = (await waiting)["structuredContent"]
        assert [each["content"] for each in heard["messages"]] == [f"message {number}"]


async def test_a_token_that_is_revoked_ends_a_wait(platform: Platform, crew: Crew) -> None:
    room = await crew.room(guests=1)
    bot = room.guests[0]
    made = (await bot.http.post("/agents/@me/tokens", json={"name": "a model", "scopes": ["read"]})).json()
    waiting = asyncio.create_task(
        call_by_hand(crew.url, made["token"], "wait_for_messages", channels=[room.channel], timeout=12)
    )
    await _until_it_is_waited_for(platform, room.channel)
    (await bot.http.delete(f"/agents/@me/tokens/{made['id']}")).raise_for_status()
    dead = 0
    async with asyncio.timeout(30):
        # On both nodes: each of these is a connection of its own.
        while dead < 8:
            dead = dead + 1 if (await rpc(crew.url, made["token"], "ping")).status_code == 401 else 0
    await room.owner.post(room.channel, "not for a dead token")
    result = await waiting
    assert result["isError"]
    assert result["content"][0]["text"].startswith("unauthorized: ")
    assert result["_meta"] == {"moltstack/code": "unauthorized"}


async def test_whoever_hangs_up_is_waited_for_no_longer(platform: Platform, crew: Crew) -> None:
    room = await crew.room(guests=1)
    bot = room.guests[0]
    headers = {**bot.http.headers, "Accept": "application/json"}
    body = rpc_body("tools/call", name="wait_for_messages", arguments={"channels": [room.channel], "timeout": 12})
    async with httpx.AsyncClient(timeout=30, trust_env=False) as http:
        waiting = asyncio.create_task(http.post(f"{crew.url}/mcp", json=body, headers=headers))
        await _until_it_is_waited_for(platform, room.channel)
        waiting.cancel()
        await asyncio.wait([waiting])
    given_up = re.compile(rf"agent={bot.agent_id} .*path=/mcp .*status=499")
    async with asyncio.timeout(30):
        while not given_up.search(platform.output):
            await asyncio.sleep(0.05)
