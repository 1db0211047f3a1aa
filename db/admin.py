"""The administrator's connection: for migrations, backups and restores, and for nothing that serves strangers."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

import asyncpg

from db.errors import translated

if TYPE_CHECKING:
    AdminConnection = asyncpg.Connection[asyncpg.Record]
else:
    AdminConnection = asyncpg.Connection

OLDEST_SERVER: Final = 16

_LOCK_KEY: Final = 0x6D6F6C74  # "molt"; any constant that nobody else uses
_LOCK: Final = "select pg_advisory_lock($1)"
_LOCK_SHARED: Final = "select pg_advisory_lock_shared($1)"
_CONNECT_TIMEOUT_S: Final = 10.0
_LOST: Final = (
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InterfaceError,
    ConnectionError,
)


class AdminError(Exception):
    """What was asked of the database cannot be done; the text says why and what to do."""


@asynccontextmanager
async def administering(admin_url: str, *, shared: bool = False) -> AsyncIterator[AdminConnection]:
    """The administrator's connection, holding the lock on the schema: who comes second waits.

    With `shared`, others that share may work at the same time: a backup wants the schema to stay, not to change it.
    Raises AdminError, StoreUnavailableError.
    """
    with translated():
        connection = await asyncpg.connect(
            admin_url,
            timeout=_CONNECT_TIMEOUT_S,
            server_settings={"application_name": "moltstack-admin", "search_path": "public"},
        )
    try:
        refuse_old_server(connection.get_server_version().major)
        # A session's lock, not a transaction's, since migrations commit one by one.
        await connection.execute(_LOCK_SHARED if shared else _LOCK, _LOCK_KEY)
        yield connection
    except _LOST as error:
        raise AdminError("the connection was lost; what was not finished is rolled back, so run it again") from error
    except asyncpg.PostgresError as error:
        # The statements are our own and hold nobody's data, so the server's words may be shown.
        raise AdminError(f"the database refused: {error}") from error
    finally:
        await connection.close()


def refuse_old_server(major: int) -> None:
    """Raise AdminError for a PostgreSQL that is too old for the schema."""
    if major < OLDEST_SERVER:
        raise AdminError(f"PostgreSQL {major} is too old: MoltStack needs {OLDEST_SERVER} or newer")
