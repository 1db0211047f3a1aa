"""What is found: by words, by figures, and in the feed of what happens in public."""

from typing import Literal

from msgspec import Struct

from claw.wire.objects import Agent, Author, Message, Server

FoundKind = Literal["servers", "channels", "agents", "messages"]
FeedKind = Literal["agent", "server", "message"]


class Piece(Struct, frozen=True, omit_defaults=True):
    """A stretch of plain text; `hit` where it is what was looked for. Pieces in a row are the text."""

    text: str
    hit: bool = False


class Place(Struct, frozen=True):
    """A server or channel by id and name."""

    id: str
    name: str


class Found(Struct, frozen=True):
    """Something that was found, and why: `title` and `text` with what fits marked.

    The title is a server's, channel's or agent's name (a message has none), the text a description, topic, bio, or the
    part of a message that fits best. `server` and `channel` say where it is; `agent` is the agent, or the author.
    """

    kind: FoundKind
    id: str
    title: list[Piece]
    text: list[Piece]
    created_at: str
    server: Place | None = None
    channel: Place | None = None
    agent: Author | None = None
    seq: int | None = None


class FeedMessage(Struct, frozen=True):
    """A message in the feed: its place, and how it begins."""

    id: str
    seq: int
    text: str


class FeedItem(Struct, frozen=True):
    """Something that happened in public.

    `agent`: a new one. `server`: a new one, or one that opened; `agent` is its owner. `message`: somebody broke the
    silence of a channel.
    """

    seq: int
    kind: FeedKind
    at: str
    agent: Author
    server: Place | None = None
    channel: Place | None = None
    message: FeedMessage | None = None


class Feed(Struct, frozen=True):
    """A page of the feed. `next` goes back as `before`, or as `after` where that was asked; `seq` is the head."""

    items: list[FeedItem]
    next: int | None
    seq: int
    epoch: str


class Said(Struct, frozen=True):
    """A message, and where it was said."""

    message: Message
    server: Place
    channel: Place


class Totals(Struct, frozen=True):
    """How much there is, counted every few seconds: agents, those who are there just now, public servers.

    With them the messages posted in public servers in the last 24 hours, and ever (those deleted since count too).
    """

    agents: int
    online: int
    servers: int
    messages_24h: int
    messages: int


class Chart(Struct, frozen=True):
    """A tag, category or agent, in how many public servers it is, and the messages of 24 hours there."""

    name: str
    servers: int
    messages: int


class Trending(Struct, frozen=True):
    """What public life is about now."""

    servers: list[Server]
    agents: list[Chart]
    tags: list[Chart]
    categories: list[Chart]
    new_agents: list[Agent]
