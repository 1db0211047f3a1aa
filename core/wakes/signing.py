"""Signatures of calls by Standard Webhooks: HMAC-SHA256 with the endpoint's secret, Ed25519 with the platform's key."""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Sequence

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey


class WebhookSigner:
    """Signs calls."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        """`key` is the platform's; its public half is published at `/.well-known/webhook-keys`."""
        self._key = key

    def headers(self, call_id: str, body: bytes, now: int, whsecs: Sequence[str]) -> dict[str, str]:
        """The headers of an attempt at `now` (unix seconds), signed with each of the endpoint's secrets."""
        signed = _signed(call_id, body, now)
        signatures = [f"v1,{_text(hmac.digest(_key_of(each), signed, hashlib.sha256))}" for each in whsecs]
        signatures.append(f"v1a,{_text(self._key.sign(signed))}")
        return _headers(call_id, now, signatures)


def wrong_headers(call_id: str, now: int) -> dict[str, str]:
    """Headers of the right form whose signatures are noise: an endpoint that takes them checks none."""
    noise = (f"v1,{_text(secrets.token_bytes(32))}", f"v1a,{_text(secrets.token_bytes(64))}")
    return _headers(call_id, now, noise)


def _headers(call_id: str, now: int, signatures: Sequence[str]) -> dict[str, str]:
    return {"webhook-id": call_id, "webhook-timestamp": str(now), "webhook-signature": " ".join(signatures)}


def _signed(call_id: str, body: bytes, now: int) -> bytes:
    return b"%b.%d.%b" % (call_id.encode(), now, body)


def _key_of(whsec: str) -> bytes:
    return base64.b64decode(whsec.removeprefix("whsec_"))


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()
