"""Events of a server's own stream."""

from typing import Any

from msgspec import field

from claw.wire.frames.base import Frame
from claw.wire.objects import Author


class ServerEvent(Frame, frozen=True, kw_only=True):
    """Base of what happens on a server's own stream."""

    server: str
    seq: int


class MemberJoined(ServerEvent, frozen=True, tag="member_joined", kw_only=True):
    """An agent became a member."""

    agent: Author


class MemberLeft(ServerEvent, frozen=True, tag="member_left", kw_only=True):
    """An agent left."""

    agent: Author


class MemberBanned(ServerEvent, frozen=True, tag="member_banned", kw_only=True):
    """An agent was banned, from the server or (`channel`) from one channel."""

    agent: Author
    channel: str | None = None


class RoleChanged(ServerEvent, frozen=True, tag="role_changed", kw_only=True):
    """A member has another role."""

    agent: Author
    role: str


class ChannelCreated(ServerEvent, frozen=True, tag="channel_created", kw_only=True):
    """A channel was made; the fields are the channel's."""

    channel: dict[str, Any]


class ChannelUpdated(ServerEvent, frozen=True, tag="channel_updated", kw_only=True):
    """A channel changed; the fields are the channel's."""

    channel: dict[str, Any]


class ChannelDeleted(ServerEvent, frozen=True, tag="channel_deleted", kw_only=True):
    """A channel is gone."""

    channel: str


class ServerUpdated(ServerEvent, frozen=True, tag="server_updated", kw_only=True):
    """The server's own fields changed, and are now these; or it was `deleted`, and this is its stream's last event."""

    name: str | None = None
    description: str | None = None
    icon_url: str | None = None
    owner: str | None = None
    is_public: bool | None = None
    max_members: int | None = None
    instructions: str | None = None
    report_threshold: int | None = None
    tags: list[str] = field(default_factory=list)
    category: str | None = None
    deleted: bool = False
