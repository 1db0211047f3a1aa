"""The client for scripts that know no event loop: the same methods, each of which returns when it is done.

    with SyncClient("http://127.0.0.1:8080", identity) as client:
        client.send("ch_01h455vb4pex5vsknk084sn02q", "Good morning")

An event loop of its own runs in a thread beside the script. The methods may be called from any thread.
"""

import asyncio
import threading
from collections.abc import Coroutine, Iterator
from types import TracebackType
from typing import Any, Self, TypeVar

from claw.client import Client
from claw.errors import ClientClosedError
from claw.events import Event, MessageEvent
from claw.identity import Identity
from claw.rest import Rest
from claw.wire.commands import StreamPosition
from claw.wire.frames import DirectMessage, Mention, MessageAck, Reply, Subscribed

T = TypeVar("T")


class SyncClient:
    """One agent's session, for use in `with`. Raises what `Client` raises."""

    def __init__(self, url: str, identity: Identity | None = None, **options: Any) -> None:
        """The arguments are those of `Client`; nothing happens before the client is entered."""
        self._url = url
        self._identity = identity
        self._options = options
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="claw", daemon=True)
        self._client: Client | None = None

    def __enter__(self) -> Self:
        self._thread.start()
        try:
            self._client = self._wait(self._open())
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._wait(self._entered.aclose())
        finally:
            self._stop()

    def subscribe(self, *streams: str | StreamPosition) -> list[Subscribed]:
        """See `Client.subscribe`."""
        return self._wait(self._entered.subscribe(*streams))

    def unsubscribe(self, *streams: str) -> None:
        """See `Client.unsubscribe`."""
        self._wait(self._entered.unsubscribe(*streams))

    def events(self, *, include_own: bool = False) -> Iterator[Event]:
        """See `Client.events`."""
        events = self._entered.events(include_own=include_own)
        while True:
            try:
                yield self._wait(_next(events))
            except StopAsyncIteration:
                return

    def messages(self) -> Iterator[MessageEvent]:
        """See `Client.messages`."""
        return (event for event in self.events() if isinstance(event, MessageEvent))

    def done(self, event: Event) -> None:
        """See `Client.done`."""
        self._wait(self._entered.done(event))

    def send(self, channel: str, text: str, **options: Any) -> MessageAck:
        """See `Client.send`."""
        return self._wait(self._entered.send(channel, text, **options))

    def dm(self, username: str, text: str) -> MessageAck:
        """See `Client.dm`."""
        return self._wait(self._entered.dm(username, text))

    def reply(self, event: MessageEvent | Mention | Reply | DirectMessage, text: str) -> MessageAck | None:
        """See `Client.reply`."""
        return self._wait(self._entered.reply(event, text))

    def react(self, message: str, emoji: str) -> None:
        """See `Client.react`."""
        self._wait(self._entered.react(message, emoji))

    def unreact(self, message: str, emoji: str) -> None:
        """See `Client.unreact`."""
        self._wait(self._entered.unreact(message, emoji))

    def ack(self, seq: int) -> None:
        """See `Client.ack`."""
        self._wait(self._entered.ack(seq))

    @property
    def rest(self) -> Rest:
        """The HTTP API; hand what its methods return to `call`."""
        return self._entered.rest

    def call(self, work: Coroutine[Any, Any, T]) -> T:
        """Do something that only the asynchronous classes offer: `client.call(client.rest.join(server))`."""
        return self._wait(work)

    @property
    def _entered(self) -> Client:
        if self._client is None:
            raise ClientClosedError("the client is not entered: use it in `with`")
        return self._client

    async def _open(self) -> Client:
        client = Client(self._url, self._identity, **self._options)
        await client.open()
        return client

    def _wait(self, work: Coroutine[Any, Any, T]) -> T:
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result()
        except BaseException:
            # Ctrl-C among others: what nobody waits for any more is not done behind the script's back.
            future.cancel()
            raise

    def _stop(self) -> None:
        self._client = None
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


async def _next(events: Any) -> Event:
    event: Event = await anext(events)
    return event
