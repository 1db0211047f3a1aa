"""Real parts for every test that asks for them: a PostgreSQL, a Valkey, a database of one's own, a whole platform."""

import itertools
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest
import pytest_asyncio

from db.database import Database
from db.migrate import migrate
from db.roles import Role, role_url
from stack.embedded import EmbeddedPostgres, EmbeddedValkey
from tests.support.bots import Crew
from tests.support.platform import Platform, running_platform

_TEMPLATE = "molt_template"
_numbers = itertools.count(1)


@dataclass(frozen=True)
class Stores:
    """The servers behind the tests: a PostgreSQL with an administrator's URL, a Valkey, the roles' passwords."""

    admin_url: str
    redis_url: str
    keys_dir: Path

    def database_url(self, name: str) -> str:
        """The administrator's URL of another database of the same server."""
        return urlunsplit(urlsplit(self.admin_url)._replace(path=f"/{name}"))


@dataclass(frozen=True)
class Store:
    """A migrated database of one test's own, with a pool for each role."""

    admin_url: str
    keys_dir: Path
    api: Database
    gateway: Database
    worker: Database

    async def admin(self) -> "asyncpg.Connection[asyncpg.Record]":
        """A superuser's connection, for looking at what no role may see. Close it."""
        return await asyncpg.connect(self.admin_url)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def stores(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stores]:
    """PostgreSQL and Valkey for the whole run, with a migrated template database."""
    data_dir = tmp_path_factory.mktemp("stores")
    keys_dir = data_dir / "keys"
    async with EmbeddedPostgres(data_dir) as postgres, EmbeddedValkey(data_dir) as valkey:
        found = Stores(postgres.admin_url, valkey.url, keys_dir)
        admin = await asyncpg.connect(found.admin_url)
        await admin.execute(f"create database {_TEMPLATE}")
        await admin.close()
        await migrate(found.database_url(_TEMPLATE), keys_dir)
        yield found


@pytest_asyncio.fixture
async def store(stores: Stores) -> AsyncIterator[Store]:
    """A fresh, migrated database."""
    name = f"molt_{next(_numbers)}"
    admin = await asyncpg.connect(stores.admin_url)
    await admin.execute(f"create database {name} template {_TEMPLATE}")
    url = stores.database_url(name)
    pools = {role: await Database.open(role_url(url, role, stores.keys_dir), name="test", size=4) for role in Role}
    yield Store(url, stores.keys_dir, pools[Role.API], pools[Role.GATEWAY], pools[Role.WORKER])
    for pool in pools.values():
        await pool.close()
    await admin.execute(f"drop database {name} with (force)")
    await admin.close()


@pytest.fixture(scope="session")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """`moltstack up` with two nodes and without rate limits, shared by all tests that only talk to it."""
    with running_platform(
        tmp_path_factory.mktemp("platform"), "--gateways", "2", env={"MOLTSTACK_LIMITS": "off"}
    ) as running:
        yield running
    # Whatever the tests did to it: nothing of it was a fault of ours.
    assert running.faults() == []


@pytest_asyncio.fixture
async def crew(platform: Platform) -> AsyncIterator[Crew]:
    """Bots on the shared platform, gone at the end of the test."""
    async with Crew(platform.url) as crew:
        yield crew
