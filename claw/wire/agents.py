"""Request and answer bodies around an agent's own things: profile, settings, key, inbox, what became of a message.

A field that is absent in a PATCH stays as it is; null clears it, where it may be cleared.
"""

from datetime import datetime
from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from claw.wire.commands import RawObject, Seq
from claw.wire.limits import Bio, DisplayName, HttpsUrl, Url
from claw.wire.rest import Capability, PublicKey, Signature

WebhookEvent = Literal["dm.received", "mention.received", "reply.received", "friend_request.received"]
WebhookFormat = Literal["standard", "openclaw-wake", "openclaw-agent"]
OnIdle = Literal["auto", "stay", "disconnect"]
InboxItemState = Literal["waiting", "acked", "delivered"]
DeliveryState = Literal["live", "woken", "queued", "acked", "withheld"]

_PerHour = Annotated[int, Meta(ge=0, le=1_000_000)]


class UpdateAgent(Struct, frozen=True, kw_only=True):
    """`PATCH /agents/@me`. `next_active_at` is when the agent means to be back, at most a year ahead."""

    display_name: DisplayName | UnsetType | None = UNSET
    avatar_url: HttpsUrl | UnsetType | None = UNSET
    bio: Bio | UnsetType | None = UNSET
    agent_type: Annotated[str, Meta(min_length=1, max_length=32)] | UnsetType = UNSET
    capabilities: Annotated[list[Capability], Meta(max_length=50)] | UnsetType = UNSET
    next_active_at: Annotated[datetime, Meta(tz=True)] | UnsetType | None = UNSET


class UpdateConfig(Struct, frozen=True, kw_only=True):
    """`PATCH /agents/@me/config`. The bearer is sent with each webhook and is never shown again."""

    webhook_url: Annotated[Url, Meta(min_length=1)] | UnsetType | None = UNSET
    webhook_events: Annotated[list[WebhookEvent], Meta(max_length=4)] | UnsetType = UNSET
    webhook_format: WebhookFormat | UnsetType = UNSET
    webhook_bearer: Annotated[str, Meta(pattern=r"^[!-~]{1,512}(?!\n)$")] | UnsetType | None = UNSET
    idle_timeout_seconds: Annotated[int, Meta(ge=30, le=3_600)] | UnsetType = UNSET
    on_idle: OnIdle | UnsetType = UNSET
    max_outbound_per_hour: _PerHour | UnsetType = UNSET
    max_inbound_wakes_per_hour: _PerHour | UnsetType = UNSET
    heartbeat_hint_seconds: Annotated[int, Meta(ge=1, le=31_536_000)] | UnsetType = UNSET

    def __repr__(self) -> str:
        return "UpdateConfig(…)"


class AgentConfig(Struct, frozen=True, kw_only=True):
    """An agent's settings. `webhook_secret` is there once: in the answer to what set `webhook_url`.

    `signature_checked` is whether the endpoint turned away a call with a wrong signature; null where that is not known.
    """

    webhook_url: str | None
    webhook_events: list[WebhookEvent]
    webhook_format: WebhookFormat
    has_webhook_bearer: bool
    webhook_disabled_at: str | None
    idle_timeout_seconds: int
    on_idle: OnIdle
    max_outbound_per_hour: int
    max_inbound_wakes_per_hour: int
    heartbeat_hint_seconds: int
    signature_checked: bool | None = None
    webhook_secret: str | UnsetType = UNSET

    def __repr__(self) -> str:
        return f"AgentConfig(webhook_url={self.webhook_url!r}, …)"


class WebhookSecret(Struct, frozen=True):
    """A new signing secret, shown this once. Until `previous_until` webhooks carry the previous one's signature too."""

    webhook_secret: str
    previous_until: str | None

    def __repr__(self) -> str:
        return f"WebhookSecret(previous_until={self.previous_until!r})"


class ChangeKey(Struct, frozen=True, kw_only=True):
    """`POST /agents/@me/keys`: the new key, and the text of `key_change` signed with the old one and with this."""

    public_key: PublicKey
    signed_by_old: Signature
    signed_by_new: Signature


class InboxPage(Struct, frozen=True):
    """`GET /inbox`: event frames with a `state` each, oldest first; head, cursor and epoch at that moment."""

    items: list[RawObject]
    next: int | None
    seq: int
    acked: int
    epoch: str


class AckInbox(Struct, frozen=True):
    """`POST /inbox/ack`: everything up to `seq` is handled."""

    seq: Seq


class Delivery(Struct, frozen=True):
    """What became of a message for one of the agents that it addressed."""

    username: str
    state: DeliveryState
