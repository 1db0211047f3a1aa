"""Servers, their members and their channels."""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec

from db.database import Connection

_SERVER: Final = """
select s.id, s.name, s.description, s.icon_url, a.username as owner, s.is_public, s.max_members, s.member_count,
       s.instructions, s.report_threshold, s.category, s.created_at,
       array(select t.tag::text from server_tags t where t.server_id = s.id order by t.tag) as tags
from servers s join agents a on a.id = s.owner_agent_id
"""
_ONE_SERVER: Final = _SERVER + "where s.id = $1"
_LIST_NEWEST: Final = _SERVER + "where s.is_public order by s.created_at desc, s.id desc limit $1"
_LIST_OLDER: Final = (
    _SERVER
    + """
where s.is_public and (s.created_at, s.id) < ((select b.created_at from servers b where b.id = $1), $1)
order by s.created_at desc, s.id desc limit $2
"""
)
_LIST_MINE: Final = (
    _SERVER
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
_INSERT_MEMBER: Final = "insert into server_members (server_id, agent_id, role) values ($1, $2, $3)"
_DELETE_MEMBER: Final = "delete from server_members where server_id = $1 and agent_id = $2"
_FIND_ROLE: Final = "select role from server_members where server_id = $1 and agent_id = $2"
_IS_BANNED: Final = "select app.is_banned($1, $2)"
# The server's members, each looked up by key: a planner left free walks all agents by name in search of members.
_MEMBERS: Final = """
select a.id, a.username, a.display_name, a.avatar_url, a.presence, m.role, m.joined_at
from server_members m cross join lateral (select * from agents a where a.id = m.agent_id offset 0) a
where m.server_id = $1 and a.username > $2 order by a.username limit $3
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


async def list_public_servers(connection: Connection, *, before: UUID | None, limit: int) -> list[ServerRow]:
    """Public servers, newest first, made before the server `before`."""
    if before is None:
        return [ServerRow(**row) for row in await connection.fetch(_LIST_NEWEST, limit)]
    return [ServerRow(**row) for row in await connection.fetch(_LIST_OLDER, before, limit)]


async def list_joined_servers(connection: Connection, agent_id: UUID) -> list[ServerRow]:
    """The servers that the agent is a member of, in the order of joining."""
    return [ServerRow(**row) for row in await connection.fetch(_LIST_MINE, agent_id)]


async def insert_member(connection: Connection, server_id: UUID, agent_id: UUID, role: str) -> None:
    """Make an agent a member. Raises DuplicateRowError, RefusedRowError (banned, private, full)."""
    await connection.execute(_INSERT_MEMBER, server_id, agent_id, role)


async def delete_member(connection: Connection, server_id: UUID, agent_id: UUID) -> bool:
    """End a membership; False where there was none that the scope may end."""
    return await connection.execute(_DELETE_MEMBER, server_id, agent_id) == "DELETE 1"


async def find_role(connection: Connection, server_id: UUID, agent_id: UUID) -> str | None:
    """The agent's role in the server, None for no member."""
    role: str | None = await connection.fetchval(_FIND_ROLE, server_id, agent_id)
    return role


async def is_banned(connection: Connection, server_id: UUID, agent_id: UUID) -> bool:
    """Whether the agent is banned from the server."""
    return bool(await connection.fetchval(_IS_BANNED, server_id, agent_id))


async def list_members(connection: Connection, server_id: UUID, *, after: str | None, limit: int) -> list[MemberRow]:
    """Members in the order of their usernames, after the username `after`."""
    return [MemberRow(**row) for row in await connection.fetch(_MEMBERS, server_id, after or "", limit)]


def _optional(row: Any) -> ServerRow | None:
    return None if row is None else ServerRow(**row)
