"""A program in another language: it prints what happens to it, a JSON object a line, and takes lines in turn."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

_PATIENCE_S = 30

Frame = dict[str, Any]


class Program:
    """A running one. Lines that were read while another was awaited are kept."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        assert process.stdin is not None
        self._output = process.stdout
        self._input = process.stdin
        self._kept: list[Frame] = []

    async def expect(self, op: str, **fields: Any) -> Frame:
        """The next line with this `op` and these fields; those before it stay to be asked for."""
        async with asyncio.timeout(_PATIENCE_S):
            number = 0
            while True:
                if number == len(self._kept):
                    line = await self._output.readline()
                    assert line, f"it ended before {op} {fields}: {self._kept}"
                    self._kept.append(json.loads(line))
                frame = self._kept[number]
                if frame["op"] == op and all(frame.get(name) == value for name, value in fields.items()):
                    return self._kept.pop(number)
                assert frame["op"] not in ("(error)", "error"), frame
                number += 1

    def tell(self, line: str) -> None:
        self._input.write(f"{line}\n".encode())

    def end_of_input(self) -> None:
        self._input.close()


@asynccontextmanager
async def running_program(*words: str) -> AsyncIterator[Program]:
    """Start it; at the end it has to end by itself, and well."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*words, stdin=pipe, stdout=pipe)
    try:
        yield Program(process)
        async with asyncio.timeout(_PATIENCE_S):
            assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
