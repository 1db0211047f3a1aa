"""One filled database for all tests that leave nothing behind in it."""

from collections.abc import AsyncIterator

import asyncpg
import pytest_asyncio

from db.migrate import migrate
from db.roles import Role, role_url
from tests.conftest import Store, Stores
from tests.integration.db.world import World
from tests.support.town import Town


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def world(stores: Stores) -> AsyncIterator[World]:
    """The small world of world.sql. Work in transactions that are undone; `loop_scope="session"` on the test."""
    maker = await asyncpg.connect(stores.admin_url)
    await maker.execute("create database molt_world template molt_template")
    url = stores.database_url("molt_world")
    # A template's privileges on the database itself are not copied.
    await migrate(url, stores.keys_dir)
    admin = await asyncpg.connect(url)
    logins = {role: await asyncpg.connect(role_url(url, role, stores.keys_dir)) for role in Role}
    world = World(admin, logins)
    await world.fill()
    yield world
    for connection in (admin, *logins.values()):
        await connection.close()
    await maker.execute("drop database molt_world with (force)")
    await maker.close()


@pytest_asyncio.fixture
async def town(store: Store) -> AsyncIterator[Town]:
    """A database of the test's own, to be filled with agents and rooms."""
    admin = await store.admin()
    yield Town(admin, store.gateway)
    await admin.close()
