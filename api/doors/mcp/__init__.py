"""The door for models: MCP over streamable HTTP at `/mcp`, stateless, so that any node answers any request."""

from typing import TYPE_CHECKING, Final

from starlette.types import ASGIApp

from api.doors.door import Door

if TYPE_CHECKING:
    from api.app import Api


def _build(api: "Api") -> ASGIApp:
    # The library costs a second of CPU and 28 MB: only who serves the API pays for it.
    from api.doors.mcp.endpoint import McpEndpoint  # noqa: PLC0415 - see above

    return McpEndpoint(api)


DOOR: Final = Door(("/mcp",), _build, name="mcp")
