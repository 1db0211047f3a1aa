"""A PostgreSQL that is not ours: of any major version in the wheel, with an administrator and an ordinary operator."""

import asyncio
import os
import secrets
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import asyncpg

from stack.embedded.cluster import Binaries
from stack.embedded.identity import Identity, service_identity
from stack.embedded.process import end_child

_FAST = ((signal.SIGINT, 10.0),)


@dataclass(frozen=True)
class Foreign:
    """A running server. Roles belong to a whole server, so tests that make them want one of their own."""

    major: int
    sockets: Path
    password: str

    def url(self, user: str = "postgres", database: str = "postgres") -> str:
        return f"postgresql://{user}:{self.password}@/{database}?host={quote(str(self.sockets), safe='')}&port=5432"

    async def execute(self, *statements: str, database: str = "postgres") -> None:
        """Run statements as the superuser, each by itself."""
        connection = await asyncpg.connect(self.url(database=database))
        try:
            for statement in statements:
                await connection.execute(statement)
        finally:
            await connection.close()

    async def make_operator(self, database: str = "owned") -> str:
        """A role that may make roles and owns a database, and is no superuser; its URL."""
        await self.execute(
            f"create role operator login createrole password '{self.password}'",
            f"create database {database} owner operator",
        )
        return self.url("operator", database)


def binaries(major: int) -> Binaries:
    """PostgreSQL's programs of one major version, out of the wheel."""
    home = Binaries.find().directory.parent.parent
    for found in home.glob("pginstall*/bin"):
        if f"PG_MAJORVERSION_NUM {major}\n" in next(found.parent.glob("include/**/pg_config.h")).read_text():
            return Binaries(found, major)
    raise AssertionError(f"the wheel has no PostgreSQL {major}")


@asynccontextmanager
async def foreign_server(major: int) -> AsyncIterator[Foreign]:
    """Make a cluster, run it, and remove it at the end."""
    async with _directory(major) as (directory, identity):
        password = secrets.token_urlsafe(12)
        (directory / "password").write_text(password)
        identity.own(directory / "password")
        await _run(
            identity, binaries(major), "initdb", f"--pgdata={directory / 'data'}", "--username=postgres",
            "--auth=scram-sha-256", f"--pwfile={directory / 'password'}", "--locale=C", "--encoding=UTF8", "--no-sync",
        )  # fmt: skip
        async with _served(identity, Foreign(major, directory, password)) as server:
            yield server


@asynccontextmanager
async def standby_of(primary: Foreign) -> AsyncIterator[Foreign]:
    """A server that follows `primary` and can be promoted."""
    async with _directory(primary.major) as (directory, identity):
        source = primary.url().replace("@/postgres", "@/")
        await _run(
            identity, binaries(primary.major), "pg_basebackup", f"--dbname={source}", f"--pgdata={directory / 'data'}",
            "--write-recovery-conf", "--checkpoint=fast", "--no-sync",
        )  # fmt: skip
        async with _served(identity, Foreign(primary.major, directory, primary.password)) as server:
            yield server


@asynccontextmanager
async def _directory(major: int) -> AsyncIterator[tuple[Path, Identity]]:
    with tempfile.TemporaryDirectory(prefix=f"molt-pg{major}-") as made:
        identity = service_identity(Path(made) / "none")
        identity.own(Path(made))
        yield Path(made), identity


@asynccontextmanager
async def _served(identity: Identity, server: Foreign) -> AsyncIterator[Foreign]:
    programs = binaries(server.major)
    data = server.sockets / "data"
    argv = [programs.program("postgres"), "-D", str(data), "-c", "listen_addresses=", "-c", "fsync=off"]
    process = await _start(identity, programs, [*argv, "-c", f"unix_socket_directories={server.sockets}"])
    try:
        await _until_it_answers(server)
        yield server
    finally:
        await end_child(process, _FAST)
        await asyncio.to_thread(shutil.rmtree, data, ignore_errors=True)


async def _run(identity: Identity, programs: Binaries, name: str, *arguments: str) -> None:
    process = await _start(identity, programs, [programs.program(name), *arguments])
    assert await process.wait() == 0


async def _start(identity: Identity, programs: Binaries, argv: Sequence[str]) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *identity.command(argv, programs.needs()),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
        cwd="/",
        env={"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"},
        start_new_session=True,
    )


async def _until_it_answers(server: Foreign) -> None:
    async with asyncio.timeout(30):
        while True:
            try:
                await server.execute("select 1")
            except (OSError, asyncpg.CannotConnectNowError):
                await asyncio.sleep(0.02)
            else:
                return
