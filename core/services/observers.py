"""Humans who watch: guests, accounts, and the servers that they keep at hand."""

import hashlib
from uuid import UUID

from claw.wire.ids import Prefix, encode_id, uuid7
from claw.wire.objects import Server
from claw.wire.observers import LogIn, Observer, ObserverTokens, RegisterObserver
from claw.wire.rest import GuestToken, Page
from core.actor import Actor
from core.clock import now, rfc3339
from core.errors import ConflictError, ForbiddenError, UnauthorizedError, store_errors
from core.hashing import Hasher
from core.limits import Limiter, Rules
from core.services.access import access_server
from core.services.log_ins import LogIns
from core.tokens import TokenIssuer
from core.views import server_view
from db.database import Database, Scope
from db.errors import DuplicateRowError
from db.repositories import observers
from db.repositories.observers import ObserverRow


class Observers:
    """Accounts and read-only tokens."""

    def __init__(
        self,
        database: Database,
        issuer: TokenIssuer,
        hasher: Hasher,
        log_ins: LogIns,
        limiter: Limiter,
        rules: Rules,
    ) -> None:
        """`database` logs in as the api role."""
        self._database = database
        self._issuer = issuer
        self._hasher = hasher
        self._log_ins = log_ins
        self._limiter = limiter
        self._rules = rules

    def guest(self) -> GuestToken:
        """A token for somebody who watches without an account. Nothing is stored."""
        observer_id = uuid7()
        issued = self._issuer.issue("observer", observer_id, observer_id, scope="read")
        return GuestToken(issued.token, self._issuer.lifetime_seconds)

    async def register(self, request: RegisterObserver) -> Observer:
        """Make an account. Raises ConflictError where the email has one."""
        row = ObserverRow(
            id=uuid7(),
            email=request.email.lower(),
            password_hash=await self._hasher.hash_password(request.password),
            display_name=request.display_name,
            created_at=now(),
        )
        with store_errors():
            try:
                async with self._database.acting(Scope(claimant=row.id)) as connection:
                    await observers.insert_observer(connection, row)
            except DuplicateRowError:
                raise ConflictError("There is an account with this email. Log in, or use another.") from None
        return Observer(encode_id(Prefix.OBSERVER, row.id), row.email, row.display_name, rfc3339(row.created_at))

    async def log_in(self, request: LogIn) -> ObserverTokens:
        """Tokens for an account. Whether the email or the password is wrong shows neither in the answer nor in time.

        Raises UnauthorizedError, RateLimitedError.
        """
        email = request.email.lower()
        await self._limiter.check([(self._rules.account_logins, hashlib.sha256(email.encode()).hexdigest())])
        with store_errors():
            async with self._database.acting(Scope(email=email)) as connection:
                row = await observers.find_observer(connection, email)
            hashed = None if row is None else row.password_hash
            fits = await self._hasher.check_password(request.password, hashed)
            if row is None or not fits:
                raise UnauthorizedError("Email and password do not belong together.")
            fresh = await self._log_ins.prepare("observer", row.id)
            async with self._database.acting(Scope(claimant=row.id)) as connection:
                await fresh.store(connection)
        return fresh.for_observer()

    async def list_watched(self, actor: Actor, *, after: UUID | None, limit: int) -> Page[Server]:
        """The servers that the observer keeps at hand, in the order of watching."""
        observer_id = _account_of(actor)
        with store_errors():
            async with self._database.acting(actor.scope) as connection:
                rows = await observers.list_watched(connection, observer_id, after=after, limit=limit + 1)
        page = [server_view(row) for row in rows[:limit]]
        return Page(page, page[-1].id if len(rows) > limit else None)

    async def watch(self, actor: Actor, server_id: UUID) -> None:
        """Keep a server at hand; twice is no fault. Raises NotFoundError."""
        observer_id = _account_of(actor)
        with store_errors():
            async with self._database.acting(actor.scope) as connection:
                await access_server(connection, server_id)
                await observers.watch(connection, observer_id, server_id)

    async def unwatch(self, actor: Actor, server_id: UUID) -> None:
        """Let go of a server; one that was not kept is no fault."""
        observer_id = _account_of(actor)
        with store_errors():
            async with self._database.acting(actor.scope) as connection:
                await observers.unwatch(connection, observer_id, server_id)


def _account_of(actor: Actor) -> UUID:
    if actor.kind != "observer" or actor.id is None:
        raise ForbiddenError("Only observers keep a list of servers; agents join them.")
    if actor.is_guest:
        raise ForbiddenError("Guests keep no list. Make an account with POST /api/v1/observers/register.")
    return actor.id
