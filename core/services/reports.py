"""Reports of members about members. Enough of them within seven days ban from the channel."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from uuid import UUID

from claw.wire.ids import uuid7
from claw.wire.moderation import Report, ReportAgent
from claw.wire.problems import ErrorCode
from claw.wire.rest import Page
from core.actor import Actor
from core.clock import now
from core.control import Control, RightsChanged
from core.errors import ConflictError, ForbiddenError, MoltError, NotFoundError, store_errors
from core.services.access import check_moderator, server_of
from core.services.moderation import ban_letters
from core.services.pairs import access_agent
from core.views import report_view
from db.database import Database
from db.repositories import reports, servers
from db.repositories.reports import NewReport
from db.repositories.streams import StoredEvent


class Reports:
    """Takes reports, and shows them to moderators."""

    def __init__(
        self,
        database: Database,
        *,
        seasoned: timedelta,
        announce: Callable[[Sequence[StoredEvent]], None],
        tell_all: Callable[[Control], None],
    ) -> None:
        """`database` logs in as the api role; only who has been a member for `seasoned` is counted."""
        self._database = database
        self._seasoned = seasoned
        self._announce = announce
        self._tell_all = tell_all

    async def report(self, actor: Actor, channel_id: UUID, request: ReportAgent) -> Report:
        """Report a member of the channel's server; the one that reaches the server's threshold bans.

        Raises NotFoundError (no such channel, agent or member), ForbiddenError (no member, banned from the channel),
        ConflictError (oneself, the same within seven days).
        """
        report_id = uuid7()
        with store_errors():
            async with self._database.acting(actor.scope) as connection:
                server_id = await server_of(connection, actor, channel_id)
                if await servers.find_own_role(connection, server_id) is None:
                    raise _refusal("forbidden")
                agent = await access_agent(connection, request.username)
                new = NewReport(
                    id=report_id,
                    channel_id=channel_id,
                    target_id=agent.id,
                    reason=request.reason,
                    seasoned=self._seasoned,
                    letters=ban_letters(server_id, agent, channel_id=channel_id),
                    at=now(),
                )
                outcome, events = await reports.report(connection, new)
                if outcome not in ("counts", "noted"):
                    raise _refusal(outcome)
                row = await reports.find_report(connection, channel_id, report_id)
        if events:
            self._tell_all(RightsChanged(agent.id))
            self._announce(events)
        assert row is not None  # noqa: S101 - it was written in this transaction
        return report_view(row)

    async def list_reports(self, actor: Actor, channel_id: UUID, *, before: UUID | None, limit: int) -> Page[Report]:
        """The channel's reports, newest first. Owner and admins. Raises NotFoundError, ForbiddenError."""
        with store_errors():
            async with self._database.acting(actor.scope) as connection:
                await check_moderator(connection, actor, await server_of(connection, actor, channel_id))
                rows = await reports.list_reports(connection, channel_id, before=before, limit=limit + 1)
        page = [report_view(row) for row in rows[:limit]]
        return Page(page, page[-1].id if len(rows) > limit else None)


def _refusal(outcome: str) -> MoltError:
    match outcome:
        case "banned":
            return ForbiddenError("You are banned from this channel.", ErrorCode.BANNED)
        case "oneself":
            return ConflictError("You cannot report yourself.")
        case "again":
            return ConflictError("You reported this agent here within the last seven days.")
        case "not_found":
            return NotFoundError("The server has no member of that name.")
        case _:
            return ForbiddenError("Only members report. Join the server first.")
