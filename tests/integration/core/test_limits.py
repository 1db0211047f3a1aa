"""Limits as several processes count them in one Valkey."""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack

import pytest
import pytest_asyncio

from core.errors import RateLimitedError
from core.limits import Count, Limiter, Rule, Rules
from core.redis_client import RedisClient, open_redis
from tests.conftest import Stores

POSTS = Rule("posts", 10, 60_000, "posts here")
ACTS = Rule("acts", 40, 60_000, "acts by you")


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """What happens without Redis is another file's matter; here it is waited for, however busy the machine is."""
    monkeypatch.setattr("core.limits._REDIS_TIMEOUT_S", 30)


@pytest_asyncio.fixture
async def redis(stores: Stores) -> AsyncIterator[RedisClient]:
    client = await open_redis(stores.redis_url)
    yield client
    await client.aclose()


@pytest_asyncio.fixture
async def limiters(stores: Stores) -> AsyncIterator[list[Limiter]]:
    """Three, as three processes have them: nothing in common but the store."""
    async with AsyncExitStack() as cleanup:
        clients = [await open_redis(stores.redis_url) for _ in range(3)]
        for client in clients:
            cleanup.push_async_callback(client.aclose)
        yield [Limiter(client, enabled=True) for client in clients]


@pytest.fixture
def subject() -> str:
    return secrets.token_hex(8)


async def passes(limiter: Limiter, *counts: Count) -> bool:
    try:
        await limiter.check(counts)
    except RateLimitedError:
        return False
    return True


async def acted(redis: RedisClient, rule: Rule, subject: str, seconds_ago: Sequence[float]) -> None:
    """Acts that lie in the past, oldest first."""
    owner, _, rest = subject.partition("/")
    seconds, microseconds = await redis.time()
    now_ms = seconds * 1000 + microseconds // 1000
    key = f"molt:limit:{{{owner}}}:{rule.name}:{rest}"
    await redis.rpush(key, *[int(now_ms - ago * 1000) for ago in seconds_ago])


async def test_three_processes_at_once_let_as_many_through_as_one(limiters: list[Limiter], subject: str) -> None:
    asked = [passes(limiters[number % 3], (POSTS, subject)) for number in range(60)]
    assert sum(await asyncio.gather(*asked)) == 10


async def test_each_rule_and_each_subject_counts_for_itself(limiters: list[Limiter], subject: str) -> None:
    for rule, whose in ((POSTS, subject), (POSTS, f"{subject}/room"), (ACTS, subject)):
        for left in range(rule.limit - 1, -1, -1):
            standing = await limiters[left % 3].check([(rule, whose)])
            assert standing is not None
            assert (standing.limit, standing.remaining) == (rule.limit, left)
        assert not await passes(limiters[0], (rule, whose))


async def test_several_rules_count_all_or_none(limiters: list[Limiter], subject: str) -> None:
    both = ((ACTS, subject), (POSTS, f"{subject}/room"))
    assert [await passes(limiters[0], *both) for _ in range(12)] == [True] * 10 + [False] * 2
    # The two that were refused for the room did not count as acts.
    standing = await limiters[1].check([(ACTS, subject)])
    assert standing is not None
    assert standing.remaining == 40 - 10 - 1


async def test_the_tightest_rule_is_the_one_that_is_told(limiters: list[Limiter], subject: str) -> None:
    standing = await limiters[0].check([(ACTS, subject), (POSTS, subject)])
    assert standing is not None
    assert (standing.limit, standing.remaining) == (10, 9)
    assert 0 <= standing.reset_at - time.time() <= 61


async def test_in_no_stretch_of_a_minute_is_there_more_than_the_limit(
    limiters: list[Limiter], redis: RedisClient, subject: str
) -> None:
    # Nine at the end of what would be a window, and the minute's border passes: one more is all there is.
    await acted(redis, POSTS, subject, [30.0] * 9)
    assert [await passes(limiters[0], (POSTS, subject)) for _ in range(3)] == [True, False, False]
    with pytest.raises(RateLimitedError) as caught:
        await limiters[1].check([(POSTS, subject)])
    assert caught.value.limit == 10
    assert 0 < (caught.value.retry_after or 0) <= 30


async def test_what_is_older_than_the_window_is_forgotten_one_by_one(
    limiters: list[Limiter], redis: RedisClient, subject: str
) -> None:
    await acted(redis, POSTS, subject, [300, 61, 61, 40, 40, 40, 40, 40])
    assert [await passes(limiters[0], (POSTS, subject)) for _ in range(6)] == [True] * 5 + [False]


async def test_of_several_refusals_the_longest_wait_is_told(
    limiters: list[Limiter], redis: RedisClient, subject: str
) -> None:
    await acted(redis, POSTS, subject, [1] * 10)
    await acted(redis, ACTS, subject, [40] * 40)
    for counts in (((POSTS, subject), (ACTS, subject)), ((ACTS, subject), (POSTS, subject))):
        with pytest.raises(RateLimitedError, match="posts here") as caught:
            await limiters[0].check(counts)
        assert 20 < (caught.value.retry_after or 0) <= 60


async def test_a_limit_that_was_lowered_holds_at_once(
    limiters: list[Limiter], redis: RedisClient, subject: str
) -> None:
    await acted(redis, Rules.outbound(20), subject, [3_000, 2_000, 1_000, 500, 400])
    with pytest.raises(RateLimitedError) as caught:
        await limiters[0].check([(Rules.outbound(3), subject)])
    # Three must leave first: the third oldest does so in 2,600 seconds.
    assert 2_500 < (caught.value.retry_after or 0) <= 2_600
    assert await passes(limiters[0], (Rules.outbound(6), subject))


async def test_a_limit_of_none_lets_nothing_through(limiters: list[Limiter], subject: str) -> None:
    with pytest.raises(RateLimitedError) as caught:
        await limiters[0].check([(Rules.outbound(0), subject)])
    assert (caught.value.limit, caught.value.retry_after) == (0, 3_600)


async def test_a_store_that_forgot_the_script_is_taught_it_again(
    limiters: list[Limiter], redis: RedisClient, subject: str
) -> None:
    assert await passes(limiters[0], (POSTS, subject))
    await redis.script_flush()
    standing = await limiters[0].check([(POSTS, subject)])
    assert standing is not None
    assert (standing.limit, standing.remaining) == (10, 8)
