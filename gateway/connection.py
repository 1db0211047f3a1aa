"""One socket: bytes to commands, effects to bytes.

uvicorn hands over the upgraded transport; from then on this class owns it. Parsing is `transport`, the rules are
`session`, what commands do is `handlers`. Nothing here waits: commands that need the store are queued and carried out
one after the other by a task that exists only while there are any.
"""

import asyncio
import random
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final, cast
from urllib.parse import parse_qs, urlsplit

import structlog
from uvicorn.server import ServerState
from websockets.http11 import Request

from claw.wire.close import CloseCode
from claw.wire.frames import Frame
from claw.wire.problems import ErrorCode
from core.actor import Actor
from gateway.effects import Authenticate, Close, Effect, PingPeer, Run, Send
from gateway.hub import LiveStream
from gateway.session import Session, State
from gateway.transport import BinaryMessage, Life, TextMessage, TooLarge, WebSocket
from gateway.wire import encode_frame, error_frame

if TYPE_CHECKING:
    from gateway.node import Node

_MAX_WAITING_COMMANDS: Final = 64
_CLOSE_TIMEOUT_S: Final = 3.0
_WRITE_HIGH_WATER: Final = 64 * 1024
_REPLAY_PIECE: Final = 32 * 1024
_PATH: Final = "/ws"

_log = structlog.get_logger(__name__)


class Connection(asyncio.Protocol):
    """A client's socket, from the handshake to the last byte."""

    __slots__ = (
        "_drained",
        "_due",
        "_in_flight",
        "_node",
        "_reading_paused",
        "_replayed",
        "_server_state",
        "_socket",
        "_task",
        "_transport",
        "_waiting",
        "epoch",
        "inbox",
        "lagging",
        "session",
        "streams",
        "username",
    )

    def __init__(self, node: "Node", server_state: ServerState) -> None:
        """`server_state` is uvicorn's: it calls `shutdown` of the connections that stand in it when it stops."""
        self._node = node
        self._server_state = server_state
        self._transport: asyncio.Transport | None = None
        self._socket = WebSocket()
        self.session = Session(time.time(), heartbeat_s=node.heartbeat_s, session_s=node.session_s)
        self.streams: dict[str, LiveStream] = {}
        self.inbox: LiveStream | None = None
        self.username: str | None = None
        self.epoch = ""
        self._in_flight = 0
        self._due: list[bytes] = []
        self._waiting: list[Effect] = []  # Short, and a deque of none would hold 600 bytes.
        self._task: asyncio.Task[None] | None = None
        self.lagging = False
        self._reading_paused = False
        self._replayed = 0  # Unsent bytes of a replay; they do not count against the client.
        self._drained: asyncio.Future[None] | None = None

    # What the event loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Uvicorn hands the transport over, the request's head follows through `data_received`."""
        # Not isinstance: uvloop's transports are of no class of asyncio's.
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(high=_WRITE_HIGH_WATER)
        self._node.connections.add(self)
        self._server_state.connections.add(self)  # type: ignore[arg-type]  # it wants `shutdown` of us, no more

    def data_received(self, data: bytes) -> None:
        """Bytes from the client."""
        for inbound in self._socket.feed(data):
            now = time.time()
            self.session.heard(now)
            self._node.tally.received += 1
            match inbound:
                case TextMessage(text):
                    self.apply(self.session.receive(text, now))
                case Life():
                    pass
                case BinaryMessage():
                    self.apply(self.session.receive_binary(now))
                case TooLarge():
                    self.session.state = State.CLOSED
                    self._write(encode_frame(error_frame(ErrorCode.TOO_LARGE, "A frame is limited to 64 KiB.")))
                case Request():
                    self._shake_hands(inbound)
        self._write_protocol()

    def eof_received(self) -> bool:
        """The client sends no more; uvloop then closes the transport."""
        self._socket.feed_eof()
        return False

    def connection_lost(self, _exc: Exception | None) -> None:
        """The socket is gone: everything that knows of it forgets it."""
        self._transport = None
        self.session.state = State.CLOSED
        if self._task is not None:
            self._task.cancel()
        self._waiting.clear()
        self.resume_writing()
        for live in self.streams.values():
            self._node.hub.detach(live, self)
        self.streams.clear()
        if self.inbox is not None:
            self._node.hub.detach(self.inbox, self)
            self.inbox = None
        self._node.forget(self)
        self._server_state.connections.discard(self)

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

    # What the rest of the gateway calls.

    @property
    def actor(self) -> Actor:
        """Who is at the other end; only of an open session."""
        assert self.session.claims is not None  # noqa: S101 - the session is open
        return self.session.claims.actor

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
            self._queue(encode_frame(frame))

    def flush(self) -> None:
        """Write what is due. Called by the node at the end of the loop pass."""
        due, self._due = self._due, []
        if due:
            self._write(due[0] if len(due) == 1 else b"".join(due))

    def apply(self, effects: list[Effect]) -> None:
        """Carry out what the session decided."""
        for effect in effects:
            match effect:
                case Send(frame):
                    self._queue(encode_frame(frame))
                case Close(code, reason):
                    self._close(code, reason)
                case PingPeer():
                    self._socket.ping()
                    self._write_protocol()
                case Run() | Authenticate():
                    self._enqueue(effect)

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

    def on_time(self, now: float) -> float | None:
        """Called by the timer wheel."""
        if self._transport is None:
            return None
        effects, again = self.session.tick(now, random.random())  # noqa: S311 - jitter, not a secret
        self.apply(effects)
        return again

    def shutdown(self) -> None:
        """Called by uvicorn when the process stops: send the client away, to come back elsewhere."""
        self.apply(self.session.drain(self._node.drain_delay_ms()))

    def post_begun(self) -> None:
        """A post of this session waits for its commit."""
        self._in_flight += 1

    def post_settled(self) -> None:
        """A post of this session was answered: there is room for another."""
        self._in_flight -= 1
        self._regulate()

    # Inside.

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

    def _shake_hands(self, request: Request) -> None:
        parts = urlsplit(request.path)
        if parts.path != _PATH:
            self._socket.reject(404, "The socket is at /ws.\n")
            return
        refusal = self._node.admit()
        if refusal is not None:
            self._socket.reject(503, "Too many are connecting. Come back later.\n", {"Retry-After": str(refusal)})
            return
        if not self._socket.accept(request):
            return
        self._node.wheel.plan(self, time.time())
        token = _token_of(request, parts.query)
        if token is not None:
            self.apply(self.session.begin_with_token(token))

    def _enqueue(self, effect: Effect) -> None:
        self._waiting.append(effect)
        self._regulate()
        if self._task is None:
            self._task = asyncio.create_task(self._work())

    async def _work(self) -> None:
        try:
            while self._waiting:
                effect = self._waiting.pop(0)
                self._regulate()
                try:
                    await self._node.handlers.carry_out(self, effect)
                except Exception:  # noqa: BLE001 - see below
                    # A fault of ours in one command must not end the session, let alone another one.
                    _log.exception("command_failed", command=type(effect).__name__)
                    self.send(error_frame(ErrorCode.INTERNAL, "The platform failed at this. It was logged; try again."))
        finally:
            self._task = None

    def _regulate(self) -> None:
        full = len(self._waiting) + self._in_flight >= _MAX_WAITING_COMMANDS
        if full != self._reading_paused and self._transport is not None and not self._transport.is_closing():
            self._reading_paused = full
            if full:
                self._transport.pause_reading()
            else:
                self._transport.resume_reading()

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

    def _close(self, code: CloseCode, reason: str) -> None:
        self._node.tally.closes[code] += 1
        self.flush()
        self._socket.close(code, reason)
        self._write_protocol()
        if self._transport is not None:
            self._abort_later(self._transport)

    def _abort_later(self, transport: asyncio.Transport) -> None:
        # The peer answers the closing frame, or is cut off.
        asyncio.get_running_loop().call_later(_CLOSE_TIMEOUT_S, transport.abort)

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


def _token_of(request: Request, query: str) -> str | None:
    scheme, _, credentials = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer" and credentials:
        return credentials.strip()
    tokens = parse_qs(query).get("token")
    return tokens[0] if tokens else None
