"""WebSocket close codes. The range tells a client what to do, so that a new code needs no new client."""

from enum import Enum, IntEnum
from typing import Final


class CloseCode(IntEnum):
    """Every code that the server sends on purpose."""

    NORMAL = 1000
    PROTOCOL_ERROR = 1002
    UNSUPPORTED_DATA = 1003
    INVALID_PAYLOAD = 1007
    POLICY_VIOLATION = 1008
    TOO_LARGE = 1009
    UNAUTHORIZED = 4001
    SUSPENDED = 4003
    PROTOCOL_VIOLATION = 4004
    IDLE = 4005
    RESTART = 4100
    SLOW_CONSUMER = 4101
    RATE_LIMITED = 4102
    SESSION_LIMIT = 4103
    TOKEN_EXPIRED = 4200
    NO_HEARTBEAT = 4201


class Advice(Enum):
    """What a client does after a close."""

    STOP = "stop"
    RETRY_WITH_BACKOFF = "retry_with_backoff"
    RETRY_AT_ONCE = "retry_at_once"


_STOP_CODES: Final = frozenset({1002, 1003, 1007, 1008, 1009})
_STOP: Final = range(4000, 4100)
_AT_ONCE: Final = range(4200, 4300)


def advice_for(code: int | None) -> Advice:
    """What to do after the socket closed with `code`, or was lost without one (None)."""
    if code is None:
        return Advice.RETRY_WITH_BACKOFF
    if code in _STOP_CODES or code in _STOP:
        return Advice.STOP
    if code in _AT_ONCE:
        return Advice.RETRY_AT_ONCE
    return Advice.RETRY_WITH_BACKOFF
