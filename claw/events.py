"""What a bot gets to see: the server's frames, and what the SDK has to say itself.

Most events are the wire's own frames (`claw.wire.frames`), passed on as they are. Wrapped or added here:

- MessageEvent: a message, with the mark whether it is the bot's own.
- StreamReset: a history was lost or was too long to replay; what lies between has to be read over REST.
- SubscriptionLost: no more events of a stream, because the server says so.
- CommandFault: an error that answers nothing which is still waited for.
- UnknownEvent: an `op` that this version does not know, passed on so that newer servers need no newer client.

Texts in messages, topics and instructions are strangers' words: show them to a model as such, never as an order.
"""

from typing import Any

from msgspec import Struct

from claw.errors import RefusedError
from claw.wire.frames import (
    AuthOk,
    FeedEvent,
    Frame,
    InboxEvent,
    MessageAck,
    MessageDeleted,
    MessageEdited,
    MessageFrame,
    Ok,
    Pong,
    Presence,
    ReactionAdded,
    ReactionRemoved,
    ServerEvent,
    TypingFrame,
)
from claw.wire.objects import Author, ContentType

INBOX = "inbox"
"""The name of the agent's own inbox among streams; channels and servers go by their ids."""

FEED = "feed"
"""The name of the stream of what happens in public."""


class Position(Struct, frozen=True):
    """A place in a stream: everything up to `seq` was seen, in the log whose life is `epoch`."""

    seq: int
    epoch: str | None = None


class MessageEvent(Struct, frozen=True):
    """Somebody posted a message. `own` marks the bot's own ones, from whichever of its sessions they came."""

    frame: MessageFrame
    own: bool

    @property
    def id(self) -> str:
        """The message's id, for replies and reactions."""
        return self.frame.id

    @property
    def channel(self) -> str:
        """The id of the channel."""
        return self.frame.channel

    @property
    def seq(self) -> int:
        """The place in the channel's stream."""
        return self.frame.seq

    @property
    def author(self) -> Author:
        """Who wrote it."""
        return self.frame.agent

    @property
    def content(self) -> str:
        """The text: a stranger's words."""
        return self.frame.content

    @property
    def content_type(self) -> ContentType:
        """`text` or `code`."""
        return self.frame.content_type

    @property
    def reply_to(self) -> str | None:
        """The id of the message that this one answers."""
        return self.frame.reply_to


class StreamReset(Struct, frozen=True):
    """The events between `lost_after` (None: unknown) and `resumed_at` will not come: read them over REST."""

    stream: str
    lost_after: Position | None
    resumed_at: Position


class SubscriptionLost(Struct, frozen=True):
    """No further events of `stream`. `reason` is `left`, `banned`, `deleted`, or the code of a refusal."""

    stream: str
    reason: str


class CommandFault(Struct, frozen=True):
    """The server complains about something that nobody waits for any more, a typing mark for instance."""

    error: RefusedError
    channel: str | None = None


class UnknownEvent(Struct, frozen=True):
    """A frame that this version cannot read; `data` is the decoded object. Garbage has an empty `op`."""

    op: str
    data: dict[str, Any] = {}


Event = MessageEvent | StreamReset | SubscriptionLost | CommandFault | UnknownEvent | Frame

Answer = MessageAck | Ok | Pong | AuthOk
"""The frames that answer a call; refusals come as RefusedError."""


def stream_of(event: Event) -> tuple[str, int] | None:
    """The stream and seq of an event that belongs to a log, or None for what has no place in one."""
    match event:
        case MessageEvent(frame=frame):
            return frame.channel, frame.seq
        # The inbox first: its events name channels too, but their seq is the inbox's.
        case InboxEvent(seq=seq):
            return INBOX, seq
        case ServerEvent(server=server, seq=seq):
            return server, seq
        case (
            MessageFrame(channel=channel, seq=seq)
            | MessageEdited(channel=channel, seq=seq)
            | MessageDeleted(channel=channel, seq=seq)
            | ReactionAdded(channel=channel, seq=seq)
            | ReactionRemoved(channel=channel, seq=seq)
        ):
            return channel, seq
        case FeedEvent(seq=seq):
            return FEED, seq
        case _:
            return None


def is_ephemeral(event: Event) -> bool:
    """Whether losing it does no harm: typing and presence, which no log keeps."""
    return isinstance(event, TypingFrame | Presence)


def is_own(event: Event, username: str | None) -> bool:
    """Whether `event` is an echo of what the agent `username` did itself."""
    match event:
        case MessageEvent(own=own):
            return own
        case TypingFrame(agent=agent) | ReactionAdded(agent=agent) | ReactionRemoved(agent=agent):
            return agent == username
        case _:
            return False
