"""One of PostgreSQL's client programs, run so that no password is seen by others.

A password is handed over in memory (a memfd named by PGPASSFILE), never as an argument. What a program complains of may
quote rows; only the first line is passed on.
"""

import asyncio
import os
import re
import signal
from asyncio.subprocess import DEVNULL, Process
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Self
from urllib.parse import parse_qs, unquote, urlsplit

from db.roles import without_password
from stack.embedded.process import end_child
from stack.errors import ArchiveError

_GENTLY = ((signal.SIGTERM, 5.0),)
_COMPLAINT = re.compile(r"\b(?:error|fatal): +(?P<text>.+)", re.IGNORECASE)
_COMPLAINT_BYTES = 16_384


@dataclass(frozen=True, slots=True)
class Access:
    """How a program reaches a server: a URL without password, its environment, the descriptors that it inherits."""

    url: str
    environment: dict[str, str]
    inherits: tuple[int, ...] = ()


def no_access(*inherits: int) -> Access:
    """For programs that talk to no server."""
    # Without our own variables, whose URLs hold passwords; with the operator's PGSSLMODE and the like.
    kept = {key: value for key, value in os.environ.items() if not key.startswith("MOLTSTACK_")}
    return Access("", {**kept, "LC_ALL": "C"}, inherits)


@contextmanager
def access(url: str) -> Iterator[Access]:
    """To the server at `url`, its password kept where only the program finds it."""
    parts = urlsplit(url)
    password = unquote(parts.password or "") or "".join(parse_qs(parts.query).get("password", [])[:1])
    plain = no_access()
    if not password:
        yield Access(without_password(url), plain.environment)
        return
    escaped = password.replace("\\", "\\\\").replace(":", "\\:")
    with in_memory(f"*:*:*:*:{escaped}\n") as memory:
        environment = {**plain.environment, "PGPASSFILE": f"/proc/self/fd/{memory}"}
        yield Access(without_password(url), environment, (memory,))


@contextmanager
def in_memory(text: str) -> Iterator[int]:
    """A descriptor of a file that holds `text` and lies on no disk; a program that inherits it reads it by number."""
    memory = os.memfd_create("moltstack")
    try:
        os.fchmod(memory, 0o600)  # libpq takes no password from a file that others may read.
        os.pwrite(memory, text.encode(), 0)
        yield memory
    finally:
        os.close(memory)


class Program:
    """A running program. Its complaints are kept in memory, so that nobody has to read them while it runs."""

    def __init__(self, name: str, process: Process, complaints: int) -> None:
        """Not for callers: use `start`."""
        self.name = name
        self.process = process
        self._complaints = complaints

    @classmethod
    async def start(cls, argv: Sequence[str], to: Access, *, stdin: int = DEVNULL, stdout: int = DEVNULL) -> Self:
        """Run `argv`. Raises ArchiveError where it cannot be run."""
        name = argv[0].rpartition("/")[2]
        complaints = os.memfd_create("complaints")
        try:
            process = await asyncio.create_subprocess_exec(
                *argv,
                stdin=stdin,
                stdout=stdout,
                stderr=complaints,
                env=to.environment,
                pass_fds=to.inherits,
                start_new_session=True,  # Ctrl-C in the terminal is for us, who then end the program.
            )
        except BaseException as error:
            os.close(complaints)
            if isinstance(error, OSError):
                raise ArchiveError(f"{argv[0]} cannot be run: {error.strerror}") from error
            raise
        return cls(name, process, complaints)

    async def finish(self) -> bytes:
        """Wait for the end; what it wrote where its output is a pipe. Raises ArchiveError with its complaint."""
        try:
            written = await self.process.stdout.read() if self.process.stdout else b""
            status = await self.process.wait()
        except BaseException:
            await self.end()
            raise
        said = os.pread(self._complaints, _COMPLAINT_BYTES, 0).decode(errors="replace")
        self._forget()
        if status:
            match = _COMPLAINT.search(said)
            raise ArchiveError(f"{self.name} failed: {match['text'] if match else 'it gave no reason'}")
        return written

    async def end(self) -> None:
        """Stop it, if it still runs."""
        await end_child(self.process, _GENTLY)
        self._forget()

    def _forget(self) -> None:
        if self._complaints >= 0:
            os.close(self._complaints)
            self._complaints = -1
