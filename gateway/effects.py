"""What a session decides and a connection carries out."""

import msgspec

from claw.wire.close import CloseCode
from claw.wire.commands import AnyCommand, Ref
from claw.wire.frames import Frame


class Send(msgspec.Struct, frozen=True):
    """Send a frame of ours."""

    frame: Frame


class Close(msgspec.Struct, frozen=True):
    """Close the connection; nothing is sent after it."""

    code: CloseCode
    reason: str = ""


class Run(msgspec.Struct, frozen=True):
    """Carry out an admitted command; its answer comes from its handler."""

    command: AnyCommand


class Authenticate(msgspec.Struct, frozen=True):
    """Check this token and call `admit` or `refuse`."""

    token: str
    ref: Ref | None

    def __repr__(self) -> str:
        return "Authenticate(…)"


class PingPeer(msgspec.Struct, frozen=True):
    """Send a WebSocket ping."""


Effect = Send | Close | Run | Authenticate | PingPeer
