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
from typing import Any, Final

import uvloop
from harness.orders import obey
from websockets.asyncio.client import ClientConnection, connect

_OPENING_AT_ONCE: Final = 16


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

    async def carry_out(order: dict[str, Any]) -> dict[str, Any]:
        match order:
            case {"open": port}:
                sockets.extend(await _open(int(port), channel, tokens[:agents]))
                return {}
            case {"change": seconds}:
                return await _change(sockets, seconds)
            case _:
                raise ValueError(order)

    await obey(carry_out)


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_main(int(sys.argv[1]), sys.argv[2], Path(sys.argv[3]).read_text().split()))
