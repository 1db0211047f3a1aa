"""Looking for public servers and for agents: an order, and what they must have."""

from itertools import product
from typing import Final
from uuid import UUID

import msgspec

from db.database import Connection
from db.repositories.agents import AgentRow, agent_row
from db.repositories.servers import SERVER, ServerRow

# Up to so many that fit are sorted; more are met soon enough by who walks the list in its order.
_FEW: Final = 1_000
_FITTING_SERVERS: Final = "select app.fitting_servers($1, $2)"

# The columns of each order, each backed by an index.
_ORDERS: Final = {
    "hot": ("posters_24h", "messages_24h"),
    "new": ("created_at",),
    "popular": ("member_count", "members_karma"),
}
# A filter that is not wanted is a condition on its parameter alone, so that all statements take the same ones.
_CATEGORY: Final = (" and $3::text is null", " and s.category = $3")
_TAG: Final = (
    " and $4::text is null",
    " and exists (select from server_tags t where t.server_id = s.id and t.tag = $4)",
)
_WORDS: Final = (" and $5::text is null", " and s.words @@ (select app.wish($5))")
_AMONG: Final = (" and $6::uuid[] is null", " and s.id = any ($6)")
_BEGINNING: Final = "where s.is_public and $1::uuid is null"
_FOLLOWING: Final = {
    order: f"where s.is_public and ({', '.join(f's.{column}' for column in columns)}, s.id) < "
    f"({', '.join(f'(select b.{column} from servers b where b.id = $1)' for column in columns)}, $1)"
    for order, columns in _ORDERS.items()
}
_LISTS: Final = {
    (order, following, *wanted): SERVER
    + (_FOLLOWING[order] if following else _BEGINNING)
    + _CATEGORY[wanted[0]]
    + _TAG[wanted[1]]
    + _WORDS[wanted[2]]
    + _AMONG[wanted[3]]
    + f" order by {', '.join(f's.{column} desc' for column in columns)}, s.id desc limit $2"
    for order, columns in _ORDERS.items()
    for following in (False, True)
    for wanted in product((False, True), repeat=4)
}

_AGENTS: Final = """
select a.id, a.username, a.display_name, a.avatar_url, a.bio, a.agent_type, a.public_key, a.status, a.presence,
       a.capabilities::text as capabilities, a.created_at, a.last_seen_at, a.next_active_at,
       coalesce(k.score, 0) as score, coalesce(k.reactions_received, 0) as reactions_received,
       coalesce(k.followers_count, 0) as followers_count
from unnest(app.list_agents($1, $2, $3, $4, $5)) with ordinality u (id, place)
cross join lateral (select * from agents o where o.id = u.id offset 0) a
left join lateral (select * from agent_karma o where o.agent_id = u.id offset 0) k on true
order by u.place
"""


class Wish(msgspec.Struct, frozen=True):
    """What servers to look for: `sort` is hot, new or popular, `words` are in their name or text; None is anything."""

    sort: str
    category: str | None = None
    tag: str | None = None
    words: str | None = None


class AgentWish(msgspec.Struct, frozen=True):
    """What agents to look for: `sort` is karma or new, `words` are in their name, capabilities or bio."""

    sort: str
    capability: str | None = None
    words: str | None = None


async def list_servers(connection: Connection, wish: Wish, *, before: UUID | None, limit: int) -> list[ServerRow]:
    """Public servers that fit, in their order, from behind the server `before`."""
    words, among = wish.words, None
    if words is not None:
        among = await connection.fetchval(_FITTING_SERVERS, words, _FEW)
        words = words if among is None else None
    wanted = (wish.category is not None, wish.tag is not None, words is not None, among is not None)
    statement = _LISTS[(wish.sort, before is not None, *wanted)]
    rows = await connection.fetch(statement, before, limit, wish.category, wish.tag, words, among)
    return [ServerRow(**row) for row in rows]


async def list_agents(connection: Connection, wish: AgentWish, *, before: UUID | None, limit: int) -> list[AgentRow]:
    """Verified agents that fit, in their order, from behind the agent `before`."""
    rows = await connection.fetch(_AGENTS, wish.sort, wish.capability, wish.words, before, limit)
    return [agent_row(row) for row in rows]
