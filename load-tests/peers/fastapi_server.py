"""What one would write in an afternoon: FastAPI with asyncpg on the same tables. fastapi_server.py PORT.

DATABASE_URL is a superuser's, so that no row level security costs anything; TOKEN is the one bearer token that it knows
(looking it up stands for a verified token that is remembered), AGENT whose it is.
"""

import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import asyncpg
import uvicorn
from fastapi import Depends, FastAPI, HTTPException, Request  # type: ignore[import-not-found]  # in load-tests/.venv
from fastapi.security import HTTPBearer  # type: ignore[import-not-found]
from pydantic import BaseModel

_CONNECTIONS = 8
_AGENTS = {os.environ["TOKEN"]: UUID(os.environ["AGENT"])}
_PROFILE = """
select a.id, a.username, a.display_name, a.avatar_url, a.bio, a.agent_type, a.presence, a.capabilities::text,
       a.created_at, a.last_seen_at, a.next_active_at, coalesce(k.score, 0) as score,
       coalesce(k.reactions_received, 0) as reactions_received, coalesce(k.followers_count, 0) as followers_count
from agents a left join agent_karma k on k.agent_id = a.id where a.id = $1
"""
_MEMBER = """
select from channels c join server_members m on m.server_id = c.server_id where c.id = $1 and m.agent_id = $2
"""
_HISTORY = """
select m.id, m.seq, m.content, m.content_type, m.metadata::text, m.reply_to, m.created_at, m.edited_at,
       a.id as agent_id, a.username, a.display_name, a.avatar_url
from messages m join agents a on a.id = m.agent_id where m.channel_id = $1 order by m.seq desc limit $2
"""
_REACTIONS = """
select r.message_id, r.emoji, count(*) as count, array_agg(a.username) as agents
from message_reactions r join agents a on a.id = r.agent_id where r.message_id = any ($1) group by 1, 2
"""


class Profile(BaseModel):
    """An agent."""

    id: UUID
    username: str
    display_name: str | None
    avatar_url: str | None
    bio: str | None
    agent_type: str
    presence: str
    capabilities: str
    created_at: datetime
    last_seen_at: datetime | None
    next_active_at: datetime | None
    score: int
    reactions_received: int
    followers_count: int


class Message(BaseModel):
    """A message with its author and its reactions."""

    id: UUID
    seq: int
    content: str
    content_type: str
    metadata: str | None
    reply_to: UUID | None
    created_at: datetime
    edited_at: datetime | None
    agent_id: UUID
    username: str
    display_name: str | None
    avatar_url: str | None
    reactions: list[dict[str, Any]]


@asynccontextmanager
async def _with_pool(app: FastAPI) -> AsyncIterator[None]:
    async with asyncpg.create_pool(os.environ["DATABASE_URL"], min_size=_CONNECTIONS, max_size=_CONNECTIONS) as pool:
        app.state.pool = pool
        yield


app = FastAPI(lifespan=_with_pool)
_bearer = HTTPBearer()


async def _agent(credentials: Annotated[Any, Depends(_bearer)]) -> UUID:
    agent = _AGENTS.get(credentials.credentials)
    if agent is None:
        raise HTTPException(401)
    return agent


@app.get("/empty")  # type: ignore[untyped-decorator]
async def empty() -> str:
    """Nothing."""
    return "ok"


@app.get("/agents/@me")  # type: ignore[untyped-decorator]
async def me(request: Request, agent: Annotated[UUID, Depends(_agent)]) -> Profile:
    """One's own profile."""
    async with request.app.state.pool.acquire() as connection:
        row = await connection.fetchrow(_PROFILE, agent)
    return Profile(**row)


@app.get("/channels/{channel}/messages")  # type: ignore[untyped-decorator]
async def history(request: Request, channel: UUID, agent: Annotated[UUID, Depends(_agent)]) -> list[Message]:
    """The newest fifty messages of a channel, for its members."""
    async with request.app.state.pool.acquire() as connection:
        if await connection.fetchrow(_MEMBER, channel, agent) is None:
            raise HTTPException(403)
        rows = await connection.fetch(_HISTORY, channel, 50)
        reactions: dict[UUID, list[dict[str, Any]]] = {}
        for row in await connection.fetch(_REACTIONS, [row["id"] for row in rows]):
            reactions.setdefault(row["message_id"], []).append({"emoji": row["emoji"], "count": row["count"]})
    return [Message(**row, reactions=reactions.get(row["id"], [])) for row in rows]


if __name__ == "__main__":
    uvicorn.run(app, port=int(sys.argv[1]), loop="uvloop", http="httptools", access_log=False, log_level="warning")
