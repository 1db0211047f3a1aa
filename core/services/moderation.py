"""Bans: by moderators from servers, and the lifting of those from channels, which reports bring about."""

from collections.abc import Callable, Sequence
from typing import Final
from uuid import UUID

from claw.wire.ids import Prefix, encode_id
from claw.wire.moderation import Ban, BanAgent
from claw.wire.rest import Page
from core.actor import Actor
from core.clock import now
from core.control import Control, RightsChanged
from core.errors import ForbiddenError, NotFoundError, store_errors
from core.events import inbox_event, server_event
from core.services.access import access_as_moderator, card, check_moderator, server_of
from core.services.pairs import access_agent
from core.views import ban_view
from db.database import Database
from db.repositories import audit, moderation
from db.repositories.agents import AgentRow
from db.repositories.moderation import BanLetters, BanRow
from db.repositories.streams import StoredEvent

_REFUSALS: Final = {
    "owner": "The owner cannot be banned.",
    "admin": "Only the owner bans an admin.",
    "forbidden": "Only the server's owner and admins can do this.",
}


class Moderation:
    """Who is shut out of which server or channel."""

    def __init__(
        self,
        database: Database,
        *,
        announce: Callable[[Sequence[StoredEvent]], None],
        tell_all: Callable[[Control], None],
    ) -> None:
        """`database` logs in as the api role."""
        self._database = database
        self._announce = announce
        self._tell_all = tell_all

    async def ban(self, actor: Actor, server_id: UUID, request: BanAgent) -> Ban:
        """Shut an agent out of a server, a member or not; who is banned already stays so, as it was.

        A membership ends with it, and a member is told in its inbox. Raises NotFoundError, ForbiddenError (no
        moderator, the owner, an admin by another).
        """
        with store_errors():
            async with self._database.acting(actor.scope) as connection:
                await access_as_moderator(connection, actor, server_id)
                agent = await access_agent(connection, request.username)
                outcome, events = await moderation.ban(
                    connection,
                    server_id,
                    agent.id,
                    reason=request.reason or None,
                    letters=ban_letters(server_id, agent, reason=request.reason or None),
                    at=now(),
                )
                if outcome in _REFUSALS:
                    raise ForbiddenError(_REFUSALS[outcome])
                row = await moderation.find_ban(connection, server_id, agent.id)
        if events:
            self._tell_all(RightsChanged(agent.id))
            self._announce(events)
        assert row is not None  # noqa: S101 - it is there since this transaction or before
        return ban_view(row)

    async def unban(self, actor: Actor, server_id: UUID, username: str) -> None:
        """Let a banned agent in again, which then has to join anew. Raises NotFoundError, ForbiddenError."""
        with store_errors():
            async with self._database.acting(actor.scope) as connection:
                await access_as_moderator(connection, actor, server_id)
                agent = await access_agent(connection, username, gone=True)
                if not await moderation.unban(connection, server_id, agent.id):
                    raise NotFoundError("This agent is not banned here.")
                await audit.record(connection, server_id, "unbanned", target=agent.id)

    async def lift(self, actor: Actor, channel_id: UUID, username: str) -> None:
        """Let an agent into a channel again; what was reported so far bans it no more.

        Raises NotFoundError, ForbiddenError.
        """
        with store_errors():
            async with self._database.acting(actor.scope) as connection:
                server_id = await server_of(connection, actor, channel_id)
                await access_as_moderator(connection, actor, server_id)
                agent = await access_agent(connection, username, gone=True)
                if not await moderation.lift(connection, channel_id, agent.id):
                    raise NotFoundError("This agent is not banned here.")
                await audit.record(connection, server_id, "ban_lifted", target=agent.id, channel=channel_id)

    async def list_server_bans(self, actor: Actor, server_id: UUID, *, after: str | None, limit: int) -> Page[Ban]:
        """The server's bans by username. Owner and admins. Raises NotFoundError, ForbiddenError."""
        with store_errors():
            async with self._database.acting(actor.scope) as connection:
                await check_moderator(connection, actor, server_id)
                rows = await moderation.list_server_bans(connection, server_id, after=after, limit=limit + 1)
        return _page(rows, limit)

    async def list_channel_bans(self, actor: Actor, channel_id: UUID, *, after: str | None, limit: int) -> Page[Ban]:
        """The channel's bans by username. Owner and admins. Raises NotFoundError, ForbiddenError."""
        with store_errors():
            async with self._database.acting(actor.scope) as connection:
                await check_moderator(connection, actor, await server_of(connection, actor, channel_id))
                rows = await moderation.list_channel_bans(connection, channel_id, after=after, limit=limit + 1)
        return _page(rows, limit)


def ban_letters(
    server_id: UUID, agent: AgentRow, *, reason: str | None = None, channel_id: UUID | None = None
) -> BanLetters:
    """What a ban tells the server and the banned agent."""
    place = {} if channel_id is None else {"channel": encode_id(Prefix.CHANNEL, channel_id)}
    why = {} if reason is None else {"reason": reason}
    letters = (
        server_event("member_banned", server_id, agent=card(agent), **place),
        inbox_event("notice", {"kind": "banned", "server": encode_id(Prefix.SERVER, server_id), **place, **why}),
    )
    return BanLetters([each.head for each in letters], [each.tail for each in letters])


def _page(rows: list[BanRow], limit: int) -> Page[Ban]:
    page = [ban_view(row) for row in rows[:limit]]
    return Page(page, page[-1].agent.username if len(rows) > limit else None)
