"""`moltstack backup`, `restore` and `restore-epoch`.

A backup is one archive of pg_dump's with everything that is in the database. The keys directory is not in it: it holds
what the database must not know. A restore ends with a new life of the log, since every position that a client holds
may from then on mean another event.
"""

import asyncio
from pathlib import Path

from core.settings import Settings
from db.admin import AdminError
from db.archive import check_dumped_ledger, held_for_backup, held_for_restore
from db.epoch import NEW_LIFE_SCRIPT, begin_new_life
from db.migrate import LEDGER_TABLE
from stack.admin import admin_database
from stack.draft import Draft
from stack.errors import ArchiveError
from stack.migration import migrate_store, told_in_one_line
from stack.pg_tools import Tools

# Made together with the roles, which must be there before anything can belong to them.
_MADE_BEFORE = " SCHEMA - app "


async def back_up(settings: Settings, target: Path) -> int:
    """Write a backup to `target`, which must not exist; its size in bytes. The platform may run meanwhile.

    Raises:
        StackError: why there is none; no part of it is left then.
    """
    with Draft(target) as draft:
        async with admin_database(settings, make=False) as url:
            with told_in_one_line("the database cannot be backed up"):
                async with held_for_backup(url) as major:
                    await (await Tools.for_server(major)).dump(url, draft.descriptor)
        return await draft.publish()


async def restore(settings: Settings, source: Path) -> None:
    """Make of an empty database the one that was backed up, and bring it to this release.

    Raises:
        StackError: why not; the database holds nothing of the backup then, unless the text speaks of this release.
    """
    contents = await _contents(source)
    async with admin_database(settings, make=True) as url:
        try:
            with told_in_one_line("the backup cannot be restored"):
                async with held_for_restore(url, settings.keys_dir) as major:
                    tools = await Tools.for_server(major)
                    await tools.restore(url, major, source, contents=contents, last_words=NEW_LIFE_SCRIPT)
        except OSError as error:
            raise ArchiveError(f"the keys cannot be kept in {settings.keys_dir}: {error.strerror or error}") from error
        await migrate_store(url, settings.keys_dir)


async def renew_epoch(settings: Settings) -> None:
    """Give the log a new life, where a restore was done by other means.

    Raises:
        StackError: why that cannot be.
    """
    async with admin_database(settings, make=False) as url:
        with told_in_one_line("the epoch cannot be changed"):
            await begin_new_life(url)


async def _contents(source: Path) -> str:
    """What of the archive is to be restored; seen to be ours and of a release that we know. Raises ArchiveError."""
    if not await asyncio.to_thread(source.is_file):
        raise ArchiveError(f"there is no file {source}")
    tools = await _reader_of(source)
    ledger = await tools.read(source, "--data-only", f"--table={LEDGER_TABLE}", "--file=-")
    try:
        check_dumped_ledger(ledger)
    except AdminError as error:
        raise ArchiveError(f"{source} cannot be restored: {error}") from error
    listed = await tools.read(source, "--list")
    return "".join(line for line in listed.splitlines(keepends=True) if _MADE_BEFORE not in line)


async def _reader_of(source: Path) -> Tools:
    """The first programs that can read the archive. Raises ArchiveError."""
    refusal: ArchiveError | None = None
    for tools in await Tools.candidates():
        try:
            await tools.read(source, "--list")
        except ArchiveError as error:
            refusal = refusal or error
        else:
            return tools
    assert refusal is not None  # noqa: S101 - there is at least one candidate
    raise ArchiveError(f"{source} cannot be restored: {refusal}") from refusal
