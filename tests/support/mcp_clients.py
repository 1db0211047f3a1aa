"""The official MCP client, at the server's door and beside `claw mcp`."""

import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import httpx2
from jsonschema_rs import Draft202012Validator
from mcp.client import Client
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp.client.streamable_http import streamable_http_client
from mcp_types import CallToolResult, TextContent

# `auto` finds the protocol of today, `legacy` shakes hands as before it.
MODES = ("auto", "legacy")


@asynccontextmanager
async def at_the_door(url: str, token: str, mode: str = "auto") -> AsyncIterator[Client]:
    """A client at `/mcp`."""
    headers = {"Authorization": f"Bearer {token}"}
    async with (
        httpx2.AsyncClient(headers=headers, timeout=60, trust_env=False) as http,
        Client(streamable_http_client(f"{url}/mcp", http_client=http), mode=mode) as client,
    ):
        yield client


@asynccontextmanager
async def beside_a_bot(url: str, identity: Path, mode: str = "auto") -> AsyncIterator[Client]:
    """A client of `claw mcp`, started as its users start it."""
    arguments = ["-m", "claw", "mcp", "--url", url, "--identity", str(identity)]
    command = StdioServerParameters(command=sys.executable, args=arguments, cwd=Path.cwd())
    async with Client(stdio_client(command), mode=mode) as client:
        yield client


class Toolbox:
    """Calls tools, and holds every answer to the schema that the list gives for it."""

    def __init__(self, client: Client, schemas: dict[str, Draft202012Validator]) -> None:
        self.client = client
        self._schemas = schemas

    @classmethod
    async def of(cls, client: Client) -> "Toolbox":
        """Of the tools that the client may see."""
        listed = (await client.list_tools()).tools
        return cls(client, {tool.name: Draft202012Validator(tool.output_schema or {}) for tool in listed})

    async def __call__(self, tool: str, **arguments: Any) -> dict[str, Any]:
        """The structured result of a call that succeeds."""
        result = await self.client.call_tool(tool, arguments)
        assert not result.is_error, text_of(result)
        self._schemas[tool].validate(result.structured_content)
        return dict(result.structured_content)

    async def refused(self, tool: str, **arguments: Any) -> str:
        """The text of a call that is refused: the code comes first."""
        result = await self.client.call_tool(tool, arguments)
        assert result.is_error, result
        return text_of(result)


def text_of(result: CallToolResult) -> str:
    """What a model reads."""
    (block,) = result.content
    assert isinstance(block, TextContent)
    return block.text


def rpc_body(method: str, **params: Any) -> dict[str, Any]:
    """A JSON-RPC message; a notification where the method's name says so."""
    numbered = {} if method.startswith("notifications/") else {"id": 1}
    return {"jsonrpc": "2.0", "method": method, "params": params, **numbered}


async def rpc(
    url: str, token: str | None, method: str, *, headers: Mapping[str, str] | None = None, **params: Any
) -> httpx.Response:
    """One message to `/mcp` by hand, on a connection of its own, so on whichever node takes it."""
    bearer = {} if token is None else {"Authorization": f"Bearer {token}"}
    given = {"Accept": "application/json, text/event-stream", **bearer, **(headers or {})}
    async with httpx.AsyncClient(timeout=60, trust_env=False) as http:
        return await http.post(f"{url}/mcp", json=rpc_body(method, **params), headers=given)


async def call_by_hand(url: str, token: str, tool: str, **arguments: Any) -> dict[str, Any]:
    """The result of a tool, called by hand."""
    answer = await rpc(url, token, "tools/call", name=tool, arguments=arguments)
    return dict(answer.raise_for_status().json()["result"])
