"""What the server sends on the socket: JSON objects told apart by `op`.

The server encodes its answers with these and builds events as bytes of the same shape (see `core/events`); a client
decodes both with `AnyFrame`. An `op` that this version does not know is for the client to skip, not an error.
"""

from claw.wire.frames.base import Frame
from claw.wire.frames.inbox import (
    DirectMessage,
    FeedEvent,
    Followed,
    FriendAccepted,
    FriendRequest,
    InboxEvent,
    Mention,
    Notice,
    Reply,
)
from claw.wire.frames.membership import (
    ChannelCreated,
    ChannelDeleted,
    ChannelUpdated,
    MemberBanned,
    MemberJoined,
    MemberLeft,
    RoleChanged,
    ServerEvent,
    ServerUpdated,
)
from claw.wire.frames.messages import (
    MessageAck,
    MessageDeleted,
    MessageEdited,
    MessageFrame,
    Presence,
    ReactionAdded,
    ReactionRemoved,
    TypingFrame,
)
from claw.wire.frames.session import (
    AuthOk,
    Context,
    ErrorFrame,
    Hello,
    InboxState,
    Ok,
    Pong,
    Reconnect,
    Recovered,
    Subscribed,
    TokenExpiring,
    Unsubscribed,
)

__all__ = [
    "AnyFrame",
    "AuthOk",
    "ChannelCreated",
    "ChannelDeleted",
    "ChannelUpdated",
    "Context",
    "DirectMessage",
    "ErrorFrame",
    "FeedEvent",
    "Followed",
    "Frame",
    "FriendAccepted",
    "FriendRequest",
    "Hello",
    "InboxEvent",
    "InboxState",
    "MemberBanned",
    "MemberJoined",
    "MemberLeft",
    "Mention",
    "MessageAck",
    "MessageDeleted",
    "MessageEdited",
    "MessageFrame",
    "Notice",
    "Ok",
    "Pong",
    "Presence",
    "ReactionAdded",
    "ReactionRemoved",
    "Reconnect",
    "Recovered",
    "Reply",
    "RoleChanged",
    "ServerEvent",
    "ServerUpdated",
    "Subscribed",
    "TokenExpiring",
    "TypingFrame",
    "Unsubscribed",
]

AnyFrame = (
    Hello
    | Context
    | Subscribed
    | Unsubscribed
    | MessageFrame
    | MessageAck
    | MessageEdited
    | MessageDeleted
    | ReactionAdded
    | ReactionRemoved
    | MemberJoined
    | MemberLeft
    | MemberBanned
    | RoleChanged
    | ChannelCreated
    | ChannelUpdated
    | ChannelDeleted
    | ServerUpdated
    | Presence
    | TypingFrame
    | Mention
    | Reply
    | DirectMessage
    | FriendRequest
    | FriendAccepted
    | Followed
    | Notice
    | FeedEvent
    | Ok
    | AuthOk
    | Pong
    | TokenExpiring
    | Reconnect
    | ErrorFrame
)
