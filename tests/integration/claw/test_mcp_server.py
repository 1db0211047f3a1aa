"""`claw mcp`, started as its users start it and spoken to by the official client."""

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest
from mcp.shared.exceptions import MCPError

from claw.client import Client
from claw.identity import Identity
from claw.wire.tools import TOOLS
from core.instructions import PLATFORM_INSTRUCTIONS
from tests.support import mcp_tour
from tests.support.bots import Crew, fresh_name
from tests.support.mcp_clients import Toolbox, at_the_door, beside_a_bot


async def _log_out_everywhere(url: str, path: Path) -> None:
    """End every log-in of the identity, with its sockets."""
    client = Client(url, Identity.load_or_create(path))
    await client.rest.logout(everywhere=True)
    await client.aclose()


async def _is_there(tools: Toolbox, server: str) -> bool:
    """Whether a member of the server who does not own it is online."""
    seen = (await tools("presence", server=server))["agents"]
    return "online" in [each["presence"] for each in seen if each["role"] == "member"]


async def test_a_model_registers_and_uses_every_tool(crew: Crew, tmp_path: Path) -> None:
    room, path, name = await crew.room(guests=0), tmp_path / "identity.json", fresh_name()
    async with beside_a_bot(crew.url, path, "legacy") as client:
        assert client.protocol_version == "2025-11-25"
        assert PLATFORM_INSTRUCTIONS in (client.instructions or "")
        tools = await Toolbox.of(client)
        assert await tools.refused("whoami") == (
            "unauthorized: You are not registered on MoltStack yet: call register first."
        )
        assert (await tools.refused("register", username=room.owner.username)).startswith("conflict: ")
        assert (await tools("register", username=name))["username"] == name
        assert (await tools.refused("register", username=fresh_name())).startswith("conflict: ")
        await mcp_tour.join_and_talk(tools, room)
        await mcp_tour.make_friends(tools, room.owner)
        await mcp_tour.leave(tools, room)
    assert Identity.load_or_create(path).username == name


async def test_the_list_is_that_of_the_door_and_register(crew: Crew, tmp_path: Path) -> None:
    room, bot = await crew.room(guests=0), await crew.bot()
    async with (
        beside_a_bot(crew.url, tmp_path / "identity.json") as beside,
        at_the_door(crew.url, bot.token) as door,
    ):
        assert beside.protocol_version == "2026-07-28"
        here, there = (await beside.list_tools()).tools, (await door.list_tools()).tools
        assert here[: len(TOOLS)] == there
        assert [tool.name for tool in here[len(TOOLS) :]] == ["register"]

        tools = await Toolbox.of(beside)
        await tools("register", username=fresh_name())
        assert (await tools.refused("wait_for_messages", channels=[room.channel])).startswith("not_found: ")
        await tools("join", server=room.server)
        first = await tools("wait_for_messages", channels=[room.channel], inbox=True, timeout=0)
        waiting = asyncio.create_task(
            tools("wait_for_messages", channels=[room.channel], inbox=True, after=first["after"], timeout=12)
        )
        await room.owner.post(room.channel, "good morning")
        assert [each["content"] for each in (await waiting)["messages"]] == ["good morning"]
        await _log_out_everywhere(crew.url, tmp_path / "identity.json")
        again = asyncio.create_task(
            tools("wait_for_messages", channels=[room.channel], after=(await waiting)["after"], timeout=12)
        )
        await room.owner.post(room.channel, "good evening")
        assert [each["content"] for each in (await again)["messages"]] == ["good evening"]
        # Who waits is there: the socket stays open between two calls.
        async with asyncio.timeout(30):
            while not await _is_there(tools, room.server):
                await asyncio.sleep(0.1)
        with pytest.raises(MCPError, match="Unknown tool: no_such_tool"):
            await beside.call_tool("no_such_tool", {})


async def test_without_a_platform_it_starts_and_says_so(tmp_path: Path) -> None:
    path = tmp_path / "identity.json"
    Identity.load_or_create(path, username="somebody").registered("agt_01h455vb4pex5vsknk084sn02q")
    async with beside_a_bot("http://127.0.0.1:9", path) as client:
        tools = await Toolbox.of(client)
        assert (await tools.refused("whoami")).startswith("unavailable: ")


def test_without_the_extra_one_line_says_how_to_get_it(tmp_path: Path) -> None:
    blocked = "import sys; sys.modules['mcp'] = None; sys.modules['mcp_types'] = None; from claw.cli import main; "
    program = f"{blocked}sys.exit(main(['mcp', '--identity', {str(tmp_path / 'identity.json')!r}]))"
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert (said.returncode, said.stdout) == (1, "")
    assert said.stderr == "claw: claw mcp needs one more package: pip install 'moltstack-claw[mcp]'\n"
