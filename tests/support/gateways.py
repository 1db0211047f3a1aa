"""Gateways inside the test's process, on real stores, with clients on transports that are no sockets.

The bytes are those of real sockets: a handshake goes in, frames come out. What lies between Redis and a gateway, and
between its transport and a client, is in the test's hand.
"""

import asyncio
import dataclasses
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Self
from uuid import UUID

from claw.wire.ids import uuid7
from core.container import Container, RestServices
from core.services.changes import Changes
from core.settings import Settings
from db.roles import Role
from gateway.connection import Connection
from gateway.node import Node
from tests.conftest import Store, Stores
from tests.support.frames import FrameReader
from tests.unit.gateway.peer import CLOSE, PONG, TEXT, client_frame, head

OnFrame = Callable[[dict[str, Any], bytes], None]


class Gateway:
    """A node with its container, as `stack.node` puts them together."""

    def __init__(self, container: Container, *, hears_itself: bool) -> None:
        """A node that does not hear itself learns of its own commits from Redis, like everybody else's."""
        self.container = container
        database = container.databases[Role.GATEWAY]
        self.node = Node(
            container.settings,
            database,
            verifier=container.verifier,
            bearers=container.bearers(Role.GATEWAY),
            posting=container.posting(Role.GATEWAY),
            outbound=container.outbound(Role.GATEWAY),
            changes=Changes(database, container.announce, container.acts.acted),
            publisher=container.publisher,
            redis=container.redis,
            acted=container.acts.acted,
        )
        if hears_itself:
            container.on_events.append(self.node.offer)
            container.on_control.append(self.node.apply_control)

    @classmethod
    async def open(cls, settings: Settings, *, hears_itself: bool = True) -> Self:
        gateway = cls(await Container.open(settings, rest=True, sockets=True), hears_itself=hears_itself)
        await gateway.node.start()
        return gateway

    async def close(self) -> None:
        for connection in list(self.node.connections):
            connection.connection_lost(None)
        await self.node.stop()
        await self.container.close()

    @property
    def rest(self) -> RestServices:
        assert self.container.rest is not None
        return self.container.rest

    def token(self, agent: UUID) -> str:
        return self.rest.log_ins._issuer.issue("agent", agent, uuid7(), scope="*").token

    async def settle_posts(self) -> None:
        """Return when everything that was posted here is stored or refused."""
        if self.container.commit is not None:
            await self.container.commit.drain()


class Pipe(asyncio.Transport):
    """A transport whose other end is a function. It takes what is written at once, or (`stuck`) keeps it."""

    def __init__(self, protocol: Connection, taken: Callable[[bytes], None]) -> None:
        super().__init__()
        self.stuck = False
        self.reading = True
        self._protocol = protocol
        self._taken = taken
        self._kept = bytearray()
        self._high = 64 * 1024
        self._closing = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if self._closing:
            return
        if not self.stuck:
            self._taken(bytes(data))
            return
        before = len(self._kept)
        self._kept += data
        if before <= self._high < len(self._kept):
            self._protocol.pause_writing()

    def unstick(self) -> None:
        """The client reads again."""
        self.stuck = False
        kept, self._kept = bytes(self._kept), bytearray()
        if len(kept) > self._high:
            self._protocol.resume_writing()
        self._taken(kept)

    def get_write_buffer_size(self) -> int:
        return len(self._kept)

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:  # noqa: ARG002
        self._high = high or self._high

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True

    def is_closing(self) -> bool:
        return self._closing

    def close(self) -> None:
        if not self._closing:
            self._closing = True
            asyncio.get_running_loop().call_soon(self._protocol.connection_lost, None)

    def abort(self) -> None:
        self.close()


@asynccontextmanager
async def opening(stores: Stores, store: Store, *, node: str) -> AsyncIterator[Callable[..., Awaitable[Gateway]]]:
    """Opens gateways on a test's own database, called `node` unless told, with other settings where wanted.

    All are closed at the end.
    """
    opened: list[Gateway] = []
    common = Settings(
        database_url=store.admin_url, redis_url=stores.redis_url, keys_dir=store.keys_dir, node=node, limits=False
    )

    async def open_gateway(**changed: Any) -> Gateway:
        opened.append(await Gateway.open(dataclasses.replace(common, **changed)))
        return opened[-1]

    yield open_gateway
    for gateway in opened:
        await gateway.close()


class Caller:
    """A client's end of a pipe: `on_frame` is told of every frame, decoded and as it came."""

    def __init__(self, node: Node, token: str, on_frame: OnFrame) -> None:
        self.connection = Connection(node)
        self.pipe = Pipe(self.connection, self._take)
        self.closed: int | None = None
        self._on_frame = on_frame
        self._reader = FrameReader()
        self._shaken = False
        self.connection.connection_made(self.pipe)
        self.connection.data_received(head(extra=f"Authorization: Bearer {token}"))

    def send(self, **command: Any) -> None:
        if not self.pipe.is_closing():
            self.connection.data_received(client_frame(TEXT, json.dumps(command).encode()))

    def cut(self) -> None:
        """The connection is lost; frames under way never arrive."""
        self._on_frame = lambda _frame, _data: None
        self.pipe.close()

    def _take(self, data: bytes) -> None:
        if not self._shaken:
            status, mark, data = data.partition(b"\r\n\r\n")
            assert mark, "the head of the handshake comes in one piece"
            assert status.startswith(b"HTTP/1.1 101"), status
            self._shaken = True
        for opcode, payload in self._reader.feed(data):
            if opcode == TEXT:
                self._on_frame(json.loads(payload), payload)
            elif opcode == CLOSE:
                self.closed = int.from_bytes(payload[:2])
            else:
                self.connection.data_received(client_frame(PONG, payload))
