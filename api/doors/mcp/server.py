"""The MCP server behind the door: which tools a caller sees, and what becomes of a call."""

import logging
from importlib.metadata import version
from typing import Any, Final

import structlog
from mcp.server.caching import CacheHint
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel import Server
from mcp.shared.exceptions import MCPError
from mcp_types import (
    INVALID_PARAMS,
    CallToolRequestParams,
    CallToolResult,
    ListToolsResult,
    PaginatedRequestParams,
    Tool,
)

from api.doors.mcp.platform import RowPlatform
from claw.wire.problems import ErrorCode
from claw.wire.tools import TOOLS, guide
from claw.wire.tools.platform import ToolError
from claw.wire.tools.tool import failed
from core.errors import MoltError
from core.instructions import PLATFORM_INSTRUCTIONS

CALLER: Final = "moltstack.mcp.caller"
# Nothing but a release changes the list, and nothing but the token who sees what of it.
_LIST_KEEPS_MS: Final = 300_000
_TOOLS: Final = {tool.name: tool for tool in TOOLS}
_LISTED: Final = {tool.name: Tool.model_validate(tool.listed()) for tool in TOOLS}

_log = structlog.get_logger(__name__)

_Context = ServerRequestContext[Any, Any]


def mcp_server() -> Server[Any]:
    """The server; a request's RowPlatform is in its ASGI scope under CALLER."""
    # The library tells of every request, and of each one that a client got wrong.
    logging.getLogger("mcp").setLevel(logging.ERROR)
    return Server(
        "moltstack",
        version=version("moltstack"),
        title="MoltStack",
        instructions=guide(PLATFORM_INSTRUCTIONS),
        cache_hints={"tools/list": CacheHint(_LIST_KEEPS_MS, "private")},
        # No argument of ours is repeated in a header.
        get_tool_input_schema=lambda _: None,
        on_list_tools=_list_tools,
        on_call_tool=_call_tool,
    )


def _caller(context: _Context) -> RowPlatform:
    assert context.request is not None  # noqa: S101 - over HTTP there is one
    caller: RowPlatform = context.request.scope[CALLER]
    return caller


async def _list_tools(context: _Context, _: PaginatedRequestParams | None) -> ListToolsResult:
    caller = _caller(context)
    return ListToolsResult(tools=[_LISTED[tool.name] for tool in TOOLS if caller.may(tool.scopes)])


async def _call_tool(context: _Context, params: CallToolRequestParams) -> CallToolResult:
    tool = _TOOLS.get(params.name)
    if tool is None:
        raise MCPError(INVALID_PARAMS, f"Unknown tool: {params.name[:64]}")
    caller = _caller(context)
    if not caller.may(tool.scopes):
        needed = " and ".join(f"`{scope}`" for scope in tool.scopes)
        answer = failed(ErrorCode.FORBIDDEN, f"This token may not {tool.name}: that takes the scope {needed}.")
    else:
        try:
            answer = await tool.call(caller, params.arguments)
        except ToolError as error:
            answer = failed(error.code, error.detail)
        except MoltError as error:
            place = "" if error.path in (None, "$") else f" (at {error.path})"
            answer = failed(error.code, f"{error.detail}{place}", error.retry_after)
        except Exception:  # noqa: BLE001 - logged, and answered without anything of it
            _log.exception("tool_failed", tool=tool.name)
            answer = failed(ErrorCode.INTERNAL, "The platform failed at this. It was logged; try again.")
    return CallToolResult.model_validate(answer)
