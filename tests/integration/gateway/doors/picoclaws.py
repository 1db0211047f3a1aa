"""PicoClaws at gateways in the test's process, with what lies between the two in the test's hand."""

import asyncio
import json
from collections.abc import Callable
from typing import Any
from uuid import UUID

from claw.wire.ids import Prefix, encode_id
from core.services.messages import Draft
from db.roles import Role
from gateway.doors.pico.connection import PicoConnection
from gateway.doors.pico.door import PicoDoor
from tests.support.frames import FrameReader
from tests.support.gateways import Gateway, Pipe
from tests.unit.gateway.peer import CLOSE, PONG, TEXT, client_frame, head

_PATIENCE_S = 30.0


class PicoGateway:
    """A gateway with the door."""

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway
        self.door = PicoDoor(gateway.node)

    async def post(self, agent: UUID, channel: UUID, content: str) -> None:
        draft = Draft(encode_id(Prefix.CHANNEL, channel), content)
        await self.gateway.container.posting(Role.GATEWAY).post(agent, draft)

    async def close(self) -> None:
        """Before the gateway itself."""
        for connection in list(self.gateway.node.connections):
            connection.connection_lost(None)
        await self.door.close()


class Claw:
    """A `pico_client` on a pipe. `status` is that of the handshake's answer, `frames` what came then."""

    def __init__(self, at: PicoGateway, agent: UUID, session_id: str = "inbox", *, token: str | None = None) -> None:
        self.status: int | None = None
        self.answer = ""
        self.frames: list[dict[str, Any]] = []
        self.closed: int | None = None
        self._reader = FrameReader()
        self._hears = True
        token = token or at.gateway.token(agent)
        self.connection: PicoConnection = at.door.connect()
        self.pipe = Pipe(self.connection, self._take)
        self.connection.connection_made(self.pipe)
        asked = head(extra=f"Authorization: Bearer {token}")
        self.connection.data_received(asked.replace(b" /ws ", f" /pico/ws?session_id={session_id} ".encode()))

    @property
    def heard(self) -> list[str]:
        """The words of the messages, without their authors."""
        said = [frame["payload"]["content"] for frame in self.frames if frame["type"] == "message.create"]
        return [content.partition(": ")[2] for content in said]

    @property
    def errors(self) -> list[str]:
        return [frame["payload"]["code"] for frame in self.frames if frame["type"] == "error"]

    def write(self, text: str) -> None:
        self.connection.data_received(client_frame(TEXT, text.encode()))

    def say(self, session_id: str, content: str) -> None:
        self.write(json.dumps({"type": "message.send", "session_id": session_id, "payload": {"content": content}}))

    def say_goodbye(self) -> None:
        self.connection.data_received(client_frame(CLOSE, (1000).to_bytes(2)))

    def cut(self) -> None:
        """The connection is lost; frames under way never arrive."""
        self._hears = False
        self.pipe.close()

    async def until(self, holds: Callable[[], bool]) -> None:
        try:
            async with asyncio.timeout(_PATIENCE_S):
                while not holds():
                    await asyncio.sleep(0.005)
        except TimeoutError:
            raise AssertionError(f"status {self.status}, closed {self.closed}, {self.frames}") from None

    async def until_heard(self, *words: str) -> None:
        """Return when it has heard these words and no others, in this order."""
        await self.until(lambda: len(self.heard) >= len(words))
        assert self.heard == list(words)

    def _take(self, data: bytes) -> None:
        if self.status is None:
            answer, mark, data = data.partition(b"\r\n\r\n")
            assert mark, "the head of the handshake comes in one piece"
            self.answer = answer.decode()
            self.status = int(answer.split()[1])
        if self.status != 101 or not self._hears:
            return
        for opcode, payload in self._reader.feed(data):
            if opcode == TEXT:
                self.frames.append(json.loads(payload))
            elif opcode == CLOSE:
                self.closed = int.from_bytes(payload[:2])
            else:
                self.connection.data_received(client_frame(PONG, payload))
