"""The platform's own keys: files of mode 0600 in the keys directory, made on first start, never in the database.

    jwt.pem       Ed25519, signs access tokens     (api only)
    jwks.json     the public halves, with their key ids; all that a gateway needs
    webhook.pem   Ed25519, signs webhooks              (worker only)
    webhook.pub   its public half, which is published  (api)
    sealing.key   X25519, opens the secrets that agents leave with us      (worker only)
    sealing.pub   its public half, which seals them                        (api)

Several processes may start at once on an empty directory: a file comes into being whole (written aside, then linked
to its name), and who comes second takes what is there.
"""

import base64
import json
import os
import secrets
from hashlib import sha256
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from jwt.algorithms import OKPAlgorithm
from jwt.utils import base64url_encode
from msgspec import Struct
from nacl.public import PrivateKey, PublicKey


class KeysError(Exception):
    """The keys directory cannot be used; the text says why and what to do."""


class SigningKey(Struct, frozen=True):
    """An Ed25519 key that signs tokens, and the id under which its public half is published."""

    key: Ed25519PrivateKey
    kid: str

    def __repr__(self) -> str:
        return f"SigningKey(kid={self.kid!r})"


def ensure_keys(keys_dir: Path) -> None:
    """Make what is missing. Blocking: call it off the event loop. Raises KeysError.

    A directory with keys that we may not write to was handed to us: what is not in it is not for us, nor ours to make.
    """
    if (keys_dir / "jwks.json").exists() and not os.access(keys_dir, os.W_OK):
        return
    try:
        keys_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        _create(keys_dir / "jwt.pem", _new_pem())
        if not (keys_dir / "webhook.pub").exists():
            _create(keys_dir / "webhook.pem", _new_pem())
            public = load_webhook_key(keys_dir).public_key().public_bytes_raw()
            _create(keys_dir / "webhook.pub", base64.b64encode(public) + b"\n")
        if not (keys_dir / "sealing.pub").exists():
            # A public half without its private one lies where secrets are only sealed: another would open none of them.
            _create(keys_dir / "sealing.key", base64.b64encode(bytes(PrivateKey.generate())) + b"\n")
            _create(keys_dir / "sealing.pub", base64.b64encode(bytes(load_opening_key(keys_dir).public_key)) + b"\n")
        _create(keys_dir / "jwks.json", json.dumps({"keys": [_jwk(load_signing_key(keys_dir).key)]}).encode())
    except OSError as error:
        raise KeysError(f"cannot make keys in {keys_dir}: {error.strerror}; set MOLTSTACK_KEYS_DIR") from None


def load_signing_key(keys_dir: Path) -> SigningKey:
    """The key that signs access tokens. Blocking. Raises KeysError."""
    key = _load_pem(keys_dir / "jwt.pem", "an api process needs it")
    return SigningKey(key, _jwk(key)["kid"])


def ensure_worker_keys(keys_dir: Path) -> None:
    """As `ensure_keys`, where a worker may be the first to start; one that was handed its keys has all it needs."""
    if not (keys_dir / "sealing.key").exists():
        ensure_keys(keys_dir)


def load_webhook_key(keys_dir: Path) -> Ed25519PrivateKey:
    """The key that signs webhooks. Blocking. Raises KeysError."""
    return _load_pem(keys_dir / "webhook.pem", "the worker signs webhooks with it")


def load_webhook_jwks(keys_dir: Path) -> dict[str, Any]:
    """The published half of it, as `/.well-known/webhook-keys` gives it. Blocking. Raises KeysError.

    No part of `jwks.json`: who holds this key may sign webhooks, not tokens.
    """
    raw = _read_raw(keys_dir / "webhook.pub", "an api process publishes it")
    try:
        key = Ed25519PublicKey.from_public_bytes(raw)
    except ValueError:
        raise KeysError(f"webhook.pub in {keys_dir} is not an Ed25519 key") from None
    return {"keys": [{**_public_jwk(key), "standard_webhooks": f"whpk_{base64.b64encode(raw).decode()}"}]}


def load_jwks(keys_dir: Path) -> dict[str, Any]:
    """The published key set, as `/.well-known/jwks.json` gives it. Blocking. Raises KeysError."""
    try:
        keys = json.loads((keys_dir / "jwks.json").read_bytes())
        jwt.PyJWKSet.from_dict(keys)
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError, jwt.PyJWTError):
        raise KeysError(f"no usable jwks.json in {keys_dir}: copy it from an api machine") from None
    return dict(keys)


def load_opening_key(keys_dir: Path) -> PrivateKey:
    """The key that opens sealed secrets. Blocking. Raises KeysError."""
    return PrivateKey(_read_raw(keys_dir / "sealing.key", "the worker opens sealed secrets with it"))


def load_sealing_key(keys_dir: Path) -> PublicKey:
    """The public half, which seals. Blocking. Raises KeysError."""
    return PublicKey(_read_raw(keys_dir / "sealing.pub", "an api process seals secrets with it"))


def _read_raw(path: Path, use: str) -> bytes:
    try:
        raw = base64.b64decode(path.read_bytes().strip(), validate=True)
    except (OSError, ValueError):
        raw = b""
    if len(raw) != PrivateKey.SIZE:
        raise KeysError(f"no usable {path.name} in {path.parent}: {use}")
    return raw


def _new_pem() -> bytes:
    return Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _load_pem(path: Path, use: str) -> Ed25519PrivateKey:
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except (OSError, ValueError):
        raise KeysError(f"no usable {path.name} in {path.parent}: {use}") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise KeysError(f"{path.name} in {path.parent} is not an Ed25519 key")
    return key


def _jwk(key: Ed25519PrivateKey) -> dict[str, str]:
    return _public_jwk(key.public_key())


def _public_jwk(key: Ed25519PublicKey) -> dict[str, str]:
    public = json.loads(OKPAlgorithm.to_jwk(key))
    # The key id is the thumbprint of RFC 7638: it follows from the key, so no two processes can disagree on it.
    canonical = json.dumps({name: public[name] for name in ("crv", "kty", "x")}, separators=(",", ":"))
    thumbprint = base64url_encode(sha256(canonical.encode()).digest()).decode()
    return {
        "kty": public["kty"],
        "crv": public["crv"],
        "x": public["x"],
        "kid": thumbprint,
        "use": "sig",
        "alg": "EdDSA",
    }


def _create(path: Path, content: bytes) -> None:
    if path.exists():
        return
    aside = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.link(aside, path)
    except FileExistsError:
        pass
    finally:
        aside.unlink(missing_ok=True)
