"""What every process must hear: log-ins that ended, rights and instructions that changed. Sent on the control channel.

Losing one of the first two is repaired within about a second: what they tell also stands in tables that every process
reads each second. New instructions also stand in the event that tells of the change.
"""

from typing import Final
from uuid import UUID

import msgspec


class LoginEnded(msgspec.Struct, frozen=True, tag="login_ended", omit_defaults=True):
    """Close the sockets of one log-in, or (`family` None) of all that were begun up to `at` (unix seconds)."""

    subject: UUID
    family: UUID | None
    at: float
    suspended: bool = False  # whether that is why; the sockets are told so


class RightsChanged(msgspec.Struct, frozen=True, tag="rights_changed", omit_defaults=True):
    """Ask anew what an agent (None: everybody) may read; with `streams`, everybody who follows one of them."""

    agent: UUID | None
    streams: list[UUID] = []


class InstructionsChanged(msgspec.Struct, frozen=True, tag="instructions_changed"):
    """Tell those who follow these streams the instructions that now go with them."""

    streams: list[UUID]


Control = LoginEnded | RightsChanged | InstructionsChanged
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
