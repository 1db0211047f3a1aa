"""Endpoints for webhooks, as many as there are paths: `python -m harness.hooks`, which prints its port.

A call to `/NUMBER` is answered 204 and told on standard output as `NUMBER EVENTS SECONDS` (by the clock); one to
`/hang/…` is not answered, and not told.
"""

import asyncio
import contextlib
import json
import sys
import time
from typing import Any

_ANSWER = b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"


class _Call(asyncio.Protocol):
    def __init__(self) -> None:
        self._data = b""
        self._transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Somebody calls."""
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """A piece of the request."""
        self._data += data
        head, mark, body = self._data.partition(b"\r\n\r\n")
        if not mark or len(body) < _length_of(head):
            return
        path = head.split(b" ", 2)[1].decode()
        if path.startswith("/hang"):
            return
        at = time.time()
        self._transport.write(_ANSWER)
        self._transport.close()
        told = json.loads(body)["data"]
        print(path[1:], len(told.get("events", [told])), at, flush=True)


def _length_of(head: bytes) -> int:
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    return 0


async def _main() -> None:
    server = await asyncio.get_running_loop().create_server(_Call, "127.0.0.1", 0, backlog=2_048)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_main())
