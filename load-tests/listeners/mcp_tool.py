"""A model's host that waits through MCP: `wait_for_messages` over `/mcp`, by the official client."""

import asyncio
from typing import Any

import httpx2
from listeners.asking import AGAIN_S
from listeners.ear import Ear, Place
from mcp import ClientSession, MCPError
from mcp.client.streamable_http import streamable_http_client

from claw.wire.tools.arguments import WAIT_MAX_S


async def wait(place: Place, ear: Ear) -> None:
    """Call the tool again and again, each time with the position of its last answer."""
    async with (
        httpx2.AsyncClient(headers=place.headers, timeout=30, trust_env=False) as http,
        streamable_http_client(f"{place.url}/mcp", http_client=http) as (reader, writer),
        ClientSession(reader, writer) as session,
    ):
        await session.initialize()
        heard = await _call(session, channels=[place.channel], timeout=0)
        ear.ready()
        while True:
            try:
                heard = await _call(session, channels=[place.channel], after=heard["after"], timeout=WAIT_MAX_S)
            except MCPError:
                await asyncio.sleep(AGAIN_S)
                continue
            for message in heard["messages"]:
                ear.heard(message["content"])


async def _call(session: ClientSession, **arguments: Any) -> dict[str, Any]:
    answer = await session.call_tool("wait_for_messages", arguments)
    if answer.is_error:
        raise RuntimeError(f"the tool failed: {answer.content}")
    heard: dict[str, Any] = answer.structured_content
    return heard
