"""The embedded pair on its real binaries: made, stopped, killed, and started on what the killing left."""

import asyncio
import os
import signal
import stat
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import asyncpg
import pytest
import redis.asyncio

from stack.embedded import DataDirLock, EmbeddedPostgres, EmbeddedValkey
from stack.embedded.cluster import read_or_make_password
from stack.embedded.process import processes_in
from stack.errors import EmbeddedError

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root steps down")


async def eventually(condition: Callable[[], bool], seconds: float = 30.0) -> None:
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.01)


async def query(url: str, sql: str) -> object:
    connection = await asyncpg.connect(url, timeout=10)
    try:
        return await connection.fetchval(sql)
    finally:
        await connection.close()


@pytest.fixture
def data_dir() -> Iterator[Path]:
    # Not tmp_path: its name is so long that the socket would always go to its stand-in.
    with tempfile.TemporaryDirectory(prefix="molt-") as made:
        yield Path(made) / "data"


@pytest.fixture
async def postgres(data_dir: Path) -> AsyncIterator[EmbeddedPostgres]:
    async with EmbeddedPostgres(data_dir) as running:
        yield running


async def test_a_fresh_directory_gives_a_durable_database_with_checksums(postgres: EmbeddedPostgres) -> None:
    url = postgres.admin_url
    assert await query(url, "select current_database()") == "moltstack"
    assert await query(url, "select current_user") == "moltstack_admin"
    for setting, value in {
        "data_checksums": "on",
        "fsync": "on",
        "server_encoding": "UTF8",
        "listen_addresses": "",
        "jit": "off",
        "max_connections": "100",
    }.items():
        assert await query(url, f"select current_setting('{setting}')") == value


async def test_data_are_there_again_after_a_restart(data_dir: Path) -> None:
    async with EmbeddedPostgres(data_dir) as postgres:
        await query(postgres.admin_url, "create table kept as select 42 as answer")
    async with EmbeddedPostgres(data_dir) as postgres:
        assert await query(postgres.admin_url, "select answer from kept") == 42


async def test_everybody_needs_a_password_and_the_right_one(postgres: EmbeddedPostgres, data_dir: Path) -> None:
    password = read_or_make_password(data_dir / "postgres.password")
    with pytest.raises(asyncpg.InvalidPasswordError):
        await query(postgres.admin_url.replace(password, "wrong"), "select 1")
    with pytest.raises((asyncpg.InvalidPasswordError, asyncpg.InvalidAuthorizationSpecificationError)):
        await query(postgres.admin_url.replace(f":{password}", ""), "select 1")
    methods = await query(postgres.admin_url, "select string_agg(distinct auth_method, ' ') from pg_hba_file_rules")
    assert methods == "scram-sha-256"


@pytest.mark.usefixtures("postgres")
async def test_socket_and_secrets_are_closed_to_others(data_dir: Path) -> None:
    assert stat.S_IMODE((data_dir / "run" / "postgres").stat().st_mode) == 0o700
    assert stat.S_IMODE((data_dir / "postgres").stat().st_mode) == 0o700
    assert stat.S_IMODE((data_dir / "postgres.password").stat().st_mode) == 0o600
    assert stat.S_IMODE((data_dir / "postgres.log").stat().st_mode) == 0o600


async def test_the_log_holds_neither_a_failed_row_nor_its_statement(postgres: EmbeddedPostgres, data_dir: Path) -> None:
    await query(postgres.admin_url, "create table picky (body text check (body = ''))")
    with pytest.raises(asyncpg.CheckViolationError):
        await query(postgres.admin_url, "insert into picky values ('a private word')")
    log = (data_dir / "postgres.log").read_text()
    assert "picky_body_check" in log
    assert "private word" not in log


def killed_run(data_dir: Path, server: str) -> int:
    """Start a server in a process that is then killed; gives the id of the server that it left."""
    program = f"""
        import asyncio, os, signal
        from pathlib import Path
        from stack.embedded import {server}

        async def main():
            server = {server}(Path({str(data_dir)!r}))
            await server.start()
            print(server._process.pid, flush=True)
            os.kill(os.getpid(), signal.SIGKILL)

        asyncio.run(main())
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        stdout=subprocess.PIPE,
        env={"PYTHONPATH": str(Path.cwd())},
        check=False,
        timeout=90,
    )
    assert done.returncode == -signal.SIGKILL
    return int(done.stdout)


async def test_a_server_that_a_killed_run_left_is_ended_and_its_data_are_kept(data_dir: Path) -> None:
    orphan = killed_run(data_dir, "EmbeddedPostgres")
    assert orphan in processes_in(data_dir / "postgres", "postgres")
    async with EmbeddedPostgres(data_dir) as postgres:
        assert orphan not in processes_in(data_dir / "postgres", "postgres")
        assert await query(postgres.admin_url, "select 1") == 1


async def test_a_server_that_was_killed_itself_recovers_what_was_committed(data_dir: Path) -> None:
    postgres = EmbeddedPostgres(data_dir)
    url = await postgres.start()
    await query(url, "create table kept as select 42 as answer")
    # Its backends lose it in the same moment and may linger on the shared memory when the next one comes.
    for pid in processes_in(data_dir / "postgres", "postgres")[:1]:
        os.kill(pid, signal.SIGKILL)
    assert await asyncio.wait_for(postgres.wait_ended(), 30) == -signal.SIGKILL
    assert (data_dir / "postgres" / "postmaster.pid").exists()
    assert await query(await postgres.start(), "select answer from kept") == 42
    await postgres.stop()


async def test_a_stale_pid_file_that_names_a_foreign_process_is_no_obstacle(data_dir: Path) -> None:
    async with EmbeddedPostgres(data_dir):
        pass
    # This very process: alive, and of the same user where we are not root, so PostgreSQL itself would give up.
    (data_dir / "postgres" / "postmaster.pid").write_text(f"{os.getpid()}\n{data_dir / 'postgres'}\n1\n5432\n\n\n0 0\n")
    lock = data_dir / "run" / "postgres" / ".s.PGSQL.5432.lock"
    lock.write_text(f"{os.getpid()}\n")
    lock.with_suffix("").touch()
    async with EmbeddedPostgres(data_dir) as postgres:
        assert await query(postgres.admin_url, "select 1") == 1


async def test_a_half_made_cluster_is_thrown_away(data_dir: Path) -> None:
    half = data_dir / "postgres.new-killed"
    (half / "base").mkdir(parents=True)
    (half / "PG_VERSION").write_text("18\n")
    async with EmbeddedPostgres(data_dir) as postgres:
        assert await query(postgres.admin_url, "select 1") == 1
    assert list(data_dir.glob("postgres.new-*")) == []


async def test_an_interrupted_start_leaves_no_process_and_the_next_one_works(data_dir: Path) -> None:
    starting = asyncio.create_task(EmbeddedPostgres(data_dir).start())
    await eventually(lambda: any(data_dir.glob("postgres.new-*/base")))
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    assert list(data_dir.glob("postgres.new-*")) == []
    async with EmbeddedPostgres(data_dir) as postgres:
        assert await query(postgres.admin_url, "select 1") == 1


async def test_a_path_too_long_for_a_socket_gets_a_private_stand_in(data_dir: Path) -> None:
    deep = data_dir / ("long" * 25)
    async with EmbeddedPostgres(deep) as postgres, EmbeddedValkey(deep) as valkey:
        assert await query(postgres.admin_url, "select 1") == 1
        stand_in = Path(str(await query(postgres.admin_url, "show unix_socket_directories")).strip('"'))
        assert stand_in.parent == Path(tempfile.gettempdir())
        assert stat.S_IMODE(stand_in.stat().st_mode) == 0o700
        assert str(Path(tempfile.gettempdir())) in valkey.url
    for left in (stand_in, Path(valkey.url.removeprefix("unix://")).parent):
        left.rmdir()  # Empty: both servers removed their sockets.


async def test_a_directory_with_spaces_quotes_and_commas_works(data_dir: Path) -> None:
    odd = data_dir / 'my "bots", ünïcode & more'
    async with EmbeddedPostgres(odd) as postgres:
        assert await query(postgres.admin_url, "select 1") == 1


async def test_a_cluster_of_another_release_is_refused_in_one_line(data_dir: Path) -> None:
    async with EmbeddedPostgres(data_dir):
        pass
    (data_dir / "postgres" / "PG_VERSION").write_text("12\n")
    with pytest.raises(EmbeddedError, match="made by PostgreSQL 12") as caught:
        await EmbeddedPostgres(data_dir).start()
    assert "\n" not in str(caught.value)


async def test_a_server_that_cannot_start_says_why_with_its_last_words(data_dir: Path) -> None:
    async with EmbeddedPostgres(data_dir):
        pass
    with (data_dir / "postgres" / "postgresql.conf").open("a") as conf:
        conf.write("work_mem = 'much'\n")
    with pytest.raises(EmbeddedError, match="work_mem"):
        await EmbeddedPostgres(data_dir).start()
    assert processes_in(data_dir / "postgres", "postgres") == []


@as_root
async def test_root_steps_down_even_where_the_user_may_not_pass(data_dir: Path) -> None:
    assert stat.S_IMODE(data_dir.parent.stat().st_mode) == 0o700
    async with EmbeddedPostgres(data_dir) as postgres:
        (server, *_) = processes_in(data_dir / "postgres", "postgres")
        status = Path(f"/proc/{server}/status").read_text()
        assert "\nUid:\t0\t" not in status
        assert "\nCapEff:\t0000000000000004\n" in status  # CAP_DAC_READ_SEARCH and nothing else
        assert await query(postgres.admin_url, "select 1") == 1
    assert stat.S_IMODE(data_dir.parent.stat().st_mode) == 0o700


@as_root
async def test_root_keeps_no_capability_where_the_user_may_pass(data_dir: Path) -> None:
    data_dir.parent.chmod(0o711)
    async with EmbeddedValkey(data_dir):
        (server,) = processes_in(data_dir / "run" / "valkey", "valkey-server")
        status = Path(f"/proc/{server}/status").read_text()
    reachable = all(parent.stat().st_mode & stat.S_IXOTH for parent in Path(sys.executable).absolute().parents)
    assert "\nUid:\t0\t" not in status
    assert ("\nCapEff:\t0000000000000000\n" in status) is reachable


async def test_valkey_answers_on_its_socket_and_keeps_nothing_on_disk(data_dir: Path) -> None:
    async with EmbeddedValkey(data_dir) as valkey:
        client = redis.asyncio.from_url(valkey.url)
        try:
            await client.set("key", "value")
            assert await client.get("key") == b"value"
            for setting, value in {
                "save": "",
                "appendonly": "no",
                "port": "0",
                "maxmemory-policy": "noeviction",
            }.items():
                assert await client.config_get(setting) == {setting: value}
        finally:
            await client.aclose()
    assert stat.S_IMODE((data_dir / "run" / "valkey").stat().st_mode) == 0o700
    assert list((data_dir / "run" / "valkey").iterdir()) == []


async def test_a_valkey_that_a_killed_run_left_is_ended(data_dir: Path) -> None:
    orphan = killed_run(data_dir, "EmbeddedValkey")
    async with EmbeddedValkey(data_dir):
        assert orphan not in processes_in(data_dir / "run" / "valkey", "valkey-server")


async def test_a_second_run_on_the_same_directory_is_refused_with_the_first_ones_number(data_dir: Path) -> None:
    async with DataDirLock(data_dir):
        with pytest.raises(EmbeddedError, match=rf"process {os.getpid()}\) runs on"):
            await DataDirLock(data_dir).__aenter__()
    async with DataDirLock(data_dir):
        pass


async def test_the_next_run_waits_for_the_children_of_a_killed_one(data_dir: Path) -> None:
    first = DataDirLock(data_dir)
    async with first:
        child = await asyncio.create_subprocess_exec(
            "sleep", "1000", pass_fds=[first.children_fd], stdin=asyncio.subprocess.DEVNULL
        )
    # The supervisor's own lock is gone, the child's copy of the other is not.
    try:
        with pytest.raises(EmbeddedError, match="still run on"):
            await DataDirLock(data_dir, patience=0.2).__aenter__()
        second = asyncio.create_task(DataDirLock(data_dir).__aenter__())
    finally:
        child.kill()
        await child.wait()
    (await asyncio.wait_for(second, 10)).release()


async def test_a_directory_that_cannot_be_made_is_one_line(data_dir: Path) -> None:
    data_dir.touch()
    with pytest.raises(EmbeddedError, match="cannot be written") as caught:
        await DataDirLock(data_dir / "below").__aenter__()
    assert "\n" not in str(caught.value)
