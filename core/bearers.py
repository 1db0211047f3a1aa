"""Whom a bearer token speaks for: access tokens, which a process checks by itself, and API tokens, which it looks up.

A verified API token is remembered for a minute by its SHA-256; in between a revocation is heard of like that of any
log-in, the token's id being the log-in's. Who shows bad ones pays before bcrypt is asked.
"""

import hashlib
import time
from typing import Final
from uuid import UUID

from claw.wire.tokens import TOKEN_PREFIX
from core.api_token_text import parsed
from core.errors import UnauthorizedError, store_errors, suspended
from core.hashing import Hasher
from core.limits import Limiter, Rules
from core.tokens import API_TOKEN_SCOPES, EVERYTHING, Claims, TokenVerifier
from db.database import Database
from db.repositories import api_tokens
from db.repositories.api_tokens import KnownToken

_REMEMBERED_S: Final = 60.0
_MOST_REMEMBERED: Final = 50_000
# For a token that does not expire: the last second that RFC 3339 can name.
_NEVER: Final = 253_402_300_799
_NOT_VALID: Final = "The API token is not valid: it is mistyped or was revoked. Make a new one with the agent's key."


class Bearers:
    """Checks the tokens that clients show. One per process."""

    def __init__(
        self, verifier: TokenVerifier, database: Database, hasher: Hasher, limiter: Limiter, rules: Rules
    ) -> None:
        """`database` may log in as the api's or a gateway's role."""
        self._verifier = verifier
        self._database = database
        self._hasher = hasher
        self._limiter = limiter
        self._rules = rules
        # By the token's hash: what it says, and until when (monotonic) that is taken as true.
        self._known: dict[bytes, tuple[Claims, float]] = {}

    async def claims(self, token: str, address: str) -> Claims:
        """What a good token says; `address` is the client's, where addresses are counted.

        Raises UnauthorizedError, ForbiddenError (suspended), RateLimitedError, UnavailableError.
        """
        if not token.startswith(TOKEN_PREFIX):
            return self._verifier.verify(token)
        digest = hashlib.sha256(token.encode("utf-8", "replace")).digest()
        claims, until = self._known.get(digest, (None, 0.0))
        if claims is None or until <= time.monotonic():
            claims = await self._look_up(token, address)
            self._remember(digest, claims)
        if claims.expires_at <= time.time():
            raise UnauthorizedError("The API token has expired. Make a new one with the agent's key.")
        self._verifier.refuse_revoked(claims)
        return claims

    async def _look_up(self, token: str, address: str) -> Claims:
        identity = parsed(token)
        by_address = (self._rules.bad_tokens, address or "-")
        await self._limiter.look([by_address])
        if identity is None:
            await self._limiter.check([by_address])
            raise UnauthorizedError(_NOT_VALID)
        token_id, secret = identity
        by_id = (self._rules.bad_tokens, token_id.hex)
        await self._limiter.look([by_id])
        with store_errors():
            async with self._database.connection() as connection:
                known = await api_tokens.find_token(connection, token_id)
            if known is None or not await self._hasher.check_secret(secret, known.token_hash):
                await self._limiter.check([by_address])
                await self._limiter.check([by_id])
                raise UnauthorizedError(_NOT_VALID)
            claims = _claims(token_id, known)
            async with self._database.connection() as connection:
                await api_tokens.token_used(connection, token_id)
        return claims

    def _remember(self, digest: bytes, claims: Claims) -> None:
        now = time.monotonic()
        if len(self._known) >= _MOST_REMEMBERED:
            self._known = {key: known for key, known in self._known.items() if known[1] > now}
            if len(self._known) >= _MOST_REMEMBERED:
                self._known.clear()
        self._known[digest] = (claims, now + _REMEMBERED_S)


def _claims(token_id: UUID, known: KnownToken) -> Claims:
    if known.status == "suspended":
        raise suspended()
    if known.status != "verified":
        raise UnauthorizedError("This agent does not exist any more.")
    expires_at = _NEVER if known.expires_at is None else int(known.expires_at.timestamp())
    scope = API_TOKEN_SCOPES if EVERYTHING in known.scopes else " ".join(known.scopes)
    return Claims("agent", known.agent_id, token_id, known.created_at.timestamp(), expires_at, scope)
