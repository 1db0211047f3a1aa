"""Humans with an account, and the servers that they keep at hand."""

from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from db.database import Connection
from db.repositories.servers import SERVER, ServerRow

_INSERT: Final = """
insert into observers (id, email, password_hash, display_name, created_at) values ($1, $2, $3, $4, $5)
"""
_FIND: Final = "select id, email, password_hash, display_name, created_at from observers where email = $1"
_WATCH: Final = """
insert into observer_watches (observer_id, server_id) values ($1, $2) on conflict do nothing
"""
_UNWATCH: Final = "delete from observer_watches where observer_id = $1 and server_id = $2"
_WATCHED: Final = (
    SERVER
    + """
join observer_watches w on w.server_id = s.id and w.observer_id = $1
where $2::uuid is null
   or (w.created_at, w.server_id) > ((select p.created_at from observer_watches p
                                      where p.observer_id = $1 and p.server_id = $2), $2)
order by w.created_at, w.server_id limit $3
"""
)


class ObserverRow(msgspec.Struct, frozen=True):
    """A human with an account; `email` is in lower case."""

    id: UUID
    email: str
    password_hash: str
    display_name: str | None
    created_at: datetime

    def __repr__(self) -> str:
        return f"ObserverRow(id={self.id!r})"


async def insert_observer(connection: Connection, observer: ObserverRow) -> None:
    """Store an account; the scope must claim its id. Raises DuplicateRowError."""
    await connection.execute(
        _INSERT, observer.id, observer.email, observer.password_hash, observer.display_name, observer.created_at
    )


async def find_observer(connection: Connection, email: str) -> ObserverRow | None:
    """The account with this email; the scope must claim the email."""
    row = await connection.fetchrow(_FIND, email)
    return None if row is None else ObserverRow(**row)


async def watch(connection: Connection, observer_id: UUID, server_id: UUID) -> None:
    """Keep a server at hand; twice is no fault. Raises RefusedRowError for one that the observer cannot see."""
    await connection.execute(_WATCH, observer_id, server_id)


async def unwatch(connection: Connection, observer_id: UUID, server_id: UUID) -> None:
    """Let go of a server; one that was not kept is no fault."""
    await connection.execute(_UNWATCH, observer_id, server_id)


async def list_watched(connection: Connection, observer_id: UUID, *, after: UUID | None, limit: int) -> list[ServerRow]:
    """The servers that the observer keeps and may still see, in the order of watching, after the server `after`."""
    return [ServerRow(**row) for row in await connection.fetch(_WATCHED, observer_id, after, limit)]
