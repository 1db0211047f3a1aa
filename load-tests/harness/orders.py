"""A module of ours as a process that is told what to do: an order is a line of JSON, and so is its answer."""

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final, Self

import msgspec
from harness.machine import CLIENT_CORE, BenchError, descendants

_LONGEST_ANSWER: Final = 1 << 20


class Ordered:
    """The child, as its parent sees it: `await child.order(open=8080)`."""

    def __init__(self, module: str, process: asyncio.subprocess.Process, patience: float) -> None:
        self.pid = process.pid
        self._module = module
        self._process = process
        self._patience = patience

    @classmethod
    async def start(cls, module: str, *arguments: str, patience: float) -> Self:
        """Run a module of this folder on the clients' core; each answer must come within `patience` seconds."""
        process = await asyncio.create_subprocess_exec(
            *("taskset", "--cpu-list", str(CLIENT_CORE), sys.executable, "-m", module, *arguments),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            cwd=Path(__file__).parents[1],
            limit=_LONGEST_ANSWER,
        )
        return cls(module, process, patience)

    async def order(self, **order: Any) -> dict[str, Any]:
        """Have an order carried out. Raises BenchError where it is not, or where the answer tells of `faults`."""
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(msgspec.json.encode(order) + b"\n")
        try:
            async with asyncio.timeout(self._patience):
                line = await process.stdout.readline()
        except TimeoutError:
            raise BenchError(f"{self._module} did not {next(iter(order))} within {self._patience:g} s") from None
        if not line:
            raise BenchError(f"{self._module} gave up; its last words stand above")
        answer: dict[str, Any] = msgspec.json.decode(line)
        if answer.get("faults"):
            raise BenchError(f"{self._module}: {'; '.join(answer['faults'])}")
        return answer

    async def stop(self) -> None:
        """End it and what it has started; the kernel closes their sockets."""
        if self._process.returncode is None:
            for pid in descendants(self.pid):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        await self._process.wait()


async def obey(carry_out: Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]) -> None:
    """The child's side: carry out one order after the other until there are no more."""
    while line := await asyncio.to_thread(sys.stdin.readline):
        print(json.dumps(await carry_out(json.loads(line))), flush=True)
