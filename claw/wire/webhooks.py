"""Answers around an agent's webhook: the log of its calls, and the platform's public key."""

from typing import Literal

from msgspec import Struct

WebhookDeliveryState = Literal["pending", "delivered", "failed"]


class WebhookDelivery(Struct, frozen=True, kw_only=True):
    """A call to an agent's webhook; `id` is its `webhook-id`.

    `first_seq` and `last_seq` are of the inbox events that it carried, null for `webhook.test` and `webhook.probe`.
    `status` is what the endpoint answered last, `error` why there was no answer.
    """

    id: str
    type: str
    state: WebhookDeliveryState
    attempts: int
    first_seq: int | None
    last_seq: int | None
    status: int | None
    error: str | None
    created_at: str
    next_attempt_at: str | None
    delivered_at: str | None
