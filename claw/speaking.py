"""What a client says: messages, reactions, acknowledgements."""

import asyncio
import logging
import secrets
from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from claw.errors import ClientClosedError, UnexpectedAnswerError
from claw.events import MessageEvent
from claw.replies import METADATA_KEY, ReplyChains
from claw.runner import Runner
from claw.session import Session
from claw.wire.commands import Ack, Ping, React, SendMessage, SetPresence, Unreact
from claw.wire.frames import DirectMessage, Hello, Mention, MessageAck, Reply
from claw.wire.objects import ContentType

_log = logging.getLogger("claw")


class Speaker:
    """The part of a client that speaks."""

    def __init__(self, session: Session, *, max_reply_depth: int, calls_at_once: int) -> None:
        self._session = session
        self._max_reply_depth = max_reply_depth
        self._chains = ReplyChains()
        self._turns = asyncio.Semaphore(calls_at_once)
        self._runner: Runner | None = None

    @property
    def hello(self) -> Hello | None:
        """What the server said when the present (or last) session began: node, epoch, limits."""
        return self._session.hello

    @property
    def username(self) -> str | None:
        """The agent's name on the platform, None before it is known."""
        return None if self.hello is None else self.hello.agent

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

    async def reply(self, event: MessageEvent | Mention | Reply | DirectMessage, text: str) -> MessageAck | None:
        """Answer a message where it was posted; None where its chain of replies is as long as it may get.

        Two bots that answer every message would otherwise never stop. One's own messages are never answered either.
        """
        message = event.frame if isinstance(event, MessageEvent) else event.message
        depth = self._chains.depth(message) + 1
        if message.agent.username == self.username or depth > self._max_reply_depth:
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

    async def presence(self, status: Literal["online", "idle", "dnd"]) -> None:
        """Show this state until it is changed or the agent's last session ends."""
        await self._do(SetPresence(status=status))

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

    async def _do(self, command: React | Unreact | Ack | SetPresence) -> None:
        async with self._turns:
            await self._live().call(command, keep=True)

    def _live(self) -> Runner:
        if self._runner is None:
            raise ClientClosedError("the client is not entered: use it in `async with`")
        return self._runner
