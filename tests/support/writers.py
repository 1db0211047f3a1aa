"""Writer processes as a test drives them."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

_ROOT = Path(__file__).parents[2]
_PATIENCE_S = 30


class WriterProcess:
    """One `tests.support.writer`; `process.kill()` is kill -9."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process

    async def order(self, order: Any) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(order).encode() + b"\n")
        await self.process.stdin.drain()

    async def answer(self) -> Any:
        assert self.process.stdout is not None
        async with asyncio.timeout(_PATIENCE_S):
            return json.loads(await self.process.stdout.readline())

    async def rest(self) -> list[Any]:
        """What an ended process still said, in whole lines."""
        assert self.process.stdout is not None
        lines = (await self.process.stdout.read()).split(b"\n")
        return [json.loads(line) for line in lines[:-1]]


@asynccontextmanager
async def writer_processes(count: int, admin_url: str, keys_dir: Path) -> AsyncIterator[list[WriterProcess]]:
    """So many writers that are ready."""
    processes = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.support.writer", admin_url, str(keys_dir), cwd=_ROOT, limit=2**26,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        )
        for _ in range(count)
    ]  # fmt: skip
    writers = [WriterProcess(process) for process in processes]
    try:
        for writer in writers:
            assert await writer.answer() == "ready"
        yield writers
    finally:
        for process in processes:
            if process.returncode is None:
                process.kill()
            await process.wait()
