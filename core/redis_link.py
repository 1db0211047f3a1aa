"""One raw connection to a Redis server, fed to `hiredis` without a task or future per reply, that comes back by itself.

A server that falls silent without a word (a cut cable, a stopped machine) is noticed by pings without an answer.
"""

import asyncio
import contextlib
import random
from collections.abc import Callable
from typing import Any, Final, cast
from urllib.parse import unquote, urlsplit

import hiredis
import structlog

_MAX_UNSENT_BYTES: Final = 16 * 1024 * 1024
_CONNECT_TIMEOUT_S: Final = 5.0
_FIRST_BACKOFF_S: Final = 0.05
_MAX_BACKOFF_S: Final = 5.0
_BEAT_S: Final = 2.0
# Counted in beats, not in seconds: a process that was itself held up does not blame the server.
_BEATS_WITHOUT_A_WORD: Final = 2

_log = structlog.get_logger(__name__)


def pack(*command: bytes | str) -> bytes:
    """A command as it goes over the wire."""
    packed: bytes = hiredis.pack_command(command)  # type: ignore[arg-type]  # its stub knows pairs only
    return packed


class RedisLink:
    """The connection to one server."""

    def __init__(
        self,
        url: str,
        *,
        on_open: Callable[["RedisLink"], None],
        on_reply: Callable[["RedisLink", Any], None],
        on_lost: Callable[["RedisLink"], None],
    ) -> None:
        """`on_open` is called each time when the server has answered, `on_lost` when it is gone after that.

        `on_reply` gets every answer, those to pings too; errors come as `hiredis.ReplyError`.
        """
        self.url = url
        self._on_open = on_open
        self._on_reply = on_reply
        self._on_lost = on_lost
        self._resp: _Resp | None = None
        self._tried = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @property
    def connected(self) -> bool:
        """Whether the server listens, as far as is known."""
        return self._resp is not None and self._resp.transport is not None

    async def start(self) -> None:
        """Connect, and from now on reconnect for ever. Returns after the first attempt, whatever became of it."""
        self._task = asyncio.create_task(self._keep_connected())
        await self._tried.wait()

    async def close(self) -> None:
        """Disconnect for good."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        resp, self._resp = self._resp, None
        if resp is not None and resp.transport is not None:
            resp.transport.close()

    def send(self, data: bytes) -> None:
        """Send packed commands. What cannot be sent is dropped."""
        transport = self._resp.transport if self._resp is not None else None
        if transport is not None and transport.get_write_buffer_size() < _MAX_UNSENT_BYTES:
            transport.write(data)

    def _place(self) -> str:
        """Where the server is, without the log-in."""
        return urlsplit(self.url).netloc.rpartition("@")[2] or "unix"

    async def _keep_connected(self) -> None:
        delay = _FIRST_BACKOFF_S
        while True:
            try:
                async with asyncio.timeout(_CONNECT_TIMEOUT_S):
                    resp = await self._connect()
            except OSError:
                self._tried.set()
                await asyncio.sleep(random.uniform(0, delay))  # noqa: S311 - jitter, not a secret
                delay = min(delay * 2, _MAX_BACKOFF_S)
                continue
            delay = _FIRST_BACKOFF_S
            _log.info("redis_connected", server=self._place())
            self._resp = resp
            self._on_open(self)
            self._tried.set()
            await resp.keep_alive()
            self._resp = None
            _log.warning("redis_lost", server=self._place())
            self._on_lost(self)

    async def _connect(self) -> "_Resp":
        """A connection on which the server has said a first word. Raises OSError."""
        parts = urlsplit(self.url)
        loop = asyncio.get_running_loop()
        resp = _Resp(lambda reply: self._on_reply(self, reply))
        if parts.scheme == "unix":
            await loop.create_unix_connection(lambda: resp, unquote(parts.path))
        else:
            tls = parts.scheme == "rediss" or None
            await loop.create_connection(lambda: resp, parts.hostname or "localhost", parts.port or 6379, ssl=tls)
        try:
            await resp.greet(_login(self.url))
        except BaseException:
            resp.abort()
            raise
        return resp


class _Resp(asyncio.Protocol):
    """Bytes to replies, of one connection."""

    def __init__(self, on_reply: Callable[[Any], None]) -> None:
        self.transport: asyncio.Transport | None = None
        self._reader = hiredis.Reader()
        self._take: Callable[[Any], None] = self._take_greeting
        self._on_reply = on_reply
        self._silent_beats = 0
        self._greeted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._lost = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # Not isinstance: uvloop's transports are of no class of asyncio's.
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._silent_beats = 0
        reader = self._reader
        reader.feed(data)
        while (reply := reader.gets()) is not False:
            self._take(reply)

    def connection_lost(self, _exc: Exception | None) -> None:
        self.transport = None
        self._lost.set()
        if not self._greeted.done():
            self._greeted.set_exception(ConnectionResetError())

    def abort(self) -> None:
        if self.transport is not None:
            self.transport.abort()

    async def greet(self, login: bytes) -> None:
        """Send the log-in and a ping, and wait for the ping's answer. Raises OSError."""
        if self.transport is not None:
            self.transport.write(login + pack("PING"))
        await self._greeted
        self._take = self._on_reply

    async def keep_alive(self) -> None:
        """Ping, until the connection is lost or the server silent."""
        while not self._lost.is_set():
            if self._silent_beats >= _BEATS_WITHOUT_A_WORD:
                self.abort()
                return
            self._silent_beats += 1
            if self.transport is not None:
                self.transport.write(pack("PING"))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_BEAT_S):
                    await self._lost.wait()

    def _take_greeting(self, reply: Any) -> None:
        if self._greeted.done():
            return
        if isinstance(reply, hiredis.ReplyError):
            self._greeted.set_exception(ConnectionRefusedError(str(reply).partition(" ")[0]))
        elif reply == b"PONG":
            self._greeted.set_result(None)


def _login(url: str) -> bytes:
    parts = urlsplit(url)
    if not parts.password:
        return b""
    user = [unquote(parts.username)] if parts.username else []
    return pack("AUTH", *user, unquote(parts.password))
