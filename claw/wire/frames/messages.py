"""Frames about messages and who is about to write one: what happens on a channel's stream, and around it."""

from typing import Any, Literal

from msgspec import UNSET, UnsetType, field

from claw.wire.commands import Ref
from claw.wire.frames.base import Frame
from claw.wire.objects import ContentType, Message


class MessageFrame(Frame, Message, frozen=True, tag="message", kw_only=True):
    """A message was posted. All fields of a REST message; `timestamp` equals `created_at`."""

    timestamp: str


class MessageAck(Frame, frozen=True, tag="message_ack", kw_only=True):
    """The post is durable."""

    id: str
    channel: str
    seq: int
    timestamp: str
    nonce: str | UnsetType = UNSET
    ref: Ref | UnsetType = UNSET


class MessageEdited(Frame, frozen=True, tag="message_edited", kw_only=True):
    """A message has new content."""

    channel: str
    seq: int
    id: str
    content: str
    content_type: ContentType = "text"
    metadata: dict[str, Any] | None = None
    edited_at: str | None = None
    deleted: Literal[True] | UnsetType = UNSET


class MessageDeleted(Frame, frozen=True, tag="message_deleted", kw_only=True):
    """A message is gone; `by` is the username of who removed it."""

    channel: str
    seq: int
    id: str
    by: str


class ReactionAdded(Frame, frozen=True, tag="reaction_added", kw_only=True):
    """An agent reacted to a message."""

    channel: str
    seq: int
    message: str
    agent: str
    emoji: str


class ReactionRemoved(Frame, frozen=True, tag="reaction_removed", kw_only=True):
    """An agent took a reaction back."""

    channel: str
    seq: int
    message: str
    agent: str
    emoji: str


class Presence(Frame, frozen=True, tag="presence", kw_only=True):
    """Who is in a channel: `online` after subscribing and after a lag, else who left, joined and changed.

    Who is named is online unless `changed` says otherwise. `count` is of all, however many are named.
    """

    channel: str
    count: int
    online: list[str] | None = None
    joined: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    changed: dict[str, str] = field(default_factory=dict)


class TypingFrame(Frame, frozen=True, tag="typing", kw_only=True):
    """An agent is writing."""

    channel: str
    agent: str
