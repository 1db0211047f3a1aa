"""Tables that say who may do what to which rows, and the test that holds the database to them.

A table of rights is text: a headline with the database table's name, then a line per actor (or several that share it)
and for each kind of statement the names of the rows that it reaches, `*` standing for anything and `!` for what is left
out. `-` reaches none, and `x` means that the role has no such privilege on the table at all. Under `insert` stand the
names of the attempts that succeed.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from uuid import UUID

import asyncpg

from tests.integration.db.world import ACTORS, IDS, World, rows_touched

_KINDS = ("select", "insert", "update", "delete")
Cells = dict[str, list[str] | None]
Reached = dict[str, set[str] | None]


@dataclass(frozen=True)
class Subject:
    """A database table under test.

    `key` are the columns that name a row (ids by their names, joined with a slash), `update` what an update sets,
    `inserts` the attempts by name; in both `$name` is an id, and `$me` the actor's.
    """

    rights: str
    key: tuple[str, ...]
    update: str = ""
    inserts: dict[str, str] = field(default_factory=dict)

    @property
    def table(self) -> str:
        return self.rights.split()[0]

    def lines(self) -> dict[str, Cells]:
        """Actor to kind to the names, None for no privilege."""
        found = {}
        for line in self.rights.strip().splitlines()[1:]:
            actors, *cells = line.split("|")
            row: Cells = {}
            for kind, cell in zip(_KINDS, cells, strict=True):
                words = cell.split()
                row[kind] = None if words == ["x"] else [word for word in words if word != "-"]
            found.update(dict.fromkeys(re.split(r",\s*", actors.strip()), row))
        return found


def cases(subjects: Iterable[Subject]) -> list[tuple[Subject, str]]:
    """Every actor of every table."""
    return [(subject, actor) for subject in subjects for actor in subject.lines()]


def case_id(value: object) -> str:
    """What pytest calls a case."""
    return value.table if isinstance(value, Subject) else str(value)


def _name(value: object) -> str:
    names = {id_: name for name, id_ in IDS.items()}
    return names.get(value, str(value)) if isinstance(value, UUID) else str(value)


def _row_names(rows: "Iterable[asyncpg.Record]") -> dict[str, "asyncpg.Record"]:
    return {"/".join(_name(value) for value in row): row for row in rows}


async def rights(world: World, subject: Subject, actor: str) -> tuple[Reached, Reached]:
    """What the actor reaches, and what the table says that it does."""
    columns = ", ".join(subject.key)
    everything = _row_names(await world.admin.fetch(f"select {columns} from {subject.table}"))  # noqa: S608
    login = ACTORS[actor].login
    found: Reached = {}
    async with world.acting(actor) as connection:
        for kind in _KINDS:
            if not await _is_granted(world, login, subject.table, kind):
                found[kind] = None
                continue
            match kind:
                case "select":
                    rows = await connection.fetch(f"select {columns} from {subject.table}")  # noqa: S608
                    found[kind] = set(_row_names(rows))
                case "insert":
                    found[kind] = await _inserted(connection, subject, actor)
                case _:
                    found[kind] = {
                        name
                        for name, row in everything.items()
                        if await rows_touched(connection, _statement(subject, kind, row))
                    }
    expected = {
        kind: None if words is None else _matching(words, subject.inserts if kind == "insert" else everything)
        for kind, words in subject.lines()[actor].items()
    }
    return found, expected


def _matching(words: list[str], names: Iterable[str]) -> set[str]:
    found: set[str] = set()
    for word in words:
        matched = {name for name in names if fnmatchcase(name, word.removeprefix("!"))}
        assert matched, f"nothing is called {word}"
        found = found - matched if word.startswith("!") else found | matched
    return found


async def _is_granted(world: World, login: str, table: str, kind: str) -> bool:
    if await world.admin.fetchval("select has_table_privilege($1::name, $2::text, $3)", login, table, kind):
        return True
    if kind == "delete":
        return False
    return bool(
        await world.admin.fetchval("select has_any_column_privilege($1::name, $2::text, $3)", login, table, kind)
    )


async def _inserted(connection: "asyncpg.Connection[asyncpg.Record]", subject: Subject, actor: str) -> set[str]:
    scope = ACTORS[actor].scope
    me = scope.agent or scope.observer_id or scope.claimant
    assert subject.inserts, f"no attempt to insert into {subject.table}"
    return {name for name, attempt in subject.inserts.items() if await rows_touched(connection, attempt, me)}


def _statement(subject: Subject, kind: str, row: "asyncpg.Record") -> str:
    where = " and ".join(f"{column} = '{value}'" for column, value in zip(subject.key, row, strict=True))
    if kind == "delete":
        return f"delete from {subject.table} where {where}"  # noqa: S608
    assert subject.update, f"nothing to update in {subject.table}"
    return f"update {subject.table} set {subject.update} where {where}"  # noqa: S608
