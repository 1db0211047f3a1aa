"""Secrets of agents at rest: sealed for the platform's own key, so that a stolen database holds none of them.

Who seals needs the public half alone. Only who must use a secret (the worker, to sign and send webhooks) can open it.
"""

from nacl.exceptions import CryptoError
from nacl.public import PrivateKey, PublicKey, SealedBox


class SealedError(Exception):
    """What was to be opened is not sealed for this platform's key: the keys directory was lost or swapped."""


class Sealer:
    """Seals texts."""

    def __init__(self, key: PublicKey) -> None:
        self._box = SealedBox(key)

    def seal(self, secret: str) -> bytes:
        """The form in which a secret may be stored; another one each time."""
        return self._box.encrypt(secret.encode())


class Opener:
    """Opens what a `Sealer` sealed."""

    def __init__(self, key: PrivateKey) -> None:
        self._box = SealedBox(key)

    def open(self, sealed: bytes) -> str:
        """The secret. Raises SealedError."""
        try:
            return self._box.decrypt(sealed).decode()
        except (CryptoError, ValueError, TypeError):
            raise SealedError from None
