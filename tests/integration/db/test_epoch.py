"""The epoch says that the log may have another past: after a failover, and after a restore."""

from pathlib import Path

import asyncpg

from db.epoch import begin_new_life
from db.migrate import migrate
from db.roles import Role, role_url
from tests.conftest import Store
from tests.support.foreign import foreign_server, standby_of


async def epoch(url: str) -> object:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval("select app.epoch()")
    finally:
        await connection.close()


async def test_it_changes_with_the_promotion_itself_and_not_with_a_later_checkpoint(tmp_path: Path) -> None:
    async with foreign_server(18) as primary:
        await primary.execute("create database molt")
        await migrate(primary.url(database="molt"), tmp_path)
        before = await epoch(primary.url(database="molt"))
        assert await epoch(role_url(primary.url(database="molt"), Role.GATEWAY, tmp_path)) == before
        async with standby_of(primary) as standby:
            await standby.execute("select pg_promote()")
            assert await epoch(role_url(standby.url(database="molt"), Role.GATEWAY, tmp_path)) != before
        assert await epoch(primary.url(database="molt")) == before


async def test_a_new_life_changes_it_and_nothing_else_does(store: Store) -> None:
    before = await epoch(store.admin_url)
    await migrate(store.admin_url, store.keys_dir)
    assert await epoch(store.admin_url) == before
    await begin_new_life(store.admin_url)
    assert await epoch(store.admin_url) != before
