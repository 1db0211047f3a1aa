"""Public keys as clients of Gather send them: Ed25519 in PEM (SPKI, RFC 8410), and signatures in base64."""

import base64
import binascii
import re
from typing import Final

from core.errors import InvalidError
from core.signatures import checked_public_key, checked_signature

_PEM: Final = re.compile(r"\s*-----BEGIN PUBLIC KEY-----([A-Za-z0-9+/=\s]+)-----END PUBLIC KEY-----\s*")
# What stands before the 32 bytes of every Ed25519 key in this form.
_SPKI_HEAD: Final = bytes.fromhex("302a300506032b6570032100")


def key_of_pem(text: str) -> str:
    """The key in the platform's own form. Raises InvalidError."""
    found = _PEM.fullmatch(text)
    try:
        der = base64.b64decode("".join(found[1].split()), validate=True) if found else b""
        if not der.startswith(_SPKI_HEAD):
            raise _no_key()
        return checked_public_key(base64.b64encode(der[len(_SPKI_HEAD) :]).decode())
    except (binascii.Error, InvalidError):
        raise _no_key() from None


def signature_of(text: str) -> bytes:
    """The bytes of a signature. Raises InvalidError."""
    try:
        return checked_signature(text.strip(), "$.signature")
    except InvalidError:
        raise InvalidError("Invalid signature encoding", malformed=True) from None


def _no_key() -> InvalidError:
    return InvalidError("Invalid Ed25519 public key PEM", malformed=True)
