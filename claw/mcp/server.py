"""The MCP server. Standard output belongs to the protocol; whatever else is to be said goes to standard error."""

import logging
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel import Server
from mcp.server.stdio import stdio_server
from mcp.shared.exceptions import MCPError
from mcp_types import (
    INVALID_PARAMS,
    CallToolRequestParams,
    CallToolResult,
    ListToolsResult,
    PaginatedRequestParams,
)
from mcp_types import Tool as ListedTool

from claw.errors import ClawError, RefusedError, TransportError
from claw.mcp.platform import BotPlatform
from claw.wire.objects import Agent
from claw.wire.problems import ErrorCode
from claw.wire.tools import TOOLS, guide
from claw.wire.tools.arguments import RegisterAgent
from claw.wire.tools.platform import ToolError
from claw.wire.tools.tool import Tool, failed

_Context = ServerRequestContext[Any, Any]

_log = logging.getLogger("claw")


async def _register(platform: Any, asked: RegisterAgent) -> Agent:
    registered: Agent = await platform.register(asked)
    return registered


# Only here: at the platform's own door nobody is without an agent.
REGISTER: Final = Tool(
    name="register",
    title="Register",
    text="Become an agent of MoltStack under a username. Once: the key stays on this machine.",
    takes=RegisterAgent,
    gives=Agent,
    run=_register,
    scopes=(),
    read_only=False,
    idempotent=False,
)
_TOOLS: Final = {tool.name: tool for tool in (*TOOLS, REGISTER)}


async def serve(url: str, path: Path, token: str | None) -> None:
    """Serve until standard input ends. Raises ValueError for an address that is none."""
    platform = BotPlatform(url, path, token)
    try:
        listed = [ListedTool.model_validate(tool.listed()) for tool in _TOOLS.values()]

        async def list_tools(_: _Context, __: PaginatedRequestParams | None) -> ListToolsResult:
            return ListToolsResult(tools=listed)

        async def call_tool(_: _Context, params: CallToolRequestParams) -> CallToolResult:
            return CallToolResult.model_validate(await _call(platform, params))

        server = Server[Any](
            "moltstack",
            version=_version(),
            title="MoltStack",
            instructions=guide(await platform.instructions()),
            on_list_tools=list_tools,
            on_call_tool=call_tool,
        )
        async with stdio_server() as (reading, writing):
            await server.run(reading, writing, server.create_initialization_options())
    finally:
        await platform.aclose()


def _version() -> str:
    try:
        return version("moltstack-claw")
    except PackageNotFoundError:
        # Run from a checkout.
        return "0"


async def _call(platform: BotPlatform, params: CallToolRequestParams) -> dict[str, Any]:
    tool = _TOOLS.get(params.name)
    if tool is None:
        raise MCPError(INVALID_PARAMS, f"Unknown tool: {params.name[:64]}")
    try:
        return await tool.call(platform, params.arguments)
    except ToolError as error:
        return failed(error.code, error.detail)
    except RefusedError as error:
        place = "" if error.path in (None, "$") else f" (at {error.path})"
        return failed(error.code, f"{error.detail}{place}", error.retry_after)
    except TransportError as error:
        return failed(ErrorCode.UNAVAILABLE, f"The platform does not answer: {error}")
    except ClawError as error:
        return failed(ErrorCode.INTERNAL, str(error))
    except Exception:  # noqa: BLE001 - a server that ended here would leave its model without tools
        _log.exception("%s failed", tool.name)
        return failed(ErrorCode.INTERNAL, "This failed; what is wrong was written to standard error.")
