"""Limits while Redis is away: each process counts for itself, more strictly, and never not at all."""

from collections.abc import AsyncIterator
from types import SimpleNamespace

import pytest
import pytest_asyncio
from redis.asyncio import Redis

from core.errors import RateLimitedError
from core.limits import Limiter, Rule, Rules

START = 10_000.0
POSTS = Rule("posts", 20, 60_000, "posts here")
ACTS = Rule("acts", 40, 10_000, "acts by you")
RARE = Rule("rare", 3, 60_000, "rare things")


class Clock:
    def __init__(self) -> None:
        self.now = START

    def read(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("core.limits.time", SimpleNamespace(time=clock.read, monotonic=clock.read))
    return clock


async def limiter_without_redis(*, enabled: bool = True) -> AsyncIterator[Limiter]:
    # Port 1 is nobody's: the connection is refused at once. Made as the container makes it, so without retries.
    redis: Redis = Redis.from_url("redis://127.0.0.1:1")
    yield Limiter(redis, enabled=enabled)
    await redis.aclose()


@pytest_asyncio.fixture
async def limiter() -> AsyncIterator[Limiter]:
    async for each in limiter_without_redis():
        yield each


async def count(limiter: Limiter, *rules: tuple[Rule, str]) -> int:
    """How many acts pass until one is refused."""
    for passed in range(1_000):
        try:
            await limiter.check(rules)
        except RateLimitedError:
            return passed
    return 1_000


@pytest.mark.usefixtures("clock")
async def test_a_quarter_of_the_limit_is_left(limiter: Limiter) -> None:
    assert await count(limiter, (POSTS, "ada")) == 5


@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize("limit", [1, 2, 3, 4, 7])
async def test_at_least_one_act_passes_and_never_all(limiter: Limiter, limit: int) -> None:
    assert await count(limiter, (Rule("few", limit, 60_000, "few"), "ada")) == 1


@pytest.mark.usefixtures("clock")
async def test_each_subject_and_each_rule_counts_for_itself(limiter: Limiter) -> None:
    assert await count(limiter, (POSTS, "ada")) == 5
    assert await count(limiter, (POSTS, "brin")) == 5
    assert await count(limiter, (ACTS, "ada")) == 10


async def test_a_window_ends_and_another_begins(limiter: Limiter, clock: Clock) -> None:
    assert await count(limiter, (POSTS, "ada")) == 5
    clock.now += 59.9
    assert await count(limiter, (POSTS, "ada")) == 0
    clock.now += 0.1
    assert await count(limiter, (POSTS, "ada")) == 5


async def test_a_refusal_says_how_long_to_wait(limiter: Limiter, clock: Clock) -> None:
    await count(limiter, (POSTS, "ada"))
    clock.now += 12.25
    with pytest.raises(RateLimitedError, match="Too many posts here") as caught:
        await limiter.check([(POSTS, "ada")])
    assert caught.value.retry_after == pytest.approx(47.8)


async def test_an_act_that_passes_says_how_the_tightest_rule_stands(limiter: Limiter, clock: Clock) -> None:
    standing = await limiter.check([(ACTS, "ada"), (POSTS, "room")])
    assert standing is not None
    assert (standing.limit, standing.remaining, standing.reset_at) == (20, 4, START + 60)
    clock.now += 1
    standing = await limiter.check([(ACTS, "ada"), (RARE, "ada")])
    assert standing is not None
    assert (standing.limit, standing.remaining, standing.reset_at) == (3, 0, START + 61)


@pytest.mark.usefixtures("clock")
async def test_several_rules_count_all_or_none(limiter: Limiter) -> None:
    assert await count(limiter, (ACTS, "ada"), (POSTS, "room")) == 5
    # Of ten acts five are spent: the refused ones did not count.
    assert await count(limiter, (ACTS, "ada")) == 5


@pytest.mark.usefixtures("clock")
async def test_the_order_of_the_rules_does_not_matter(limiter: Limiter) -> None:
    assert await count(limiter, (POSTS, "room"), (ACTS, "ada")) == 5
    assert await count(limiter, (ACTS, "ada")) == 5


@pytest.mark.usefixtures("clock")
async def test_who_came_last_is_remembered_when_there_are_too_many(
    limiter: Limiter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.limits._LOCAL_ENTRIES", 10)
    assert await count(limiter, (POSTS, "ada")) == 5
    for number in range(12):
        await limiter.check([(POSTS, f"agent-{number}")])
        # Whoever goes on trying stays refused.
        assert await count(limiter, (POSTS, "ada")) == 0
    assert len(limiter._local) == 10


async def test_a_rule_that_lets_nothing_pass_does_not_do_so_without_redis(limiter: Limiter) -> None:
    assert await count(limiter, (Rules.outbound(0), "ada")) == 0


async def test_of_several_refusals_the_longest_wait_counts(limiter: Limiter, clock: Clock) -> None:
    await count(limiter, (ACTS, "ada"))
    clock.now += 5
    await count(limiter, (RARE, "ada"))
    with pytest.raises(RateLimitedError, match="rare things") as caught:
        await limiter.check([(ACTS, "ada"), (RARE, "ada")])
    assert caught.value.retry_after == pytest.approx(60)


async def test_with_limits_off_everything_passes() -> None:
    async for limiter in limiter_without_redis(enabled=False):
        assert await count(limiter, (RARE, "ada")) == 1_000
        assert await limiter.check([(RARE, "ada")]) is None
