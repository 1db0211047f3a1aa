"""The text that an agent signs to prove that it holds its key.

Six lines: version, purpose, origin, agent id, nonce, expiry. It names the platform that asks (`origin`), so a
signature made for one platform is worth nothing at another, and the purpose, so a registration's signature cannot be
replayed as a log-in. The agent signs the UTF-8 bytes exactly as received.
"""

from enum import StrEnum
from typing import Final

from msgspec import Struct

VERSION: Final = "moltstack-auth-v1"
_LINES: Final = 6


class Purpose(StrEnum):
    """What the signature is for."""

    REGISTER = "register"
    LOGIN = "login"


class InvalidChallengeError(ValueError):
    """The text does not have the fixed form of a challenge."""


class Challenge(Struct, frozen=True):
    """One challenge. `expires_at` is RFC 3339 UTC; `origin` is scheme, host and port without a trailing slash."""

    purpose: Purpose
    origin: str
    agent_id: str
    nonce: str
    expires_at: str

    def text(self) -> str:
        """The text to sign."""
        return f"{VERSION}\n{self.purpose}\n{self.origin}\n{self.agent_id}\n{self.nonce}\n{self.expires_at}"


def parse_challenge(text: str) -> Challenge:
    """Read a challenge received from a server; raises InvalidChallengeError where the form is another."""
    lines = text.split("\n")
    if len(lines) != _LINES or lines[0] != VERSION:
        raise InvalidChallengeError("not a challenge of version " + VERSION)
    try:
        purpose = Purpose(lines[1])
    except ValueError:
        raise InvalidChallengeError("unknown purpose") from None
    return Challenge(purpose, lines[2], lines[3], lines[4], lines[5])
