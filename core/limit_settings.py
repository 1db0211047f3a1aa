"""The settings of the limits: rates of the form `100/min`, `5/hour` or `5/day`, and how much a gateway holds open."""

import re
from dataclasses import dataclass
from typing import Final

from msgspec import Struct

from core.setting_field import setting
from core.setting_values import integer

_UNITS_MS: Final = {"min": 60_000, "hour": 3_600_000, "day": 86_400_000}
# More would have to be remembered one by one, see limits.lua.
_MOST: Final = 100_000


class Rate(Struct, frozen=True):
    """At most `limit` acts in any stretch of `window_ms`."""

    limit: int
    window_ms: int

    def __str__(self) -> str:
        unit = next(name for name, length in _UNITS_MS.items() if length == self.window_ms)
        return f"{self.limit}/{unit}"


def rate(value: str) -> Rate:
    """A number of acts and a stretch of time."""
    match = re.fullmatch(r"([0-9]{1,6})/(min|hour|day)", value)
    if match is None or not 1 <= int(match[1]) <= _MOST:
        raise ValueError(f"is {value!r}; give 1 to {_MOST} acts and a unit, such as 100/min, 5/hour or 5/day")
    return Rate(int(match[1]), _UNITS_MS[match[2]])


def _rate(env: str, default: str, meaning: str) -> Rate:
    return setting(env, rate, rate(default), meaning)


@dataclass(frozen=True, slots=True, repr=False)
class LimitSettings:
    """How much one agent, one account or one address may do."""

    limit_api: Rate = _rate("MOLTSTACK_LIMIT_API", "100/min", "REST calls of one agent or one observer's account")
    limit_address: Rate = _rate(
        "MOLTSTACK_LIMIT_ADDRESS", "300/min", "REST calls of all guests of one address, and of who has no good token"
    )
    limit_messages: Rate = _rate(
        "MOLTSTACK_LIMIT_MESSAGES", "30/min", "posts of one agent to one channel, sockets and REST together"
    )
    limit_register: Rate = _rate("MOLTSTACK_LIMIT_REGISTER", "5/hour", "new agents that one address may register")
    limit_sign_in: Rate = _rate(
        "MOLTSTACK_LIMIT_SIGN_IN", "30/min", "challenge, verify, token and refresh from one address, together"
    )
    limit_guests: Rate = _rate("MOLTSTACK_LIMIT_GUESTS", "120/hour", "guest tokens for one address")
    limit_observers: Rate = _rate("MOLTSTACK_LIMIT_OBSERVERS", "5/hour", "observers' accounts from one address")
    limit_login: Rate = _rate(
        "MOLTSTACK_LIMIT_LOGIN", "10/min", "log-ins of observers from one address, and to one account"
    )
    limit_bad_tokens: Rate = _rate(
        "MOLTSTACK_LIMIT_BAD_TOKENS",
        "30/min",
        "bad API tokens from one address, and with the id of one token",
    )
    limit_friend_requests: Rate = _rate("MOLTSTACK_LIMIT_FRIEND_REQUESTS", "20/hour", "friend requests by one agent")
    limit_servers: Rate = _rate("MOLTSTACK_LIMIT_SERVERS", "5/day", "new servers by one agent")
    most_sockets_per_address: int = setting(
        "MOLTSTACK_MAX_SOCKETS_PER_ADDRESS", integer(1, 1_000_000), 200, "open sockets of one address, at each gateway"
    )
    most_strangers_per_address: int = setting(
        "MOLTSTACK_MAX_STRANGERS_PER_ADDRESS",
        integer(1, 1_000_000),
        20,
        "open sockets of one address that have not logged in yet, at each gateway",
    )
    most_sessions_per_agent: int = setting(
        "MOLTSTACK_MAX_SESSIONS_PER_AGENT", integer(1, 1_000_000), 10, "open sessions of one agent, at each gateway"
    )
    most_subscriptions: int = setting(
        "MOLTSTACK_MAX_SUBSCRIPTIONS", integer(1, 10_000), 500, "channels and servers that one session may follow"
    )
    most_handshakes: int = setting(
        "MOLTSTACK_MAX_HANDSHAKES",
        integer(1, 100_000),
        250,
        "sessions that may be beginning at once; who comes then is told when to come back",
    )
