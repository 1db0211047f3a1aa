"""What the bridge knows, kept up to date by one socket: channels, their messages, the inbox.

A channel is followed from the moment in which the claw first asks for it: its history is read once, and from there on
the socket brings what happens. Nothing is asked of the platform for a claw that polls.
"""

import asyncio
import secrets
import time
from collections import OrderedDict
from typing import Final

from msgspec import Struct

from claw.bridge.audience import Answering, Audience, Conversation
from claw.bridge.directory import Directory
from claw.bridge.mailbox import Mail, Mailbox
from claw.bridge.memory import ChannelMemory, Entry
from claw.bridge.times import parse_time
from claw.client import Client
from claw.errors import RefusedError, TransportError
from claw.events import MessageEvent, StreamReset, SubscriptionLost
from claw.replies import METADATA_KEY, ReplyChains
from claw.wire.commands import StreamPosition
from claw.wire.frames import InboxEvent, MessageAck, MessageDeleted, MessageEdited
from claw.wire.objects import Agent

_ROOMS_MAX: Final = 100
_PAGE: Final = 100
# How long a refusal is believed: a claw goes on polling a channel that it may not read.
_REFUSED_SECONDS: Final = 60.0
_REFUSED_MAX: Final = 1_000
_RETRY_SECONDS: Final = 3.0
_JOIN_SECONDS: Final = 10.0
_UNANSWERED_MAX: Final = 1_000


class Room(Struct):
    """A channel that is followed."""

    memory: ChannelMemory
    conversation: Conversation
    news: asyncio.Condition
    turn: asyncio.Lock


class _Sending(Struct, frozen=True):
    """What was said and not acknowledged yet: sent again it must be the same, so that it is stored once."""

    nonce: str
    answering: Answering | None


class Bridge:
    """One claw's bridge, over a client that is entered. `run` has to run."""

    def __init__(
        self, client: Client, me: Agent, audience: Audience, *, keep: int = 1_000, patience: float = 5.0
    ) -> None:
        """`me` is the agent that `client` is.

        `keep` bounds the messages held of a channel; `patience` is how many seconds a post waits for its ack.
        """
        self.client = client
        self.me = me
        self.mailbox = Mailbox()
        self.directory = Directory(client)
        self._audience = audience
        self._chains = ReplyChains()
        self._keep = keep
        self._patience = patience
        self._rooms: OrderedDict[str, Room] = OrderedDict()
        self._joining: dict[str, asyncio.Task[Room]] = {}
        self._refused: dict[str, tuple[float, RefusedError]] = {}
        self._unanswered: OrderedDict[tuple[str, str], _Sending] = OrderedDict()
        self._acknowledged = 0

    async def run(self) -> None:
        """Keep all up to date, until the session ends for good; raises what it ended with."""
        async for event in self.client.events(include_own=True):
            match event:
                case MessageEvent(frame=message):
                    if (room := self._rooms.get(message.channel)) is not None:
                        room.memory.append(message)
                        async with room.news:
                            room.news.notify_all()
                case MessageEdited(channel=channel, id=message_id, content=content):
                    if (room := self._rooms.get(channel)) is not None:
                        room.memory.edit(message_id, content)
                case MessageDeleted(channel=channel, id=message_id):
                    if (room := self._rooms.get(channel)) is not None:
                        room.memory.delete(message_id)
                case InboxEvent():
                    self.mailbox.add(event, time.time_ns() // 1_000_000)
                case StreamReset(stream=stream) | SubscriptionLost(stream=stream):
                    # Its history is read anew, or its refusal learned, when the claw asks for it next.
                    self._rooms.pop(stream, None)

    async def read(self, channel: str, *, since: int | None, limit: int, offset: int) -> tuple[list[Entry], int]:
        """See `ChannelMemory.read`. Raises RefusedError, TransportError where the channel is not followed yet."""
        room = await self._room(channel)
        async with room.turn:
            while since is not None and room.memory.lacks(since):
                # Not left out where it cannot be had: the claw would take what it gets for all there is.
                page = await self.client.rest.history(channel, before=room.memory.earlier, limit=_PAGE)
                room.memory.prepend(page)
        entries, total = room.memory.read(since=since, limit=limit, offset=offset)
        room.conversation.shown(entries, time.monotonic())
        return entries, total

    async def post(self, channel: str, body: str) -> Entry:
        """Say something; gives it as it is read from then on.

        Raises RefusedError, and TransportError where the platform does not answer: said again in the same words it is
        stored once, whatever became of it.
        """
        room = await self._room(channel)
        what = (channel, body)
        sending = self._unanswered.pop(what, None)
        if sending is None:
            sending = _Sending(secrets.token_urlsafe(16), room.conversation.answers(time.monotonic()))
        try:
            ack = await self._send(channel, body, sending)
        except (TransportError, RefusedError) as error:
            if isinstance(error, TransportError) or error.passing:
                self._unanswered[what] = sending
                if len(self._unanswered) > _UNANSWERED_MAX:
                    self._unanswered.popitem(last=False)
            raise
        return await self._seen(room, ack, body)

    async def mark(self, mail: Mail, *, deleted: bool) -> None:
        """An entry of the inbox was read, or deleted. The platform learns it now or with the next one."""
        mail.read = True
        mail.deleted = mail.deleted or deleted
        handled = self.mailbox.handled()
        if handled is None or handled <= self._acknowledged:
            return
        try:
            async with asyncio.timeout(self._patience):
                await self.client.ack(handled)
            self._acknowledged = handled
        except (TimeoutError, TransportError, RefusedError):
            return

    async def _room(self, channel: str) -> Room:
        room = self._rooms.get(channel)
        if room is not None:
            self._rooms.move_to_end(channel)
            return room
        until, error = self._refused.get(channel, (0.0, None))
        if error is not None and time.monotonic() < until:
            raise error
        joining = self._joining.get(channel)
        if joining is None:
            joining = self._joining[channel] = asyncio.create_task(self._follow(channel))
            joining.add_done_callback(lambda done: self._joined(channel, done))
        # A claw that gives up waiting does not take the channel from the one that asks next.
        return await asyncio.shield(joining)

    def _joined(self, channel: str, done: "asyncio.Task[Room]") -> None:
        del self._joining[channel]
        error = None if done.cancelled() else done.exception()
        if isinstance(error, RefusedError):
            seconds = error.retry_after or _RETRY_SECONDS if error.passing else _REFUSED_SECONDS
            self._refused[channel] = (time.monotonic() + seconds, error)
            if len(self._refused) > _REFUSED_MAX:
                del self._refused[next(iter(self._refused))]

    async def _follow(self, channel: str) -> Room:
        """Read a channel's history and follow it from there. Raises RefusedError, TransportError."""
        try:
            async with asyncio.timeout(_JOIN_SECONDS):
                if self.client.position(channel) is not None:
                    await self.client.unsubscribe(channel)
                found = await self.client.rest.channel(channel)
                page = await self.client.rest.history(channel, limit=_PAGE)
                conversation = Conversation(self._audience, self.me.username, self._chains, is_dm=found.type == "dm")
                memory = ChannelMemory(page, limit=self._keep, judge=conversation.judge)
                room = self._rooms[channel] = Room(memory, conversation, asyncio.Condition(), asyncio.Lock())
                # What comes from here on finds the room there.
                await self.client.subscribe(StreamPosition(channel, after=page.seq, epoch=page.epoch))
                if len(self._rooms) > _ROOMS_MAX:
                    unused, _ = self._rooms.popitem(last=False)
                    await self.client.unsubscribe(unused)
                return room
        except TimeoutError:
            self._rooms.pop(channel, None)
            raise _unreachable() from None
        except BaseException:
            self._rooms.pop(channel, None)
            raise

    async def _send(self, channel: str, body: str, sending: _Sending) -> MessageAck:
        answering = sending.answering
        try:
            async with asyncio.timeout(self._patience):
                return await self.client.send(
                    channel,
                    body,
                    nonce=sending.nonce,
                    reply_to=None if answering is None else answering.message_id,
                    metadata=None if answering is None else {METADATA_KEY: answering.depth},
                )
        except TimeoutError:
            raise _unreachable() from None

    async def _seen(self, room: Room, ack: MessageAck, body: str) -> Entry:
        """The message as the claw will read it, which the socket brings as it brings all others."""
        try:
            async with asyncio.timeout(self._patience), room.news:
                await room.news.wait_for(lambda: room.memory.head >= ack.seq)
        except TimeoutError:
            pass
        found = room.memory.find(ack.id)
        return found or Entry(ack.id, ack.seq, self.me.username, self.me.id, body, parse_time(ack.timestamp), None)


def _unreachable() -> TransportError:
    return TransportError("the platform does not answer")
