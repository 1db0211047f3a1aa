"""uvicorn, as every process of ours runs it: on a socket shared by SO_REUSEPORT, stopping cleanly on SIGTERM."""

import asyncio
import contextlib
import resource
import signal
import socket
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, Final

import uvicorn
from starlette.types import ASGIApp

from core.settings import Settings
from gateway.connection import Connection
from gateway.upgrade import GuardedHttpProtocol
from stack.lifeline import end_within, watch_lifeline

_BACKLOG: Final = 4096
# How long answers under way may take once the sockets are gone.
_LAST_ANSWERS_S: Final = 5
# From the signal to the end, whatever hangs: a peer, a store, ourselves.
_WHOLE_STOP_S: Final = 28.0

OpenSocket = Callable[[str], Connection]
Drain = Callable[[], Awaitable[None]]


class _Server(uvicorn.Server):
    """uvicorn would raise the signal again at its end; this one returns, so that the process ends with status 0."""

    def __init__(self, config: uvicorn.Config, drain: Drain) -> None:
        super().__init__(config)
        self._drain = drain

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        end_within(_WHOLE_STOP_S)
        # First of all: the kernel gives new connections to the others who listen on this port.
        for server in self.servers:
            server.close()
        for listener in sockets or []:
            listener.close()
        # Whoever keeps an HTTP connection is answered, and told that this was the last one.
        self.server_state.default_headers = [*self.server_state.default_headers, (b"connection", b"close")]
        await self._drain()
        await super().shutdown(sockets)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        for each in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(each, self.handle_exit, each, None)
        try:
            yield
        finally:
            for each in (signal.SIGINT, signal.SIGTERM):
                loop.remove_signal_handler(each)


async def _nobody_to_send_away() -> None:
    return


async def serve_port(
    settings: Settings, app: ASGIApp, open_socket: OpenSocket | None = None, drain: Drain = _nobody_to_send_away
) -> None:
    """Serve `app` on the settings' address until SIGINT or SIGTERM, then drain.

    `open_socket` makes the protocol of an upgraded connection, which depends on the path that was dialled; without it
    WebSockets are refused. `drain` is awaited as soon as nobody is let in any more, while requests are still answered.
    Raises OSError for an address that cannot be listened on.
    """

    def upgraded(*, path: str, **_: Any) -> Connection:
        assert open_socket is not None  # noqa: S101 - given to uvicorn only then
        return open_socket(path)

    config = uvicorn.Config(
        app,
        loop="uvloop",
        http=GuardedHttpProtocol,
        ws="none" if open_socket is None else upgraded,  # type: ignore[arg-type]  # any callable of that form serves
        lifespan="off",
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=False,
        backlog=_BACKLOG,
        timeout_graceful_shutdown=_LAST_ANSWERS_S,
    )
    server = _Server(config, drain)
    watch_lifeline(settings, lambda: server.handle_exit(signal.SIGTERM, None))
    await server.serve(sockets=[listening_socket(settings.host, settings.port)])


def allow_many_sockets() -> None:
    """A socket is a descriptor, and the usual soft limit is 1,024: raise it to what the system permits."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def listening_socket(host: str, port: int) -> socket.socket:
    """A socket bound to the address, shared with the other nodes of this machine. Raises OSError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listener.bind((host, port))
    except OSError:
        listener.close()
        raise
    listener.setblocking(False)
    return listener
