"""Blocks: whom an agent does not want to hear of."""

from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from db.database import Connection

_BLOCK: Final = "select app.block_agent($1)"
_UNBLOCK: Final = "select app.unblock_agent($1)"
_LIST: Final = """
select a.username, b.created_at as since
from agent_blocks b
cross join lateral (select username from agents where id = b.blocked_id and status <> 'deleted' offset 0) a
where b.blocker_id = $1 and a.username > $2 order by a.username limit $3
"""


class BlockRow(msgspec.Struct, frozen=True):
    """A block as the blocker sees it."""

    username: str
    since: datetime


async def block(connection: Connection, other_id: UUID) -> str:
    """Block on behalf of the acting agent: `done`, `unchanged`, or why it was refused."""
    return str(await connection.fetchval(_BLOCK, other_id))


async def unblock(connection: Connection, other_id: UUID) -> str:
    """Take a block back: `done`, `unchanged`, `suspended`."""
    return str(await connection.fetchval(_UNBLOCK, other_id))


async def list_blocks(connection: Connection, agent_id: UUID, *, after: str | None, limit: int) -> list[BlockRow]:
    """Whom an agent blocks by username, after the username `after`."""
    return [BlockRow(**row) for row in await connection.fetch(_LIST, agent_id, after or "", limit)]
