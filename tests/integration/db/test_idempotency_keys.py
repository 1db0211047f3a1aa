"""What is kept of requests with an Idempotency-Key, and for how long."""

import pytest
import pytest_asyncio

from claw.wire.ids import uuid7
from core.actor import Actor
from core.errors import ConflictError
from core.services.idempotency import Answer, Idempotency, UnderWayError
from db.repositories import housekeeping
from db.repositories.idempotency import Attempt
from tests.conftest import Store
from tests.support.town import Town

REQUEST, BODY, OTHER_BODY = b"r" * 32, b"b" * 32, b"o" * 32
ANSWER = Answer(201, b'{"id":"x"}')


@pytest_asyncio.fixture
async def ada(town: Town) -> Actor:
    return Actor("agent", await town.agent(), uuid7())


@pytest.fixture
def keys(store: Store) -> Idempotency:
    return Idempotency(store.api)


async def reserved(keys: Idempotency, actor: Actor) -> Attempt:
    attempt = await keys.reserve(actor, REQUEST, BODY)
    assert isinstance(attempt, Attempt)
    return attempt


async def _age(town: Town, seconds: int) -> None:
    await town.admin.execute(
        "update idempotency_keys set attempted_at = attempted_at - $1 * interval '1 second',"
        " created_at = created_at - $1 * interval '1 second'",
        seconds,
    )


async def test_while_a_request_is_carried_out_its_key_is_refused(keys: Idempotency, ada: Actor) -> None:
    attempt = await reserved(keys, ada)
    with pytest.raises(UnderWayError) as caught:
        await keys.reserve(ada, REQUEST, BODY)
    assert caught.value.retry_after == 1
    with pytest.raises(ConflictError, match="another body"):
        await keys.reserve(ada, REQUEST, OTHER_BODY)
    await keys.keep(attempt, ANSWER)
    assert await keys.reserve(ada, REQUEST, BODY) == ANSWER


async def test_what_died_may_be_tried_again_after_a_minute_and_only_the_last_try_counts(
    keys: Idempotency, ada: Actor, town: Town
) -> None:
    dead = await reserved(keys, ada)
    await _age(town, 59)
    with pytest.raises(UnderWayError):
        await keys.reserve(ada, REQUEST, BODY)
    await _age(town, 2)
    alive = await reserved(keys, ada)
    # It was not dead, only slow: what it says does not count any more.
    await keys.keep(dead, Answer(201, b"late"))
    await keys.release(dead)
    with pytest.raises(UnderWayError):
        await keys.reserve(ada, REQUEST, BODY)
    await keys.keep(alive, ANSWER)
    assert await keys.reserve(ada, REQUEST, BODY) == ANSWER


async def test_a_released_key_is_free(keys: Idempotency, ada: Actor) -> None:
    await keys.release(await reserved(keys, ada))
    await keys.keep(await reserved(keys, ada), ANSWER)


async def test_after_a_day_a_key_is_as_good_as_new(keys: Idempotency, ada: Actor, town: Town) -> None:
    await keys.keep(await reserved(keys, ada), ANSWER)
    await _age(town, 86_399 - 60)
    assert await keys.reserve(ada, REQUEST, BODY) == ANSWER
    await _age(town, 120)
    attempt = await keys.reserve(ada, REQUEST, OTHER_BODY)
    assert isinstance(attempt, Attempt)


async def test_old_keys_are_swept(keys: Idempotency, ada: Actor, town: Town, store: Store) -> None:
    await keys.keep(await reserved(keys, ada), ANSWER)
    for age, left in ((86_000, 1), (500, 0)):
        await _age(town, age)
        async with store.worker.connection() as connection:
            await housekeeping.sweep(connection)
        assert await town.admin.fetchval("select count(*) from idempotency_keys") == left


async def test_nobody_finds_anothers_answer(keys: Idempotency, ada: Actor, town: Town) -> None:
    await keys.keep(await reserved(keys, ada), ANSWER)
    other = Actor("agent", await town.agent(), uuid7())
    assert isinstance(await keys.reserve(other, REQUEST, BODY), Attempt)
