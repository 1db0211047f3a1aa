"""API tokens: made, listed and revoked by the agent that they speak for."""

import secrets
from collections.abc import Callable
from datetime import timedelta
from typing import cast
from uuid import UUID

import msgspec

from claw.wire.ids import Prefix, encode_id, uuid7
from claw.wire.rest import Page
from claw.wire.tokens import ApiToken, NewToken, TokenMade, TokenScope
from core.actor import Actor
from core.api_token_text import written
from core.clock import now, rfc3339
from core.control import LoginEnded
from core.errors import ConflictError, store_errors
from core.hashing import Hasher
from core.ids import not_found
from core.services.access import agent_of
from db.database import Database
from db.repositories import api_tokens, sign_in
from db.repositories.api_tokens import MAX_TOKENS, ApiTokenRow


class ApiTokens:
    """What an agent does about its tokens. Whoever calls sees to it that no API token comes here."""

    def __init__(self, database: Database, hasher: Hasher, *, end_login: Callable[[LoginEnded], None]) -> None:
        """`database` logs in as the api role."""
        self._database = database
        self._hasher = hasher
        self._end_login = end_login

    async def make(self, actor: Actor, request: NewToken) -> TokenMade:
        """A new token. Raises ForbiddenError, ConflictError with as many as an agent may have."""
        agent_id = agent_of(actor)
        secret = secrets.token_urlsafe(32)
        hashed = await self._hasher.hash_secret(secret)
        made_at = now()
        ends = None if request.expires_in is None else made_at + timedelta(seconds=request.expires_in)
        scopes: list[str] = ["*"] if "*" in request.scopes else sorted(set(request.scopes))
        row = ApiTokenRow(uuid7(), request.name, scopes, made_at, ends)
        with store_errors():
            async with self._database.acting(actor.scope) as connection:
                await sign_in.lock_sign_in(connection, agent_id)
                if await api_tokens.count_tokens(connection, agent_id) >= MAX_TOKENS:
                    raise ConflictError(f"You have {MAX_TOKENS} API tokens. Revoke one that nobody needs.")
                await api_tokens.insert_token(connection, agent_id, row, hashed)
        return TokenMade(**msgspec.structs.asdict(_view(row)), token=written(row.id, secret))

    async def list_tokens(self, actor: Actor) -> Page[ApiToken]:
        """The actor's tokens, the newest first, all on one page."""
        agent_id = agent_of(actor)
        with store_errors():
            async with self._database.acting(actor.scope) as connection:
                rows = await api_tokens.list_tokens(connection, agent_id)
        return Page([_view(row) for row in rows], None)

    async def revoke(self, actor: Actor, token_id: UUID) -> None:
        """End a token: it is refused, and its sockets are closed, within a second or two. Raises NotFoundError."""
        agent_id = agent_of(actor)
        with store_errors():
            async with self._database.acting(actor.scope) as connection:
                at = await api_tokens.revoke_token(connection, agent_id, token_id)
        if at is None:
            raise not_found(Prefix.API_TOKEN)
        self._end_login(LoginEnded(agent_id, token_id, at.timestamp()))


def _view(row: ApiTokenRow) -> ApiToken:
    return ApiToken(
        id=encode_id(Prefix.API_TOKEN, row.id),
        name=row.name,
        scopes=cast("list[TokenScope]", row.scopes),  # The table's check lets nothing else in.
        created_at=rfc3339(row.created_at),
        expires_at=None if row.expires_at is None else rfc3339(row.expires_at),
        last_used_at=None if row.last_used_at is None else rfc3339(row.last_used_at),
    )
