"""The door for models: MCP over streamable HTTP at `/mcp`, stateless, so that any node answers any request."""

from typing import Final

from api.doors.door import Door
from api.doors.mcp.endpoint import McpEndpoint

DOOR: Final = Door(("/mcp",), McpEndpoint, name="mcp")
