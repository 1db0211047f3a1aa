"""Hearing over the bot's socket which streams move, for tools that wait: told by the platform, without asking it."""

import asyncio
import contextlib
import logging
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from typing import Final

from claw.client import Client
from claw.errors import ClawError
from claw.events import CommandFault, Event, MessageEvent, StreamReset, SubscriptionLost, UnknownEvent, stream_of
from claw.wire.tools.arguments import INBOX

# Channels that somebody waited for lately stay followed, and the bot is seen there.
_FOLLOWED_MOST: Final = 50

_log = logging.getLogger("claw")


class SocketWatch:
    """One who waits for some streams."""

    def __init__(self) -> None:
        self._moved: set[str] = set()
        self._event = asyncio.Event()

    def wake(self, streams: Iterable[str]) -> None:
        """These moved, or may have."""
        self._moved.update(streams)
        self._event.set()

    async def moved(self, timeout_s: float) -> set[str]:
        """Wait until one does; which did. Empty when the time is up."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._event.wait()
        except TimeoutError:
            return set()
        self._event.clear()
        moved, self._moved = self._moved, set()
        return moved


class SocketWatcher:
    """The socket is opened when somebody waits for the first time, and then stays open."""

    def __init__(self, make_client: Callable[[], Client]) -> None:
        """`make_client` gives a client that was not entered; another one where the platform ended the last."""
        self._make_client = make_client
        self._client: Client | None = None
        self._reader: asyncio.Task[None] | None = None
        self._turn = asyncio.Lock()
        self._followed: OrderedDict[str, None] = OrderedDict()
        self._watches: dict[SocketWatch, Sequence[str]] = {}

    async def aclose(self) -> None:
        """Leave."""
        if self._reader is not None:
            self._reader.cancel()
            await asyncio.wait([self._reader])
        if self._client is not None:
            await self._client.aclose()

    @contextlib.asynccontextmanager
    async def watching(self, streams: Sequence[str]) -> AsyncIterator[SocketWatch]:
        """Hear of what moves in channels and the inbox from now on. Raises ClawError."""
        watch = SocketWatch()
        self._watches[watch] = streams
        try:
            async with self._turn:
                client = await self._open()
                await self._follow(client, [each for each in streams if each != INBOX])
            yield watch
        finally:
            del self._watches[watch]

    async def _open(self) -> Client:
        if self._client is None or self._reader is None or self._reader.done():
            if self._client is not None:
                await self._client.aclose()
            self._client, self._reader = None, None
            self._followed.clear()
            client = self._make_client()
            await client.open()
            self._client, self._reader = client, asyncio.create_task(self._read(client))
        return self._client

    async def _follow(self, client: Client, channels: Sequence[str]) -> None:
        fresh = [each for each in channels if each not in self._followed]
        for each in channels:
            if each in self._followed:
                self._followed.move_to_end(each)
        for each in fresh:
            await client.subscribe(each)
            self._followed[each] = None
        waited_for = {stream for streams in self._watches.values() for stream in streams}
        idle = [each for each in self._followed if each not in waited_for]
        for each in idle[: max(0, len(self._followed) - _FOLLOWED_MOST)]:
            del self._followed[each]
            await client.unsubscribe(each)

    async def _read(self, client: Client) -> None:
        try:
            async for event in client.events(include_own=True):
                stream = _stream(event)
                if isinstance(event, SubscriptionLost):
                    self._followed.pop(event.stream, None)
                for watch, streams in self._watches.items():
                    if stream in streams:
                        watch.wake([stream])
        except ClawError as error:
            _log.warning("the session ended: %s", error)
        finally:
            # Whoever waits reads once more, and hears from the platform what is wrong.
            for watch, streams in self._watches.items():
                watch.wake(streams)


def _stream(event: Event) -> str:
    match event:
        case MessageEvent(channel=channel):
            return channel
        case StreamReset(stream=stream) | SubscriptionLost(stream=stream):
            return stream
        case UnknownEvent(data=data):
            return str(data.get("channel"))
        case CommandFault():
            return ""
        case _:
            place = stream_of(event)
            return "" if place is None else place[0]
