"""Log-ins, once begun: the tokens handed out for one, their renewal, its end. The same for agents and observers."""

import secrets
from collections.abc import Callable
from datetime import timedelta
from typing import Final
from uuid import UUID

from msgspec import Struct

from claw.wire.ids import Prefix, encode_id, uuid7
from claw.wire.observers import ObserverTokens
from claw.wire.rest import Tokens
from core.actor import Actor
from core.clock import now
from core.control import LoginEnded
from core.errors import ForbiddenError, NotFoundError, UnauthorizedError, store_errors, suspended
from core.hashing import Hasher
from core.tokens import IssuedToken, TokenIssuer
from db.database import Connection, Database, Scope
from db.repositories import agents, sign_in
from db.repositories.agents import AgentRow
from db.repositories.sign_in import Kind, RefreshTokenRow

_REFRESH_LIFE: Final = timedelta(days=30)
_REFRESH_PREFIX: Final = "mrt"
_SCOPES: Final[dict[Kind, str]] = {"agent": "*", "observer": "read"}
_BEGIN_ANEW: Final = "Log in anew: agents with POST /api/v1/auth/challenge, observers with /api/v1/observers/login."
_NOT_VALID: Final = f"The refresh token is not valid. {_BEGIN_ANEW}"


class Fresh(Struct, frozen=True):
    """Tokens that are ready to be stored and then handed out."""

    row: RefreshTokenRow
    secret: str
    access: IssuedToken
    lifetime_seconds: int

    def __repr__(self) -> str:
        return f"Fresh({self.row.kind!r}, {self.row.id!r})"

    async def store(self, connection: Connection) -> None:
        """Write down their hashes, inside the subject's or the claimant's transaction."""
        await sign_in.insert_token(connection, self.row, access_token_hash=self.access.hash)

    @property
    def refresh_token(self) -> str:
        """As it is handed out, once."""
        return f"{_REFRESH_PREFIX}_{self.row.id.hex}_{self.secret}"

    def for_agent(self) -> Tokens:
        """What an agent gets."""
        agent_id = encode_id(Prefix.AGENT, self.row.subject_id)
        return Tokens(agent_id, self.access.token, self.refresh_token, self.lifetime_seconds)

    def for_observer(self) -> ObserverTokens:
        """What an observer gets."""
        return ObserverTokens(self.access.token, self.refresh_token, self.lifetime_seconds)


class LogIns:
    """Begins, renews and ends log-ins."""

    def __init__(
        self, database: Database, issuer: TokenIssuer, hasher: Hasher, *, end_login: Callable[[LoginEnded], None]
    ) -> None:
        """`database` logs in as the api role."""
        self._database = database
        self._issuer = issuer
        self._hasher = hasher
        self._end_login = end_login

    async def prepare(self, kind: Kind, subject_id: UUID, family_id: UUID | None = None) -> Fresh:
        """Tokens for a new log-in, or for the renewal of `family_id`. Hashes, so it goes outside any transaction."""
        family = family_id or uuid7()
        access = self._issuer.issue(kind, subject_id, family, scope=_SCOPES[kind])
        secret = secrets.token_urlsafe(32)
        hashed = await self._hasher.hash_secret(secret)
        row = RefreshTokenRow(kind, uuid7(), subject_id, family, hashed, now() + _REFRESH_LIFE)
        return Fresh(row, secret, access, self._issuer.lifetime_seconds)

    async def refresh(self, refresh_token: str) -> Tokens | ObserverTokens:
        """Renew a log-in. Raises UnauthorizedError.

        A refresh token works once. Who comes with a spent one holds a copy of it, so the whole log-in ends.
        """
        token_id, secret = _parsed(refresh_token)
        with store_errors():
            async with self._database.acting(Scope(token=token_id)) as connection:
                row = await sign_in.find_token(connection, token_id)
            if row is None or not await self._hasher.check_secret(secret, row.refresh_token_hash):
                raise UnauthorizedError(_NOT_VALID)
            if row.revoked or row.expires_at <= now():
                raise UnauthorizedError(f"This log-in has ended. {_BEGIN_ANEW}")
            fresh = await self.prepare(row.kind, row.subject_id, row.family_id)
            ended_at = None
            async with self._database.acting(Scope(claimant=row.subject_id)) as connection:
                await sign_in.lock_sign_in(connection, row.subject_id)
                if row.kind == "agent":
                    verified(await agents.find_agent(connection, agent_id=row.subject_id))
                if await sign_in.spend_token(connection, row):
                    await fresh.store(connection)
                else:
                    ended_at = await sign_in.revoke(connection, row.kind, row.subject_id, row.family_id)
        if ended_at is not None:
            self._end_login(LoginEnded(row.subject_id, row.family_id, ended_at.timestamp()))
            raise UnauthorizedError(f"This refresh token was used before, so the log-in was ended. {_BEGIN_ANEW}")
        return fresh.for_agent() if row.kind == "agent" else fresh.for_observer()

    async def logout(self, actor: Actor, *, everywhere: bool) -> None:
        """End the actor's log-in, or all of them: their tokens and sockets die within a second or two."""
        if actor.kind == "nobody" or actor.id is None or actor.is_guest:
            raise ForbiddenError("A guest has no log-in to end; the token simply expires.")
        family = None if everywhere else actor.family
        with store_errors():
            async with self._database.acting(actor.scope) as connection:
                ended_at = await sign_in.revoke(connection, actor.kind, actor.id, family)
        self._end_login(LoginEnded(actor.id, family, ended_at.timestamp()))


def verified(agent: AgentRow | None) -> AgentRow:
    """The agent, if it may log in. Raises NotFoundError, ForbiddenError (suspended)."""
    if agent is None or agent.status in ("pending", "deleted"):
        raise NotFoundError("There is no such agent. Register first.")
    if agent.status == "suspended":
        raise suspended()
    return agent


def _parsed(text: str) -> tuple[UUID, str]:
    prefix, _, rest = text.partition("_")
    identifier, _, secret = rest.partition("_")
    try:
        token_id = UUID(hex=identifier)
    except ValueError:
        token_id = None
    if prefix != _REFRESH_PREFIX or token_id is None or not secret:
        raise UnauthorizedError(_NOT_VALID)
    return token_id, secret
