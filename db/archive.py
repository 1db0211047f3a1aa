"""What a backup and a restore ask of the database itself, around the work of pg_dump and pg_restore."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from db.admin import AdminError, administering
from db.migrate import LEDGER_TABLE, check_ledger, load_migrations, make_roles, read_ledger

_MAY_READ_ALL: Final = "select rolsuper or rolbypassrls from pg_roles where rolname = current_user"
# The name of the lock that app.maintain_event_partitions takes.
_KEEP_PARTITIONS: Final = "select pg_advisory_lock_shared(hashtext('moltstack.event_partitions'))"
_HAS_OURS: Final = """
select exists (select from pg_class c join pg_roles r on r.oid = c.relowner
               where c.relkind in ('r', 'p') and r.rolname in ('moltstack_owner', 'moltstack_streams'))
"""


@asynccontextmanager
async def held_for_backup(admin_url: str) -> AsyncIterator[int]:
    """Keep migrations away, and the daily partitions as they are, while the database is dumped.

    A partition dropped between pg_dump's look and its lock would fail the dump; one dropped later would make every
    post wait behind the worker, who waits for pg_dump. Gives the server's major version.
    Raises AdminError for a role that would not see every row, and where there is nothing to back up.
    """
    async with administering(admin_url, shared=True) as connection:
        if not await read_ledger(connection):
            raise AdminError("there is no MoltStack in this database")
        if not await connection.fetchval(_MAY_READ_ALL):
            raise AdminError(
                f"the role {await connection.fetchval('select current_user')} does not see every row; "
                "a backup needs a superuser or a role with BYPASSRLS: name one in MOLTSTACK_ADMIN_DATABASE_URL"
            )
        await connection.execute(_KEEP_PARTITIONS)
        yield connection.get_server_version().major


@asynccontextmanager
async def held_for_restore(admin_url: str, keys_dir: Path) -> AsyncIterator[int]:
    """Keep migrations away from an empty database, with the roles made that will own what is restored.

    Gives the server's major version. Raises AdminError for a database that holds a MoltStack already.
    """
    async with administering(admin_url) as connection:
        if await connection.fetchval(_HAS_OURS):
            raise AdminError(
                "this database holds a MoltStack already and is left as it is; "
                "restore into an empty database, or into a --data-dir that does not exist yet"
            )
        await make_roles(connection, keys_dir)
        yield connection.get_server_version().major


def check_dumped_ledger(script: str) -> None:
    """See that this program knows the schema of a dump; `script` is its table of migrations as pg_restore writes it.

    Raises AdminError.
    """
    lines = iter(script.splitlines())
    if not any(line.startswith(f"COPY public.{LEDGER_TABLE} (number, name, checksum, ") for line in lines):
        raise AdminError("it is not a backup of MoltStack")
    rows: dict[int, str] = {}
    for line in lines:
        if line == "\\.":
            break
        number, _, checksum, *_ = line.split("\t")
        rows[int(number)] = checksum
    check_ledger(rows, load_migrations())
