"""What keeps a session alive: carries out the session's effects, and reports to it what the network does.

One task fetches tokens, connects, reads and comes back. Whoever calls waits for a future; events go through a queue
that slows the reader down when it is full, and through the reader the server.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Iterable
from typing import TypeVar

from claw.connection import Connection, dial
from claw.credentials import AccessTokens
from claw.effects import (
    CallSettled,
    CloseSocket,
    ConnectAfter,
    Deliver,
    Effect,
    Login,
    Opened,
    RenewToken,
    SendText,
    Stop,
    StreamSettled,
)
from claw.endpoint import Endpoint
from claw.errors import ClawError, RefusedError, TransportError, UnexpectedAnswerError
from claw.events import Answer, Event, Position, is_ephemeral
from claw.session import Session
from claw.wire.commands import AnyCommand
from claw.wire.frames import Hello, Subscribed, Unsubscribed

_log = logging.getLogger("claw")

T = TypeVar("T")


class Runner:
    """See the module. `run` is the task; everything else may be called from any task of the same loop."""

    def __init__(self, endpoint: Endpoint, credentials: AccessTokens, session: Session, *, queue_limit: int) -> None:
        """`queue_limit` is the number of unread events above which nothing more is read."""
        loop = asyncio.get_running_loop()
        self.session = session
        self.opened: asyncio.Future[Hello] = _future(loop)
        self.last_trouble: ClawError | None = None
        self._told: str | None = None
        self._endpoint = endpoint
        self._credentials = credentials
        self._queue_limit = queue_limit
        self._loop = loop
        self._events: deque[Event] = deque()
        self._arrived = asyncio.Event()
        self._may_read = asyncio.Event()
        self._calls: dict[str, asyncio.Future[Answer]] = {}
        self._joining: dict[str, list[asyncio.Future[Subscribed]]] = {}
        self._leaving: dict[str, list[asyncio.Future[Unsubscribed]]] = {}
        self._connection: Connection | None = None
        self._alarm: asyncio.TimerHandle | None = None
        self._renewal: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Live until the server or an error says stop, or until cancelled; then whoever waits learns it."""
        try:
            login = Login.KEEP
            while True:
                next_step = self.perform(await self._connect_once(login))
                if not isinstance(next_step, ConnectAfter):
                    return
                self._tell_trouble(next_step.seconds)
                await asyncio.sleep(next_step.seconds)
                login = next_step.login
        except ClawError as error:
            self.perform(self.session.stop(error))
        except Exception as error:
            # A fault of ours must not look like a quiet end to whoever waits.
            self.perform(self.session.stop(ClawError(f"fault in the SDK: {type(error).__name__}")))
            raise
        finally:
            self.perform(self.session.stop())
            if self._renewal is not None:
                self._renewal.cancel()

    def perform(self, effects: Iterable[Effect]) -> ConnectAfter | Stop | None:  # noqa: C901, PLR0912 - a table
        """Carry the effects out; returns the one that says what comes after a connection, where there is one."""
        last: ConnectAfter | Stop | None = None
        for effect in effects:
            match effect:
                case SendText(data=data):
                    if self._connection is not None:
                        self._connection.send(data)
                case Deliver(event=event):
                    self._deliver(event)
                case CallSettled(ref=ref, outcome=outcome):
                    _settle(self._calls.get(ref), outcome)
                case StreamSettled(stream=stream, outcome=settled):
                    self._settle_stream(stream, settled)
                case RenewToken():
                    if self._renewal is None or self._renewal.done():
                        self._renewal = asyncio.create_task(self._renew())
                case CloseSocket():
                    if self._connection is not None:
                        self._connection.close_soon()
                case Opened(hello=hello):
                    _log.log(logging.INFO if self._told else logging.DEBUG, "connected again, to %s", hello.node)
                    self._told = None
                    _settle(self.opened, hello)
                case ConnectAfter() | Stop():
                    last = effect
                    if isinstance(effect, Stop):
                        _settle(self.opened, effect.error)
                        self._arrived.set()
        self._set_alarm()
        return last

    async def call(self, command: AnyCommand, *, keep: bool) -> Answer:
        """Send a command and wait for its answer; raises the refusal. Cancelled, it is not sent again."""
        ref, effects = self.session.call(command, keep=keep)
        answer: asyncio.Future[Answer] = _future(self._loop)
        self._calls[ref] = answer
        try:
            self.perform(effects)
            # The reader may be waiting for room in the queue; the answer lies behind what it has not read yet.
            self._may_read.set()
            return await answer
        finally:
            del self._calls[ref]
            self.session.forget(ref)

    async def subscribe(self, wishes: list[tuple[str, Position | None]]) -> list[Subscribed]:
        """Subscribe and wait for every answer; raises the first refusal. Cancelled, it wants none of them."""
        effects = self.session.subscribe(wishes, self._loop.time())
        waiters: list[asyncio.Future[Subscribed]] = []
        for stream, _ in wishes:
            waiters.append(_future(self._loop))
            self._joining.setdefault(stream, []).append(waiters[-1])
        self.perform(effects)
        self._may_read.set()
        try:
            await asyncio.wait(waiters)
        except asyncio.CancelledError:
            for (stream, _), waiter in zip(wishes, waiters, strict=True):
                # Another task may have asked for the same stream, and still wants it.
                if waiter.cancel() and all(other.done() for other in self._joining.get(stream, [])):
                    self.perform(self.session.unsubscribe(stream))
            raise
        return [waiter.result() for waiter in waiters]

    async def unsubscribe(self, streams: Iterable[str]) -> None:
        """Unsubscribe and wait until the server's last frame of each stream is behind us."""
        waiters: list[asyncio.Future[Unsubscribed]] = []
        for stream in streams:
            for joining in self._joining.pop(stream, []):
                _settle(joining, ClawError(f"{stream} was unsubscribed before it was granted"))
            waiters.append(_future(self._loop))
            self._leaving.setdefault(stream, []).append(waiters[-1])
            self.perform(self.session.unsubscribe(stream))
        self._may_read.set()
        await asyncio.gather(*waiters)

    async def next_event(self) -> Event:
        """The next event; raises what the session ended with once all events are read."""
        while not self._events:
            if self.session.error is not None:
                raise self.session.error
            self._arrived.clear()
            await self._arrived.wait()
        event = self._events.popleft()
        if len(self._events) < self._queue_limit:
            self._may_read.set()
        return event

    async def _connect_once(self, login: Login) -> list[Effect]:
        """One connection from token to close; returns what the session makes of its end."""
        try:
            token = await self._credentials.token(login=login)
            self._connection = await dial(self._endpoint, token)
        except (TransportError, RefusedError, UnexpectedAnswerError) as error:
            self.last_trouble = error
            if not self._worth_retrying(error):
                raise
            wait = None if isinstance(error, UnexpectedAnswerError) else error.retry_after
            return self.session.closed(None, str(error), self._loop.time(), retry_after=wait)
        try:
            self.perform(self.session.connected(self._loop.time()))
            code, reason = await self._connection.run(self._on_frame)
        finally:
            self._connection = None
        self.last_trouble = TransportError(f"closed with {code or 'no code'}: {reason or 'no reason given'}")
        return self.session.closed(code, reason, self._loop.time())

    def _tell_trouble(self, seconds: float) -> None:
        # The same trouble is told once: a server that is gone for an hour is one line, not hundreds.
        trouble = str(self.last_trouble)
        level = logging.DEBUG if trouble == self._told else logging.INFO
        _log.log(level, "not connected: %s; trying until it works, next in %.1f s", trouble, seconds)
        self._told = trouble

    def _worth_retrying(self, error: ClawError) -> bool:
        if isinstance(error, RefusedError):
            return error.passing
        # A page instead of an answer is a wrong address at first, and a proxy's apology once it was the right one.
        return isinstance(error, TransportError) or self.session.hello is not None

    async def _on_frame(self, data: bytes) -> None:
        self.perform(self.session.received(data, self._loop.time()))
        # Where a call waits, reading goes on above the limit: the task that would make room may be the very one
        # that waits for the answer, and the answer comes behind the events.
        while len(self._events) >= self._queue_limit and not self._someone_waits():
            self._may_read.clear()
            await self._may_read.wait()

    def _deliver(self, event: Event) -> None:
        if is_ephemeral(event) and len(self._events) >= self._queue_limit:
            return
        self._events.append(event)
        self._arrived.set()

    def _settle_stream(self, stream: str, outcome: Subscribed | Unsubscribed | ClawError) -> None:
        if not isinstance(outcome, Unsubscribed):
            for joining in self._joining.pop(stream, []):
                _settle(joining, outcome)
        if not isinstance(outcome, Subscribed):
            for leaving in self._leaving.pop(stream, []):
                _settle(leaving, outcome)

    def _someone_waits(self) -> bool:
        return bool(self._calls or self._joining or self._leaving)

    async def _renew(self) -> None:
        try:
            token = await self._credentials.token(login=Login.RENEW)
        except ClawError as error:
            # The server closes with 4200 when the old token ends, and the next connection brings another.
            _log.warning("could not renew the token: %s", error)
            return
        self.perform(self.session.renew(token))

    def _set_alarm(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
        deadline = self.session.deadline()
        self._alarm = None if deadline is None else self._loop.call_at(deadline, self._ring)

    def _ring(self) -> None:
        self.perform(self.session.tick(self._loop.time()))


def _future(loop: asyncio.AbstractEventLoop) -> "asyncio.Future[T]":
    """A future whose error may go unseen: whoever waited for it may be cancelled a moment before."""
    future: asyncio.Future[T] = loop.create_future()
    future.add_done_callback(lambda done: done.cancelled() or done.exception())
    return future


def _settle(future: "asyncio.Future[T] | None", outcome: T | ClawError) -> None:
    if future is None or future.done():
        return
    if isinstance(outcome, ClawError):
        future.set_exception(outcome)
    else:
        future.set_result(outcome)
