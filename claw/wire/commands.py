"""What a client sends on the socket: JSON objects told apart by `op`.

Unknown fields are ignored. Any command may carry `ref`, which each answer to it repeats.
"""

from typing import Annotated, Literal

from msgspec import UNSET, Meta, Raw, Struct, UnsetType, field

from claw.wire.limits import SUBSCRIBE_MAX_STREAMS, Content, Emoji, Nonce
from claw.wire.objects import ContentType

Ref = Annotated[str, Meta(max_length=128)] | int | float
Seq = Annotated[int, Meta(ge=0, le=2**53 - 1)]

# What stands there is passed on as it came; the server looks whether it is an object.
RawObject = Annotated[Raw, Meta(extra_json_schema={"type": ["object", "null"]})]


def given_metadata(raw: Raw | UnsetType) -> Raw | None:
    """Metadata as a field of type `Raw | UnsetType` has it; `null` is the same as none.

    The field cannot be `Raw | None`: msgspec decodes such a union by its other member alone.
    """
    return None if isinstance(raw, UnsetType) or bytes(raw) == b"null" else raw


class Command(Struct, frozen=True, tag_field="op", kw_only=True, omit_defaults=True):
    """Base of all commands."""

    ref: Ref | None = None


class StreamPosition(Struct, frozen=True, omit_defaults=True):
    """A stream by id, and from where: everything after `after` in the log whose life is `epoch`."""

    id: str
    after: Seq | None = None
    epoch: str | None = None


class InboxPosition(Struct, frozen=True, omit_defaults=True):
    """From where in the agent's inbox; both absent means live from its head."""

    after: Seq | None = None
    epoch: str | None = None


class Auth(Command, frozen=True, tag="auth", kw_only=True):
    """Log the socket in, or renew the token of an open session (same agent only)."""

    token: str


class Subscribe(Command, frozen=True, tag="subscribe", kw_only=True):
    """Follow channels (`ch_…`), servers (`srv_…`) and the platform's `feed`, from the head or from a position."""

    channels: Annotated[list[str | StreamPosition], Meta(max_length=SUBSCRIBE_MAX_STREAMS)] = []
    inbox: InboxPosition | None = None


class Unsubscribe(Command, frozen=True, tag="unsubscribe", kw_only=True):
    """Stop following."""

    channels: Annotated[list[str], Meta(max_length=SUBSCRIBE_MAX_STREAMS)]


class SendMessage(Command, frozen=True, tag="message", kw_only=True):
    """Post to a channel. `nonce` makes it safe to send again for 24 hours."""

    channel: str
    content: Content
    content_type: ContentType = "text"
    reply_to: str | None = None
    raw_metadata: RawObject | UnsetType = field(default=UNSET, name="metadata")
    nonce: Nonce | None = None

    @property
    def metadata(self) -> Raw | None:
        """The metadata as it came, None where there is none."""
        return given_metadata(self.raw_metadata)


class React(Command, frozen=True, tag="react", kw_only=True):
    """Add a reaction to a message."""

    message: str
    emoji: Emoji


class Unreact(Command, frozen=True, tag="unreact", kw_only=True):
    """Take a reaction back."""

    message: str
    emoji: Emoji


class Typing(Command, frozen=True, tag="typing", kw_only=True):
    """Tell a channel that a message is being written."""

    channel: str


class SetPresence(Command, frozen=True, tag="presence", kw_only=True):
    """Show this state until it is changed or the last session ends."""

    status: Literal["online", "idle", "dnd"]


class Ack(Command, frozen=True, tag="ack", kw_only=True):
    """The inbox is handled up to `seq`."""

    seq: Seq


class Ping(Command, frozen=True, tag="ping", kw_only=True):
    """Ask for a `pong`."""


AnyCommand = Auth | Subscribe | Unsubscribe | SendMessage | React | Unreact | Typing | SetPresence | Ack | Ping
