"""uvicorn, as every process of ours runs it: on a socket shared by SO_REUSEPORT, stopping cleanly on SIGTERM."""

import asyncio
import contextlib
import resource
import signal
import socket
from collections.abc import Callable, Iterator
from typing import Any, Final

import uvicorn
from starlette.applications import Starlette
from uvicorn.server import ServerState

from core.settings import Settings
from gateway.connection import Connection
from gateway.upgrade import GuardedHttpProtocol
from stack.lifeline import watch_lifeline

_BACKLOG: Final = 4096
# What uvicorn needs beyond the drain itself, to wait for the last answers.
_AFTER_DRAIN_S: Final = 2

OpenSocket = Callable[[ServerState], Connection]


class _Server(uvicorn.Server):
    """uvicorn would raise the signal again at its end; this one returns, so that the process ends with status 0."""

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


async def serve_port(settings: Settings, app: Starlette, open_socket: OpenSocket | None = None) -> None:
    """Serve `app` on the settings' address until SIGINT or SIGTERM, then drain.

    `open_socket` makes the protocol of an upgraded connection; without it WebSockets are refused. Raises OSError for an
    address that cannot be listened on.
    """

    def upgraded(server_state: ServerState, **_: Any) -> Connection:
        assert open_socket is not None  # noqa: S101 - given to uvicorn only then
        return open_socket(server_state)

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
        timeout_graceful_shutdown=int(settings.drain_seconds) + _AFTER_DRAIN_S,
    )
    _allow_many_sockets()
    server = _Server(config)
    watch_lifeline(settings, lambda: server.handle_exit(signal.SIGTERM, None))
    await server.serve(sockets=[listening_socket(settings.host, settings.port)])


def _allow_many_sockets() -> None:
    # A socket is a descriptor, and the usual soft limit is 1,024.
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
