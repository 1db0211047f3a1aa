"""Announcements between processes over Redis Pub/Sub, which may lose them: the store is the truth.

Each stream has a Redis channel of its own, so that a process is told only of streams that it serves. An announcement
is eight bytes of `seq`, eight of the time in microseconds (both big endian) and the finished frame. One more channel
carries what all processes must hear: log-ins that ended, memberships that were lost.

Both directions use one raw connection each, fed to `hiredis` without a task or future per message: a group commit's
announcements leave in one write, and what arrives is handed on in the loop pass in which it came.
"""

import asyncio
import contextlib
import random
import time
from collections.abc import Callable, Iterable
from typing import Any, Final, cast
from urllib.parse import unquote, urlsplit
from uuid import UUID

import hiredis
import structlog

from db.repositories.streams import StoredEvent

_STREAM_PREFIX: Final = b"molt:stream:"
CONTROL_CHANNEL: Final = b"molt:control"
_SEQ_BYTES: Final = 8
_HEAD_BYTES: Final = 16
_MAX_UNSENT_BYTES: Final = 16 * 1024 * 1024
_CONNECT_TIMEOUT_S: Final = 5.0
_MAX_BACKOFF_S: Final = 5.0

_log = structlog.get_logger(__name__)

OnEvent = Callable[[StoredEvent], None]
OnControl = Callable[[bytes], None]


def _pack(command: tuple[str | bytes, ...]) -> bytes:
    packed: bytes = hiredis.pack_command(command)  # type: ignore[arg-type]  # its stub knows pairs only
    return packed


def stream_channel(stream_id: UUID) -> bytes:
    """The Redis channel on which a stream's events are announced."""
    return _STREAM_PREFIX + stream_id.bytes


class _RespProtocol(asyncio.Protocol):
    """Bytes to replies. Every complete reply goes to `on_reply`."""

    def __init__(self, on_reply: Callable[[Any], None], on_lost: Callable[[], None]) -> None:
        self._reader = hiredis.Reader()
        self._on_reply = on_reply
        self._on_lost = on_lost
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # Not isinstance: uvloop's transports are of no class of asyncio's.
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        reader, on_reply = self._reader, self._on_reply
        reader.feed(data)
        while (reply := reader.gets()) is not False:
            on_reply(reply)

    def connection_lost(self, _exc: Exception | None) -> None:
        self.transport = None
        self._on_lost()


class _Link:
    """A connection to Redis that comes back by itself. Subclasses say what to send first and what replies mean."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._protocol: _RespProtocol | None = None
        self._lost = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @property
    def connected(self) -> bool:
        """Whether Redis is listening right now."""
        return self._protocol is not None and self._protocol.transport is not None

    async def start(self) -> None:
        """Connect, and from then on reconnect for ever. Raises OSError where Redis cannot be reached now."""
        await self._connect()
        self._task = asyncio.create_task(self._keep_connected())

    async def close(self) -> None:
        """Disconnect for good."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        if self._protocol is not None and self._protocol.transport is not None:
            self._protocol.transport.close()

    def _greet(self, transport: asyncio.Transport) -> None:
        """Send what every new connection begins with."""

    def _on_reply(self, reply: Any) -> None:
        """Take one reply."""

    def _on_lost(self) -> None:
        """Let go of what waited for an answer of the lost connection."""

    async def _connect(self) -> None:
        self._lost.clear()
        loop = asyncio.get_running_loop()
        parts = urlsplit(self._url)

        def factory() -> _RespProtocol:
            return _RespProtocol(self._on_reply, self._lost.set)

        async with asyncio.timeout(_CONNECT_TIMEOUT_S):
            if parts.scheme == "unix":
                _, protocol = await loop.create_unix_connection(factory, unquote(parts.path))
            else:
                _, protocol = await loop.create_connection(
                    factory, parts.hostname or "localhost", parts.port or 6379, ssl=parts.scheme == "rediss" or None
                )
        assert protocol.transport is not None  # noqa: S101 - connection_made has run
        if parts.password:
            user = [unquote(parts.username)] if parts.username else []
            protocol.transport.write(_pack(("AUTH", *user, unquote(parts.password))))
        self._protocol = protocol
        self._greet(protocol.transport)

    async def _keep_connected(self) -> None:
        while True:
            await self._lost.wait()
            self._protocol = None
            self._on_lost()
            _log.warning("redis_lost", link=type(self).__name__)
            delay = 0.05
            while True:
                await asyncio.sleep(random.uniform(0, delay))  # noqa: S311 - jitter, not a secret
                try:
                    await self._connect()
                    break
                except (OSError, TimeoutError):
                    delay = min(delay * 2, _MAX_BACKOFF_S)
            _log.info("redis_back", link=type(self).__name__)


class Publisher(_Link):
    """Announces. What cannot be sent is dropped: gateways notice the gap."""

    def announce(self, events: Iterable[StoredEvent]) -> None:
        """Announce stored events, all in one write."""
        now = time.time_ns() // 1000
        self._send(
            b"".join(
                _pack((b"PUBLISH", stream_channel(each.stream_id), each.seq.to_bytes(8) + now.to_bytes(8) + each.frame))
                for each in events
            )
        )

    def tell_all(self, control: bytes) -> None:
        """Send a control message to every process."""
        self._send(_pack((b"PUBLISH", CONTROL_CHANNEL, control)))

    def _send(self, data: bytes) -> None:
        transport = self._protocol.transport if self._protocol else None
        if transport is not None and transport.get_write_buffer_size() < _MAX_UNSENT_BYTES:
            transport.write(data)


class Subscriber(_Link):
    """Hears of the streams that it was told to follow, and of control messages."""

    def __init__(
        self,
        url: str,
        *,
        on_event: OnEvent,
        on_control: OnControl,
        on_restored: Callable[[], None],
        on_lag: Callable[[float], object] = lambda _: None,
    ) -> None:
        """`on_restored` is called after a lost connection came back: announcements were missed meanwhile.

        `on_lag` is told how long each announcement took, in seconds.
        """
        super().__init__(url)
        self._on_event = on_event
        self._on_control = on_control
        self._on_restored = on_restored
        self._on_lag = on_lag
        self._streams: set[UUID] = set()
        self._confirming: dict[bytes, asyncio.Future[None]] = {}
        self._greeted = False

    async def follow(self, stream_id: UUID) -> None:
        """From now on be told of this stream. Returns once Redis has confirmed it.

        While Redis is away it returns at once: the stream is followed when the connection is back.
        """
        channel = stream_channel(stream_id)
        if stream_id not in self._streams:
            self._streams.add(stream_id)
            if self.connected:
                self._confirming[channel] = asyncio.get_running_loop().create_future()
                self._send(b"SUBSCRIBE", channel)
        confirmed = self._confirming.get(channel)
        if confirmed is not None:
            # Shielded: one who gives up waiting must not cancel it for the others.
            await asyncio.shield(confirmed)

    def unfollow(self, stream_id: UUID) -> None:
        """Be told of this stream no more."""
        if stream_id in self._streams:
            self._streams.discard(stream_id)
            self._send(b"UNSUBSCRIBE", stream_channel(stream_id))

    def _send(self, *command: bytes) -> None:
        if self._protocol is not None and self._protocol.transport is not None:
            self._protocol.transport.write(_pack(command))

    def _greet(self, transport: asyncio.Transport) -> None:
        channels = [CONTROL_CHANNEL, *map(stream_channel, self._streams)]
        transport.write(_pack((b"SUBSCRIBE", *channels)))
        if self._greeted:
            self._on_restored()
        self._greeted = True

    def _on_reply(self, reply: Any) -> None:
        if not isinstance(reply, list):
            return
        kind, channel, payload = reply
        if kind == b"subscribe" and (confirmed := self._confirming.pop(channel, None)) and not confirmed.done():
            confirmed.set_result(None)
        if kind != b"message":
            return
        if channel == CONTROL_CHANNEL:
            self._on_control(payload)
            return
        seq = int.from_bytes(payload[:_SEQ_BYTES])
        self._on_lag(time.time() - int.from_bytes(payload[_SEQ_BYTES:_HEAD_BYTES]) / 1e6)
        self._on_event(StoredEvent(UUID(bytes=channel[len(_STREAM_PREFIX) :]), seq, payload[_HEAD_BYTES:]))

    def _on_lost(self) -> None:
        for confirmed in self._confirming.values():
            if not confirmed.done():
                confirmed.set_result(None)
        self._confirming.clear()
