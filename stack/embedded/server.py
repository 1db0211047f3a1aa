"""What both embedded servers have in common: how a server of ours is started, watched and stopped."""

import asyncio
import os
import signal
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Self

from stack.embedded.identity import Identity, service_identity
from stack.embedded.process import (
    SERVER_ENVIRONMENT,
    end_child,
    last_words,
    open_log,
    private_directory,
    socket_directory,
)
from stack.errors import EmbeddedError

_LOOK_AGAIN_SECONDS = 0.02
_FAILED_START_GRACE_SECONDS = 5.0


class EmbeddedServer(ABC):
    """One server on a data directory, started and stopped by us; its log is `data_dir/KIND.log`.

    The caller holds the `DataDirLock` of the directory. `async with EmbeddedX(data_dir) as server` gives one that is
    ready.
    """

    name: ClassVar[str]
    _kind: ClassVar[str]
    _socket: ClassVar[str]  # the longest name in the socket's directory
    _grace: ClassVar[float]

    def __init__(self, data_dir: Path, *, patience: float) -> None:
        """Set up without touching anything; `patience` is in seconds, until the server must be ready."""
        self._data_dir = data_dir.resolve()
        self._pgdata = self._data_dir / "postgres"
        self._log_file = self._data_dir / f"{self._kind}.log"
        self._sockets = socket_directory(self._data_dir, self._kind, self._socket)
        self._patience = patience
        self._process: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def start(self) -> str:
        """Run the server and wait until it is ready.

        Returns:
            The URL for a client, of PostgreSQL the superuser's.

        Raises:
            EmbeddedError: why it cannot run, with its own last words.
        """
        argv, needs = self._command()
        try:
            identity = await asyncio.to_thread(self._prepare)
            log = await asyncio.to_thread(open_log, self._log_file)
        except OSError as error:
            raise EmbeddedError(f"{self.name} cannot be set up: {error.strerror}: {error.filename}") from error
        since = os.fstat(log).st_size
        try:
            await self._clear_the_way(identity, log)
            await self._run(identity.command(argv, [*needs, self._sockets]), log)
        except (EmbeddedError, OSError) as error:
            words = await asyncio.to_thread(last_words, self._log_file, since)
            raise EmbeddedError(f"{self.name} cannot start: {error} (its log {self._log_file}: {words})") from error
        finally:
            os.close(log)
        return await asyncio.to_thread(self._client_url)

    async def stop(self, grace: float | None = None) -> None:
        """End the server in order, and without ado after `grace` seconds. May be repeated.

        A PostgreSQL that had to be ended without ado recovers at its next start and loses no commit.
        """
        process, self._process = self._process, None
        if process is not None:
            await end_child(process, self._ending(self._grace if grace is None else grace))

    async def wait_ended(self) -> int:
        """Wait until the running server ends, whoever ended it; gives its exit status."""
        if self._process is None:
            raise EmbeddedError(f"{self.name} is not running")
        return await self._process.wait()

    @abstractmethod
    def _command(self) -> tuple[list[str], list[Path]]:
        """The command line, and what it must be able to read. Raises EmbeddedError where the wheel has no server."""

    @abstractmethod
    def _client_url(self) -> str:
        """The URL for a client."""

    @abstractmethod
    async def _clear_the_way(self, identity: Identity, log: int) -> None:
        """End what a killed run left, and make what the server needs. Raises EmbeddedError, OSError."""

    @abstractmethod
    async def _is_ready(self, pid: int) -> bool:
        """Whether the server takes clients."""

    @abstractmethod
    def _ending(self, grace: float) -> Sequence[tuple[signal.Signals, float]]:
        """The signals that end it, and the seconds to wait after each."""

    def _prepare(self) -> Identity:
        self._data_dir.mkdir(mode=0o711, parents=True, exist_ok=True)
        # Valkey would run as root; it has no need to, so it goes where PostgreSQL goes.
        identity = service_identity(self._pgdata)
        private_directory(self._sockets, identity)
        return identity

    async def _run(self, command: list[str], log: int) -> None:
        process = await asyncio.create_subprocess_exec(
            *command,
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
            await end_child(process, self._ending(_FAILED_START_GRACE_SECONDS))
            raise
        self._process = process

    async def _until_ready(self, process: asyncio.subprocess.Process) -> None:
        ended = asyncio.create_task(process.wait())
        try:
            async with asyncio.timeout(self._patience):
                while not await self._is_ready(process.pid):
                    await asyncio.wait({ended}, timeout=_LOOK_AGAIN_SECONDS)
                    if ended.done():
                        raise EmbeddedError(f"it ended with status {ended.result()}")
        except TimeoutError:
            raise EmbeddedError(f"it was not ready within {self._patience:g} s") from None
        finally:
            ended.cancel()
