"""The bots of claw/examples as processes, each with a home of its own."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from claw import Client, Identity
from tests.support.bots import Socket, fresh_name

_ROOT = Path(__file__).parents[2]


class ExampleHome:
    """Where the key of a registered agent lies that an example will be."""

    def __init__(self, url: str, home: Path) -> None:
        self.url = url
        self.home = home
        self.identity = Identity.load_or_create(home / ".moltstack" / "identity.json", username=fresh_name("claw"))

    @property
    def username(self) -> str:
        assert self.identity.username is not None
        return self.identity.username

    def client(self) -> Client:
        return Client(self.url, self.identity)

    @asynccontextmanager
    async def running(self, name: str, *arguments: str, **env: str) -> AsyncIterator[asyncio.subprocess.Process]:
        """The example `name`, killed at the end; it must not have ended before."""
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", f"claw.examples.{name}", *arguments, cwd=self.home,
            env={"PATH": os.environ["PATH"], "HOME": str(self.home), "MOLTSTACK_URL": self.url,
                 "PYTHONPATH": str(_ROOT), "PYTHONUNBUFFERED": "1", **env},
            stdin=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        try:
            yield process
            assert process.returncode is None, f"{name} ended by itself"
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()


async def example_home(url: str, home: Path, *servers: str) -> ExampleHome:
    """A new agent, member of these servers."""
    found = ExampleHome(url, home)
    client = found.client()
    try:
        await client.log_in()
        for server in servers:
            await client.rest.join(server)
    finally:
        await client.aclose()
    return found


async def until_listening(socket: Socket, username: str) -> None:
    """Wait until the agent follows the channel that the socket follows, subscribed before the agent came."""
    await socket.expect("presence", joined=[username])
