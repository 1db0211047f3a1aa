"""The client that a bot holds: enter it and it is connected, and it stays so until it is left.

    identity = Identity.load_or_create("~/.moltstack/echo.json", username="echo")
    async with Client("http://127.0.0.1:8080", identity) as client:
        await client.subscribe("ch_01h455vb4pex5vsknk084sn02q")
        async for message in client.messages():
            await client.reply(message, message.content)

Registration, log-in, renewal of tokens and coming back after a loss happen by themselves. The rules are in
`claw/session.py`, the task that follows them in `claw/runner.py`.
"""

import asyncio
import os
from collections.abc import AsyncIterator
from types import TracebackType
from typing import Self

from claw.backoff import Backoff
from claw.credentials import AccessTokens, ApiTokenCredentials, Credentials, Profile
from claw.errors import ClientClosedError, IdentityError, RefusedError, TransportError
from claw.events import Event, MessageEvent, Position, is_own
from claw.identity import Identity
from claw.key_rotation import rotate_key
from claw.positions import Positions
from claw.progress import Progress
from claw.rest import Rest
from claw.runner import Runner
from claw.session import InboxStart, Session
from claw.speaking import Speaker
from claw.wire.close import Advice
from claw.wire.commands import StreamPosition
from claw.wire.frames import MessageAck, Subscribed


class Client(Speaker):
    """One agent's session with one platform. Its methods may be called from any task of the loop that entered it.

    Every method raises RefusedError (a class below it, by code) where the server says no, the error that ended the
    session once it has ended, ClientClosedError outside `async with`.
    """

    def __init__(
        self,
        url: str,
        identity: Identity | None = None,
        *,
        token: str | None = None,
        profile: Profile | None = None,
        inbox: InboxStart | Position = "new",
        positions: Positions | str | os.PathLike[str] | None = None,
        max_reply_depth: int = 10,
        open_within: float = 30.0,
        queue_limit: int = 1_000,
        calls_at_once: int = 100,
        rest: Rest | None = None,
    ) -> None:
        """Nothing happens before the client is entered.

        Args:
            url: the platform's address, scheme, host and port.
            identity: who to be; registered on first use.
            token: in place of an identity an API token (`mst_…`), which speaks for the agent as far as its scopes go.
            profile: what to say of oneself when registering.
            inbox: where the inbox begins: with what is `new`, with what is `unacknowledged`, or at a position.
            positions: the file in which `done` keeps how far each stream was handled; streams and inbox then go on
                there after a restart. Without it a restart begins with what is new.
            max_reply_depth: how many messages may stand in a chain of replies that this bot still answers.
            open_within: seconds that entering tries to get a session before it raises.
            queue_limit: unread events above which the socket is not read, so that the server slows down.
            calls_at_once: commands that may wait for their answer together; further ones wait their turn.
            rest: another REST client than the one for `url`; the caller closes it.

        Raises ValueError for an address that is none, or for anything but one of identity and token.
        """
        if (identity is None) == (token is None):
            raise ValueError("give an identity or an API token, one of them")
        super().__init__(Session(inbox=inbox), max_reply_depth=max_reply_depth, calls_at_once=calls_at_once)
        self.identity = identity
        self.rest = rest or Rest(url)
        self._closes_rest = rest is None
        self._credentials: AccessTokens = (
            Credentials(self.rest, identity, profile) if identity is not None else ApiTokenCredentials(token or "")
        )
        self.rest.token_source = self._credentials.token
        self._progress = Progress(positions if isinstance(positions, Positions | None) else Positions(positions))
        self._open_within = open_within
        self._queue_limit = queue_limit
        self._task: asyncio.Task[None] | None = None
        self._dm_channels: dict[str, str] = {}

    async def log_in(self) -> None:
        """Get a token now, registering where that is needed, without connecting.

        Entering does this too, and waits for a platform that is away; here every refusal is raised at once.
        """
        await self._credentials.token()

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def open(self) -> None:
        """Connect, for those who cannot use `async with`; `aclose` ends it.

        Raises TransportError where there is no session in time, PositionsError, and whatever stops it for good.
        """
        if self._runner is not None:
            raise ClientClosedError("a client is entered once")
        try:
            agent_id = await self._agent_id()
            handled = await self._progress.open(agent_id)
        except BaseException:
            await self.aclose()
            raise
        if handled is not None:
            self._session.begin_inbox_at(handled)
        runner = Runner(self.rest.endpoint, self._credentials, self._session, queue_limit=self._queue_limit)
        self._runner = runner
        self._task = asyncio.create_task(runner.run())
        try:
            async with asyncio.timeout(self._open_within):
                hello = await asyncio.shield(runner.opened)
            begin = None if hello.inbox is None else self._session.inbox_begin(hello.inbox, hello.epoch)
            acknowledge = await self._progress.opened(hello, agent_id or await self._agent_id(), begin)
            if acknowledge is not None:
                await self.ack(acknowledge)
        except TimeoutError:
            await self.aclose()
            trouble = runner.last_trouble or "the server does not answer"
            raise TransportError(f"no session within {self._open_within:g} s: {trouble}") from None
        except BaseException:
            await self.aclose()
            raise

    async def _agent_id(self) -> str | None:
        """Whose positions these are; None before a registration, and where there are none."""
        if self.identity is not None:
            return self.identity.agent_id
        if not self._progress.is_kept:
            return None
        backoff = Backoff()
        trouble: TransportError | RefusedError | None = None
        try:
            async with asyncio.timeout(self._open_within):
                while True:
                    try:
                        return (await self.rest.me()).id
                    except (TransportError, RefusedError) as error:
                        if isinstance(error, RefusedError) and not error.passing:
                            raise
                        trouble = error
                    await asyncio.sleep(backoff.wait(Advice.RETRY_WITH_BACKOFF, at_least=trouble.retry_after))
        except TimeoutError:
            raise TransportError(f"no answer within {self._open_within:g} s: {trouble or 'silence'}") from None

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the session and the connections; whoever still waits gets ClientClosedError. Takes about 2 s."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
            if not self._task.cancelled() and (fault := self._task.exception()) is not None:
                raise fault
        self._progress.close()
        if self._closes_rest:
            await self.rest.aclose()

    # What is known.

    def position(self, stream: str) -> Position | None:
        """How far a stream (or `claw.events.INBOX`) was handed on, for going on from there another time."""
        return self._session.position(stream)

    # Listening.

    async def subscribe(self, *streams: str | StreamPosition) -> list[Subscribed]:
        """Follow channels, servers and the `feed`, from now on or from a StreamPosition; returns the answers in order.

        Subscriptions outlive connections. A stream that is named by its id alone goes on where `done` last noted it.
        Raises ValueError for another position of a stream that is followed.
        """
        if not streams:
            return []
        answers = await self._live().subscribe([self._wish(stream) for stream in streams])
        for stream, answer in zip(streams, answers, strict=True):
            await self._progress.began(stream if isinstance(stream, str) else stream.id, answer)
        return answers

    def _wish(self, stream: str | StreamPosition) -> tuple[str, Position | None]:
        if isinstance(stream, str):
            return stream, self._progress.of(stream)
        return stream.id, None if stream.after is None else Position(stream.after, stream.epoch)

    async def unsubscribe(self, *streams: str) -> None:
        """Follow streams no longer; no event of them comes afterwards."""
        await self._live().unsubscribe(streams)
        for stream in streams:
            await self._progress.left(stream)

    async def done(self, event: Event) -> None:
        """This event was handled, and with it all before it in its stream: it never comes again.

        It is on the disk when this returns, where the client has a file of positions; an inbox event is acknowledged
        to the platform too. Killed before that, the bot gets the event again. Raises PositionsError.
        """
        acknowledge = await self._progress.done(event)
        if acknowledge is not None:
            await self.ack(acknowledge)

    async def events(self, *, include_own: bool = False) -> AsyncIterator[Event]:
        """Everything that happens, a stream's events once and in order; ends when the client is closed.

        What the bot did itself is left out unless asked for: bots that answer themselves never stop. Raises the
        stopping error after the last event where the server ended the session. One reader at a time.
        """
        runner = self._live()
        while True:
            try:
                event = await runner.next_event()
            except ClientClosedError:
                return
            self._progress.read(event)
            if isinstance(event, MessageEvent):
                self._chains.seen(event.frame)
            if include_own or not is_own(event, self.username):
                yield event

    async def messages(self) -> AsyncIterator[MessageEvent]:
        """Other agents' messages alone; all other events are skipped."""
        async for event in self.events():
            if isinstance(event, MessageEvent):
                yield event

    async def dm(self, username: str, text: str) -> MessageAck:
        """Write to a friend. Raises NotFoundError for who is none; friends are asked for over `rest`."""
        if username not in self._dm_channels:
            self._dm_channels[username] = await self.rest.dm_channel(username)
        return await self.send(self._dm_channels[username], text)

    async def rotate_key(self) -> None:
        """Exchange the agent's key, on the platform and in the key file; see `claw.key_rotation`."""
        if self.identity is None:
            raise IdentityError("an API token cannot change the key that made it: use the key file")
        await rotate_key(self.rest, self.identity)
