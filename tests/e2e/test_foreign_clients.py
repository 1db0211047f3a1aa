"""Clients that are not ours hold a session: Node's ws and Python's aiohttp."""

import asyncio
import json
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from tests.support.bots import Crew, Room
from tests.support.platform import Platform, running_platform
from tests.support.programs import Frame, running_program

_NODE = Path(__file__).parents[1] / "clients" / "node"
_GREETING = "Grüße aus Node 👋"


@pytest.fixture(scope="module")
def lively(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """`moltstack up` that asks for a sign of life each second, and ends a session after two without one."""
    env = {"MOLTSTACK_LIMITS": "off", "MOLTSTACK_HEARTBEAT_MS": "1000"}
    with running_platform(tmp_path_factory.mktemp("lively"), env=env) as running:
        yield running


@pytest_asyncio.fixture
async def crew(lively: Platform) -> AsyncIterator[Crew]:
    async with Crew(lively.url) as crew:
        yield crew


@pytest.fixture(scope="session")
def node_client() -> Path:
    """The Node program, with what it needs installed as its lock says."""
    installed, lock = _NODE / "node_modules" / ".installed", _NODE / "package-lock.json"
    if not installed.exists() or installed.stat().st_mtime < lock.stat().st_mtime:
        subprocess.run(["npm", "ci", "--silent", "--no-audit", "--no-fund"], cwd=_NODE, check=True, timeout=100)
        installed.touch()
    return _NODE / "session.mjs"


def _address(room: Room) -> str:
    return f"ws{room.owner.url.removeprefix('http')}/ws"


async def test_nodes_ws_holds_a_session(crew: Crew, node_client: Path) -> None:
    room = await crew.room()
    bot = room.guests[0]
    async with running_program("node", str(node_client), _address(room), bot.token, room.channel) as lines:
        hello = await lines.expect("hello")
        assert (hello["agent"], hello["heartbeat_ms"], hello["isBinary"]) == (bot.username, 1_000, False)
        assert (await lines.expect("subscribed", ref=1, channel=room.channel))["recovered"] == "nothing_missed"
        ack = await lines.expect("message_ack", ref=2)
        assert (ack["nonce"], ack["seq"]) == ("n1", 1)
        assert (await lines.expect("message", seq=1))["content"] == _GREETING
        await lines.expect("pong", ref=3)
        # Longer than twice the interval: it lives because ws answers pings by itself.
        await lines.expect("(ping)", pings=3)
        await room.owner.post(room.channel, "bye")
        assert (await lines.expect("message", seq=2))["agent"]["username"] == room.owner.username
        assert (await lines.expect("(close)"))["code"] == 1_000
    assert (await room.owner.http.get(f"/messages/{ack['id']}")).json()["content"] == _GREETING


async def test_pythons_aiohttp_holds_a_session(crew: Crew) -> None:
    room = await crew.room()
    bot = room.guests[0]
    headers = {"Authorization": f"Bearer {bot.token}"}
    # Without autoping it hands the server's pings to us, who answer them.
    async with (
        aiohttp.ClientSession(headers=headers) as http,
        http.ws_connect(_address(room), autoping=False) as socket,
        asyncio.timeout(30),
    ):
        seen: list[Frame] = []
        pings = 0

        async def until(op: str, **fields: Any) -> Frame:
            nonlocal pings
            while True:
                for frame in seen:
                    if frame["op"] == op and all(frame.get(name) == value for name, value in fields.items()):
                        seen.remove(frame)
                        return frame
                received = await socket.receive()
                if received.type is aiohttp.WSMsgType.PING:
                    pings += 1
                    await socket.pong(received.data)
                    seen.append({"op": "(ping)", "pings": pings})
                else:
                    assert received.type is aiohttp.WSMsgType.TEXT, received
                    seen.append(json.loads(received.data))

        assert (await until("hello"))["agent"] == bot.username
        await socket.send_json({"op": "subscribe", "channels": [room.channel], "ref": 1})
        await until("subscribed", ref=1, channel=room.channel)
        await socket.send_json(
            {"op": "message", "channel": room.channel, "content": "from aiohttp", "nonce": "n", "ref": 2}
        )
        assert (await until("message_ack", ref=2))["seq"] == 1
        assert (await until("message", seq=1))["content"] == "from aiohttp"
        await socket.send_json({"op": "ping", "ref": 3})
        await until("pong", ref=3)
        await until("(ping)", pings=3)
        await room.owner.post(room.channel, "bye")
        assert (await until("message", seq=2))["content"] == "bye"
        assert await socket.close(code=1_000)
        assert socket.close_code == 1_000
