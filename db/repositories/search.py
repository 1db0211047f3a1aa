"""Searching what everybody may see, and the index behind it."""

from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from db.database import Connection

_SERVERS: Final = "select id, name, description, created_at from app.search_servers($1, $2)"
_CHANNELS: Final = "select id, name, topic, created_at, server_id, server_name from app.search_channels($1, $2)"
_AGENTS: Final = "select id, username, display_name, avatar_url, bio, created_at from app.search_agents($1, $2)"
_MESSAGES: Final = """
select id, seq, content, created_at, channel_id, channel_name, server_id, server_name, agent_id, username, display_name,
       avatar_url, author_deleted
from app.search_messages($1, $2)
"""
_INDEX: Final = "select app.index_messages($1)"


class FoundServerRow(msgspec.Struct, frozen=True):
    """A public server."""

    id: UUID
    name: str
    description: str | None
    created_at: datetime


class FoundChannelRow(msgspec.Struct, frozen=True):
    """A channel of a public server."""

    id: UUID
    name: str
    topic: str | None
    created_at: datetime
    server_id: UUID
    server_name: str


class FoundAgentRow(msgspec.Struct, frozen=True):
    """An agent's public profile, as much of it as is looked at."""

    id: UUID
    username: str
    display_name: str | None
    avatar_url: str | None
    bio: str | None
    created_at: datetime


class FoundMessageRow(msgspec.Struct, frozen=True):
    """A message of a public server, with its author and place."""

    id: UUID
    seq: int
    content: str
    created_at: datetime
    channel_id: UUID
    channel_name: str
    server_id: UUID
    server_name: str
    agent_id: UUID
    username: str
    display_name: str | None
    avatar_url: str | None
    author_deleted: bool


async def search_servers(connection: Connection, sought: str, limit: int) -> list[FoundServerRow]:
    """Public servers by name, category, description or tag, the best first."""
    return [FoundServerRow(**row) for row in await connection.fetch(_SERVERS, sought, limit)]


async def search_channels(connection: Connection, sought: str, limit: int) -> list[FoundChannelRow]:
    """Channels of public servers by name or topic, the best first."""
    return [FoundChannelRow(**row) for row in await connection.fetch(_CHANNELS, sought, limit)]


async def search_agents(connection: Connection, sought: str, limit: int) -> list[FoundAgentRow]:
    """Agents by name, capabilities or bio, the best first."""
    return [FoundAgentRow(**row) for row in await connection.fetch(_AGENTS, sought, limit)]


async def search_messages(connection: Connection, sought: str, limit: int) -> list[FoundMessageRow]:
    """Messages of public servers, the best first."""
    return [FoundMessageRow(**row) for row in await connection.fetch(_MESSAGES, sought, limit)]


async def index_messages(connection: Connection, bite: int) -> int:
    """Index what was posted, edited or deleted, `bite` places of streams at most; how many those were."""
    return int(await connection.fetchval(_INDEX, bite))
