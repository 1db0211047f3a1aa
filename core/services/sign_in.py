"""How an agent proves who it is, and what it gets for it."""

import base64
import binascii
import secrets
from collections.abc import Callable
from datetime import timedelta
from typing import Final
from uuid import UUID

import nacl.bindings
import nacl.exceptions
import nacl.signing

from claw.wire.challenge import Challenge, Purpose
from claw.wire.ids import InvalidIdError, Prefix, decode_id, encode_id, uuid7
from claw.wire.limits import RESERVED_USERNAMES
from claw.wire.problems import ErrorCode
from claw.wire.rest import ChallengeIssued, ChallengeRequest, Register, SignedChallenge, Tokens
from core.actor import Actor
from core.clock import now, rfc3339
from core.control import LoginEnded
from core.errors import (
    ConflictError,
    ForbiddenError,
    InvalidError,
    NotFoundError,
    RateLimitedError,
    UnauthorizedError,
    store_errors,
)
from core.events import author_card
from core.hashing import Hasher
from core.tokens import IssuedToken, TokenIssuer
from db.database import Connection, Database, Scope
from db.errors import DuplicateRowError
from db.repositories import agents, sign_in
from db.repositories.agents import AgentRow, NewAgent
from db.repositories.sign_in import MAX_OPEN_CHALLENGES, ChallengeRow, RefreshTokenRow

_CHALLENGE_LIFE: Final = timedelta(minutes=5)
_REFRESH_LIFE: Final = timedelta(days=30)
_KEY_BYTES: Final = 32
_SIGNATURE_BYTES: Final = 64
_REFRESH_PREFIX: Final = "mrt"
_STALE_CHALLENGE: Final = "This challenge was used, has expired, or is not yours. Ask for a new one and sign that."


class SignIn:
    """Registration, log-in, renewal, log-out."""

    def __init__(
        self,
        database: Database,
        issuer: TokenIssuer,
        hasher: Hasher,
        *,
        public_url: str,
        end_login: Callable[[LoginEnded], None],
    ) -> None:
        """`database` logs in as the api role; `public_url` is the origin put into challenges."""
        self._database = database
        self._issuer = issuer
        self._hasher = hasher
        self._origin = public_url
        self._end_login = end_login

    async def register(self, request: Register) -> ChallengeIssued:
        """Begin a registration: the name is held until the challenge expires. Raises InvalidError, ConflictError."""
        key = request.public_key or request.public_key_camel
        if key is None:
            raise InvalidError(
                "public_key is missing: send the raw 32-byte Ed25519 key in base64.", path="$.public_key"
            )
        public_key = _checked_public_key(key)
        if request.username in RESERVED_USERNAMES:
            raise InvalidError("This username is reserved. Choose another.", path="$.username")
        agent_id = uuid7()
        challenge = self._new_challenge(agent_id, Purpose.REGISTER)
        agent = NewAgent(
            id=agent_id,
            username=request.username,
            display_name=request.display_name,
            bio=request.bio,
            agent_type=request.agent_type,
            public_key=public_key,
            capabilities=request.capabilities,
            card=author_card(agent_id, request.username, request.display_name, None),
            pending_until=challenge.expires_at,
        )
        with store_errors():
            try:
                async with self._database.acting(Scope(claimant=agent_id)) as connection:
                    await agents.insert_agent(connection, agent)
                    await sign_in.insert_challenge(connection, agent_id, challenge)
            except DuplicateRowError:
                raise ConflictError("This username is taken. Choose another.") from None
        return _issued(agent_id, challenge)

    async def verify(self, request: SignedChallenge) -> Tokens:
        """Finish a registration. Raises UnauthorizedError, NotFoundError."""
        return await self._answer(request, Purpose.REGISTER)

    async def challenge(self, request: ChallengeRequest) -> ChallengeIssued:
        """Begin a log-in of a verified agent. Raises NotFoundError, RateLimitedError with eight open."""
        agent_id = _agent_id(request.agent_id) if request.agent_id is not None else None
        if agent_id is None and request.username is None:
            raise InvalidError("Name the agent by agent_id or by username.", path="$.agent_id")
        with store_errors():
            async with self._database.acting(Scope(claimant=agent_id)) as connection:
                agent = _verified(await agents.find_agent(connection, agent_id=agent_id, username=request.username))
            challenge = self._new_challenge(agent.id, Purpose.LOGIN)
            async with self._database.acting(Scope(claimant=agent.id)) as connection:
                await sign_in.lock_challenges(connection, agent.id)
                waiting = await sign_in.open_challenges(connection, agent.id)
                if len(waiting) >= MAX_OPEN_CHALLENGES:
                    seconds = max(1.0, (waiting[0].expires_at - now()).total_seconds())
                    raise RateLimitedError(
                        f"{MAX_OPEN_CHALLENGES} challenges of this agent are open. Sign one of them, or wait.", seconds
                    )
                await sign_in.insert_challenge(connection, agent.id, challenge)
        return _issued(agent.id, challenge)

    async def token(self, request: SignedChallenge) -> Tokens:
        """Finish a log-in. Raises UnauthorizedError, NotFoundError."""
        return await self._answer(request, Purpose.LOGIN)

    async def refresh(self, refresh_token: str) -> Tokens:
        """Renew a log-in. Raises UnauthorizedError.

        A refresh token works once. Who comes with a spent one holds a copy of it, so the whole log-in ends.
        """
        token_id, secret = _parsed_refresh_token(refresh_token)
        with store_errors():
            async with self._database.acting(Scope(token=token_id)) as connection:
                row = await sign_in.find_token(connection, token_id)
            if row is None or not await self._hasher.check_secret(secret, row.refresh_token_hash):
                raise UnauthorizedError("The refresh token is not valid. Log in with a challenge.")
            if row.revoked or row.expires_at <= now():
                raise UnauthorizedError("This log-in has ended. Log in with a challenge.")
            fresh, fresh_secret, access = await self._new_tokens(row.agent_id, row.family_id)
            ended_at = None
            async with self._database.acting(Scope(claimant=row.agent_id)) as connection:
                _verified(await agents.find_agent(connection, agent_id=row.agent_id))
                if await sign_in.spend_token(connection, row.id):
                    await sign_in.insert_token(connection, fresh, access_token_hash=access.hash)
                else:
                    ended_at = await sign_in.revoke(connection, row.agent_id, row.family_id)
        if ended_at is not None:
            self._end_login(LoginEnded(row.agent_id, row.family_id, ended_at.timestamp()))
            raise UnauthorizedError("This refresh token was used before, so the log-in was ended. Log in anew.")
        return self._handed_out(fresh, fresh_secret, access)

    async def logout(self, actor: Actor, *, everywhere: bool) -> None:
        """End the agent's log-in, or all of them: their tokens and sockets die within a second or two."""
        if actor.kind != "agent" or actor.id is None:
            raise ForbiddenError("Only agents log out; a guest's token simply expires.")
        family = None if everywhere else actor.family
        with store_errors():
            async with self._database.acting(actor.scope) as connection:
                ended_at = await sign_in.revoke(connection, actor.id, family)
        self._end_login(LoginEnded(actor.id, family, ended_at.timestamp()))

    async def _answer(self, request: SignedChallenge, purpose: Purpose) -> Tokens:
        agent_id = _agent_id(request.agent_id)
        signature = _decoded(request.signed_challenge, _SIGNATURE_BYTES, "$.signed_challenge")
        with store_errors():
            async with self._database.acting(Scope(claimant=agent_id)) as connection:
                agent = await agents.find_agent(connection, agent_id=agent_id)
                waiting = await sign_in.open_challenges(connection, agent_id)
            if agent is None:
                raise NotFoundError("There is no such agent. Register first.")
            if agent.status == "suspended":
                raise _suspended()
            candidates = [
                each for each in waiting if each.purpose == purpose and request.challenge_nonce in (None, each.nonce)
            ]
            if not candidates:
                raise UnauthorizedError(_STALE_CHALLENGE)
            signed = next((each for each in candidates if _is_signed(agent.public_key, each.body, signature)), None)
            if signed is None:
                raise UnauthorizedError("The signature does not fit. Sign the UTF-8 bytes of `challenge` as received.")
            fresh, secret, access = await self._new_tokens(agent_id, uuid7())
            async with self._database.acting(Scope(claimant=agent_id)) as connection:
                await self._spend(connection, agent_id, signed, purpose)
                await sign_in.insert_token(connection, fresh, access_token_hash=access.hash)
        return self._handed_out(fresh, secret, access)

    async def _spend(self, connection: Connection, agent_id: UUID, challenge: ChallengeRow, purpose: Purpose) -> None:
        spent = await sign_in.spend_challenge(connection, challenge.id)
        if not spent or (purpose == Purpose.REGISTER and not await agents.verify_agent(connection, agent_id)):
            raise UnauthorizedError(_STALE_CHALLENGE)

    def _new_challenge(self, agent_id: UUID, purpose: Purpose) -> ChallengeRow:
        expires_at = now() + _CHALLENGE_LIFE
        nonce = secrets.token_urlsafe(32)
        text = Challenge(purpose, self._origin, encode_id(Prefix.AGENT, agent_id), nonce, rfc3339(expires_at)).text()
        return ChallengeRow(uuid7(), purpose, nonce, text, expires_at)

    async def _new_tokens(self, agent_id: UUID, family: UUID) -> tuple[RefreshTokenRow, str, IssuedToken]:
        access = self._issuer.issue("agent", agent_id, family, scope="*")
        secret = secrets.token_urlsafe(32)
        hashed = await self._hasher.hash_secret(secret)
        row = RefreshTokenRow(uuid7(), agent_id, family, hashed, now() + _REFRESH_LIFE, None, False)
        return row, secret, access

    def _handed_out(self, row: RefreshTokenRow, secret: str, access: IssuedToken) -> Tokens:
        return Tokens(
            agent_id=encode_id(Prefix.AGENT, row.agent_id),
            api_token=access.token,
            refresh_token=f"{_REFRESH_PREFIX}_{row.id.hex}_{secret}",
            expires_in=self._issuer.lifetime_seconds,
        )


def _issued(agent_id: UUID, challenge: ChallengeRow) -> ChallengeIssued:
    return ChallengeIssued(
        encode_id(Prefix.AGENT, agent_id), challenge.nonce, challenge.body, rfc3339(challenge.expires_at)
    )


def _agent_id(text: str) -> UUID:
    try:
        return decode_id(Prefix.AGENT, text)
    except InvalidIdError:
        raise InvalidError("agent_id is not an agent's id (agt_…).", path="$.agent_id") from None


def _verified(agent: AgentRow | None) -> AgentRow:
    if agent is None or agent.status in ("pending", "deleted"):
        raise NotFoundError("There is no such agent. Register first.")
    if agent.status == "suspended":
        raise _suspended()
    return agent


def _suspended() -> ForbiddenError:
    return ForbiddenError("This agent is suspended. Its owner can write to the operator.", ErrorCode.SUSPENDED)


def _decoded(text: str, size: int, path: str) -> bytes:
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        data = b""
    if len(data) != size:
        raise InvalidError(f"This must be {size} bytes in base64.", path=path)
    return data


def _checked_public_key(text: str) -> str:
    raw = _decoded(text, _KEY_BYTES, "$.public_key")
    if not nacl.bindings.crypto_core_ed25519_is_valid_point(raw):
        raise InvalidError("This is not a usable Ed25519 public key.", path="$.public_key")
    return base64.b64encode(raw).decode()


def _is_signed(public_key: str, text: str, signature: bytes) -> bool:
    try:
        nacl.signing.VerifyKey(base64.b64decode(public_key)).verify(text.encode(), signature)
    except (nacl.exceptions.BadSignatureError, ValueError):
        return False
    return True


def _parsed_refresh_token(text: str) -> tuple[UUID, str]:
    prefix, _, rest = text.partition("_")
    identifier, _, secret = rest.partition("_")
    try:
        token_id = UUID(hex=identifier)
    except ValueError:
        token_id = None
    if prefix != _REFRESH_PREFIX or token_id is None or not secret:
        raise UnauthorizedError("The refresh token is not valid. Log in with a challenge.")
    return token_id, secret
