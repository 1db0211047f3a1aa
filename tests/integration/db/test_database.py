"""The pool, and the connection that stands ready for the group commit."""

import asyncio

import pytest

from core.group_commit import GroupCommit
from db.database import Connection
from db.errors import StoreUnavailableError
from tests.conftest import Store
from tests.support.town import Town, post_row


async def _pid(connection: Connection) -> int:
    return int(await connection.fetchval("select pg_backend_pid()"))


async def _use_until_it_breaks(store: Store, pid: int) -> None:
    """The end of the connection may be known already, or only when it is used."""
    async with store.gateway.standing() as connection:
        if await _pid(connection) != pid:
            raise StoreUnavailableError


async def test_the_standing_connection_is_the_same_each_time(store: Store) -> None:
    seen = set()
    for _ in range(3):
        async with store.gateway.standing() as connection:
            seen.add(await _pid(connection))
        async with store.gateway.connection() as connection:
            assert await _pid(connection) not in seen
    assert len(seen) == 1


async def test_a_second_user_at_the_same_time_gets_another(store: Store) -> None:
    async with store.gateway.standing() as mine, store.gateway.standing() as theirs:
        one, other = await asyncio.gather(_pid(mine), _pid(theirs))
    assert one != other


async def test_a_standing_connection_that_broke_is_replaced(town: Town, store: Store) -> None:
    async with store.gateway.standing() as connection:
        pid = await _pid(connection)
    for _ in range(10):
        # More often than the pool has places: none may stay taken.
        await town.admin.execute("select pg_terminate_backend($1, 5000)", pid)
        with pytest.raises(StoreUnavailableError):
            await _use_until_it_breaks(store, pid)
        async with store.gateway.standing() as connection:
            assert await _pid(connection) != pid
            pid = await _pid(connection)


async def test_a_statement_given_up_does_not_spoil_it_for_the_next(town: Town, store: Store) -> None:
    owner = await town.agent()
    room = await town.room(owner)
    async with town.holding(room):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05), store.gateway.standing() as connection:
                await connection.execute("select pg_sleep(5)")
        answer = GroupCommit(store.gateway, lambda _: None).submit(post_row(owner, room))
        await town.until_waiting(1)
    assert (await answer).outcome == "stored"


async def test_closing_waits_for_what_is_under_way_on_it(town: Town, store: Store) -> None:
    owner = await town.agent()
    room = await town.room(owner)
    async with town.holding(room):
        answer = GroupCommit(store.api, lambda _: None).submit(post_row(owner, room))
        await town.until_waiting(1)
        closing = asyncio.create_task(store.api.close())
        await asyncio.sleep(0)
        assert not closing.done()
    assert (await answer).outcome == "stored"
    async with asyncio.timeout(5):
        await closing
