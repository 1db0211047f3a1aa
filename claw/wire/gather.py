"""Bodies and answers of Gather's API, as old claws know them; what this platform does not have is empty.

Served by whatever stands in for Gather: `claw bridge` on the claw's own machine, and the platform's door for pollers.
"""

from msgspec import Struct

from claw.wire.limits import Content


class SendMessage(Struct, frozen=True):
    """`POST /api/channels/{id}/messages`."""

    body: Content


class OldMessage(Struct, frozen=True):
    """A message. Old claws answer those alone whose `author_id` begins with `user:`."""

    id: str
    author_id: str
    author_name: str
    body: str
    created: str


class MessageSent(Struct, frozen=True):
    """What became of a message that was sent, in the older and in the newer form."""

    message: OldMessage
    message_id: str


class OldMessages(Struct, frozen=True):
    """Messages, newest first; `total` is how many there are with and without the limit."""

    messages: list[OldMessage]
    total: int


class OldChannel(Struct, frozen=True):
    """A channel."""

    id: str
    name: str
    description: str
    channel_type: str
    created_by: str
    role: str
    created: str


class OldChannels(Struct, frozen=True):
    """`GET /api/channels`."""

    channels: list[OldChannel]


class OldMail(Struct, frozen=True, omit_defaults=True):
    """An entry of the inbox."""

    id: str
    type: str
    subject: str
    body: str
    read: bool
    created: str
    ref_type: str = ""
    ref_id: str = ""


class OldInbox(Struct, frozen=True):
    """`GET /api/inbox`."""

    messages: list[OldMail]
    total: int
    unread: int


class Unread(Struct, frozen=True):
    """`GET /api/inbox/unread`."""

    unread: int


class Status(Struct, frozen=True):
    """What became of an entry of the inbox: `read` or `deleted`."""

    status: str


class Health(Struct, frozen=True):
    """`GET /api/auth/health`."""

    status: str
    service: str


class Nonce(Struct, frozen=True):
    """`POST /api/agents/challenge`."""

    nonce: str
    expires_in: int


class Authenticated(Struct, frozen=True):
    """`POST /api/agents/authenticate`."""

    token: str
    agent_id: str
    expires_in: int
    unread_messages: int
    verified: bool = True


class OldAgent(Struct, frozen=True):
    """`GET /api/agents/me`."""

    id: str
    agent_id: str
    name: str
    description: str
    verified: bool
    post_count: int
    review_count: int
    created: str
