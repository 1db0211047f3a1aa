"""Rate limits that hold across processes: sliding windows kept in Redis, one round trip a check.

In no stretch of a rule's window are more acts let through than its limit. When Redis does not answer, each process
counts for itself with a quarter of the limit: stricter for most, never unlimited. `MOLTSTACK_LIMITS=off` makes `check`
let everything pass (load tests).
"""

import asyncio
import math
import time
from collections import OrderedDict
from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from core.errors import RateLimitedError
from core.limit_settings import LimitSettings, Rate
from core.redis_client import REDIS_FAILURES, RedisClient, Script

_HOUR_MS: Final = 3_600_000
_REDIS_TIMEOUT_S: Final = 0.5
_PATIENCE: Final = 3
_TRY_EVERY_S: Final = 1.0
_LOCAL_SHARE: Final = 4
_LOCAL_ENTRIES: Final = 100_000


class Rule(Struct, frozen=True):
    """At most `limit` acts in `window_ms`; `name` is part of the Redis key, `what` completes a sentence for people."""

    name: str
    limit: int
    window_ms: int
    what: str


class Standing(Struct, frozen=True):
    """How the tightest rule stands after a check: for the `X-RateLimit-…` headers.

    `reset_at`, in unix seconds, is when `remaining` grows next.
    """

    limit: int
    remaining: int
    reset_at: int


# A rule, and whose acts it counts: an address or an id, perhaps `/` and something of theirs.
Count = tuple[Rule, str]


class Rules:
    """The platform's rules with the limits that the operator set."""

    def __init__(self, settings: LimitSettings) -> None:
        self.api = _rule("api", settings.limit_api, "requests")
        self.address = _rule("address", settings.limit_address, "requests from this address")
        self.messages = _rule("messages", settings.limit_messages, "messages to this channel")
        self.register = _rule("register", settings.limit_register, "registrations from this address")
        self.sign_in = _rule("sign_in", settings.limit_sign_in, "sign-in requests from this address")
        self.guests = _rule("guests", settings.limit_guests, "guest tokens for this address")
        self.observers = _rule("observers", settings.limit_observers, "observers' accounts from this address")
        self.logins = _rule("logins", settings.limit_login, "log-ins from this address")
        self.bad_tokens = _rule("bad_tokens", settings.limit_bad_tokens, "bad API tokens")
        self.account_logins = _rule("account_logins", settings.limit_login, "log-ins to this account")
        self.friend_requests = _rule("friend_requests", settings.limit_friend_requests, "friend requests")
        self.servers = _rule("servers", settings.limit_servers, "new servers by this agent")

    @staticmethod
    def outbound(limit: int) -> Rule:
        """Messages and reactions of one agent, which has set the limit itself."""
        return Rule("outbound", limit, _HOUR_MS, "messages and reactions an hour, by this agent's own setting")


def _rule(name: str, rate: Rate, what: str) -> Rule:
    return Rule(name, rate.limit, rate.window_ms, what)


class _Counted(Struct, frozen=True):
    """What became of a count: the rule that decided, what it leaves, and when it leaves more."""

    allowed: bool
    rule: Rule
    remaining: int
    reset_ms: int

    def refuse_too_many(self) -> None:
        """Raises RateLimitedError where it was not allowed."""
        if not self.allowed:
            seconds = math.ceil(self.reset_ms / 100) / 10
            raise RateLimitedError(
                f"Too many {self.rule.what}: {self.rule.limit} are allowed. Try again in {seconds:g} seconds.",
                seconds,
                limit=self.rule.limit,
            )


def _key(rule: Rule, subject: str) -> str:
    # In braces what all subjects of a call have in common, so that in a cluster one server has all of its keys.
    owner, _, rest = subject.partition("/")
    return f"molt:limit:{{{owner}}}:{rule.name}:{rest}"


class Limiter:
    """Checks rules. One per process."""

    def __init__(self, redis: RedisClient, *, enabled: bool) -> None:
        """`redis` decodes nothing; `enabled` is `MOLTSTACK_LIMITS`."""
        self.enabled = enabled
        self._script = Script(redis, "limits.lua")
        self._failures = 0
        self._try_again_at = 0.0
        # Window's end and acts so far, the subject that came last at the end.
        self._local: OrderedDict[str, tuple[float, int]] = OrderedDict()

    async def check(self, counts: Sequence[Count]) -> Standing | None:
        """Count one act against each rule for its subject, all or none; the subjects begin with the same owner.

        Returns how the tightest rule stands, None with limits off or without rules. Raises RateLimitedError.
        """
        if not self.enabled or not counts:
            return None
        counted = await self._count(counts) or self._count_locally(counts)
        counted.refuse_too_many()
        return Standing(counted.rule.limit, counted.remaining, math.ceil(time.time() + counted.reset_ms / 1000))

    async def look(self, counts: Sequence[Count]) -> None:
        """Count nothing, and raise RateLimitedError where `check` would."""
        if self.enabled:
            counted = await self._count(counts, looking=True) or self._count_locally(counts, looking=True)
            counted.refuse_too_many()

    async def _count(self, counts: Sequence[Count], *, looking: bool = False) -> _Counted | None:
        """What Redis says, None where it does not answer."""
        if self._failures >= _PATIENCE:
            # One tries, so that the others do not wait for somebody who is silent.
            if time.monotonic() < self._try_again_at:
                return None
            self._try_again_at = time.monotonic() + _TRY_EVERY_S
        arguments: list[str | int] = [number for rule, _ in counts for number in (rule.limit, rule.window_ms)]
        if looking:
            arguments.append("look")
        try:
            async with asyncio.timeout(_REDIS_TIMEOUT_S):
                answer = await self._script([_key(*each) for each in counts], arguments)
        except REDIS_FAILURES:
            self._failures += 1
            return None
        self._failures = 0
        allowed, which, remaining, reset_ms = answer
        return _Counted(bool(allowed), counts[which][0], remaining, reset_ms)

    def _count_locally(self, counts: Sequence[Count], *, looking: bool = False) -> _Counted:
        now = time.monotonic()
        standing = []
        for rule, subject in counts:
            key = _key(rule, subject)
            # A rule that lets nothing pass lets nothing pass here either.
            limit = min(rule.limit, max(1, rule.limit // _LOCAL_SHARE))
            ends, used = self._local.pop(key, (0.0, 0))
            if ends <= now:
                ends, used = now + rule.window_ms / 1000, 0
            self._local[key] = (ends, used)
            standing.append(_Counted(used < limit, rule, limit - used - 1, int((ends - now) * 1000)))
        refused = [each for each in standing if not each.allowed]
        if refused:
            return max(refused, key=lambda each: each.reset_ms)
        for each in [] if looking else counts:
            ends, used = self._local[_key(*each)]
            self._local[_key(*each)] = (ends, used + 1)
        while len(self._local) > _LOCAL_ENTRIES:
            self._local.popitem(last=False)
        return min(standing, key=lambda each: each.remaining)
