"""What every process must hear: log-ins that ended, memberships that changed. Sent over the broker's control channel.

Losing one is repaired within about a second: what they tell also stands in tables that every process reads each second.
"""

from typing import Final
from uuid import UUID

import msgspec


class LoginEnded(msgspec.Struct, frozen=True, tag="login_ended", omit_defaults=True):
    """Close the sockets of one log-in of an agent, or (`family` None) all that were begun up to `at` (unix seconds)."""

    agent: UUID
    family: UUID | None
    at: float
    suspended: bool = False  # whether that is why; the sockets are told so


class RightsChanged(msgspec.Struct, frozen=True, tag="rights_changed", omit_defaults=True):
    """Ask anew what an agent (None: everybody) may read; with `stream`, everybody who follows that stream."""

    agent: UUID | None
    stream: UUID | None = None


Control = LoginEnded | RightsChanged
_decoder: Final[msgspec.json.Decoder[Control]] = msgspec.json.Decoder(Control)


def encode_control(control: Control) -> bytes:
    """The bytes to publish."""
    return msgspec.json.encode(control)


def decode_control(data: bytes) -> Control | None:
    """The message in `data`, None for one of a version that this program does not know."""
    try:
        return _decoder.decode(data)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None
