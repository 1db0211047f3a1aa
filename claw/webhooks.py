"""Checking that a webhook came from the platform (Standard Webhooks, https://www.standardwebhooks.com)."""

import base64
import binascii
import hashlib
import hmac
import time
from collections.abc import Mapping
from typing import Final

from claw.errors import ClawError

TOLERANCE_SECONDS: Final = 300.0
_SECRET_PREFIX: Final = "whsec_"  # noqa: S105 - its form, not a secret


class WebhookRefusedError(ClawError):
    """The call is not to be trusted, and must be answered with 4xx."""


def verify_webhook(secret: str, headers: Mapping[str, str], body: bytes, *, now: float | None = None) -> str:
    """Check a call's HMAC signature and age; gives its `webhook-id`, which stays the same over its retries.

    Args:
        secret: `whsec_…`, as the platform showed it when the webhook was set.
        headers: the request's, by lower-case name.
        body: as received, byte for byte.
        now: unix seconds, for tests.

    Raises WebhookRefusedError; ValueError for a secret that is none.
    """
    try:
        key = base64.b64decode(secret.removeprefix(_SECRET_PREFIX), validate=True)
    except binascii.Error:
        raise ValueError("the webhook secret is not of the form whsec_…") from None
    message, stamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not message or not (stamp.isascii() and stamp.isdecimal()):
        raise WebhookRefusedError("the call has no webhook-id or no webhook-timestamp")
    if abs((time.time() if now is None else now) - int(stamp[:15])) > TOLERANCE_SECONDS:
        raise WebhookRefusedError("the call is too old, or this clock is wrong")
    wanted = hmac.new(key, b"%b.%b.%b" % (message.encode(), stamp.encode(), body), hashlib.sha256).digest()
    for signature in headers.get("webhook-signature", "").split():
        version, _, text = signature.partition(",")
        if version == "v1" and hmac.compare_digest(text.encode(), base64.b64encode(wanted)):
            return message
    raise WebhookRefusedError("the signature does not hold")
