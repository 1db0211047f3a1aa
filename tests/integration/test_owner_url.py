"""An owner's URL is for preparing the database; what serves logs in as roles that own nothing."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from db.database import Database
from db.errors import UnfitDatabaseError
from db.migrate import migrate
from db.roles import Role, role_url
from tests.support.bots import Crew
from tests.support.foreign import Foreign, foreign_server
from tests.support.platform import running_platform

LOGINS = {"moltstack_api", "moltstack_gateway", "moltstack_worker"}


@pytest.fixture(params=[16, 18])
async def foreign(request: pytest.FixtureRequest) -> AsyncIterator[Foreign]:
    async with foreign_server(request.param) as running:
        yield running


async def sessions(server: Foreign, database: str) -> set[str]:
    """Who is connected to a database, besides ourselves."""
    connection = await asyncpg.connect(server.url())
    try:
        rows = await connection.fetch(
            "select usename from pg_stat_activity where datname = $1 and pid <> pg_backend_pid()", database
        )
    finally:
        await connection.close()
    return {row["usename"] for row in rows}


async def serves_and_holds_no_owner_session(server: Foreign, url: str, data_dir: Path) -> None:
    with running_platform(data_dir, env={"MOLTSTACK_DATABASE_URL": url}) as platform:
        async with Crew(platform.url) as crew:
            room = await crew.room()
            assert (await room.guests[0].post(room.channel, "hello"))["seq"] == 1
        assert await sessions(server, url.rpartition("/")[2].partition("?")[0]) == LOGINS
        for process in Path("/proc").glob("[0-9]*"):
            if f"{data_dir}" in _read(process / "environ") and int(process.name) != platform.process.pid:
                assert server.password not in _read(process / "environ"), _read(process / "cmdline")


def _read(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""  # It ended, or is another user's.


async def test_an_operator_who_is_no_superuser_is_enough(foreign: Foreign, tmp_path: Path) -> None:
    url = await foreign.make_operator()
    await serves_and_holds_no_owner_session(foreign, url, tmp_path)
    # A second start with the same URL migrates nothing and still may set the passwords.
    assert await migrate(url, tmp_path / "keys") == 0


async def test_a_superuser_is_not_used_after_the_migration(tmp_path: Path) -> None:
    async with foreign_server(18) as server:
        await serves_and_holds_no_owner_session(server, server.url(), tmp_path)


async def test_a_role_above_row_level_security_is_refused(tmp_path: Path) -> None:
    async with foreign_server(18) as server:
        operator = await server.make_operator()
        await migrate(operator, tmp_path)
        for url in (server.url(database="owned"), operator):
            with pytest.raises(UnfitDatabaseError, match="owns tables"):
                await Database.open(url, name="test")
        api = role_url(operator, Role.API, tmp_path)
        await (await Database.open(api, name="test")).close()
        for given, taken in (
            ("alter role moltstack_api bypassrls", "alter role moltstack_api nobypassrls"),
            ("grant moltstack_owner to moltstack_api", "revoke moltstack_owner from moltstack_api"),
        ):
            await server.execute(given)
            with pytest.raises(UnfitDatabaseError, match="moltstack_api"):
                await Database.open(api, name="test")
            await server.execute(taken)
        empty = role_url(server.url(), Role.API, tmp_path)
        with pytest.raises(UnfitDatabaseError, match="moltstack migrate"):
            await Database.open(empty, name="test")


async def test_two_databases_of_one_server_may_be_migrated_at_once(tmp_path: Path) -> None:
    async with foreign_server(18) as server:
        await server.execute("create database one", "create database two")
        ran = await asyncio.gather(*(migrate(server.url(database=name), tmp_path) for name in ("one", "two")))
        assert ran[0] == ran[1] > 0
