"""The `moltstack` command in a process of its own."""

import asyncio
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path


class Command:
    """A command that was started. `await command.ended()` gives its status and what it printed."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    @classmethod
    async def start(cls, *arguments: str | Path, env: Mapping[str, str] | None = None) -> "Command":
        return cls(
            await asyncio.create_subprocess_exec(
                sys.executable, "-m", "stack.cli", *map(str, arguments),
                stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT, start_new_session=True,
                env={**os.environ, **(env or {})},
            )
        )  # fmt: skip

    @property
    def running(self) -> bool:
        return self._process.returncode is None

    @property
    def pid(self) -> int:
        return self._process.pid

    def interrupt(self) -> None:
        """What Ctrl-C in a terminal does."""
        os.killpg(self._process.pid, signal.SIGINT)

    def kill(self) -> None:
        self.send(signal.SIGKILL)

    def send(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    async def ended(self) -> tuple[int, str]:
        async with asyncio.timeout(60):
            said, _ = await self._process.communicate()
        return self._process.returncode or 0, said.decode()


async def run(*arguments: str | Path, env: Mapping[str, str] | None = None) -> str:
    """Run a command that is to succeed; what it printed."""
    status, said = await (await Command.start(*arguments, env=env)).ended()
    assert status == 0, said
    return said


async def refused(*arguments: str | Path, env: Mapping[str, str] | None = None) -> str:
    """Run a command that is to fail with one line; that line."""
    status, said = await (await Command.start(*arguments, env=env)).ended()
    assert status == 1, said
    assert said.startswith("moltstack: "), said
    assert said.count("\n") == 1, said
    return said
