"""One login role's pool of connections, and the ways to use it.

`acting` is for what is done on somebody's behalf: a transaction whose policies see the given scope. `connection` is
for the calls that act for many (posting, replay) and carry their own rights: one statement, no transaction around it.
`standing` is the same where taking a connection from the pool would cost more than the call: posts, reads.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TYPE_CHECKING, Any, Final, Self
from uuid import UUID

import asyncpg
import msgspec

from db.errors import UnfitDatabaseError, translated
from db.standing import StandingConnections

if TYPE_CHECKING:
    _Pooled = asyncpg.pool.PoolConnectionProxy[asyncpg.Record]
    Connection = asyncpg.Connection[asyncpg.Record] | _Pooled
else:
    Connection = asyncpg.Connection

_ACT_AS: Final = "select app.act_as($1, $2, $3, $4, $5, $6)"
# Who logged in counts, not who it acts as: SET ROLE can be undone.
_LOOK_AT_ROLE: Final = """
select r.rolname, to_regprocedure('app.epoch()') is not null as migrated,
       r.rolsuper or r.rolbypassrls
       or exists (select from pg_class c
                  where c.relnamespace in (select oid from pg_namespace where nspname in ('public', 'app'))
                    and c.relkind in ('r', 'p') and pg_has_role(r.oid, c.relowner, 'member')) as unfit
from pg_roles r where r.rolname in (session_user, current_user) order by unfit desc limit 1
"""
_STATEMENT_TIMEOUT_MS: Final = 10_000
_LOCK_TIMEOUT_MS: Final = 5_000
_CONNECT_TIMEOUT_S: Final = 5.0
# Beyond the server's own limit: then it is the server that does not answer, not the statement that is slow.
_SILENCE_S: Final = _STATEMENT_TIMEOUT_MS / 1000 + 2
_RELEASE_TIMEOUT_S: Final = 2.0


class Scope(msgspec.Struct, frozen=True):
    """On whose behalf a transaction runs. All empty is nobody: what anyone may see."""

    agent: UUID | None = None
    observer: bool = False
    observer_id: UUID | None = None
    claimant: UUID | None = None
    token: UUID | None = None
    email: str | None = None


NOBODY: Final = Scope()


class _PlainConnection(asyncpg.Connection):
    def get_reset_query(self) -> str:
        # Everything we set is local to its transaction, so a connection goes back as clean as it came, and a
        # round trip per use is saved.
        return ""


class Database:
    """A pool. Open it with `open`, close it with `close`."""

    def __init__(self, pool: "asyncpg.Pool[asyncpg.Record]") -> None:
        """Not for callers: use `open`."""
        self._pool = pool
        # Not all: some are for whoever needs one for longer.
        self._standing = StandingConnections(
            self._acquire, self._release, self._give_up, most=max(1, pool.get_max_size() // 2)
        )

    @classmethod
    async def open(cls, url: str, *, name: str, size: int = 8) -> Self:
        """Connect to `url` (a login role's); at most `size` connections.

        Raises UnfitDatabaseError for a role above row level security and for a database without our tables,
        StoreUnavailableError.
        """
        with translated():
            pool = await asyncpg.create_pool(
                url,
                min_size=0,  # Nobody works in the background, and complains there, while the database is away.
                max_size=size,
                timeout=_CONNECT_TIMEOUT_S,
                command_timeout=_SILENCE_S,
                max_inactive_connection_lifetime=300,
                connection_class=_PlainConnection,
                server_settings={
                    "application_name": name,
                    "statement_timeout": str(_STATEMENT_TIMEOUT_MS),
                    "lock_timeout": str(_LOCK_TIMEOUT_MS),
                    "idle_in_transaction_session_timeout": str(_STATEMENT_TIMEOUT_MS),
                    "timezone": "UTC",
                    "jit": "off",
                },
            )
        database = cls(pool)
        try:
            await database._refuse_unfit()
        except BaseException:
            await database.close()
            raise
        return database

    async def _refuse_unfit(self) -> None:
        async with self.connection() as connection:
            row = await connection.fetchrow(_LOOK_AT_ROLE)
        if row is None or row["unfit"]:
            name = "of the URL" if row is None else row["rolname"]
            raise UnfitDatabaseError(
                f"the role {name} is a superuser, bypasses row level security or owns tables; no server process runs "
                "as such: use the roles that `moltstack migrate` makes"
            )
        if not row["migrated"]:
            raise UnfitDatabaseError("the database has no tables of MoltStack yet: run `moltstack migrate`")

    async def close(self) -> None:
        """Wait for what is under way, then disconnect."""
        await self._standing.close()
        await self._pool.close()

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """A connection outside any transaction. Raises StoreError."""
        with translated():
            connection = await self._acquire()
            try:
                yield connection
            except TimeoutError:
                await self._give_up(connection)
                raise
            finally:
                await self._release(connection)

    def standing(self) -> AbstractAsyncContextManager[Connection]:
        """A connection that is kept for the next such use, for one statement outside any transaction.

        Raises StoreError.
        """
        return self._standing.use()

    async def _acquire(self) -> "_Pooled":
        # The pool's own time limit would make a task of each call.
        async with asyncio.timeout(_CONNECT_TIMEOUT_S):
            return await self._pool.acquire()

    async def _release(self, connection: "_Pooled") -> None:
        # One whose statement was cancelled waits for the server's word on it; one that gets none is thrown away.
        with contextlib.suppress(TimeoutError):
            await self._pool.release(connection, timeout=_RELEASE_TIMEOUT_S)

    async def _give_up(self, connection: Connection) -> None:
        """The server is silent on it: throw it away, and trust no other that was made before now."""
        connection.terminate()
        await self._pool.expire_connections()

    @asynccontextmanager
    async def acting(self, scope: Scope) -> AsyncIterator[Connection]:
        """A transaction on behalf of `scope`; committed at the end, rolled back by an exception. Raises StoreError.

        Never fetch from elsewhere, hash or publish inside: the transaction holds locks.
        """
        async with self.connection() as connection, connection.transaction():
            try:
                await connection.execute(
                    _ACT_AS, scope.agent, scope.observer, scope.observer_id, scope.claimant, scope.token, scope.email
                )
                yield connection
            except TimeoutError:
                # Here, since the rollback would wait for the same silent server once more.
                await self._give_up(connection)
                raise

    def usage(self) -> tuple[int, int]:
        """How many connections are at work, and how many are open for the next."""
        idle = self._pool.get_idle_size() + self._standing.idle
        return self._pool.get_size() - idle, idle

    async def ping(self) -> None:
        """One round trip. Raises StoreError."""
        async with self.connection() as connection:
            await connection.execute("select 1")


def json_of(value: Any) -> str:
    """`value` as JSON text for a jsonb parameter."""
    return msgspec.json.encode(value).decode()
