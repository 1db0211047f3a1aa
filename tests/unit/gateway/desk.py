"""A hub with sockets that remember, for tests of the fan-out."""

import asyncio
from uuid import UUID

from db.repositories.streams import StoredEvent
from gateway.hub import Hub, LiveStream

ROOM = UUID(int=1)


class Socket:
    """A listener that remembers what was written to it."""

    def __init__(self) -> None:
        self.writes: list[bytes] = []
        self.lagging = False
        self.missed: list[LiveStream] = []

    def deliver(self, data: bytes) -> None:
        self.writes.append(data)

    def miss(self, live: LiveStream) -> None:
        self.missed.append(live)

    def cut(self) -> None:
        raise AssertionError("nothing went wrong")

    @property
    def payloads(self) -> list[str]:
        """What the client reads; every payload of these tests fits the short header."""
        data = b"".join(self.writes)
        found = []
        while data:
            assert data[0] == 0x81
            length = data[1]
            found.append(data[2 : 2 + length].decode())
            data = data[2 + length :]
        return found


class Desk:
    """A hub, and what it reports."""

    def __init__(self) -> None:
        self.gaps: list[LiveStream] = []
        self.idle: list[LiveStream] = []
        self.hub = Hub(on_gap=self.gaps.append, on_idle=self.idle.append)

    def follow(self, *sockets: Socket, stream: UUID = ROOM, head: int = 0) -> LiveStream:
        live = self.hub.open(stream)
        self.hub.set_head(live, head)
        for socket in sockets:
            self.hub.attach(live, socket)
        self.hub.close(live)
        return live

    def offer(self, *seqs: int, stream: UUID = ROOM) -> None:
        for seq in seqs:
            self.hub.offer(StoredEvent(stream, seq, b"e%d" % seq))


async def loop_pass() -> None:
    """Let everything that was planned so far run, and nothing that it plans itself."""
    await asyncio.sleep(0)
