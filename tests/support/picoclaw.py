"""A PicoClaw as a gateway meets it, written from the frames of its `pico_client`.

It knows messages and answers, and keeps no position.
"""

import asyncio
import json
from types import TracebackType
from typing import Any, Self

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

_PATIENCE_S = 30.0


class PicoClaw:
    """One `pico_client`. `await PicoClaw.dial(…)`; raises `websockets.InvalidStatus` where it is turned away."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection
        self.frames: list[dict[str, Any]] = []

    @classmethod
    async def dial(
        cls, url: str, token: str | None, session_id: str | None = None, *, subprotocol: str | None = None
    ) -> Self:
        query = "" if session_id is None else f"?session_id={session_id}"
        return cls(
            await connect(
                f"ws{url.removeprefix('http')}/pico/ws{query}",
                additional_headers={} if token is None else {"Authorization": f"Bearer {token}"},
                subprotocols=None if subprotocol is None else [Subprotocol(subprotocol)],
                compression=None,
                proxy=None,
                max_queue=None,
                open_timeout=_PATIENCE_S,
            )
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.connection.close()

    async def say(self, session_id: str, content: str) -> None:
        """As its `Send` writes it."""
        frame = {
            "type": "message.send",
            "session_id": session_id,
            "timestamp": 1_795_262_400_000,
            "payload": {"content": content},
        }
        await self.write(json.dumps(frame, separators=(",", ":")))

    async def write(self, text: str | bytes) -> None:
        await self.connection.send(text)

    async def receive(self) -> dict[str, Any]:
        """The next frame."""
        async with asyncio.timeout(_PATIENCE_S):
            frame = dict(json.loads(await self.connection.recv()))
        self.frames.append(frame)
        return frame

    async def expect(self, kind: str, **fields: Any) -> dict[str, Any]:
        """The next frame of this type; those before it are passed over."""
        while True:
            frame = await self.receive()
            if frame["type"] == kind and fields.items() <= frame.items():
                return frame

    async def hear(self) -> tuple[str, str]:
        """The next message: its conversation and its words. Whatever else a `pico_client` ignores is passed over."""
        frame = await self.expect("message.create")
        return frame["session_id"], frame["payload"]["content"]

    async def refusal(self) -> dict[str, Any]:
        """The payload of the next error."""
        return dict((await self.expect("error"))["payload"])

    async def closed(self) -> int | None:
        """Wait until the server has closed; the code."""
        try:
            while True:
                await self.receive()
        except ConnectionClosed:
            return self.connection.close_code
