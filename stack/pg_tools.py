"""Dumping and restoring a whole database with PostgreSQL's own programs."""

import asyncio
import re
import shutil
from asyncio.subprocess import PIPE, Process
from dataclasses import dataclass
from pathlib import Path

from stack.embedded.cluster import Binaries
from stack.errors import ArchiveError, EmbeddedError
from stack.pg_program import Program, access, in_memory, no_access

_NAMES = ("pg_dump", "pg_restore", "psql")
_CHUNK_BYTES = 1 << 18
# pg_restore writes this for every server since 17, which is the first that knows it. It stands in the first lines,
# which end with the other one.
_NEW_IN_17 = (17, b"SET transaction_timeout = 0;\n")
_LAST_SETTING = b"SET row_security = off;\n"
_MOST_SETTINGS = 50


@dataclass(frozen=True, slots=True)
class Tools:
    """The three programs of one release of PostgreSQL."""

    major: int
    pg_dump: str
    pg_restore: str
    psql: str

    @classmethod
    async def candidates(cls) -> "list[Tools]":
        """Those of the wheel, then those on PATH. Raises ArchiveError where there are none."""
        found = []
        try:
            binaries = await asyncio.to_thread(Binaries.find)
        except EmbeddedError:
            pass
        else:
            found.append(cls(binaries.major, *(binaries.program(name) for name in _NAMES)))
        paths = [path for name in _NAMES if (path := shutil.which(name))]
        if len(paths) == len(_NAMES) and (major := await _major_of(paths[0])):
            found.append(cls(major, *paths))
        if not found:
            raise ArchiveError("pg_dump, pg_restore and psql are not on PATH; install PostgreSQL's client programs")
        return found

    @classmethod
    async def for_server(cls, major: int) -> "Tools":
        """The first that are not older than the server, which would refuse to work otherwise. Raises ArchiveError."""
        for tools in await cls.candidates():
            if tools.major >= major:
                return tools
        raise ArchiveError(f"PostgreSQL {major} needs pg_dump, pg_restore and psql of version {major} or newer on PATH")

    async def dump(self, url: str, out: int) -> None:
        """Write the whole database in the custom format to the file `out`. Raises ArchiveError.

        Row security is not switched on: pg_dump then refuses where a policy would hide a row.
        """
        argv = [self.pg_dump, "--format=custom", "--no-publications", "--no-subscriptions"]
        with access(url) as to:
            program = await Program.start([*argv, f"--dbname={to.url}"], to, stdout=out)
            await program.finish()

    async def read(self, file: Path, *arguments: str) -> str:
        """What pg_restore writes of an archive when asked with `arguments`. Raises ArchiveError."""
        program = await Program.start([self.pg_restore, *arguments, str(file)], no_access(), stdout=PIPE)
        return (await program.finish()).decode(errors="replace")

    async def restore(self, url: str, server_major: int, file: Path, *, contents: str, last_words: str) -> None:
        """Restore in one transaction what `contents` names, a list as `pg_restore --list` writes it.

        `last_words` is SQL at the end of the same transaction. The commit is sent when pg_restore has come to a good
        end and not before, so that nothing stays whatever is killed. Raises ArchiveError.
        """
        with access(url) as to:
            argv = [self.psql, "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", f"--dbname={to.url}"]
            psql = await Program.start(argv, to, stdin=PIPE)
            pipe = psql.process.stdin
            assert pipe is not None  # noqa: S101 - asked for above
            try:
                pipe.write(b"BEGIN;\n")
                await self._pour(file, contents, pipe, keeps_new=server_major >= _NEW_IN_17[0])
                pipe.write(f"{last_words}\nCOMMIT;\n".encode())
                await pipe.drain()
                pipe.close()
            except (BrokenPipeError, ConnectionResetError):
                await psql.finish()  # It ended first, and says why.
                raise
            except BaseException:
                await psql.end()
                raise
            await psql.finish()

    async def _pour(self, file: Path, contents: str, pipe: asyncio.StreamWriter, *, keeps_new: bool) -> None:
        """Write the archive to psql as SQL."""
        with in_memory(contents) as listed:
            argv = [self.pg_restore, f"--use-list=/proc/self/fd/{listed}", "--file=-", str(file)]
            program = await Program.start(argv, no_access(listed), stdout=PIPE)
            try:
                if not keeps_new:
                    await _pour_settings(program.process, pipe)
                out = program.process.stdout
                assert out is not None  # noqa: S101 - asked for above
                while chunk := await out.read(_CHUNK_BYTES):
                    pipe.write(chunk)
                    await pipe.drain()
                await program.finish()
            except BaseException:
                await program.end()
                raise


async def _pour_settings(process: Process, pipe: asyncio.StreamWriter) -> None:
    """Write the first lines, but for the one that an old server does not know."""
    assert process.stdout is not None  # noqa: S101 - asked for by the caller
    for _ in range(_MOST_SETTINGS):
        line = await process.stdout.readline()
        if line != _NEW_IN_17[1]:
            pipe.write(line)
        if line in (_LAST_SETTING, b""):
            return


async def _major_of(program: str) -> int | None:
    said = await (await Program.start([program, "--version"], no_access(), stdout=PIPE)).finish()
    match = re.search(rb"\(PostgreSQL\) (\d+)", said)
    return int(match[1]) if match else None
