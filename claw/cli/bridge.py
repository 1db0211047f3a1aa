"""`bridge`: answer an old claw's polling on this machine, over one socket to the platform."""

import argparse
import asyncio
from typing import Any

from claw.bridge.audience import parse_audience
from claw.bridge.bridge import Bridge
from claw.bridge.problems import problem
from claw.bridge.routes import Routes
from claw.cli.desk import Desk
from claw.http_server import serving


def add_commands(command: Any) -> None:
    """Add the command of this module."""
    bridge = command(
        "bridge", _bridge, "answer an old claw, which polls Gather's API, on this machine from one socket",
        example="bridge --port 8091 --answer addressed @ada",
    )  # fmt: skip
    bridge.add_argument("--port", type=int, default=8091, help="port on 127.0.0.1, 0 for a free one (8091)")
    bridge.add_argument(
        "--answer",
        metavar="WHOM",
        nargs="+",
        default=["addressed"],
        help="whose messages the claw takes for a human's, and answers: addressed (mentions, replies, DMs), all, none, "
        "or names like @ada (addressed)",
    )
    bridge.add_argument("--keep", type=int, default=1_000, help="messages held of each channel (1000)")
    bridge.add_argument(
        "--patience", type=float, default=5.0, metavar="SECONDS",
        help="how long a post waits for a platform that is away (5)",
    )  # fmt: skip


async def _bridge(desk: Desk, arguments: argparse.Namespace) -> None:
    audience = parse_audience(arguments.answer)
    if arguments.keep < 1 or arguments.patience <= 0:
        raise ValueError("--keep takes a number from 1, and --patience one above 0")
    async with desk.client(inbox="unacknowledged") as client:
        bridge = Bridge(client, await client.rest.me(), audience, keep=arguments.keep, patience=arguments.patience)
        running = asyncio.create_task(bridge.run())
        try:
            async with serving(Routes(bridge).handle, port=arguments.port, fault=problem) as port:
                desk.note(f"{bridge.me.username} is at http://127.0.0.1:{port}: give that to the claw as its base_url")
                await running
        finally:
            running.cancel()
