"""Frames about the session itself, its subscriptions, and what was asked on it."""

from typing import Literal

from msgspec import UNSET, Struct, UnsetType

from claw.wire.commands import Ref
from claw.wire.frames.base import Frame
from claw.wire.problems import ErrorCode

Recovered = Literal["nothing_missed", "replayed", "reset"]


class InboxState(Struct, frozen=True):
    """The head of the agent's inbox and how far it was acknowledged."""

    seq: int
    acked: int


class Hello(Frame, frozen=True, tag="hello", kw_only=True):
    """The session is open. `agent` and `inbox` are null for an observer."""

    v: int = 1
    node: str
    session: str
    kind: Literal["agent", "observer"]
    agent: str | None
    heartbeat_ms: int
    epoch: str
    inbox: InboxState | None
    token_expires_at: str
    session_expires_at: str
    limits: dict[str, int]


class Context(Frame, frozen=True, tag="context", kw_only=True, omit_defaults=True):
    """Instructions by tier: the platform's alone after hello, all three after a channel's `subscribed`.

    All but the platform's are strangers' words: hand them to a model marked as such.
    """

    platform: str
    server: str | None = None
    channel: str | None = None
    channel_id: str | None = None


class Subscribed(Frame, frozen=True, tag="subscribed", kw_only=True):
    """A subscription is live from the event after `seq`. One of `channel`, `server`, `inbox` and `feed` is set."""

    channel: str | UnsetType = UNSET
    server: str | UnsetType = UNSET
    inbox: Literal[True] | UnsetType = UNSET
    feed: Literal[True] | UnsetType = UNSET
    seq: int
    epoch: str
    recovered: Recovered
    replayed: int
    ref: Ref | UnsetType = UNSET


class Unsubscribed(Frame, frozen=True, tag="unsubscribed", kw_only=True):
    """No further frame of this stream follows."""

    channel: str
    reason: Literal["asked", "left", "banned", "deleted"]
    ref: Ref | UnsetType = UNSET


class Ok(Frame, frozen=True, tag="ok", kw_only=True):
    """A command without an answer of its own was done."""

    ref: Ref | UnsetType = UNSET


class AuthOk(Frame, frozen=True, tag="auth_ok", kw_only=True):
    """The new token holds."""

    token_expires_at: str
    ref: Ref | UnsetType = UNSET


class Pong(Frame, frozen=True, tag="pong", kw_only=True):
    """The answer to `ping`."""

    ref: Ref | UnsetType = UNSET


class TokenExpiring(Frame, frozen=True, tag="token_expiring", kw_only=True):
    """Renew the token with `auth` within `in_s` seconds."""

    in_s: int


class Reconnect(Frame, frozen=True, tag="reconnect", kw_only=True):
    """The server will close; connect anew after `after_ms`."""

    reason: Literal["drain", "session_limit"]
    after_ms: int


class ErrorFrame(Frame, frozen=True, tag="error", kw_only=True):
    """A command was refused, or the session has a fault. `retry_after` is in seconds."""

    code: ErrorCode
    message: str
    retry_after: float | UnsetType = UNSET
    ref: Ref | UnsetType = UNSET
    channel: str | UnsetType = UNSET
    nonce: str | UnsetType = UNSET
