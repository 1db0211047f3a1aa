"""A PostgreSQL of our own: real, durable (fsync stays on), on a unix socket, with a password for everybody."""

import asyncio
import os
import signal
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote

from stack.embedded.cluster import ADMIN, DATABASE, Binaries, ensure_cluster, read_or_make_password
from stack.embedded.identity import Identity, service_identity
from stack.embedded.process import (
    SERVER_ENVIRONMENT,
    end_child,
    end_processes,
    last_words,
    open_log,
    private_directory,
    processes_in,
    socket_directory,
)
from stack.errors import EmbeddedError

_PORT = 5432
_SOCKET = f".s.PGSQL.{_PORT}"
_LOOK_AGAIN_SECONDS = 0.02

_PARAMETERS = {
    "listen_addresses": "",
    "port": str(_PORT),
    "unix_socket_permissions": "0700",
    "max_connections": "100",
    "shared_buffers": "128MB",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_checkpoints": "off",
    # A failed statement and its row may hold what was said in a private channel; the log is no place for that.
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
}

# What is allowed to a server of a killed run. SIGINT is PostgreSQL's fast shutdown, SIGQUIT its immediate one.
_REAP_SERVER = ((signal.SIGINT, 10.0), (signal.SIGQUIT, 5.0), (signal.SIGKILL, 5.0))
_REAP_BACKENDS = ((signal.SIGTERM, 5.0), (signal.SIGQUIT, 2.0), (signal.SIGKILL, 5.0))


class EmbeddedPostgres:
    """One PostgreSQL server on a data directory, started and stopped by us.

    The caller holds the `DataDirLock` of that directory. `async with EmbeddedPostgres(data_dir) as postgres` gives a
    server that is ready; its log is `data_dir/postgres.log`.
    """

    name = "PostgreSQL"

    def __init__(self, data_dir: Path, *, patience: float = 60.0) -> None:
        """Set up without touching anything.

        Args:
            data_dir: where the cluster (`postgres/`), password, log and socket are.
            patience: seconds until the server must be ready; crash recovery may take long.
        """
        self._data_dir = data_dir.resolve()
        self._pgdata = self._data_dir / "postgres"
        self._log_file = self._data_dir / "postgres.log"
        self._password_file = self._data_dir / "postgres.password"
        self._sockets = socket_directory(self._data_dir, "postgres", f"{_SOCKET}.lock")
        self._patience = patience
        self._process: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    @property
    def address(self) -> str:
        """The URL of server and database without user and password, for roles that bring their own."""
        return f"postgresql:///{DATABASE}?host={quote(str(self._sockets), safe='')}&port={_PORT}"

    @property
    def admin_url(self) -> str:
        """The URL of the superuser, with its password; only after the first `start`."""
        password = quote(read_or_make_password(self._password_file), safe="")
        return self.address.replace("postgresql://", f"postgresql://{ADMIN}:{password}@", 1)

    def known_admin_url(self) -> str | None:
        """`admin_url` where somebody has made the database, else None; makes nothing."""
        return self.admin_url if self._password_file.exists() else None

    async def start(self) -> str:
        """Make the cluster if need be, run the server, and wait until it takes connections.

        Returns:
            The superuser's URL for asyncpg.

        Raises:
            EmbeddedError: why it cannot run, with its own last words.
        """
        binaries = Binaries.find()
        try:
            identity = await asyncio.to_thread(self._prepare)
            log = await asyncio.to_thread(open_log, self._log_file)
        except OSError as error:
            raise EmbeddedError(f"PostgreSQL cannot be set up: {error.strerror}: {error.filename}") from error
        since = os.fstat(log).st_size
        try:
            await self._reap()
            await ensure_cluster(binaries, self._pgdata, self._password_file, identity, log)
            await self._run(binaries, identity, log)
        except (EmbeddedError, OSError) as error:
            words = await asyncio.to_thread(last_words, self._log_file, since)
            raise EmbeddedError(f"PostgreSQL cannot start: {error} (its log {self._log_file}: {words})") from error
        finally:
            os.close(log)
        return await asyncio.to_thread(lambda: self.admin_url)

    async def stop(self, grace: float = 15.0) -> None:
        """Shut down fast (clients are cut off, all is flushed), and without ado after `grace` seconds.

        May be repeated. A server that had to be ended without ado recovers at its next start and loses no commit.
        """
        process, self._process = self._process, None
        if process is not None:
            await end_child(process, ((signal.SIGINT, grace), (signal.SIGQUIT, 1.0)))

    async def wait_ended(self) -> int:
        """Wait until the running server ends, whoever ended it; gives its exit status."""
        if self._process is None:
            raise EmbeddedError("PostgreSQL is not running")
        return await self._process.wait()

    def _prepare(self) -> Identity:
        self._data_dir.mkdir(mode=0o711, parents=True, exist_ok=True)
        identity = service_identity(self._pgdata)
        private_directory(self._sockets, identity)
        return identity

    async def _reap(self) -> None:
        """End what a killed run left on our data, then remove what it wrote about itself.

        The files name a process id that somebody else may have by now, and PostgreSQL would refuse to start for it.
        Removing them is safe here, and only here: we hold the lock and have asked the kernel who is still at work.
        """
        alive = await asyncio.to_thread(processes_in, self._pgdata, "postgres")
        server, _ = await asyncio.to_thread(self._own_words)
        if server in alive:
            await end_processes([server], _REAP_SERVER)
        backends = await asyncio.to_thread(processes_in, self._pgdata, "postgres")
        await end_processes(backends, _REAP_BACKENDS)
        for stale in (self._pgdata / "postmaster.pid", self._sockets / _SOCKET, self._sockets / f"{_SOCKET}.lock"):
            await asyncio.to_thread(stale.unlink, missing_ok=True)

    async def _run(self, binaries: Binaries, identity: Identity, log: int) -> None:
        quoted = str(self._sockets).replace('"', '""')
        parameters = {**_PARAMETERS, "unix_socket_directories": f'"{quoted}"'}
        argv = [binaries.program("postgres"), "-D", str(self._pgdata)]
        argv += [f"--{key}={value}" for key, value in parameters.items()]
        process = await asyncio.create_subprocess_exec(
            *identity.command(argv, [*binaries.needs(), self._pgdata, self._sockets]),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd="/",
            env=SERVER_ENVIRONMENT,
            start_new_session=True,  # Ctrl-C in the terminal is for the supervisor; our clients drain first.
        )
        try:
            await self._until_ready(process)
        except BaseException:
            await end_child(process, ((signal.SIGINT, 5.0), (signal.SIGQUIT, 1.0)))
            raise
        self._process = process

    async def _until_ready(self, process: asyncio.subprocess.Process) -> None:
        ended = asyncio.create_task(process.wait())
        try:
            async with asyncio.timeout(self._patience):
                # PostgreSQL tells readiness in its pid file and nowhere else; pg_ctl looks there too.
                while await asyncio.to_thread(self._own_words) != (process.pid, "ready"):
                    await asyncio.wait({ended}, timeout=_LOOK_AGAIN_SECONDS)
                    if ended.done():
                        raise EmbeddedError(f"it ended with status {ended.result()}")
        except TimeoutError:
            raise EmbeddedError(f"it was not ready within {self._patience:g} s") from None
        finally:
            ended.cancel()

    def _own_words(self) -> tuple[int, str]:
        """Process id and state as the server wrote them into `postmaster.pid`; zero and nothing when it has not."""
        try:
            lines = (self._pgdata / "postmaster.pid").read_text(encoding="utf-8", errors="replace").splitlines()
        except FileNotFoundError:
            return 0, ""
        pid = int(lines[0]) if lines and lines[0].strip().isdigit() else 0
        return pid, lines[7].strip() if len(lines) > 7 else ""  # noqa: PLR2004 - LOCK_FILE_LINE_PM_STATUS, from one
