"""The one port that all nodes of a machine share, and two machines' worth of nodes must not."""

import socket
from types import TracebackType
from typing import Self

from stack.errors import PortTakenError


class PortReservation:
    """Holds `host:port` for the children, who bind it with SO_REUSEPORT.

    SO_REUSEPORT would let the children of two supervisors share a port silently, each taking half of the connections.
    So the port is tried without it first, which fails when anybody listens, and then kept by a socket that is bound
    but never listens: it takes no connection, and lets in only sockets of the same user with SO_REUSEPORT.
    """

    def __init__(self, host: str, port: int) -> None:
        """Set up without binding; port 0 stands for any free one."""
        self._host = host
        self._socket: socket.socket | None = None
        self.port = port

    def __enter__(self) -> Self:
        """Reserve the port.

        Raises:
            PortTakenError: somebody listens there, or the address is none of this machine's.
        """
        try:
            family = socket.getaddrinfo(self._host, self.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0][0]
            # SO_REUSEADDR lets only connections pass that linger in TIME_WAIT after a restart.
            with _bound(family, self._host, self.port, socket.SO_REUSEADDR) as trial:
                self.port = trial.getsockname()[1]
            self._socket = _bound(family, self._host, self.port, socket.SO_REUSEPORT)
        except OSError as error:
            raise PortTakenError(
                f"cannot serve on {self._host} port {self.port} ({error.strerror}); "
                "stop what runs there, or choose another with --port"
            ) from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._socket is not None:
            self._socket.close()


def _bound(family: int, host: str, port: int, option: int) -> socket.socket:
    made = socket.socket(family, socket.SOCK_STREAM)
    try:
        made.setsockopt(socket.SOL_SOCKET, option, 1)
        made.bind((host, port))
    except BaseException:
        made.close()
        raise
    return made
