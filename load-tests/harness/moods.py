"""Agents that change their presence as fast as they are answered, in a process of their own.

    python -m harness.moods AGENTS CHANNEL TOKENS

Orders come as lines of JSON on standard input, and each is answered by one:

    {"open": PORT}       open a session for each agent and follow the channel
    {"change": SECONDS}  change between dnd and idle for so long; every change is answered before the next
"""

import asyncio
import itertools
import json
import sys
import time
from pathlib import Path
from typing import Any, Final, Self

import msgspec
import uvloop
from harness.machine import CLIENT_CORE, BenchError
from harness.moltstack import MoltStack
from websockets.asyncio.client import ClientConnection, connect

_ANSWER_S: Final = 120.0
_OPENING_AT_ONCE: Final = 16


class MoodProcess:
    """This module as a child: `await process.order(open=8080)`."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    @classmethod
    async def start(cls, agents: int, platform: MoltStack) -> Self:
        """So many agents of a furnished platform."""
        channel = platform.channels.read_text().split()[0]
        return cls(
            await asyncio.create_subprocess_exec(
                "taskset", "--cpu-list", str(CLIENT_CORE), sys.executable, "-m", "harness.moods",
                str(agents), channel, str(platform.many_tokens),
                stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, cwd=Path(__file__).parents[1],
            )
        )  # fmt: skip

    async def order(self, **order: float) -> dict[str, Any]:
        """Have an order carried out. Raises BenchError where it cannot be."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(msgspec.json.encode(order) + b"\n")
        async with asyncio.timeout(_ANSWER_S):
            line = await self._process.stdout.readline()
        if not line:
            raise BenchError("the agents gave up; their last words stand above")
        answer: dict[str, Any] = msgspec.json.decode(line)
        return answer

    async def stop(self) -> None:
        """End it; the kernel closes its sockets."""
        if self._process.returncode is None:
            self._process.kill()
        await self._process.wait()


async def _open(port: int, channel: str, tokens: list[str]) -> list[ClientConnection]:
    turns = asyncio.Semaphore(_OPENING_AT_ONCE)

    async def one(token: str) -> ClientConnection:
        async with turns:
            head = {"Authorization": f"Bearer {token}"}
            socket = await connect(f"ws://127.0.0.1:{port}/ws", additional_headers=head, compression=None, proxy=None)
            await socket.send(json.dumps({"op": "subscribe", "channels": [channel]}))
            while b'"op":"presence"' not in await socket.recv(decode=False):
                pass
            return socket

    return await asyncio.gather(*map(one, tokens))


async def _change(sockets: list[ClientConnection], seconds: float) -> dict[str, Any]:
    until = time.monotonic() + seconds

    async def one(socket: ClientConnection) -> int:
        for number in itertools.count(1):
            status = "dnd" if number % 2 else "idle"
            await socket.send(json.dumps({"op": "presence", "status": status, "ref": number}))
            # Others' changes come in between.
            while not (await socket.recv(decode=False)).startswith(b'{"op":"ok"'):
                pass
            if time.monotonic() >= until:
                return number
        raise AssertionError

    begun = time.monotonic()
    changes = sum(await asyncio.gather(*map(one, sockets)))
    return {"changes": changes, "seconds": time.monotonic() - begun}


async def _main(agents: int, channel: str, tokens: list[str]) -> None:
    sockets: list[ClientConnection] = []
    while line := await asyncio.to_thread(sys.stdin.readline):
        match json.loads(line):
            case {"open": port}:
                sockets = await _open(int(port), channel, tokens[:agents])
                answer: dict[str, Any] = {}
            case {"change": seconds}:
                answer = await _change(sockets, seconds)
            case order:
                raise ValueError(order)
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_main(int(sys.argv[1]), sys.argv[2], Path(sys.argv[3]).read_text().split()))
