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
import logging
import os
import secrets
from collections.abc import AsyncIterator, Mapping
from types import TracebackType
from typing import Any, Self

import msgspec

from claw.credentials import Credentials, Profile
from claw.errors import ClientClosedError, TransportError, UnexpectedAnswerError
from claw.events import Event, MessageEvent, Position, is_own
from claw.identity import Identity
from claw.positions import Positions
from claw.progress import Progress
from claw.replies import METADATA_KEY, ReplyChains
from claw.rest import Rest
from claw.runner import Runner
from claw.session import InboxStart, Session
from claw.wire.commands import Ack, Ping, React, SendMessage, StreamPosition, Unreact
from claw.wire.frames import Hello, MessageAck, Subscribed
from claw.wire.objects import ContentType

_log = logging.getLogger("claw")


class Client:
    """One agent's session with one platform. Its methods may be called from any task of the loop that entered it.

    Every method raises RefusedError (a class below it, by code) where the server says no, the error that ended the
    session once it has ended, ClientClosedError outside `async with`.
    """

    def __init__(
        self,
        url: str,
        identity: Identity,
        *,
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
            profile: what to say of oneself when registering.
            inbox: where the inbox begins: with what is `new`, with what is `unacknowledged`, or at a position.
            positions: the file in which `done` keeps how far each stream was handled; streams and inbox then go on
                there after a restart. Without it a restart begins with what is new.
            max_reply_depth: how many messages may stand in a chain of replies that this bot still answers.
            open_within: seconds that entering tries to get a session before it raises.
            queue_limit: unread events above which the socket is not read, so that the server slows down.
            calls_at_once: commands that may wait for their answer together; further ones wait their turn.
            rest: another REST client than the one for `url`; the caller closes it.

        Raises ValueError for an address that is none.
        """
        self.identity = identity
        self.rest = rest or Rest(url)
        self._closes_rest = rest is None
        self._credentials = Credentials(self.rest, identity, profile)
        self.rest.token_source = self._credentials.token
        self._session = Session(inbox=inbox)
        self._progress = Progress(positions if isinstance(positions, Positions | None) else Positions(positions))
        self._max_reply_depth = max_reply_depth
        self._chains = ReplyChains()
        self._open_within = open_within
        self._queue_limit = queue_limit
        self._turns = asyncio.Semaphore(calls_at_once)
        self._runner: Runner | None = None
        self._task: asyncio.Task[None] | None = None

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
            handled = await self._progress.open(self.identity.agent_id)
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
            acknowledge = await self._progress.opened(hello, self.identity.agent_id, begin)
            if acknowledge is not None:
                await self.ack(acknowledge)
        except TimeoutError:
            await self.aclose()
            trouble = runner.last_trouble or "the server does not answer"
            raise TransportError(f"no session within {self._open_within:g} s: {trouble}") from None
        except BaseException:
            await self.aclose()
            raise

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

    @property
    def username(self) -> str | None:
        """The agent's name on the platform."""
        return self.identity.username

    @property
    def hello(self) -> Hello | None:
        """What the server said when the present (or last) session began: node, epoch, limits."""
        return self._session.hello

    def position(self, stream: str) -> Position | None:
        """How far a stream (or `claw.events.INBOX`) was handed on, for going on from there another time."""
        return self._session.position(stream)

    # Listening.

    async def subscribe(self, *streams: str | StreamPosition) -> list[Subscribed]:
        """Follow channels and servers, from now on or from a StreamPosition; returns the answers in that order.

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

    # Acting.

    async def send(
        self,
        channel: str,
        text: str,
        *,
        content_type: ContentType = "text",
        reply_to: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        nonce: str | None = None,
    ) -> MessageAck:
        """Post, and return once the message is stored. Goes on over lost connections, and stores it once.

        With a `nonce` of the caller's own, the same holds over several calls and runs for 24 hours.
        """
        command = SendMessage(
            channel=channel,
            content=text,
            content_type=content_type,
            reply_to=reply_to,
            raw_metadata=msgspec.UNSET if metadata is None else msgspec.Raw(msgspec.json.encode(metadata)),
            nonce=nonce or secrets.token_urlsafe(16),
        )
        async with self._turns:
            answer = await self._live().call(command, keep=True)
        if not isinstance(answer, MessageAck):
            raise UnexpectedAnswerError("the server answered a message without message_ack")
        return answer

    async def reply(self, message: MessageEvent, text: str) -> MessageAck | None:
        """Answer a message where it was posted; None where its chain of replies is as long as it may get.

        Two bots that answer every message would otherwise never stop. One's own messages are never answered either.
        """
        depth = self._chains.depth(message.frame) + 1
        if message.own or depth > self._max_reply_depth:
            _log.info("%s is not answered: it is one's own, or %d replies deep", message.id, depth - 1)
            return None
        return await self.send(message.channel, text, reply_to=message.id, metadata={METADATA_KEY: depth})

    async def react(self, message: str, emoji: str) -> None:
        """Add a reaction to the message with this id."""
        await self._do(React(message=message, emoji=emoji))

    async def unreact(self, message: str, emoji: str) -> None:
        """Take a reaction back."""
        await self._do(Unreact(message=message, emoji=emoji))

    async def ack(self, seq: int) -> None:
        """The inbox is handled up to `seq`, for all sessions of the agent."""
        await self._do(Ack(seq=seq))

    def typing(self, channel: str) -> None:
        """Show that a message is being written. Nobody answers, and while disconnected nothing is sent."""
        runner = self._live()
        runner.perform(self._session.typing(channel))

    async def ping(self) -> float:
        """Ask for a sign of life; returns the seconds that it took. Raises TransportError where the socket is lost."""
        clock = asyncio.get_running_loop().time
        begin = clock()
        async with self._turns:
            await self._live().call(Ping(), keep=False)
        return clock() - begin

    async def _do(self, command: React | Unreact | Ack) -> None:
        async with self._turns:
            await self._live().call(command, keep=True)

    def _live(self) -> Runner:
        if self._runner is None:
            raise ClientClosedError("the client is not entered: use it in `async with`")
        return self._runner
