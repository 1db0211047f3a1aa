"""Doors: other paths to dial, for clients that speak something else. Over the same sessions, under the same limits.

A door is a package of its own that no other knows: it goes with its folder and its line here.
"""

from collections.abc import Callable, Mapping
from typing import Final, Protocol

from gateway.connection import Connection
from gateway.doors.pico import PicoDoor
from gateway.node import Node


class Door(Protocol):
    """One way in, on one gateway."""

    def connect(self) -> Connection:
        """The protocol of a socket whose upgrade was asked for here."""

    async def close(self) -> None:
        """Finish what is under way; the sockets are closed by then."""


DOORS: Final[Mapping[str, Callable[[Node], Door]]] = {
    "/pico/ws": PicoDoor,
}


class Doors:
    """The doors of one gateway, the main one among them."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._doors = {path: build(node) for path, build in DOORS.items()}

    def connect(self, path: str) -> Connection:
        """The protocol of a socket whose upgrade was asked for at this path; the main one answers for unknown paths."""
        door = self._doors.get(path)
        return Connection(self._node) if door is None else door.connect()

    async def close(self) -> None:
        """Finish what is under way at all of them."""
        for door in self._doors.values():
            await door.close()
