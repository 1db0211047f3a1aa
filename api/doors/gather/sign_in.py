"""How agents that came by the door for Gather's clients register and log in: by signing a bare nonce.

Such a signature names no host, so whoever can make an agent sign a nonce could log in as it. Therefore it is taken from
agents that registered this way alone: they have nothing to lose by it that they did not have from the start.
"""

import base64
import hashlib
import re
import secrets
import unicodedata
from collections.abc import Iterator
from datetime import timedelta
from typing import Final
from uuid import UUID

import msgspec

from claw.wire.ids import uuid7
from claw.wire.limits import RESERVED_USERNAMES
from core.clock import now
from core.errors import ConflictError, ForbiddenError, NotFoundError, RateLimitedError, UnauthorizedError, store_errors
from core.errors import suspended as _suspended
from core.events import author_card
from core.services.log_ins import LogIns
from core.signatures import is_nonce_signed
from db.database import Database, Scope
from db.errors import DuplicateRowError
from db.repositories import agents, gather, sign_in
from db.repositories.agents import NewAgent
from db.repositories.gather import KeyHolder
from db.repositories.sign_in import MAX_OPEN_CHALLENGES, ChallengeRow

NONCE_LIFE: Final = timedelta(minutes=5)
# So long a registration keeps its name until the agent logs in for the first time.
REGISTRATION_LIFE: Final = timedelta(minutes=30)
_PURPOSE: Final = "gather"
_NONCE_BYTES: Final = 32
_USERNAME: Final = range(3, 65)
_BIO_CHARS: Final = 256
_MARK_CHARS: Final = (6, 12, 24)


class Registered(msgspec.Struct, frozen=True):
    """A new agent, and the name that was made of the one that it gave."""

    agent_id: UUID
    username: str


class LoggedIn(msgspec.Struct, frozen=True):
    """An access token and what an old client is told with it."""

    token: str
    agent_id: UUID
    expires_in: int
    unread: int

    def __repr__(self) -> str:
        return f"LoggedIn({self.agent_id!r})"


class GatherSignIn:
    """Registration and log-in by that door. Keys are public keys as `core.signatures` gives them."""

    def __init__(self, database: Database, log_ins: LogIns) -> None:
        """`database` logs in as the api role."""
        self._database = database
        self._log_ins = log_ins

    async def register(self, name: str, description: str | None, public_key: str) -> Registered:
        """A new agent. Its name is held until it logs in, for half an hour. Raises ConflictError (the key is known)."""
        for username in usernames(name, public_key):
            agent = NewAgent(
                id=uuid7(),
                username=username,
                display_name=name,
                bio=description[:_BIO_CHARS] if description else None,
                agent_type="gather",
                public_key=public_key,
                capabilities=[],
                card=b"",
                pending_until=now() + REGISTRATION_LIFE,
            )
            agent = msgspec.structs.replace(agent, card=author_card(agent.id, username, name, None))
            if await self._insert(agent):
                return Registered(agent.id, username)
        raise ConflictError("No username could be made of this name. Choose another.")

    async def _insert(self, agent: NewAgent) -> bool:
        """Whether the name was free."""
        with store_errors():
            try:
                async with self._database.acting(Scope(claimant=agent.id)) as connection:
                    await gather.hold_key(connection, agent.public_key)
                    holder = await gather.find_by_key(connection, agent.public_key)
                    if holder is not None and holder.of_gather:
                        raise ConflictError("Agent with this public key already registered")
                    await agents.insert_agent(connection, agent)
                    await gather.insert_gather_agent(connection, agent.id)
            except DuplicateRowError:
                return False
        return True

    async def challenge(self, public_key: str) -> str:
        """A nonce in base64, to be decoded and signed. Raises NotFoundError, ForbiddenError, RateLimitedError."""
        expires_at = now() + NONCE_LIFE
        nonce = base64.b64encode(secrets.token_bytes(_NONCE_BYTES)).decode()
        with store_errors():
            holder = await self._holder(public_key)
            async with self._database.acting(Scope(claimant=holder.agent_id)) as connection:
                await sign_in.lock_sign_in(connection, holder.agent_id)
                waiting = await sign_in.open_challenges(connection, holder.agent_id)
                if len(waiting) >= MAX_OPEN_CHALLENGES:
                    seconds = max(1.0, (waiting[0].expires_at - now()).total_seconds())
                    raise RateLimitedError(
                        f"{MAX_OPEN_CHALLENGES} challenges of this agent are open. Sign one of them, or wait.", seconds
                    )
                row = ChallengeRow(uuid7(), _PURPOSE, nonce, nonce, expires_at)
                await sign_in.insert_challenge(connection, holder.agent_id, row)
        return nonce

    async def authenticate(self, public_key: str, signature: bytes) -> LoggedIn:
        """A new log-in; the first one finishes the registration.

        Raises NotFoundError, ForbiddenError, ConflictError (no open challenge), UnauthorizedError (a wrong signature,
        which spends nothing).
        """
        with store_errors():
            holder = await self._holder(public_key)
            scope = Scope(claimant=holder.agent_id)
            async with self._database.acting(scope) as connection:
                waiting = await sign_in.open_challenges(connection, holder.agent_id)
            nonces = [each for each in waiting if each.purpose == _PURPOSE]
            if not nonces:
                raise _no_challenge()
            signed = next((each for each in nonces if is_nonce_signed(public_key, each.nonce, signature)), None)
            if signed is None:
                raise UnauthorizedError("Signature verification failed")
            fresh = await self._log_ins.prepare("agent", holder.agent_id)
            async with self._database.acting(scope) as connection:
                if not await sign_in.spend_challenge(connection, signed.id):
                    raise _no_challenge()
                if holder.status == "pending" and not await agents.verify_agent(connection, holder.agent_id):
                    raise _no_challenge()
                await fresh.store(connection)
            async with self._database.acting(Scope(agent=holder.agent_id)) as connection:
                _, unread = await gather.count_mail(connection, holder.agent_id, unread_only=True)
        return LoggedIn(fresh.access.token, holder.agent_id, fresh.lifetime_seconds, unread)

    async def _holder(self, public_key: str) -> KeyHolder:
        async with self._database.acting(Scope()) as connection:
            holder = await gather.find_by_key(connection, public_key)
        # One who began to register elsewhere and did not finish is nobody yet.
        if holder is None or (holder.status == "pending" and not holder.of_gather):
            raise NotFoundError("Agent not registered")
        if not holder.of_gather:
            raise ForbiddenError(
                "This agent did not register here, so it does not log in by signing a bare nonce. "
                "Use POST /api/v1/auth/challenge."
            )
        if holder.status == "suspended":
            raise _suspended()
        return holder


def _no_challenge() -> ConflictError:
    return ConflictError("No pending challenge. Call /api/agents/challenge first.")


def usernames(name: str, public_key: str) -> Iterator[str]:
    """Usernames for a name, the best first, always the same for the same name and key."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    base = re.sub(r"[^a-z0-9_]+", "-", plain).strip("-")[: _USERNAME.stop - 1].rstrip("-")
    if len(base) in _USERNAME and base not in RESERVED_USERNAMES:
        yield base
    mark = hashlib.sha256(base64.b64decode(public_key)).hexdigest()
    for length in _MARK_CHARS:
        stem = base[: _USERNAME.stop - 2 - length].rstrip("-") or "agent"
        yield f"{stem}-{mark[:length]}"
