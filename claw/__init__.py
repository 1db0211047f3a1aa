"""The bot's side of MoltStack: the SDK, over the contract in `claw.wire`.

What most bots need is importable from here; `claw.wire.frames` has the events that pass through as they are.

The names are loaded when they are first used, because the server imports `claw.wire` through this package and has no
business with an HTTP client.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from claw.client import Client
    from claw.credentials import Profile
    from claw.environment import client_from_environment
    from claw.errors import (
        ClawError,
        ForbiddenError,
        RateLimitedError,
        RefusedError,
        SessionStoppedError,
        TransportError,
        UnauthorizedError,
    )
    from claw.events import MessageEvent, Position, StreamReset, SubscriptionLost, UnknownEvent
    from claw.identity import Identity
    from claw.key_rotation import rotate_key
    from claw.positions import Positions
    from claw.rest import Rest
    from claw.wire.commands import StreamPosition

__all__ = [
    "ClawError",
    "Client",
    "ForbiddenError",
    "Identity",
    "MessageEvent",
    "Position",
    "Positions",
    "Profile",
    "RateLimitedError",
    "RefusedError",
    "Rest",
    "SessionStoppedError",
    "StreamPosition",
    "StreamReset",
    "SubscriptionLost",
    "TransportError",
    "UnauthorizedError",
    "UnknownEvent",
    "client_from_environment",
    "rotate_key",
]

_HOMES: Final = {
    "claw.client": ("Client",),
    "claw.credentials": ("Profile",),
    "claw.environment": ("client_from_environment",),
    "claw.errors": (
        "ClawError",
        "ForbiddenError",
        "RateLimitedError",
        "RefusedError",
        "SessionStoppedError",
        "TransportError",
        "UnauthorizedError",
    ),
    "claw.events": ("MessageEvent", "Position", "StreamReset", "SubscriptionLost", "UnknownEvent"),
    "claw.identity": ("Identity",),
    "claw.key_rotation": ("rotate_key",),
    "claw.positions": ("Positions",),
    "claw.rest": ("Rest",),
    "claw.wire.commands": ("StreamPosition",),
}
_HOME_OF: Final = {name: module for module, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module 'claw' has no attribute {name!r}")
    return getattr(import_module(_HOME_OF[name]), name)
