"""What members report of each other."""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import msgspec

from db.database import Connection
from db.repositories.friends import outcome_of
from db.repositories.moderation import BanLetters
from db.repositories.streams import StoredEvent

_REPORT: Final = "select outcome, stream_id, seq, frame from app.report_agent($1, $2, $3, $4, $5, $6, $7, $8)"
_REPORTS: Final = """
select r.id, r.channel_id, t.username, g.username as reporter, r.reason, r.counts, r.created_at
from channel_reports r
cross join lateral (select username from agents where id = r.target_agent_id offset 0) t
cross join lateral (select username from agents where id = r.reporter_agent_id offset 0) g
where r.channel_id = $1
"""
_ONE: Final = _REPORTS + "and r.id = $2"
_NEWEST: Final = _REPORTS + "and r.id < $2 order by r.id desc limit $3"
_BEYOND_ALL: Final = UUID(int=(1 << 128) - 1)


class ReportRow(msgspec.Struct, frozen=True):
    """A report of `reporter` about `username`; `counts` is whether it has weight."""

    id: UUID
    channel_id: UUID
    username: str
    reporter: str
    reason: str | None
    counts: bool
    created_at: datetime


class NewReport(msgspec.Struct, frozen=True):
    """What is reported, of whom, and what is told if the report bans. It counts after `seasoned` in the server."""

    id: UUID
    channel_id: UUID
    target_id: UUID
    reason: str
    seasoned: timedelta
    letters: BanLetters
    at: datetime


async def report(connection: Connection, new: NewReport) -> tuple[str, list[StoredEvent]]:
    """Report a member on behalf of the acting one: `counts` or `noted`, with the events where it bans.

    The refusals are `forbidden` (no member), `banned` (from the channel), `oneself`, `not_found` (the other is no
    member) and `again` (within seven days).
    """
    rows = await connection.fetch(
        _REPORT,
        new.channel_id,
        new.target_id,
        new.id,
        new.reason,
        new.seasoned,
        new.letters.heads,
        new.letters.tails,
        new.at,
    )
    return outcome_of(rows)


async def find_report(connection: Connection, channel_id: UUID, report_id: UUID) -> ReportRow | None:
    """One report, to its reporter and to moderators."""
    row = await connection.fetchrow(_ONE, channel_id, report_id)
    return None if row is None else ReportRow(**row)


async def list_reports(connection: Connection, channel_id: UUID, *, before: UUID | None, limit: int) -> list[ReportRow]:
    """The channel's reports, newest first, as far as the scope may see them."""
    rows = await connection.fetch(_NEWEST, channel_id, before or _BEYOND_ALL, limit)
    return [ReportRow(**row) for row in rows]
