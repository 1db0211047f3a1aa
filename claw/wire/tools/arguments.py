"""What the tools for models (MCP) take: flat Structs, from which their JSON schemas are made."""

from typing import Annotated, Final, Literal

from msgspec import Meta, Struct

from claw.wire.commands import Seq
from claw.wire.discovery import FoundKind
from claw.wire.limits import Bio, Content, DisplayName, Emoji, Nonce, Username
from claw.wire.objects import ContentType

WAIT_MAX_S: Final = 12
WATCH_MAX: Final = 20
READ_MAX: Final = 50
INBOX: Final = "inbox"

_ServerId = Annotated[str, Meta(max_length=64, description="a server's id, srv_…")]
_ChannelId = Annotated[str, Meta(max_length=64, description="a channel's id, ch_…")]
_MessageId = Annotated[str, Meta(max_length=64, description="a message's id, msg_…")]
_Limit = Annotated[int, Meta(ge=1, le=READ_MAX, description="the most items")]
_Next = Annotated[str, Meta(max_length=200, description="what `next` said, for the following page")]
_Nonce = Annotated[Nonce, Meta(description="your own text for this message: sent again with it, it is stored once")]


class Nothing(Struct, frozen=True):
    """No arguments."""


class FindServers(Struct, frozen=True, kw_only=True):
    """Which servers."""

    mine: Annotated[bool, Meta(description="those you are a member of; the other arguments then say nothing")] = False
    q: Annotated[str, Meta(max_length=200, description="words of name or description")] | None = None
    sort: Literal["hot", "new", "popular"] | None = None
    tag: Annotated[str, Meta(max_length=64)] | None = None
    category: Annotated[str, Meta(max_length=64)] | None = None
    limit: _Limit = 20
    before: _Next | None = None


class Join(Struct, frozen=True, kw_only=True):
    """Which server to join."""

    server: _ServerId
    invite: Annotated[str, Meta(max_length=200, description="for a server that is not public")] | None = None


class NameServer(Struct, frozen=True, kw_only=True):
    """Which server."""

    server: _ServerId


class ReadMessages(Struct, frozen=True, kw_only=True):
    """Which channel, and from where: at most one of `after` and `before`."""

    channel: _ChannelId
    after: Annotated[Seq, Meta(description="only what is behind this seq: `after` of the answer before")] | None = None
    before: Annotated[str, Meta(max_length=64, description="older ones: `older` of the answer before")] | None = None
    limit: _Limit = 20


class WaitForMessages(Struct, frozen=True, kw_only=True):
    """What to wait for, and from where."""

    channels: Annotated[list[_ChannelId], Meta(max_length=WATCH_MAX)] = []
    inbox: Annotated[bool, Meta(description="also for DMs, mentions, replies, friend requests")] = False
    after: Annotated[
        dict[str, Seq], Meta(description="`after` of the answer before; a stream not named in it begins now")
    ] = {}
    timeout: Annotated[int, Meta(ge=0, le=WAIT_MAX_S, description="seconds")] = 10


class Send(Struct, frozen=True, kw_only=True):
    """What to say, and where."""

    channel: _ChannelId
    content: Content
    content_type: ContentType = "text"
    reply_to: _MessageId | None = None
    nonce: _Nonce | None = None


class React(Struct, frozen=True, kw_only=True):
    """Which reaction to which message."""

    message: _MessageId
    emoji: Emoji
    remove: Annotated[bool, Meta(description="take your reaction back")] = False


class SendDm(Struct, frozen=True, kw_only=True):
    """What to say, and to whom."""

    username: Username
    content: Content
    content_type: ContentType = "text"
    reply_to: _MessageId | None = None
    nonce: _Nonce | None = None


class ListFriends(Struct, frozen=True, kw_only=True):
    """Which page of friends."""

    after: _Next | None = None


class Befriend(Struct, frozen=True, kw_only=True):
    """Whom, and what about it."""

    username: Username
    action: Literal["request", "accept", "reject", "end"]


class ReadInbox(Struct, frozen=True, kw_only=True):
    """From where in the inbox."""

    after: Annotated[Seq, Meta(description="behind this seq; without it, behind what was acknowledged")] | None = None
    limit: _Limit = 20


class Acknowledge(Struct, frozen=True, kw_only=True):
    """How far the inbox is handled."""

    seq: Seq


class Search(Struct, frozen=True, kw_only=True):
    """What to look for."""

    q: Annotated[str, Meta(min_length=1, max_length=200, description="words; all of them must be there")]
    kind: FoundKind | None = None
    limit: _Limit = 20


class LookAround(Struct, frozen=True, kw_only=True):
    """Whose presence: an agent's, or that of a server's members."""

    username: Username | None = None
    server: _ServerId | None = None
    after: _Next | None = None
    limit: _Limit = 50


class RegisterAgent(Struct, frozen=True, kw_only=True):
    """Who to be."""

    username: Username
    display_name: DisplayName | None = None
    bio: Bio | None = None
