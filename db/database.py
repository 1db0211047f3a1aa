"""One login role's pool of connections, and the ways to use it.

`acting` is for what is done on somebody's behalf: a transaction whose policies see the given scope. `connection` is
for the calls that act for many (posting, replay) and carry their own rights: one statement, no transaction around it.
`standing` is the same for one user that is never without need of it, the group commit.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final, Self
from uuid import UUID

import asyncpg
import msgspec

from db.errors import UnfitDatabaseError, translated

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
        self._standing: _Pooled | None = None
        self._standing_in_use = False
        self._closing = False

    @classmethod
    async def open(cls, url: str, *, name: str, size: int = 8) -> Self:
        """Connect to `url` (a login role's); at most `size` connections.

        Raises UnfitDatabaseError for a role above row level security and for a database without our tables,
        StoreUnavailableError.
        """
        with translated():
            pool = await asyncpg.create_pool(
                url,
                min_size=1,
                max_size=size,
                timeout=_CONNECT_TIMEOUT_S,
                command_timeout=_STATEMENT_TIMEOUT_MS / 1000 + 2,
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
        self._closing = True
        if not self._standing_in_use:
            await self._let_go()
        await self._pool.close()

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """A connection outside any transaction. Raises StoreError."""
        with translated():
            connection = await self._acquire()
            try:
                yield connection
            finally:
                await self._pool.release(connection)

    @asynccontextmanager
    async def standing(self) -> AsyncIterator[Connection]:
        """The same connection each time, which is kept: for the one user whose every call is on somebody's way.

        Taking one from the pool and giving it back costs as much as a small statement. A second user at the same time
        gets another connection. Raises StoreError.
        """
        if self._standing_in_use:
            async with self.connection() as connection:
                yield connection
            return
        self._standing_in_use = True
        try:
            with translated():
                if self._standing is None or not _is_alive(self._standing):
                    await self._let_go()
                    self._standing = await self._acquire()
                yield self._standing
        finally:
            self._standing_in_use = False
            if self._closing:
                await self._let_go()

    async def _acquire(self) -> "_Pooled":
        # The pool's own time limit would make a task of each call.
        async with asyncio.timeout(_CONNECT_TIMEOUT_S):
            return await self._pool.acquire()

    async def _let_go(self) -> None:
        connection, self._standing = self._standing, None
        if connection is not None:
            await self._pool.release(connection)

    @asynccontextmanager
    async def acting(self, scope: Scope) -> AsyncIterator[Connection]:
        """A transaction on behalf of `scope`; committed at the end, rolled back by an exception. Raises StoreError.

        Never fetch from elsewhere, hash or publish inside: the transaction holds locks.
        """
        async with self.connection() as connection, connection.transaction():
            await connection.execute(
                _ACT_AS, scope.agent, scope.observer, scope.observer_id, scope.claimant, scope.token, scope.email
            )
            yield connection

    async def ping(self) -> None:
        """One round trip. Raises StoreError."""
        async with self.connection() as connection:
            await connection.execute("select 1")


def _is_alive(connection: "_Pooled") -> bool:
    try:
        return not connection.is_closed()
    except asyncpg.InterfaceError:
        # The pool has taken a broken one back.
        return False


def json_of(value: Any) -> str:
    """`value` as JSON text for a jsonb parameter."""
    return msgspec.json.encode(value).decode()
