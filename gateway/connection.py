"""One socket: bytes to commands, effects to bytes.

uvicorn hands over the upgraded transport; from then on this class owns it. Parsing is `transport`, the rules are
`session`, what commands do is `handlers`. Nothing here waits: commands that need the store are queued and carried out
one after the other by a task that exists only while there are any.
"""

import asyncio
import random
import time
from typing import TYPE_CHECKING, Final, cast
from urllib.parse import parse_qs, urlsplit

import structlog
from websockets.http11 import Request

from claw.wire.problems import ErrorCode
from core.actor import Actor
from gateway.effects import Authenticate, Close, Effect, PingPeer, Run, Send
from gateway.hub import LiveStream
from gateway.sending import Sender
from gateway.session import Session, State
from gateway.transport import BinaryMessage, Life, TextMessage, TooLarge
from gateway.wire import error_frame

if TYPE_CHECKING:
    from gateway.node import Node

_MAX_WAITING_COMMANDS: Final = 64
_WRITE_HIGH_WATER: Final = 64 * 1024
_PATH: Final = "/ws"

_log = structlog.get_logger(__name__)


class Connection(Sender):
    """A client's socket, from the handshake to the last byte."""

    __slots__ = (
        "_in_flight",
        "_reading_paused",
        "_task",
        "_waiting",
        "address",
        "epoch",
        "inbox",
        "streams",
        "username",
    )

    def __init__(self, node: "Node") -> None:
        super().__init__(node, Session(time.time(), heartbeat_s=node.heartbeat_s, session_s=node.session_s()))
        self.streams: dict[str, LiveStream] = {}
        self.inbox: LiveStream | None = None
        self.username: str | None = None
        self.epoch = ""
        # As it is counted; nothing where addresses are not.
        self.address = ""
        self._in_flight = 0
        self._waiting: list[Effect] = []  # Short, and a deque of none would hold 600 bytes.
        self._task: asyncio.Task[None] | None = None
        self._reading_paused = False

    # What the event loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Uvicorn hands the transport over, the request's head follows through `data_received`."""
        # Not isinstance: uvloop's transports are of no class of asyncio's.
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(high=_WRITE_HIGH_WATER)
        self._node.connections.add(self)

    def data_received(self, data: bytes) -> None:
        """Bytes from the client."""
        for inbound in self._socket.feed(data):
            now = time.time()
            self.session.heard(now)
            self._node.tally.received += 1
            match inbound:
                case TextMessage(text):
                    self._hear(text, now)
                case Life():
                    pass
                case BinaryMessage():
                    self.apply(self.session.receive_binary(now))
                case TooLarge():
                    self.session.state = State.CLOSED
                    self._tell(error_frame(ErrorCode.TOO_LARGE, "A frame is limited to 64 KiB."))
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
            self._node.presence.leave(self, live)
            self._node.hub.detach(live, self)
        self.streams.clear()
        if self.inbox is not None:
            self._node.hub.detach(self.inbox, self)
            self.inbox = None
        self._node.forget(self)

    # What the rest of the gateway calls.

    @property
    def actor(self) -> Actor:
        """Who is at the other end; only of an open session."""
        assert self.session.claims is not None  # noqa: S101 - the session is open
        return self.session.claims.actor

    def apply(self, effects: list[Effect]) -> None:
        """Carry out what the session decided."""
        for effect in effects:
            match effect:
                case Send(frame):
                    self._tell(frame)
                case Close(code, reason):
                    self._close(code, reason)
                case PingPeer():
                    self._socket.ping()
                    self._write_protocol()
                case Run() | Authenticate():
                    self._enqueue(effect)

    def on_time(self, now: float) -> float | None:
        """Called by the timer wheel."""
        if self._transport is None:
            return None
        effects, again = self.session.tick(now, random.random())  # noqa: S311 - jitter, not a secret
        self.apply(effects)
        self._finish_leaving()
        return again

    def leave(self, after_ms: int) -> None:
        """Send the client away: it hears no more than what it was promised, and then the socket is closed."""
        self.apply(self.session.drain(after_ms, time.time()))
        self._finish_leaving()

    def finish(self) -> None:
        """Wait no longer for what was promised to a client that was sent away."""
        self.apply(self.session.finish())

    def post_begun(self) -> None:
        """A post of this session waits for its commit."""
        self._in_flight += 1

    def post_settled(self) -> None:
        """A post of this session was answered: there is room for another."""
        self._in_flight -= 1
        self._regulate()
        self._finish_leaving()

    @property
    def wants_inbox(self) -> bool:
        """Whether an agent's inbox flows from the first subscribe on."""
        return True

    @property
    def sleeps_when_idle(self) -> bool:
        """Whether the client knows what a close for having been idle means."""
        return True

    # Inside.

    def _hear(self, text: str, now: float) -> None:
        self.apply(self.session.receive(text, now))

    def _shake_hands(self, request: Request) -> None:
        parts = urlsplit(request.path)
        if parts.path != _PATH:
            self._socket.reject(404, "The socket is at /ws.\n")
            return
        if not self._is_let_in(request) or not self._socket.accept(request):
            return
        self._node.wheel.plan(self, time.time())
        token = token_of(request, parts.query)
        if token is not None:
            self.apply(self.session.begin_with_token(token))

    def _is_let_in(self, request: Request) -> bool:
        address = self._address(request)
        self.address = address or ""
        refusal = self._node.admission.enter(self, address, len(self._node.connections))
        if refusal is not None:
            self._socket.reject(503, f"{refusal.text}\n", {"Retry-After": str(refusal.wait_s)})
        return refusal is None

    def _address(self, request: Request) -> str | None:
        peer = None if self._transport is None else self._transport.get_extra_info("peername")
        forwarded = ",".join(request.headers.get_all("X-Forwarded-For"))
        return self._node.admission.address(peer[0] if peer else "", forwarded)

    def _enqueue(self, effect: Effect) -> None:
        if isinstance(effect, Authenticate) and self.session.claims is None:
            self._node.admission.token_shown(self)
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
                    await self._carry_out(effect)
                    if isinstance(effect, Run):
                        self._node.admission.arrived(self)
                except Exception:  # noqa: BLE001 - see below
                    # A fault of ours in one command must not end the session, let alone another one.
                    _log.exception("command_failed", command=type(effect).__name__)
                    self.send(error_frame(ErrorCode.INTERNAL, "The platform failed at this. It was logged; try again."))
        finally:
            self._task = None
            self._finish_leaving()

    async def _carry_out(self, effect: Effect) -> None:
        await self._node.handlers.carry_out(self, effect)

    def _finish_leaving(self) -> None:
        if self.session.state is State.LEAVING and self._in_flight == 0 and self._task is None and not self._waiting:
            self.finish()

    def _regulate(self) -> None:
        full = len(self._waiting) + self._in_flight >= _MAX_WAITING_COMMANDS
        if full != self._reading_paused and self._transport is not None and not self._transport.is_closing():
            self._reading_paused = full
            if full:
                self._transport.pause_reading()
            else:
                self._transport.resume_reading()


def token_of(request: Request, query: str) -> str | None:
    """The token that came with a handshake: in its header, or in the address's query."""
    scheme, _, credentials = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer" and credentials:
        return credentials.strip()
    tokens = parse_qs(query).get("token")
    return tokens[0] if tokens else None
