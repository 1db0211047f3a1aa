"""A PostgreSQL of our own: real, durable (fsync stays on), on a unix socket, with a password for everybody."""

import asyncio
import signal
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

from stack.embedded.cluster import ADMIN, DATABASE, Binaries, ensure_cluster, read_or_make_password
from stack.embedded.identity import Identity
from stack.embedded.process import end_processes, processes_in
from stack.embedded.server import EmbeddedServer

_PORT = 5432
_SOCKET = f".s.PGSQL.{_PORT}"

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


class EmbeddedPostgres(EmbeddedServer):
    """One PostgreSQL server; the cluster is `data_dir/postgres`."""

    name = "PostgreSQL"
    _kind = "postgres"
    _socket = f"{_SOCKET}.lock"
    _grace = 15.0

    def __init__(self, data_dir: Path, *, patience: float = 60.0) -> None:
        """Set up without touching anything.

        Args:
            data_dir: where the cluster (`postgres/`), password, log and socket are.
            patience: seconds until the server must be ready; crash recovery may take long.
        """
        super().__init__(data_dir, patience=patience)
        self._password_file = self._data_dir / "postgres.password"

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

    def _command(self) -> tuple[list[str], list[Path]]:
        binaries = Binaries.find()
        quoted = str(self._sockets).replace('"', '""')
        parameters = {**_PARAMETERS, "unix_socket_directories": f'"{quoted}"'}
        argv = [binaries.program("postgres"), "-D", str(self._pgdata)]
        argv += [f"--{key}={value}" for key, value in parameters.items()]
        return argv, [*binaries.needs(), self._pgdata]

    def _client_url(self) -> str:
        return self.admin_url

    async def _clear_the_way(self, identity: Identity, log: int) -> None:
        await self._reap()
        await ensure_cluster(Binaries.find(), self._pgdata, self._password_file, identity, log)

    async def _is_ready(self, pid: int) -> bool:
        # PostgreSQL tells readiness in its pid file and nowhere else; pg_ctl looks there too.
        return await asyncio.to_thread(self._own_words) == (pid, "ready")

    def _ending(self, grace: float) -> Sequence[tuple[signal.Signals, float]]:
        # Fast (clients are cut off, all is flushed), then immediate.
        return (signal.SIGINT, grace), (signal.SIGQUIT, 1.0)

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

    def _own_words(self) -> tuple[int, str]:
        """Process id and state as the server wrote them into `postmaster.pid`; zero and nothing when it has not."""
        try:
            lines = (self._pgdata / "postmaster.pid").read_text(encoding="utf-8", errors="replace").splitlines()
        except FileNotFoundError:
            return 0, ""
        pid = int(lines[0]) if lines and lines[0].strip().isdigit() else 0
        return pid, lines[7].strip() if len(lines) > 7 else ""  # noqa: PLR2004 - LOCK_FILE_LINE_PM_STATUS, from one
