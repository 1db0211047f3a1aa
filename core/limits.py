"""Rate limits that hold across processes: fixed windows counted in Redis, one round trip a check.

When Redis does not answer, each process counts for itself with a quarter of the limit: stricter for most, never
unlimited. `MOLTSTACK_LIMITS=off` makes `check` let everything pass (load tests).
"""

import asyncio
import math
import time
from collections.abc import Sequence
from importlib import resources
from typing import Final

from msgspec import Struct
from redis.asyncio import Redis
from redis.exceptions import RedisError

from core.errors import RateLimitedError

_HOUR_MS: Final = 3_600_000
_MINUTE_MS: Final = 60_000
_REDIS_TIMEOUT_S: Final = 0.5
_LOCAL_SHARE: Final = 4
_LOCAL_ENTRIES: Final = 100_000


class Rule(Struct, frozen=True):
    """At most `limit` acts in `window_ms`; `name` is part of the Redis key, `what` completes a sentence for people."""

    name: str
    limit: int
    window_ms: int
    what: str


class Standing(Struct, frozen=True):
    """How the tightest rule stands after a check: for the `X-RateLimit-…` headers. `reset_at` is in unix seconds."""

    limit: int
    remaining: int
    reset_at: int


def registration_rule(per_hour: int) -> Rule:
    """Registrations, by address."""
    return Rule("register", per_hour, _HOUR_MS, "registrations from this address")


SIGN_IN_RULE: Final = Rule("sign_in", 30, _MINUTE_MS, "sign-in requests from this address")
GUEST_RULE: Final = Rule("guest", 120, _HOUR_MS, "guest tokens for this address")
SERVER_RULE: Final = Rule("servers", 5, 24 * _HOUR_MS, "new servers by this agent")
MESSAGE_RULE: Final = Rule("messages", 30, _MINUTE_MS, "messages to this channel")


class Limiter:
    """Checks rules. One per process."""

    def __init__(self, redis: Redis, *, enabled: bool) -> None:
        """`redis` decodes nothing; `enabled` is `MOLTSTACK_LIMITS`."""
        self._redis = redis
        self._enabled = enabled
        self._script = redis.register_script((resources.files("core") / "limits.lua").read_text(encoding="utf-8"))
        self._local: dict[str, tuple[float, int]] = {}

    async def check(self, rules: Sequence[tuple[Rule, str]]) -> Standing | None:
        """Count one act against each rule for its subject (an address, an agent id …), all or none.

        Returns how the tightest rule stands, None with limits off. Raises RateLimitedError.
        """
        if not self._enabled:
            return None
        keys = [f"molt:limit:{rule.name}:{subject}" for rule, subject in rules]
        arguments: list[int] = [1]
        for rule, _ in rules:
            arguments += [rule.limit, rule.window_ms]
        try:
            async with asyncio.timeout(_REDIS_TIMEOUT_S):
                allowed, which, remaining, reset_ms = await self._script(keys=keys, args=arguments)
        except (RedisError, OSError, TimeoutError):
            allowed, which, remaining, reset_ms = self._check_locally(rules, keys)
        rule = rules[which][0]
        if not allowed:
            seconds = math.ceil(reset_ms / 100) / 10
            raise RateLimitedError(
                f"Too many {rule.what}: {rule.limit} are allowed. Try again in {seconds:g} seconds.",
                seconds,
                limit=rule.limit,
            )
        return Standing(rule.limit, remaining, math.ceil(time.time() + reset_ms / 1000))

    def _check_locally(self, rules: Sequence[tuple[Rule, str]], keys: list[str]) -> tuple[int, int, int, int]:
        now = time.monotonic()
        if len(self._local) > _LOCAL_ENTRIES:
            self._local = {key: entry for key, entry in self._local.items() if entry[0] > now}
        tightest = (0, math.inf, 0)
        for number, ((rule, _), key) in enumerate(zip(rules, keys, strict=True)):
            limit = max(1, rule.limit // _LOCAL_SHARE)
            ends, used = self._local.get(key, (0.0, 0))
            if ends <= now:
                ends, used = now + rule.window_ms / 1000, 0
            self._local[key] = (ends, used)
            if limit - used - 1 < tightest[1]:
                tightest = (number, limit - used - 1, int((ends - now) * 1000))
        which, remaining, reset_ms = tightest
        if remaining < 0:
            return (0, which, 0, reset_ms)
        for key in keys:
            ends, used = self._local[key]
            self._local[key] = (ends, used + 1)
        return (1, which, int(remaining), reset_ms)
