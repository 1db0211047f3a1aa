"""Looking for public servers: an order, and what they must have."""

from itertools import product
from typing import Final
from uuid import UUID

import msgspec

from db.database import Connection
from db.repositories.servers import SERVER, ServerRow

# The columns of each order, each backed by an index.
_ORDERS: Final = {"new": "created_at", "popular": "member_count"}
ORDERS: Final = tuple(_ORDERS)
# A filter that is not wanted is a condition on its parameter alone, so that all statements take the same ones.
_CATEGORY: Final = (" and $3::text is null", " and s.category = $3")
_TAG: Final = (
    " and $4::text is null",
    " and exists (select from server_tags t where t.server_id = s.id and t.tag = $4)",
)
_NAME: Final = (" and $5::text is null", " and strpos(lower(s.name), lower($5)) > 0")
_BEGINNING: Final = "where s.is_public and $1::uuid is null"
_FOLLOWING: Final = {
    order: f"where s.is_public and (s.{column}, s.id) < ((select b.{column} from servers b where b.id = $1), $1)"
    for order, column in _ORDERS.items()
}
_LISTS: Final = {
    (order, following, *wanted): SERVER
    + (_FOLLOWING[order] if following else _BEGINNING)
    + _CATEGORY[wanted[0]]
    + _TAG[wanted[1]]
    + _NAME[wanted[2]]
    + f" order by s.{column} desc, s.id desc limit $2"
    for order, column in _ORDERS.items()
    for following in (False, True)
    for wanted in product((False, True), repeat=3)
}


class Wish(msgspec.Struct, frozen=True):
    """What to look for: `sort` is one of ORDERS, `name` a part of the name in any case; None is anything."""

    sort: str
    category: str | None = None
    tag: str | None = None
    name: str | None = None


async def list_servers(connection: Connection, wish: Wish, *, before: UUID | None, limit: int) -> list[ServerRow]:
    """Public servers that fit, in their order, from behind the server `before`."""
    wanted = (wish.category is not None, wish.tag is not None, wish.name is not None)
    statement = _LISTS[(wish.sort, before is not None, *wanted)]
    rows = await connection.fetch(statement, before, limit, wish.category, wish.tag, wish.name)
    return [ServerRow(**row) for row in rows]
