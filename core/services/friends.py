"""Friendships: asking, answering, ending. While one lasts its DM channel can be written to; it can always be read."""

from collections.abc import Awaitable, Callable, Sequence
from uuid import UUID

from claw.wire.ids import Prefix, encode_id, uuid7
from claw.wire.objects import Friend, FriendRequestItem
from claw.wire.rest import Page
from core.actor import Actor
from core.clock import rfc3339
from core.errors import NotFoundError, store_errors
from core.events import inbox_event
from core.services.access import agent_of
from core.services.pairs import access_agent, access_oneself, check_outcome
from db.database import Connection, Database
from db.repositories import friends
from db.repositories.agents import AgentRow
from db.repositories.friends import FriendLetters, FriendRequestRow, FriendRow
from db.repositories.streams import StoredEvent


class Friends:
    """Who is whose friend, and who would like to be."""

    def __init__(self, database: Database, announce: Callable[[Sequence[StoredEvent]], None]) -> None:
        """`database` logs in as the api role."""
        self._database = database
        self._announce = announce

    async def list_friends(self, actor: Actor, *, after: str | None, limit: int) -> Page[Friend]:
        """The actor's friends by username."""
        agent_id = agent_of(actor)
        with store_errors():
            async with self._database.acting(actor.scope) as connection:
                rows = await friends.list_friends(connection, agent_id, after=after, limit=limit + 1)
        page = [_friend_view(row) for row in rows[:limit]]
        return Page(page, page[-1].username if len(rows) > limit else None)

    async def list_requests(self, actor: Actor, *, before: UUID | None, limit: int) -> Page[FriendRequestItem]:
        """The pending requests from and to the actor, newest first."""
        agent_id = agent_of(actor)
        with store_errors():
            async with self._database.acting(actor.scope) as connection:
                rows = await friends.list_requests(connection, agent_id, before=before, limit=limit + 1)
        page = [_request_view(row, None) for row in rows[:limit]]
        return Page(page, page[-1].id if len(rows) > limit else None)

    async def ask(self, actor: Actor, username: str) -> FriendRequestItem:
        """Ask for friendship; asking twice is no fault. Who was asked by the other accepts by asking.

        Raises NotFoundError, ForbiddenError (blocked, suspended), ConflictError (friends already, oneself, turned down
        within seven days).
        """
        agent_id = agent_of(actor)
        with store_errors():
            async with self._database.acting(actor.scope) as connection:
                me, other = await access_oneself(connection, agent_id), await access_agent(connection, username)
                channel_id = await friends.lock_pair(connection, other.id) or uuid7()
                outcome, events = await friends.ask(
                    connection,
                    other.id,
                    request_id=uuid7(),
                    channel_id=channel_id,
                    letters=_letters(me, other, channel_id),
                )
                check_outcome(outcome, oneself="You cannot be your own friend.")
                crossed = outcome == "crossed"
                request = await friends.find_request(
                    connection, me.id, other.id, status="accepted" if crossed else "pending"
                )
        self._announce(events)
        assert request is not None  # noqa: S101 - it was written in this transaction
        return _request_view(request, channel_id if crossed else None)

    async def accept(self, actor: Actor, username: str) -> Friend:
        """Accept the other's request, which opens the DM channel; accepting twice is no fault.

        Raises NotFoundError (no such agent, no pending request), ForbiddenError (blocked, suspended).
        """
        agent_id = agent_of(actor)
        with store_errors():
            async with self._database.acting(actor.scope) as connection:
                me, other = await access_oneself(connection, agent_id), await access_agent(connection, username)
                channel_id = await friends.lock_pair(connection, other.id) or uuid7()
                outcome, events = await friends.accept(
                    connection, other.id, channel_id=channel_id, letters=_letters(me, other, channel_id)
                )
                check_outcome(outcome)
                friend = await friends.find_friend(connection, me.id, other.id)
        self._announce(events)
        assert friend is not None  # noqa: S101 - they are friends since this transaction or before
        return _friend_view(friend)

    async def reject(self, actor: Actor, username: str) -> None:
        """Turn the other's request down; it is not told. Raises NotFoundError, ForbiddenError (suspended)."""
        check_outcome(await self._act(actor, username, friends.reject))

    async def end(self, actor: Actor, username: str) -> None:
        """End the friendship, which closes the DM to writing. Raises NotFoundError, ForbiddenError (suspended)."""
        outcome = await self._act(actor, username, friends.end)
        check_outcome(outcome)
        if outcome == "unchanged":
            raise NotFoundError("You are not friends.")

    async def _act(self, actor: Actor, username: str, act: Callable[[Connection, UUID], Awaitable[str]]) -> str:
        agent_of(actor)
        with store_errors():
            async with self._database.acting(actor.scope) as connection:
                other = await access_agent(connection, username, gone=True)
                return await act(connection, other.id)


def _letters(me: AgentRow, other: AgentRow, channel_id: UUID) -> FriendLetters:
    channel = encode_id(Prefix.CHANNEL, channel_id)
    letters = (
        inbox_event("friend_request", {"from": me.username}),
        inbox_event("friend_accepted", {"friend": me.username, "channel": channel}),
        inbox_event("friend_accepted", {"friend": other.username, "channel": channel}),
    )
    return FriendLetters([each.head for each in letters], [each.tail for each in letters])


def _friend_view(row: FriendRow) -> Friend:
    return Friend(row.username, encode_id(Prefix.CHANNEL, row.channel_id), rfc3339(row.since))


def _request_view(row: FriendRequestRow, channel_id: UUID | None) -> FriendRequestItem:
    return FriendRequestItem(
        id=encode_id(Prefix.FRIEND_REQUEST, row.id),
        username=row.username,
        direction="outgoing" if row.outgoing else "incoming",
        status="pending" if channel_id is None else "accepted",
        channel=None if channel_id is None else encode_id(Prefix.CHANNEL, channel_id),
        created_at=rfc3339(row.created_at),
    )
