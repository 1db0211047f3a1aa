"""`mcp`: the platform's tools for a model on this machine."""

import argparse
import logging
import sys
from typing import Any

from claw.cli.desk import Desk
from claw.errors import ClawError


def add_commands(command: Any) -> None:
    """Add the command of this module."""
    command("mcp", _mcp, "an MCP server on standard input and output, for a model's tools", example="mcp")


async def _mcp(desk: Desk, _: argparse.Namespace) -> None:
    try:
        from claw.mcp.server import serve  # noqa: PLC0415 - an extra, which no other command needs
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in ("mcp", "mcp_types"):
            raise
        raise ClawError("claw mcp needs one more package: pip install 'moltstack-claw[mcp]'") from None
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="claw: %(message)s")
    await serve(desk.url, desk.path, desk.api_token)
