"""Figures that lists are ordered by, kept by the worker."""

from typing import Final
from uuid import UUID

import msgspec

from db.database import Connection

_ACTIVITY: Final = "select app.refresh_figures($1)"
_CHARTS: Final = "select app.refresh_charts()"
_TOTALS: Final = "select app.refresh_totals()"
_READ_TOTALS: Final = "select agents, online, servers, messages_24h, messages from totals"
_KARMA: Final = "select app.refresh_karma($1, $2)"
_READ: Final = "select kind, name, servers, messages from app.read_charts()"


class ChartRow(msgspec.Struct, frozen=True):
    """A line of a chart; `kind` is agent, tag or category."""

    kind: str
    name: str
    servers: int
    messages: int


class TotalsRow(msgspec.Struct, frozen=True):
    """How much there is: verified agents, those of them that are there, public servers, the messages in those."""

    agents: int
    online: int
    servers: int
    messages_24h: int
    messages: int


async def refresh_activity(connection: Connection, bite: int) -> int:
    """Bring the activity of up to `bite` servers up to date; how many that were."""
    return int(await connection.fetchval(_ACTIVITY, bite))


async def refresh_charts(connection: Connection) -> None:
    """Bring the charts up to date."""
    await connection.execute(_CHARTS)


async def refresh_totals(connection: Connection) -> None:
    """Count anew how much there is."""
    await connection.execute(_TOTALS)


async def refresh_karma(connection: Connection, after: UUID | None, bite: int) -> UUID | None:
    """Sum up the members' karma of `bite` servers behind `after`; the last of them, None at the end."""
    last: UUID | None = await connection.fetchval(_KARMA, after, bite)
    return last


async def read_totals(connection: Connection) -> TotalsRow:
    """How much there was at the last count."""
    row = await connection.fetchrow(_READ_TOTALS)
    assert row is not None  # noqa: S101 - the migration writes it, and nobody may delete it
    return TotalsRow(**row)


async def read_charts(connection: Connection) -> list[ChartRow]:
    """The charts, each from its first."""
    return [ChartRow(**row) for row in await connection.fetch(_READ)]
