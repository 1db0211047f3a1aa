"""Standing connections under more users than there are of them."""

import asyncio

import pytest

from db.errors import StoreUnavailableError
from tests.conftest import Store


async def _busy(store: Store) -> int:
    async with store.api.standing() as connection:
        await connection.execute("select pg_sleep(0.002)")
        return int(await connection.fetchval("select pg_backend_pid()"))


async def test_many_share_few_and_each_gets_its_turn(store: Store) -> None:
    async with asyncio.timeout(30):
        pids = await asyncio.gather(*(_busy(store) for _ in range(100)))
    # Half of the pool's four.
    assert len(set(pids)) == 2
    # The others are there for whoever needs one for longer, meanwhile too.
    async with store.api.standing(), store.api.standing(), store.api.connection() as third:
        assert await third.fetchval("select 1") == 1


async def test_who_waits_is_served_in_the_order_of_coming(store: Store) -> None:
    served = []

    async def use(number: int) -> None:
        async with store.api.standing():
            served.append(number)
            await asyncio.sleep(0)

    async with store.api.standing(), store.api.standing():
        waiting = [asyncio.create_task(use(number)) for number in range(20)]
        await asyncio.sleep(0)
    await asyncio.gather(*waiting)
    assert served == list(range(20))


async def test_who_gives_up_waiting_takes_nothing_with_it(store: Store) -> None:
    for _ in range(20):
        async with store.api.standing(), store.api.standing():
            waiting = [asyncio.create_task(_busy(store)) for _ in range(6)]
            await asyncio.sleep(0)
            for task in waiting[::2]:
                task.cancel()
        # Some are cancelled in the very moment in which it is their turn.
        waiting[1].cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
    async with asyncio.timeout(30):
        await asyncio.gather(*(_busy(store) for _ in range(10)))


async def test_an_error_of_the_callers_own_goes_through_and_spoils_nothing(store: Store) -> None:
    for _ in range(10):
        with pytest.raises(KeyError):
            async with store.api.standing():
                raise KeyError
        with pytest.raises(StoreUnavailableError):
            async with store.api.standing() as connection:
                await connection.execute("select pg_terminate_backend(pg_backend_pid())")
    assert await _busy(store) > 0
