"""A platform that lost its data directory comes back from a backup, and clients notice that the log has a new life."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from db.migrate import migrate
from stack.embedded import EmbeddedPostgres
from stack.embedded.process import processes_in
from tests.support.bots import Bot, Crew
from tests.support.catalogue import rights
from tests.support.command import Command, refused, run
from tests.support.foreign import Foreign, foreign_server
from tests.support.platform import off_loop, running_platform


async def logged_in(url: str, earlier: Bot) -> Bot:
    """The same agent at another address, logged in with its key."""
    bot = Bot(url, earlier.username, earlier.key)
    bot.agent_id = earlier.agent_id
    issued = (await bot.http.post("/auth/challenge", json={"agent_id": bot.agent_id})).raise_for_status().json()
    signed = {"agent_id": bot.agent_id, "signed_challenge": bot.sign(issued["challenge"])}
    bot.take_tokens((await bot.http.post("/auth/token", json=signed)).raise_for_status().json())
    return bot


async def test_a_lost_data_directory_is_restored_and_clients_begin_anew(tmp_path: Path) -> None:
    lost, found, file = tmp_path / "lost", tmp_path / "found", tmp_path / "molt.backup"
    with running_platform(lost) as platform:
        async with Crew(platform.url) as crew:
            room = await crew.room()
            for number in range(1, 4):
                await room.owner.post(room.channel, f"message {number}")
            async with await room.guests[0].socket() as socket:
                before = await socket.subscribe(room.channel)

            async def chatter() -> None:
                while True:
                    await room.guests[0].post(room.channel, "while the backup runs")

            chatting = asyncio.create_task(chatter())
            assert "The keys are not in it" in await run("backup", file, "--data-dir", lost)
            chatting.cancel()
            await asyncio.gather(chatting, return_exceptions=True)
        rights_before = await rights(EmbeddedPostgres(lost).admin_url)
        assert await off_loop(platform) == 0
    assert file.stat().st_mode & 0o777 == 0o600
    shutil.rmtree(lost)

    await run("restore", file, "--data-dir", found)
    with running_platform(found) as platform:
        assert await rights(EmbeddedPostgres(found).admin_url) ^ rights_before == set()
        owner = await logged_in(platform.url, room.owner)
        # The keys are new, so the old access token is worth nothing; the log-in itself is in the database.
        old = {"Authorization": f"Bearer {room.guests[0].token}"}
        assert (await owner.http.get("/agents/@me", headers=old)).status_code == 401
        renewal = {"refresh_token": room.guests[0].refresh_token}
        assert (await owner.http.post("/auth/refresh", json=renewal)).status_code == 200

        history = (await owner.http.get(f"/channels/{room.channel}/messages?limit=100")).json()
        contents = [message["content"] for message in reversed(history["items"])]
        assert contents[:3] == ["message 1", "message 2", "message 3"]
        assert history["epoch"] != before["epoch"]
        async with await owner.socket() as socket:
            at = {"id": room.channel, "after": before["seq"], "epoch": before["epoch"]}
            after = await socket.subscribe(at)
            assert (after["recovered"], after["epoch"]) == ("reset", history["epoch"])
            posted = [(await owner.post(room.channel, "on we go"))["seq"] for _ in range(2)]
            assert posted == [after["seq"] + 1, after["seq"] + 2]
            assert (await socket.expect("message"))["seq"] == posted[0]
        await owner.close()
        assert "holds a MoltStack already" in await refused("restore", file, "--data-dir", found)


async def test_what_cannot_be_done_is_one_line_and_leaves_nothing(tmp_path: Path) -> None:
    nowhere, file = tmp_path / "nowhere", tmp_path / "molt.backup"
    assert "there is no database in" in await refused("backup", file, "--data-dir", nowhere)
    assert "there is no database in" in await refused("restore-epoch", "--data-dir", nowhere)
    assert "there is no file" in await refused("restore", file, "--data-dir", nowhere)
    file.write_text("no archive")
    assert "cannot be restored" in await refused("restore", file, "--data-dir", nowhere)
    assert "not overwritten" in await refused("backup", file, "--data-dir", nowhere)
    assert list(tmp_path.iterdir()) == [file]


async def test_ctrl_c_stops_the_server_that_the_command_started(tmp_path: Path) -> None:
    data_dir, file = tmp_path / "data", tmp_path / "molt.backup"
    async with EmbeddedPostgres(data_dir) as postgres:
        await migrate(postgres.admin_url, data_dir / "keys")
    command = await Command.start("backup", file, "--data-dir", data_dir)
    async with asyncio.timeout(30):
        while not processes_in(data_dir / "postgres", "postgres"):
            await asyncio.sleep(0.002)
    command.interrupt()
    status, said = await command.ended()
    assert (status, said.count("\n")) == (1, 1), said
    assert processes_in(data_dir / "postgres", "postgres") == []
    assert not list(tmp_path.glob("molt.backup*"))


@pytest.fixture
async def newer() -> AsyncIterator[Foreign]:
    async with foreign_server(18) as server:
        yield server


@pytest.fixture
async def older() -> AsyncIterator[Foreign]:
    async with foreign_server(16) as server:
        yield server


async def until(server: Foreign, database: str, condition: str) -> None:
    """Wait until a query of the superuser's gives true."""
    connection = await asyncpg.connect(server.url(database=database))
    async with asyncio.timeout(20):
        while not await connection.fetchval(condition):
            await asyncio.sleep(0.01)
    await connection.close()


async def waits_for(server: Foreign, database: str, lock: str) -> None:
    """Until somebody waits for a lock in that database."""
    await until(server, database, f"select count(*) > 0 from pg_locks where not granted and locktype = '{lock}'")  # noqa: S608


async def gone(server: Foreign, database: str) -> None:
    """Until nobody else is connected to that database."""
    await until(
        server,
        database,
        "select count(*) = 1 from pg_stat_activity where datname = current_database()",
    )


async def test_a_foreign_database_goes_to_an_older_server_of_an_ordinary_owner(
    newer: Foreign, older: Foreign, tmp_path: Path
) -> None:
    keys, file = tmp_path / "keys", tmp_path / "molt.backup"
    operator = await newer.make_operator()
    await migrate(operator, keys)
    env = {"MOLTSTACK_DATABASE_URL": operator, "MOLTSTACK_KEYS_DIR": str(keys)}
    assert "BYPASSRLS" in await refused("backup", file, env=env)
    env["MOLTSTACK_ADMIN_DATABASE_URL"] = newer.url(database="owned")

    # Interrupted while pg_dump waits for a table: no half file, and no pg_dump that waits on.
    holder = await asyncpg.connect(newer.url(database="owned"))
    await holder.execute("begin; lock table agents in access exclusive mode")
    command = await Command.start("backup", file, env=env)
    await waits_for(newer, "owned", "relation")
    assert (tmp_path / "molt.backup.partial").stat().st_mode & 0o777 == 0o600
    assert "just now" in await refused("backup", file, env=env)
    command.interrupt()
    status, said = await command.ended()
    assert (status, said.count("\n")) == (1, 1), said
    assert newer.password not in said
    await holder.close()
    assert not list(tmp_path.glob("molt.backup*"))

    await run("backup", file, env=env)
    life = await holding(newer.url(database="owned"), "select log_life from platform")
    target = await older.make_operator()
    await run("restore", file, env={"MOLTSTACK_DATABASE_URL": target, "MOLTSTACK_KEYS_DIR": str(tmp_path / "new")})
    owned = older.url(database="owned")
    assert await rights(owned) ^ await rights(newer.url(database="owned")) == set()
    assert await holding(owned, "select log_life from platform") != life
    epoch = await holding(owned, "select app.epoch()")
    await run("restore-epoch", env={"MOLTSTACK_DATABASE_URL": target})
    assert await holding(owned, "select app.epoch()") != epoch


@pytest.mark.parametrize("end", ["interrupt", "kill"])
async def test_a_restore_that_ends_half_way_leaves_a_database_for_the_next(
    newer: Foreign, tmp_path: Path, end: str
) -> None:
    keys, file = tmp_path / "keys", tmp_path / "molt.backup"
    await newer.execute("create database source", "create database target")
    await migrate(newer.url(database="source"), keys)
    await run("backup", file, env={"MOLTSTACK_DATABASE_URL": newer.url(database="source")})
    env = {"MOLTSTACK_DATABASE_URL": newer.url(database="target"), "MOLTSTACK_KEYS_DIR": str(keys)}
    # Somebody is making a table that is in the middle of the backup; the restore waits for the outcome.
    holder = await asyncpg.connect(newer.url(database="target"))
    await holder.execute("begin; create table public.messages ()")
    command = await Command.start("restore", file, env=env)
    await waits_for(newer, "target", "transactionid")
    getattr(command, end)()
    status, _ = await command.ended()
    assert status != 0
    await holder.close()
    await newer.execute(
        "select pg_terminate_backend(pid) from pg_stat_activity where datname = 'target' and pid <> pg_backend_pid()"
    )
    assert (
        await holding(newer.url(database="target"), "select count(*) from pg_tables where schemaname = 'public'") == 0
    )
    await run("restore", file, env=env)
    assert await holding(newer.url(database="target"), "select count(*) from platform") == 1


async def holding(url: str, query: str) -> object:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(query)
    finally:
        await connection.close()
