"""The writing half of a connection: what is due, in which writes it goes, and what becomes of who does not read."""

import asyncio
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from claw.wire.close import CloseCode
from claw.wire.frames import Frame
from gateway.hub import LiveStream
from gateway.session import Session, State
from gateway.transport import WebSocket
from gateway.wire import encode_frame

if TYPE_CHECKING:
    from gateway.node import Node

CLOSE_TIMEOUT_S: Final = 3.0
_REPLAY_PIECE: Final = 32 * 1024


class Sender(asyncio.Protocol):
    """What `Connection` is made of besides reading. Slots of one object, since there are ten thousand of them."""

    __slots__ = ("_drained", "_due", "_missed", "_node", "_replayed", "_socket", "_transport", "lagging", "session")

    def __init__(self, node: "Node", session: Session) -> None:
        self._node = node
        self.session = session
        self._socket = WebSocket()
        self._transport: asyncio.Transport | None = None
        self._due: list[bytes] = []
        self.lagging = False
        self._replayed = 0  # Unsent bytes of a replay; they do not count against the client.
        self._drained: asyncio.Future[None] | None = None
        self._missed: set[LiveStream] | None = None  # Mostly nothing, and then nothing is kept.

    # What the event loop calls.

    def pause_writing(self) -> None:
        """The client reads more slowly than we write."""
        self.lagging = True

    def resume_writing(self) -> None:
        """The client has caught up."""
        self.lagging = False
        self._replayed = 0
        if self._drained is not None and not self._drained.done():
            self._drained.set_result(None)
        self._drained = None
        if self._missed is not None:
            asyncio.get_running_loop().call_soon(self._catch_up)

    # What the rest of the gateway calls.

    @property
    def is_closed(self) -> bool:
        """Whether nothing can be sent any more."""
        return self.session.state is State.CLOSED or self._transport is None

    def deliver(self, data: bytes) -> None:
        """Send finished frames, behind what is already due. A client that does not keep up is closed as slow."""
        # The hottest lines of a gateway: everything that one write needs, without another call of ours.
        transport = self._transport
        if self._due:
            self._due.append(data)
        elif transport is not None and self.session.state is not State.CLOSED:
            transport.write(data)
            if self.lagging:
                self._limit_backlog(transport)

    def send(self, frame: Frame) -> None:
        """Send a frame of ours at the end of this loop pass, together with what else is due."""
        if self.session.state is not State.CLOSED:
            self._tell(frame)

    def flush(self) -> None:
        """Write what is due. Called by the node at the end of the loop pass."""
        due, self._due = self._due, []
        if due:
            self._write(due[0] if len(due) == 1 else b"".join(due))

    async def replay(self, frames: Iterable[bytes]) -> None:
        """Send finished frames as fast as the client reads them, and no faster; it is not slow for that."""
        piece: list[bytes] = []
        size = 0
        for frame in frames:
            piece.append(frame)
            size += len(frame)
            if size >= _REPLAY_PIECE:
                await self._send_piece(b"".join(piece))
                piece.clear()
                size = 0
        if piece:
            await self._send_piece(b"".join(piece))
        if not self.lagging:
            self._replayed = 0

    def unsent(self) -> int:
        """Bytes that were written and that the client has not taken."""
        return 0 if self._transport is None else self._transport.get_write_buffer_size()

    def miss(self, live: LiveStream) -> None:
        """Presence of this stream may have been lost: once the client has caught up it is told who is there."""
        if self._missed is None:
            self._missed = set()
        self._missed.add(live)

    def cut(self) -> None:
        """End it without another word: the client resumes from its last seq elsewhere."""
        self.session.state = State.CLOSED
        self._due.clear()
        if self._transport is not None:
            self._transport.abort()

    # For the reading half.

    def _catch_up(self) -> None:
        # One in each pass of the loop: what all of them would be at once might make it lag again.
        if self._missed is None or self.lagging:
            return
        live = self._missed.pop()
        if not self._missed:
            self._missed = None
        else:
            asyncio.get_running_loop().call_soon(self._catch_up)
        if self in live.listeners:
            self._node.presence.show_all(self, live)

    def _tell(self, frame: Frame) -> None:
        self._queue(encode_frame(frame))

    def _queue(self, data: bytes) -> None:
        if not self._due:
            self._node.flush_later(self)
        self._due.append(data)

    def _write(self, data: bytes) -> None:
        transport = self._transport
        if transport is None:
            return
        transport.write(data)
        if self.lagging:
            self._limit_backlog(transport)

    def _write_protocol(self) -> None:
        transport = self._transport
        if transport is None:
            return
        data = self._socket.outgoing()
        if data:
            if self._due:
                self.flush()
            transport.write(data)
        if self._socket.is_finished:
            self.session.state = State.CLOSED
            transport.close()

    def _close(self, code: CloseCode, reason: str) -> None:
        self._node.tally.closes[code] += 1
        self.flush()
        self._socket.close(code, reason)
        self._write_protocol()
        if self._transport is not None:
            self._abort_later(self._transport)

    async def _send_piece(self, data: bytes) -> None:
        if self.is_closed:
            return
        self.flush()
        if self._transport is not None:
            self._transport.write(data)
            self._replayed = self._transport.get_write_buffer_size()
        # Only at the end of the loop pass does the transport write, and say that it cannot.
        await asyncio.sleep(0)
        if self.lagging and self._transport is not None:
            if self._drained is None:
                self._drained = asyncio.get_running_loop().create_future()
            await asyncio.shield(self._drained)

    def _limit_backlog(self, transport: asyncio.Transport) -> None:
        if transport.get_write_buffer_size() > self._node.send_buffer_bytes + self._replayed:
            self._close_as_slow(transport)

    def _close_as_slow(self, transport: asyncio.Transport) -> None:
        if self.session.state is not State.CLOSED:
            self._node.tally.closes[CloseCode.SLOW_CONSUMER] += 1
            self.session.state = State.CLOSED
            self._due.clear()
            self._socket.close(CloseCode.SLOW_CONSUMER, "you read too slowly; resume from your last seq")
            transport.write(self._socket.outgoing())
            self._abort_later(transport)

    def _abort_later(self, transport: asyncio.Transport) -> None:
        # The peer answers the closing frame, or is cut off.
        asyncio.get_running_loop().call_later(CLOSE_TIMEOUT_S, transport.abort)
