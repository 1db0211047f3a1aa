"""Ports for servers that must know theirs before they start."""

import random
import socket

# Below those that the kernel gives to clients' connections, so that none of these takes it in the meantime.
_PORTS = range(20_000, 32_000)


def free_port() -> int:
    """A port of 127.0.0.1 on which nobody listens."""
    while True:
        port = random.choice(_PORTS)  # noqa: S311 - not a secret
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port
