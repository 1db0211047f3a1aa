"""Clients on bare sockets that can stop reading: small receive buffers, and nothing between them and the kernel."""

import asyncio
import json
import socket
from typing import Any, Self, cast
from urllib.parse import urlsplit

from tests.support.frames import FrameReader
from tests.unit.gateway.peer import CLOSE, PING, PONG, TEXT, client_frame, head

_SMALL = 4_096


class Reader(asyncio.Protocol):
    """A session that keeps what came: frames in `frames`, or, where `count_only`, just when the last one came."""

    def __init__(self, *, count_only: bool = False) -> None:
        self.frames: list[dict[str, Any]] = []
        self.received = 0
        self.received_at = 0.0
        self.closed: int | None = None
        self.is_lost = False
        self._count_only = count_only
        self._reader = FrameReader()
        self._head = b""
        self._shaken = False
        self._changed = asyncio.Event()
        self._transport: asyncio.Transport | None = None

    @classmethod
    async def open(cls, url: str, token: str, *, count_only: bool = False, small: bool = False) -> Self:
        """A session after its hello; a `small` one has the kernel keep little of what it does not read."""
        loop = asyncio.get_running_loop()
        parts = urlsplit(url)
        raw = socket.socket()
        if small:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _SMALL)
        raw.setblocking(False)
        await loop.sock_connect(raw, (parts.hostname, parts.port))
        _, reader = await loop.create_connection(lambda: cls(count_only=count_only), sock=raw)
        reader.transport.write(head(extra=f"Authorization: Bearer {token}"))
        await reader.until(2)
        return reader

    @property
    def transport(self) -> asyncio.Transport:
        assert self._transport is not None
        return self._transport

    def send(self, **command: Any) -> None:
        self.transport.write(client_frame(TEXT, json.dumps(command).encode()))

    def stall(self) -> None:
        """Read nothing any more."""
        self.transport.pause_reading()

    def read_on(self) -> None:
        self.transport.resume_reading()

    def close(self) -> None:
        self.transport.abort()

    async def until(self, count: int, timeout: float = 20) -> None:
        """Return when so many frames came since the connection was opened, or the connection ended."""
        async with asyncio.timeout(timeout):
            while self.received < count and not self.is_lost:
                await self._change()

    async def until_lost(self, timeout: float = 20) -> None:
        async with asyncio.timeout(timeout):
            while not self.is_lost:
                await self._change()

    def of(self, op: str) -> list[dict[str, Any]]:
        return [frame for frame in self.frames if frame["op"] == op]

    async def expect(self, op: str, timeout: float = 20, **fields: Any) -> dict[str, Any]:
        """The first frame with this op and these fields, which may have come already."""
        async with asyncio.timeout(timeout):
            seen = 0
            while True:
                for frame in self.frames[seen:]:
                    if frame["op"] == op and all(frame.get(name) == value for name, value in fields.items()):
                        return frame
                seen = len(self.frames)
                assert not self.is_lost, f"lost ({self.closed}) before {op}"
                await self._change()

    async def _change(self) -> None:
        self._changed.clear()
        await self._changed.wait()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        if not self._shaken:
            self._head += data
            status, mark, data = self._head.partition(b"\r\n\r\n")
            if not mark:
                return
            assert status.startswith(b"HTTP/1.1 101"), status
            self._shaken = True
        for opcode, payload in self._reader.feed(data):
            if opcode == TEXT:
                # Presence comes when it comes; whoever counts means answers and events.
                self.received += not payload.startswith(b'{"op":"presence"')
                if not self._count_only:
                    self.frames.append(json.loads(payload))
            elif opcode == PING:
                self.transport.write(client_frame(PONG, payload))
            elif opcode == CLOSE:
                self.closed = int.from_bytes(payload[:2])
        self.received_at = asyncio.get_running_loop().time()
        self._changed.set()

    def connection_lost(self, _exc: Exception | None) -> None:
        self.is_lost = True
        self._changed.set()
