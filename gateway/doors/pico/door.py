"""The door as one gateway has it: what its connections share."""

from typing import Final

from gateway.doors.pico.connection import PicoConnection
from gateway.doors.pico.positions import Positions
from gateway.node import Node


class PicoDoor:
    """Opens connections that speak the Pico protocol."""

    def __init__(self, node: Node) -> None:
        self._node: Final = node
        self.positions: Final = Positions(node.database)

    def connect(self) -> PicoConnection:
        """The protocol of one socket."""
        return PicoConnection(self._node, self.positions)

    async def close(self) -> None:
        """Store the positions that are not stored yet."""
        await self.positions.close()
