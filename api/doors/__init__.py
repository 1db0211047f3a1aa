"""Doors: other ways in, for clients that speak something else. Over the same services, under the same limits.

A door is a package of its own that no other knows: it goes with its folder and its line here.
"""

from collections.abc import Sequence
from typing import Final

from api.doors import gather, mcp
from api.doors.door import Door

DOORS: Final[Sequence[Door]] = (gather.DOOR, mcp.DOOR)
