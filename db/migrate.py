"""Bring a database to the newest schema: roles first, then the numbered files, each in a transaction of its own.

Safe to run by several processes at once (an advisory lock makes them queue) and to run again after being killed at
any line: a file is recorded in the transaction that runs it. The administrator is a superuser, or an ordinary role that
may create roles and owns the database.
"""

import asyncio
import hashlib
import re
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Final, NamedTuple

import asyncpg

from db.admin import AdminConnection, AdminError, administering
from db.roles import Role, load_or_create_password, scram_verifier

LEDGER_TABLE: Final = "schema_migrations"

_FILE_NAME: Final = re.compile(r"^(\d{4})_([a-z_]+)\.sql$")

_LEDGER: Final = """
create table if not exists public.schema_migrations (
    number integer primary key,
    name text not null,
    checksum text not null,
    applied_at timestamptz not null default now()
)
"""
_READ_LEDGER: Final = "select number, checksum from public.schema_migrations"
_RECORD: Final = "insert into public.schema_migrations (number, name, checksum) values ($1, $2, $3)"
# Our tables only: the catalogue's are not ours to analyse, and each would be a warning in the server's log.
_ANALYZE: Final = """
do $$ declare t name; begin
    for t in select tablename from pg_tables where schemaname = 'public' and tableowner = current_user loop
        execute format('analyze public.%I', t);
    end loop;
end $$
"""
_NAME_PASSWORD: Final = "select set_config('moltstack.role', $1, true), set_config('moltstack.verifier', $2, true)"
_SET_PASSWORD: Final = """
do $$ begin
    execute format('alter role %I with login password %L',
                   current_setting('moltstack.role'), current_setting('moltstack.verifier'));
end $$
"""


# Roles belong to the whole server: somebody may be at the same ones from another database of it, where our lock is
# not seen.
_ROLES_IN_USE: Final = (asyncpg.UniqueViolationError, asyncpg.DuplicateObjectError, asyncpg.InternalServerError)
_ROLE_ATTEMPTS: Final = 5


class MigrationError(AdminError):
    """The database cannot be migrated; the text says why and what to do."""


class Migration(NamedTuple):
    """One file: its number, its name and its SQL."""

    number: int
    name: str
    sql: str

    @property
    def checksum(self) -> str:
        """SHA-256 of the text, so that a file changed after it ran is noticed."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


def load_migrations() -> list[Migration]:
    """All files in order. Raises MigrationError where their numbers are not 1, 2, 3 and so on."""
    found = []
    for entry in (resources.files("db") / "migrations").iterdir():
        match = _FILE_NAME.match(entry.name)
        if match:
            found.append(Migration(int(match[1]), match[2], entry.read_text(encoding="utf-8")))
    found.sort()
    if [migration.number for migration in found] != list(range(1, len(found) + 1)):
        raise MigrationError("the migration files are not numbered without a gap")
    return found


async def migrate(admin_url: str, keys_dir: Path) -> int:
    """Run what has not run yet and set the roles' passwords; returns how many files ran.

    `admin_url` is an owner's URL with the right to create roles. No connection of the owner stays open.
    Raises AdminError (MigrationError where it is about the files), StoreUnavailableError, OSError for the keys.
    """
    migrations = await asyncio.to_thread(load_migrations)
    async with administering(admin_url) as connection:
        # Before anything is touched: a program that is too old must not bend roles and passwords to its own idea.
        check_ledger(await read_ledger(connection), migrations)
        await make_roles(connection, keys_dir)
        await connection.execute("set role moltstack_owner")
        return await _run(connection, migrations)


async def make_roles(connection: AdminConnection, keys_dir: Path) -> None:
    """Make the roles that are missing, and set the passwords that lie in `keys_dir` (made where there are none)."""
    roles_sql = await asyncio.to_thread((resources.files("db") / "roles.sql").read_text, encoding="utf-8")
    passwords = {role: await asyncio.to_thread(load_or_create_password, keys_dir, role) for role in Role}
    verifiers = {role: await asyncio.to_thread(scram_verifier, password) for role, password in passwords.items()}
    for attempt in range(1, _ROLE_ATTEMPTS + 1):
        try:
            async with connection.transaction():
                await connection.execute(roles_sql)
                for role, verifier in verifiers.items():
                    await connection.execute(_NAME_PASSWORD, role, verifier)
                    await connection.execute(_SET_PASSWORD)
        except _ROLES_IN_USE:
            if attempt == _ROLE_ATTEMPTS:
                raise
        else:
            return


async def read_ledger(connection: AdminConnection) -> dict[int, str]:
    """The files that ran in this database: number and checksum. Empty where none did."""
    if await connection.fetchval("select to_regclass($1) is null", f"public.{LEDGER_TABLE}"):
        return {}
    return {row["number"]: row["checksum"] for row in await connection.fetch(_READ_LEDGER)}


def check_ledger(done: Mapping[int, str], migrations: Sequence[Migration]) -> None:
    """Raise MigrationError where what ran in the database is not what this program would have run."""
    if done and max(done) > len(migrations):
        raise MigrationError("the database is newer than this program: start the newer version of MoltStack")
    for migration in migrations:
        if done.get(migration.number, migration.checksum) != migration.checksum:
            raise MigrationError(f"migration {migration.number} ({migration.name}) was changed after it ran here")


async def _run(connection: AdminConnection, migrations: Sequence[Migration]) -> int:
    await connection.execute(_LEDGER)
    done = await read_ledger(connection)
    due = [migration for migration in migrations if migration.number not in done]
    for migration in due:
        async with connection.transaction():
            try:
                await connection.execute(migration.sql)
            except asyncpg.PostgresError as error:
                raise MigrationError(f"migration {migration.number} ({migration.name}): {error}") from error
            await connection.execute(_RECORD, migration.number, migration.name, migration.checksum)
    if due:
        # A plan made without statistics can be many times slower, and stays cached.
        await connection.execute(_ANALYZE)
    return len(due)
