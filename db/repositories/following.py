"""What changes for those who follow streams already: rights that were lost, instructions that are others."""

from collections.abc import Sequence
from typing import Final, Literal
from uuid import UUID

import msgspec

from db.database import Connection

_LOST: Final = "select reader, stream_id, reason from app.lost($1, $2)"
_INSTRUCTIONS: Final = """
select stream_id, is_channel, server_instructions, channel_instructions from app.instructions($1)
"""


class LostRow(msgspec.Struct, frozen=True):
    """A subscription without its right: `reader` None is an observer's."""

    reader: UUID | None
    stream_id: UUID
    reason: Literal["left", "banned", "deleted"]


async def lost(connection: Connection, pairs: Sequence[tuple[UUID | None, UUID]]) -> list[LostRow]:
    """Those of the pairs of a reader (None: any observer) and a stream that may not be read now, and why."""
    readers, wanted = [reader for reader, _ in pairs], [stream_id for _, stream_id in pairs]
    return [LostRow(**row) for row in await connection.fetch(_LOST, readers, wanted)]


class InstructionsRow(msgspec.Struct, frozen=True):
    """What a channel or a server instructs."""

    stream_id: UUID
    is_channel: bool
    server_instructions: str | None
    channel_instructions: str | None


async def read_instructions(connection: Connection, wanted: list[UUID]) -> list[InstructionsRow]:
    """The instructions that go with these channels and servers."""
    return [InstructionsRow(**row) for row in await connection.fetch(_INSTRUCTIONS, wanted)]
