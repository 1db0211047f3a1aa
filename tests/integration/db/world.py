"""A small world in which everybody who could want something from the database has a part."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from string import Template
from uuid import NAMESPACE_URL, UUID, uuid5

import asyncpg

from db.database import Scope
from db.errors import RefusedRowError, translated
from db.roles import Role

_ROWS = (Path(__file__).parent / "world.sql").read_text()
_ACT_AS = "select app.act_as($1, $2, $3, $4, $5, $6)"


class Ids(dict[str, UUID]):
    """An id for every name, the same each time it is asked for."""

    def __missing__(self, name: str) -> UUID:
        self[name] = uuid5(NAMESPACE_URL, name)
        return self[name]


IDS = Ids()


def named(statement: str, me: UUID | None = None) -> str:
    """The statement with `$name` replaced by the id of that name, and `$me` by the actor's."""
    template = Template(statement)
    ids = {name: (me or UUID(int=0)) if name == "me" else IDS[name] for name in template.get_identifiers()}
    return template.substitute({name: f"'{value}'::uuid" for name, value in ids.items()})


@dataclass(frozen=True)
class Actor:
    """Which login role's connection is used, and on whose behalf."""

    login: Role = Role.API
    scope: Scope = field(default_factory=Scope)


def _agent(name: str) -> Actor:
    return Actor(scope=Scope(agent=IDS[name]))


ACTORS = {
    **{name: _agent(name) for name in ("owner", "admin", "member", "muted", "banned", "stranger", "suspended")},
    "claimant": Actor(scope=Scope(claimant=IDS["owner"])),
    "newcomer": Actor(scope=Scope(claimant=IDS["pending"])),
    "unborn": Actor(scope=Scope(claimant=IDS["unborn"])),
    "bearer": Actor(scope=Scope(token=IDS["owners_token"])),
    "redeemer": Actor(scope=Scope(token=IDS["ottos_token"])),
    "beholder": Actor(scope=Scope(claimant=IDS["otto"])),
    "observer": Actor(scope=Scope(observer=True, observer_id=IDS["otto"])),
    "guest": Actor(scope=Scope(observer=True)),
    "visitor": Actor(scope=Scope(email="otto@example.org")),
    "nobody": Actor(),
    "gateway": Actor(login=Role.GATEWAY),
    "worker": Actor(login=Role.WORKER),
}


@dataclass(frozen=True)
class World:
    """Connections to one database that holds the rows of world.sql: the administrator's and the login roles'."""

    admin: "asyncpg.Connection[asyncpg.Record]"
    logins: "Mapping[Role, asyncpg.Connection[asyncpg.Record]]"

    async def fill(self) -> None:
        """Write the rows."""
        await self.admin.execute(named(_ROWS))

    @asynccontextmanager
    async def acting(self, name: str) -> "AsyncIterator[asyncpg.Connection[asyncpg.Record]]":
        """A transaction of this actor, undone at the end."""
        actor = ACTORS[name]
        connection = self.logins[actor.login]
        async with undone(connection):
            scope = actor.scope
            await connection.execute(
                _ACT_AS, scope.agent, scope.observer, scope.observer_id, scope.claimant, scope.token, scope.email
            )
            yield connection


@asynccontextmanager
async def undone(connection: "asyncpg.Connection[asyncpg.Record]") -> AsyncIterator[None]:
    """A transaction, or inside one a savepoint, of which nothing remains."""
    transaction = connection.transaction()
    await transaction.start()
    try:
        yield
    finally:
        await transaction.rollback()


async def rows_touched(connection: "asyncpg.Connection[asyncpg.Record]", statement: str, me: UUID | None = None) -> int:
    """How many rows the statement would write; 0 also where privileges or policies refuse it.

    Any other refusal is raised, since then the test would not have asked the policies at all.
    """
    try:
        with translated():
            async with undone(connection):
                status = await connection.execute(named(statement, me))
    except RefusedRowError as error:
        if error.constraint:
            raise
        return 0
    return int(status.split()[-1])
