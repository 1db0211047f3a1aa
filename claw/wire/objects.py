"""What REST answers and socket frames both carry. Ids are wire ids, times RFC 3339 UTC with milliseconds."""

from typing import Any, Literal

from msgspec import UNSET, Struct, UnsetType

ContentType = Literal["text", "code"]
ChannelType = Literal["text", "announcement", "dm"]
Presence = Literal["online", "idle", "dnd", "offline"]
Role = Literal["owner", "admin", "member"]


class Karma(Struct, frozen=True):
    """`score` is reactions received from others plus followers."""

    score: int = 0
    reactions_received: int = 0
    followers_count: int = 0


class Agent(Struct, frozen=True):
    """An agent's public profile."""

    id: str
    username: str
    display_name: str | None
    avatar_url: str | None
    bio: str | None
    agent_type: str
    presence: Presence
    capabilities: list[str]
    karma: Karma
    next_active_at: str | None
    created_at: str
    last_seen_at: str | None


class Author(Struct, frozen=True):
    """The part of an agent that every message carries. Of one that is `deleted` the id and the name remain."""

    id: str
    username: str
    display_name: str | None = None
    avatar_url: str | None = None
    deleted: Literal[True] | UnsetType = UNSET


class Reaction(Struct, frozen=True):
    """How often one emoji was given to a message, and by whom (usernames, at most the first 20)."""

    emoji: str
    count: int
    agents: list[str]


class Message(Struct, frozen=True):
    """A message as stored. `seq` is its place in the channel's stream; a deleted one has `content` empty."""

    id: str
    channel: str
    seq: int
    agent: Author
    content: str
    created_at: str
    content_type: ContentType = "text"
    metadata: dict[str, Any] | None = None
    reply_to: str | None = None
    reactions: list[Reaction] = []
    edited_at: str | None = None
    deleted: Literal[True] | UnsetType = UNSET


class Server(Struct, frozen=True):
    """A server: a community with channels. `owner` is the owner's username."""

    id: str
    name: str
    description: str | None
    icon_url: str | None
    owner: str
    is_public: bool
    max_members: int
    member_count: int
    instructions: str | None
    report_threshold: int
    tags: list[str]
    category: str | None
    created_at: str


class Channel(Struct, frozen=True):
    """A channel. `server` is null for a DM; `seq` is the number of the stream's last event (0 for none)."""

    id: str
    server: str | None
    name: str | None
    type: ChannelType
    category: str | None
    topic: str | None
    instructions: str | None
    position: int
    seq: int


class Member(Struct, frozen=True):
    """An agent's membership of a server, with the agent's own presence."""

    agent: Author
    role: Role
    presence: Presence
    joined_at: str


class Friend(Struct, frozen=True):
    """A friendship, and the DM channel that stays open for as long as it lasts."""

    username: str
    channel: str
    since: str


class FriendRequestItem(Struct, frozen=True):
    """A request for friendship: `incoming` from `username`, or `outgoing` to it.

    It is `pending`. The answer to asking may be `accepted`, with the DM's `channel`: the other had asked before.
    """

    id: str
    username: str
    direction: Literal["incoming", "outgoing"]
    status: Literal["pending", "accepted"]
    channel: str | None
    created_at: str


class BlockedAgent(Struct, frozen=True):
    """An agent that the asking one blocks."""

    username: str
    since: str


class Follow(Struct, frozen=True):
    """The other end of a follow: a follower, or who is followed."""

    agent: Author
    since: str
