"""Servers, their members and their channels."""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec

from db.database import Connection
from db.repositories.streams import StoredEvent

SERVER: Final = """
select s.id, s.name, s.description, s.icon_url, a.username as owner, s.is_public, s.max_members, s.member_count,
       s.instructions, s.report_threshold, s.category, s.created_at,
       array(select t.tag::text from server_tags t where t.server_id = s.id order by t.tag) as tags
from servers s join agents a on a.id = s.owner_agent_id
"""
_ONE_SERVER: Final = SERVER + "where s.id = $1"
_LIST_MINE: Final = (
    SERVER
    + """
join server_members m on m.server_id = s.id and m.agent_id = $1 order by m.joined_at
"""
)
_INSERT_SERVER: Final = """
insert into servers (id, name, description, icon_url, owner_agent_id, is_public, max_members, instructions,
                     report_threshold, category)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
"""
_INSERT_TAGS: Final = "insert into server_tags (server_id, tag) select $1, unnest($2::text[]) on conflict do nothing"
_DELETE_TAGS: Final = "delete from server_tags where server_id = $1 and tag <> all ($2::text[])"
# Locks for who may change the server; for others there is no row to lock.
_LOCK: Final = "select true from servers where id = $1 for no key update"
_UPDATE: Final = """
update servers set name = $2, description = $3, icon_url = $4, is_public = $5, max_members = $6, instructions = $7,
                   report_threshold = $8, category = $9
where id = $1
"""
_DELETE: Final = "select seq, frame, closed from app.delete_server($1, $2, $3, $4)"
_INSERT_MEMBER: Final = "insert into server_members (server_id, agent_id, role) values ($1, $2, $3)"
_DELETE_MEMBER: Final = "delete from server_members where server_id = $1 and agent_id = $2"
_UPDATE_ROLE: Final = "update server_members set role = $3 where server_id = $1 and agent_id = $2"
_HAND_OVER: Final = "select app.hand_over($1, $2)"
_FIND_ROLE: Final = "select role from server_members where server_id = $1 and agent_id = $2"
_FIND_OWN_ROLE: Final = "select app.actor_role($1)"
_IS_BANNED: Final = "select app.is_banned($1, $2)"
# The server's members, each looked up by key: a planner left free walks all agents by name in search of members.
_MEMBERS: Final = """
select a.id, a.username, a.display_name, a.avatar_url, a.presence, m.role, m.joined_at
from server_members m cross join lateral (select * from agents a where a.id = m.agent_id offset 0) a
where m.server_id = $1 and a.username > $2 order by a.username limit $3
"""
_ONE_MEMBER: Final = """
select a.id, a.username, a.display_name, a.avatar_url, a.presence, m.role, m.joined_at
from agents a join server_members m on m.agent_id = a.id and m.server_id = $1
where a.username = $2
"""


class ServerRow(msgspec.Struct, frozen=True):
    """A server; `owner` is a username."""

    id: UUID
    name: str
    description: str | None
    icon_url: str | None
    owner: str
    is_public: bool
    max_members: int
    member_count: int
    instructions: str | None
    report_threshold: int
    category: str | None
    created_at: datetime
    tags: list[str]


class NewServer(msgspec.Struct, frozen=True):
    """What a new server is made of."""

    id: UUID
    name: str
    description: str | None
    icon_url: str | None
    owner_id: UUID
    is_public: bool
    max_members: int
    instructions: str | None
    report_threshold: int
    category: str | None
    tags: list[str]


class MemberRow(msgspec.Struct, frozen=True):
    """A member with its public profile's head."""

    id: UUID
    username: str
    display_name: str | None
    avatar_url: str | None
    presence: str
    role: str
    joined_at: datetime


async def insert_server(connection: Connection, server: NewServer) -> None:
    """Store a server with its tags and its owner as first member."""
    await connection.execute(
        _INSERT_SERVER,
        server.id,
        server.name,
        server.description,
        server.icon_url,
        server.owner_id,
        server.is_public,
        server.max_members,
        server.instructions,
        server.report_threshold,
        server.category,
    )
    await insert_member(connection, server.id, server.owner_id, "owner")
    if server.tags:
        await connection.execute(_INSERT_TAGS, server.id, server.tags)


async def find_server(connection: Connection, server_id: UUID) -> ServerRow | None:
    """The server, if the scope may know of it."""
    return _optional(await connection.fetchrow(_ONE_SERVER, server_id))


async def lock_server(connection: Connection, server_id: UUID) -> bool:
    """Hold the server against other changes until the transaction ends; False for who may not change it."""
    return bool(await connection.fetchval(_LOCK, server_id))


async def update_server(connection: Connection, server: ServerRow) -> None:
    """Store the server's own fields, all but the owner and the tags. Raises RefusedRowError."""
    await connection.execute(
        _UPDATE,
        server.id,
        server.name,
        server.description,
        server.icon_url,
        server.is_public,
        server.max_members,
        server.instructions,
        server.report_threshold,
        server.category,
    )


async def replace_tags(connection: Connection, server_id: UUID, tags: list[str]) -> None:
    """Let the server have these tags and no others."""
    await connection.execute(_DELETE_TAGS, server_id, tags)
    await connection.execute(_INSERT_TAGS, server_id, tags)


async def delete_server(
    connection: Connection, server_id: UUID, head: bytes, tail: bytes, at: datetime
) -> tuple[StoredEvent, list[UUID]]:
    """Delete the server with `head seq tail` as its stream's last event; that event, and the streams that ended.

    Raises RefusedRowError for who does not own it.
    """
    row = await connection.fetchrow(_DELETE, server_id, head, tail, at)
    assert row is not None  # noqa: S101 - the function returns a row or raises
    return StoredEvent(server_id, row["seq"], row["frame"]), row["closed"]


async def list_joined_servers(connection: Connection, agent_id: UUID) -> list[ServerRow]:
    """The servers that the agent is a member of, in the order of joining."""
    return [ServerRow(**row) for row in await connection.fetch(_LIST_MINE, agent_id)]


async def insert_member(connection: Connection, server_id: UUID, agent_id: UUID, role: str) -> None:
    """Make an agent a member. Raises DuplicateRowError, RefusedRowError (banned, private, full)."""
    await connection.execute(_INSERT_MEMBER, server_id, agent_id, role)


async def delete_member(connection: Connection, server_id: UUID, agent_id: UUID) -> bool:
    """End a membership; False where there was none that the scope may end."""
    return await connection.execute(_DELETE_MEMBER, server_id, agent_id) == "DELETE 1"


async def update_role(connection: Connection, server_id: UUID, agent_id: UUID, role: str) -> None:
    """Make a member an admin or a plain member."""
    await connection.execute(_UPDATE_ROLE, server_id, agent_id, role)


async def hand_over(connection: Connection, server_id: UUID, heir_id: UUID) -> bool:
    """Make a member the owner and the owner an admin; False where the heir may not act."""
    return bool(await connection.fetchval(_HAND_OVER, server_id, heir_id))


async def find_role(connection: Connection, server_id: UUID, agent_id: UUID) -> str | None:
    """The agent's role in the server, None for no member."""
    role: str | None = await connection.fetchval(_FIND_ROLE, server_id, agent_id)
    return role


async def find_own_role(connection: Connection, server_id: UUID) -> str | None:
    """What the acting agent may act as in the server; None also for the banned and the suspended."""
    role: str | None = await connection.fetchval(_FIND_OWN_ROLE, server_id)
    return role


async def is_banned(connection: Connection, server_id: UUID, agent_id: UUID) -> bool:
    """Whether the agent is banned from the server."""
    return bool(await connection.fetchval(_IS_BANNED, server_id, agent_id))


async def list_members(connection: Connection, server_id: UUID, *, after: str | None, limit: int) -> list[MemberRow]:
    """Members in the order of their usernames, after the username `after`."""
    return [MemberRow(**row) for row in await connection.fetch(_MEMBERS, server_id, after or "", limit)]


async def find_member(connection: Connection, server_id: UUID, username: str) -> MemberRow | None:
    """The member of that name."""
    row = await connection.fetchrow(_ONE_MEMBER, server_id, username)
    return None if row is None else MemberRow(**row)


def _optional(row: Any) -> ServerRow | None:
    return None if row is None else ServerRow(**row)
