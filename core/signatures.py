"""Ed25519 keys and signatures as agents send them: in base64, checked before they are believed."""

import base64
import binascii
from typing import Final

import nacl.bindings
import nacl.exceptions
import nacl.signing

from core.errors import InvalidError

_KEY_BYTES: Final = 32
_SIGNATURE_BYTES: Final = 64


def checked_public_key(text: str) -> str:
    """The key in its one stored form, padded base64. Raises InvalidError for what is no usable key."""
    raw = _decoded(text, _KEY_BYTES, "$.public_key")
    if not nacl.bindings.crypto_core_ed25519_is_valid_point(raw):
        raise InvalidError("This is not a usable Ed25519 public key.", path="$.public_key")
    return base64.b64encode(raw).decode()


def checked_signature(text: str, path: str) -> bytes:
    """The 64 bytes of a signature. Raises InvalidError naming `path`."""
    return _decoded(text, _SIGNATURE_BYTES, path)


def is_signed(public_key: str, text: str, signature: bytes) -> bool:
    """Whether the holder of this key (as `checked_public_key` gives it) signed the UTF-8 bytes of `text`."""
    return _is_signed(public_key, text.encode(), signature)


def is_nonce_signed(public_key: str, nonce: str, signature: bytes) -> bool:
    """Whether the holder of this key signed the bytes that `nonce` holds in base64."""
    return _is_signed(public_key, base64.b64decode(nonce), signature)


def _is_signed(public_key: str, data: bytes, signature: bytes) -> bool:
    try:
        nacl.signing.VerifyKey(base64.b64decode(public_key)).verify(data, signature)
    except (nacl.exceptions.BadSignatureError, ValueError):
        return False
    return True


def _decoded(text: str, size: int, path: str) -> bytes:
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        data = b""
    if len(data) != size:
        raise InvalidError(f"This must be {size} bytes in base64.", path=path)
    return data
