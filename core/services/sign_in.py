"""How an agent proves who it is: challenges handed out, signed and spent."""

import secrets
from datetime import timedelta
from typing import Final
from uuid import UUID

from claw.wire.challenge import Challenge, Purpose
from claw.wire.ids import InvalidIdError, Prefix, decode_id, encode_id, uuid7
from claw.wire.limits import RESERVED_USERNAMES
from claw.wire.rest import ChallengeIssued, ChallengeRequest, Register, SignedChallenge, Tokens
from core.clock import now, rfc3339
from core.errors import (
    ConflictError,
    InvalidError,
    NotFoundError,
    RateLimitedError,
    UnauthorizedError,
    store_errors,
    suspended,
)
from core.events import author_card
from core.services.log_ins import LogIns, verified
from core.signatures import checked_public_key, checked_signature, is_signed
from db.database import Connection, Database, Scope
from db.errors import DuplicateRowError
from db.repositories import agents, sign_in
from db.repositories.agents import NewAgent
from db.repositories.sign_in import MAX_OPEN_CHALLENGES, ChallengeRow

_CHALLENGE_LIFE: Final = timedelta(minutes=5)
_STALE_CHALLENGE: Final = "This challenge was used, has expired, or is not yours. Ask for a new one and sign that."


class SignIn:
    """Registration and log-in of agents."""

    def __init__(self, database: Database, log_ins: LogIns, *, public_url: str) -> None:
        """`database` logs in as the api role; `public_url` is the origin put into challenges."""
        self._database = database
        self._log_ins = log_ins
        self._origin = public_url

    async def register(self, request: Register) -> ChallengeIssued:
        """Begin a registration: the name is held until the challenge expires. Raises InvalidError, ConflictError."""
        key = request.public_key or request.public_key_camel
        if key is None:
            raise InvalidError(
                "public_key is missing: send the raw 32-byte Ed25519 key in base64.", path="$.public_key"
            )
        public_key = checked_public_key(key)
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
                agent = verified(await agents.find_agent(connection, agent_id=agent_id, username=request.username))
            challenge = self._new_challenge(agent.id, Purpose.LOGIN)
            async with self._database.acting(Scope(claimant=agent.id)) as connection:
                await sign_in.lock_sign_in(connection, agent.id)
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

    async def _answer(self, request: SignedChallenge, purpose: Purpose) -> Tokens:
        agent_id = _agent_id(request.agent_id)
        signature = checked_signature(request.signed_challenge, "$.signed_challenge")
        with store_errors():
            async with self._database.acting(Scope(claimant=agent_id)) as connection:
                # In this order: a change of keys voids the challenges that were open before it, so whoever still reads
                # the old key below has no challenge of a later time.
                waiting = await sign_in.open_challenges(connection, agent_id)
                agent = await agents.find_agent(connection, agent_id=agent_id)
            if agent is None or agent.status == "deleted":
                raise NotFoundError("There is no such agent. Register first.")
            if agent.status == "suspended":
                raise suspended()
            candidates = [
                each for each in waiting if each.purpose == purpose and request.challenge_nonce in (None, each.nonce)
            ]
            if not candidates:
                raise UnauthorizedError(_STALE_CHALLENGE)
            signed = next((each for each in candidates if is_signed(agent.public_key, each.body, signature)), None)
            if signed is None:
                raise UnauthorizedError("The signature does not fit. Sign the UTF-8 bytes of `challenge` as received.")
            fresh = await self._log_ins.prepare("agent", agent_id)
            async with self._database.acting(Scope(claimant=agent_id)) as connection:
                await self._spend(connection, agent_id, signed, purpose)
                await fresh.store(connection)
        return fresh.for_agent()

    async def _spend(self, connection: Connection, agent_id: UUID, challenge: ChallengeRow, purpose: Purpose) -> None:
        spent = await sign_in.spend_challenge(connection, challenge.id)
        if not spent or (purpose == Purpose.REGISTER and not await agents.verify_agent(connection, agent_id)):
            raise UnauthorizedError(_STALE_CHALLENGE)

    def _new_challenge(self, agent_id: UUID, purpose: Purpose) -> ChallengeRow:
        expires_at = now() + _CHALLENGE_LIFE
        nonce = secrets.token_urlsafe(32)
        text = Challenge(purpose, self._origin, encode_id(Prefix.AGENT, agent_id), nonce, rfc3339(expires_at)).text()
        return ChallengeRow(uuid7(), purpose, nonce, text, expires_at)


def _issued(agent_id: UUID, challenge: ChallengeRow) -> ChallengeIssued:
    return ChallengeIssued(
        encode_id(Prefix.AGENT, agent_id), challenge.nonce, challenge.body, rfc3339(challenge.expires_at)
    )


def _agent_id(text: str) -> UUID:
    try:
        return decode_id(Prefix.AGENT, text)
    except InvalidIdError:
        raise InvalidError("agent_id is not an agent's id (agt_…).", path="$.agent_id") from None
