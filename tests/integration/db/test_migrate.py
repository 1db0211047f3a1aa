"""Migrations are run once, by one at a time, and a run that was killed is completed by the next."""

import asyncio
import itertools
from collections.abc import AsyncIterator

import asyncpg
import pytest

from db import migrate as module
from db.admin import AdminError, administering, refuse_old_server
from db.migrate import Migration, MigrationError, load_migrations, migrate
from tests.conftest import Store, Stores

_names = itertools.count(1)


@pytest.fixture
async def empty(stores: Stores) -> AsyncIterator[str]:
    """The administrator's URL of a database in which nothing ran yet."""
    name = f"unmigrated_{next(_names)}"
    admin = await asyncpg.connect(stores.admin_url)
    await admin.execute(f"create database {name}")
    yield stores.database_url(name)
    await admin.execute(f"drop database {name} with (force)")
    await admin.close()


async def tables(url: str) -> set[str]:
    connection = await asyncpg.connect(url)
    try:
        return {row[0] for row in await connection.fetch("select tablename from pg_tables where schemaname = 'public'")}
    finally:
        await connection.close()


def runs(monkeypatch: pytest.MonkeyPatch, *migrations: Migration) -> None:
    monkeypatch.setattr(module, "load_migrations", lambda: list(migrations))


async def test_a_second_run_finds_nothing_to_do(empty: str, stores: Stores) -> None:
    assert await migrate(empty, stores.keys_dir) == len(load_migrations())
    assert await migrate(empty, stores.keys_dir) == 0


async def test_of_two_at_once_one_does_the_work_and_the_other_waits(empty: str, stores: Stores) -> None:
    ran = await asyncio.gather(migrate(empty, stores.keys_dir), migrate(empty, stores.keys_dir))
    assert sorted(ran) == [0, len(load_migrations())]


async def test_a_run_killed_in_the_middle_is_completed_by_the_next(
    empty: str, stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = Migration(1, "first", "create table first ()")
    slow = Migration(2, "slow", "create table half (); select pg_sleep(60); create table whole ()")
    runs(monkeypatch, first, slow)
    run = asyncio.create_task(migrate(empty, stores.keys_dir))
    admin = await asyncpg.connect(empty)
    killed = """select pg_terminate_backend(pid) from pg_stat_activity
                where datname = current_database() and wait_event = 'PgSleep'"""
    async with asyncio.timeout(10):
        while not await admin.fetch(killed):
            await asyncio.sleep(0.01)
    with pytest.raises(AdminError) as caught:
        await run
    assert "\n" not in str(caught.value)
    await admin.close()
    assert await tables(empty) == {"schema_migrations", "first"}
    runs(monkeypatch, first, slow._replace(sql="create table half (); create table whole ()"))
    assert await migrate(empty, stores.keys_dir) == 1
    assert await tables(empty) == {"schema_migrations", "first", "half", "whole"}


async def test_a_file_that_fails_leaves_nothing_of_itself_and_is_named(
    empty: str, stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs(monkeypatch, Migration(1, "broken", "create table half (); select 1 / 0"))
    with pytest.raises(MigrationError, match=r"migration 1 \(broken\): division by zero"):
        await migrate(empty, stores.keys_dir)
    assert await tables(empty) == {"schema_migrations"}


async def test_a_file_that_changed_after_it_ran_is_refused(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    first, *others = load_migrations()
    runs(monkeypatch, first._replace(sql=first.sql + "-- a thought"), *others)
    with pytest.raises(MigrationError, match=r"migration 1 \(foundations\) was changed"):
        await migrate(store.admin_url, store.keys_dir)


async def test_a_database_newer_than_the_program_is_refused_before_anything_is_touched(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def touch(*_: object) -> None:
        raise AssertionError("the roles were touched")

    runs(monkeypatch, *load_migrations()[:-1])
    monkeypatch.setattr(module, "make_roles", touch)
    with pytest.raises(MigrationError, match="newer than this program"):
        await migrate(store.admin_url, store.keys_dir)


async def test_a_failure_at_connecting_is_no_traceback_of_the_driver(stores: Stores) -> None:
    with pytest.raises(Exception) as caught:  # noqa: PT011 - its class is what is asked
        await migrate("postgresql://nobody:pw@127.0.0.1:1/none", stores.keys_dir)
    assert type(caught.value).__name__ == "StoreUnavailableError"


@pytest.mark.parametrize("major", [9, 15])
def test_a_server_that_is_too_old_is_refused(major: int) -> None:
    with pytest.raises(AdminError, match=f"PostgreSQL {major} is too old"):
        refuse_old_server(major)
    refuse_old_server(16)


async def test_those_who_share_the_lock_keep_a_migration_waiting(store: Store) -> None:
    async with administering(store.admin_url, shared=True), administering(store.admin_url, shared=True):
        run = asyncio.create_task(migrate(store.admin_url, store.keys_dir))
        admin = await store.admin()
        async with asyncio.timeout(10):
            while not await admin.fetchval("select count(*) from pg_locks where locktype = 'advisory' and not granted"):
                await asyncio.sleep(0.01)
        await admin.close()
        assert not run.done()
    assert await run == 0
