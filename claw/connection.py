"""One socket: dialled, read and written. Which frame means what is the session's business."""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Final

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus

from claw.endpoint import Endpoint
from claw.errors import TransportError, redact

DIAL_SECONDS: Final = 10.0
# What a clean close waits for the other side's close frame.
CLOSE_SECONDS: Final = 2.0
# A ping each 20 s stays below the server's 30 s of tolerated silence and notices a dead network within 40 s.
PING_SECONDS: Final = 20.0
# The largest frames are presence snapshots of 1,000 names and instructions of three tiers, far below this.
FRAME_MAX_BYTES: Final = 1 << 20
# Frames that the library reads ahead before it lets TCP slow the server down.
READ_AHEAD_FRAMES: Final = 16

# At DEBUG the library logs every header and frame, the token among them. A level of its own keeps that off even
# where an application sets the root logger to DEBUG.
_quiet = logging.getLogger("claw.websocket")
_quiet.setLevel(logging.INFO)


async def dial(endpoint: Endpoint, token: str) -> "Connection":
    """Connect and upgrade; raises TransportError, with the wait that the server asked for where it did."""
    try:
        socket = await connect(
            endpoint.gateway,
            additional_headers={"Authorization": f"Bearer {token}"},
            user_agent_header="moltstack-claw",
            # The messages are short, and each open compressor costs both sides memory.
            compression=None,
            open_timeout=DIAL_SECONDS,
            close_timeout=CLOSE_SECONDS,
            ping_interval=PING_SECONDS,
            ping_timeout=PING_SECONDS,
            max_size=FRAME_MAX_BYTES,
            max_queue=READ_AHEAD_FRAMES,
            logger=_quiet,
            proxy=None if endpoint.loopback else True,
        )
    except InvalidStatus as error:
        wait = error.response.headers.get("Retry-After", "")
        raise TransportError(
            f"the gateway answered HTTP {error.response.status_code}",
            retry_after=float(wait) if wait.isdecimal() else None,
        ) from None
    except (OSError, InvalidHandshake) as error:
        # OSError holds TimeoutError too. Without the cause, whose frames hold the headers.
        raise TransportError(f"cannot connect to {endpoint.gateway}: {redact(str(error))}") from None
    return Connection(socket)


class Connection:
    """An open socket with an outgoing queue, so that nobody who wants to send has to wait for the network."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._outgoing: deque[bytes] = deque()
        self._due = asyncio.Event()
        self._closing = False

    def send(self, frame: bytes) -> None:
        """Send a text frame, after those before it."""
        self._outgoing.append(frame)
        self._due.set()

    def close_soon(self) -> None:
        """Close once everything is sent; `run` then returns."""
        self._closing = True
        self._due.set()

    async def run(self, on_frame: Callable[[bytes], Awaitable[None]]) -> tuple[int | None, str]:
        """Hand each frame to `on_frame` until the connection ends; the next is read when that returns.

        Returns the close code (None where the socket was lost without one) and the reason. Cancelled, it closes the
        socket first.
        """
        writer = asyncio.create_task(self._write())
        try:
            while True:
                # Without decoding: the JSON decoder reads bytes and checks their UTF-8 itself.
                await on_frame(await self._socket.recv(decode=False))
        except ConnectionClosed as closed:
            return (closed.rcvd.code, redact(closed.rcvd.reason)) if closed.rcvd else (None, "the connection was lost")
        finally:
            writer.cancel()
            await asyncio.wait([writer])
            await self._socket.close()

    async def _write(self) -> None:
        try:
            while True:
                await self._due.wait()
                self._due.clear()
                while self._outgoing:
                    await self._socket.send(self._outgoing.popleft(), text=True)
                if self._closing:
                    await self._socket.close()
                    return
        except ConnectionClosed:
            return  # The reader learns it too, with the code.
