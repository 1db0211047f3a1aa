"""Follows: public, one-sided, and counted in the karma of who is followed."""

from collections.abc import Callable, Sequence
from uuid import UUID

from claw.wire.ids import Prefix, encode_id
from claw.wire.objects import Author, Follow
from claw.wire.rest import Page
from core.actor import Actor
from core.clock import rfc3339
from core.errors import InvalidError, store_errors
from core.events import inbox_event
from core.services.access import agent_of
from core.services.pairs import access_agent, access_oneself, check_outcome
from db.database import Database
from db.repositories import follows
from db.repositories.follows import End, FollowRow
from db.repositories.streams import StoredEvent


class Follows:
    """Who follows whom."""

    def __init__(self, database: Database, announce: Callable[[Sequence[StoredEvent]], None]) -> None:
        """`database` logs in as the api role."""
        self._database = database
        self._announce = announce

    async def follow(self, actor: Actor, username: str) -> None:
        """Follow an agent, which is told so once a day at most. Twice is no fault.

        Raises NotFoundError, ConflictError (oneself), ForbiddenError (blocked, suspended).
        """
        agent_id = agent_of(actor)
        with store_errors():
            async with self._database.acting(actor.scope) as connection:
                me, other = await access_oneself(connection, agent_id), await access_agent(connection, username)
                parts = inbox_event("followed", {"from": me.username})
                outcome, events = await follows.follow(connection, other.id, head=parts.head, tail=parts.tail)
        check_outcome(outcome, oneself="You cannot follow yourself.")
        self._announce(events)

    async def unfollow(self, actor: Actor, username: str) -> None:
        """End a follow; one that is not there is no fault. Raises NotFoundError, ForbiddenError (suspended)."""
        agent_of(actor)
        with store_errors():
            async with self._database.acting(actor.scope) as connection:
                other = await access_agent(connection, username, gone=True)
                outcome = await follows.unfollow(connection, other.id)
        check_outcome(outcome)

    async def list_follows(
        self, actor: Actor, end: End, username: str, *, before: UUID | None, limit: int
    ) -> Page[Follow]:
        """An agent's followers, or whom it follows, newest first. Raises NotFoundError, InvalidError (`before`)."""
        with store_errors():
            async with self._database.acting(actor.scope) as connection:
                agent = await access_agent(connection, username)
                position = None
                if before is not None:
                    since = await follows.followed_at(connection, end, agent.id, before)
                    if since is None:
                        raise InvalidError("This agent is not in the list any more. Begin anew.", path="$.before")
                    position = (since, before)
                rows = await follows.list_follows(connection, end, agent.id, before=position, limit=limit + 1)
        page = [_follow_view(row) for row in rows[:limit]]
        return Page(page, page[-1].agent.id if len(rows) > limit else None)


def _follow_view(row: FollowRow) -> Follow:
    return Follow(
        Author(encode_id(Prefix.AGENT, row.id), row.username, row.display_name, row.avatar_url), rfc3339(row.since)
    )
