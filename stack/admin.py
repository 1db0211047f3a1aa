"""The database that an administrator's command is about: the one that the settings name, else the embedded one."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from core.settings import Settings
from stack.embedded import DataDirLock, EmbeddedPostgres
from stack.errors import DataDirTakenError, EmbeddedError, PreflightError
from stack.preflight import check_database

_STARTING_SECONDS = 15.0
_LOOK_AGAIN_SECONDS = 0.2


@asynccontextmanager
async def admin_database(settings: Settings, *, make: bool) -> AsyncIterator[str]:
    """The administrator's URL of a database that answers.

    An embedded PostgreSQL that `moltstack up` runs just now is used as it is; one that is at rest is started for the
    time of the block, and under the lock of its data directory, so that `up` cannot start it a second time.

    Args:
        settings: whose database.
        make: whether an embedded database that does not exist yet is made.

    Raises:
        StackError: there is none, or it does not answer.
    """
    named = settings.admin_database_url or settings.database_url
    if named is not None:
        blame = "MOLTSTACK_ADMIN_DATABASE_URL" if settings.admin_database_url else "MOLTSTACK_DATABASE_URL"
        await check_database(named, variable=blame)
        yield named
        return
    if not make and not await asyncio.to_thread((settings.data_dir / "postgres").exists):
        raise EmbeddedError(
            f"there is no database in {settings.data_dir}; name the right --data-dir, or set MOLTSTACK_DATABASE_URL"
        )
    postgres = EmbeddedPostgres(settings.data_dir)
    async with AsyncExitStack() as cleanup:
        try:
            await cleanup.enter_async_context(DataDirLock(settings.data_dir))
        except DataDirTakenError as taken:
            yield await _running(postgres, taken)
        else:
            cleanup.push_async_callback(postgres.stop)
            yield await postgres.start()


async def _running(postgres: EmbeddedPostgres, taken: DataDirTakenError) -> str:
    """The URL of a server that somebody else runs; it may be just starting."""
    try:
        async with asyncio.timeout(_STARTING_SECONDS):
            while True:
                # The password is made by who makes the database, and must not be made here.
                url = await asyncio.to_thread(postgres.known_admin_url)
                try:
                    if url is not None:
                        await check_database(url, variable="--data-dir")
                        return url
                except PreflightError:
                    pass
                await asyncio.sleep(_LOOK_AGAIN_SECONDS)
    except TimeoutError:
        raise EmbeddedError(f"its PostgreSQL does not answer, and {taken}") from None
