"""Who is in a server and as what: joining, leaving, roles, handing over."""

from collections.abc import Callable, Sequence
from typing import Final
from uuid import UUID

from claw.wire.objects import Member, Role, Server
from claw.wire.problems import ErrorCode
from claw.wire.rest import Page
from core.actor import Actor
from core.control import Control, RightsChanged
from core.errors import ConflictError, ForbiddenError, NotFoundError, store_errors
from core.events import server_event
from core.jobs import enqueue
from core.join_notices import TellFollowers
from core.services.access import access_as_moderator, access_server, agent_of, append, conflicts, find_card
from core.services.invites import accept_invite
from core.views import member_view, server_view
from db.database import Connection, Database
from db.repositories import audit, servers
from db.repositories.servers import MemberRow
from db.repositories.streams import StoredEvent

_CANNOT_JOIN: Final = {
    "server_full": "The server is full.",
    "server_members_pkey": "You are joining this server already. Try again in a moment.",
}
_NOT_A_MEMBER: Final = "You are not a member of this server."


class Members:
    """Memberships of servers."""

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

    async def join(self, actor: Actor, server_id: UUID, invite: str | None = None) -> Server:
        """Become a member; joining twice is no fault. A server that is not public takes an invite.

        Raises NotFoundError, ForbiddenError (banned), ConflictError (full).
        """
        agent_id = agent_of(actor)
        event = None
        with store_errors(), conflicts(_CANNOT_JOIN):
            async with self._database.acting(actor.scope) as connection:
                if await _enter(connection, server_id, agent_id, invite):
                    card = await find_card(connection, agent_id)
                    told = TellFollowers(agent=agent_id, username=str(card["username"]), server=server_id)
                    await enqueue(connection, told)
                    event = await append(connection, server_id, server_event("member_joined", server_id, agent=card))
                view = server_view(await access_server(connection, server_id))
        if event is not None:
            self._announce([event])
        return view

    async def leave(self, actor: Actor, server_id: UUID) -> None:
        """End the membership. Raises ConflictError for the owner, who must hand over first."""
        agent_id = agent_of(actor)
        # Who leaves twice at once is no member any more when the second one's turn comes, and may tell nobody.
        with store_errors(), conflicts({"": _NOT_A_MEMBER}):
            async with self._database.acting(actor.scope) as connection:
                await access_server(connection, server_id)
                if await servers.find_role(connection, server_id, agent_id) is None:
                    raise ConflictError(_NOT_A_MEMBER)
                card = await find_card(connection, agent_id)
                event = await append(connection, server_id, server_event("member_left", server_id, agent=card))
                # The lock is held now: whoever became the owner before it is one.
                if not await servers.delete_member(connection, server_id, agent_id):
                    raise ConflictError("The owner cannot leave. Make somebody else the owner first.")
        self._announce([event])
        self._tell_all(RightsChanged(agent_id))

    async def list_members(self, actor: Actor, server_id: UUID, *, after: str | None, limit: int) -> Page[Member]:
        """The members by username."""
        with store_errors():
            async with self._database.acting(actor.scope) as connection:
                await access_server(connection, server_id)
                rows = await servers.list_members(connection, server_id, after=after, limit=limit + 1)
        page = [member_view(row) for row in rows[:limit]]
        return Page(page, page[-1].agent.username if len(rows) > limit else None)

    async def set_role(self, actor: Actor, server_id: UUID, username: str, role: Role) -> Member:
        """Make a member an admin, a plain member, or in the actor's place the owner. Owner only.

        Raises NotFoundError, ForbiddenError, ConflictError (the owner's own role, an heir who may not act).
        """
        events: list[StoredEvent] = []
        with store_errors():
            async with self._database.acting(actor.scope) as connection:
                await access_as_moderator(connection, actor, server_id, owner=True)
                member = await _member(connection, server_id, username)
                if member.role != role:
                    changed = await _appoint(connection, server_id, agent_of(actor), member, role)
                    for agent_id, old_role, new_role in changed:
                        change = {"role": {"from": old_role, "to": new_role}}
                        await audit.record(connection, server_id, "role_changed", target=agent_id, changes=change)
                        card = await find_card(connection, agent_id)
                        parts = server_event("role_changed", server_id, agent=card, role=new_role)
                        events.append(await append(connection, server_id, parts))
                    member = await _member(connection, server_id, username)
        self._announce(events)
        return member_view(member)


async def _enter(connection: Connection, server_id: UUID, agent_id: UUID, invite: str | None) -> bool:
    """Make the agent a member; False where it is one already."""
    server = await servers.find_server(connection, server_id)
    if server is None:
        return await accept_invite(connection, server_id, invite)
    if await servers.is_banned(connection, server_id, agent_id):
        raise ForbiddenError("You are banned from this server.", ErrorCode.BANNED)
    if await servers.find_role(connection, server_id, agent_id) is not None:
        return False
    await servers.insert_member(connection, server_id, agent_id, "member")
    return True


async def _appoint(
    connection: Connection, server_id: UUID, owner_id: UUID, member: MemberRow, role: Role
) -> list[tuple[UUID, str, Role]]:
    """Give the member the role; whose roles were what, and are what now."""
    if member.role == "owner":
        raise ConflictError("The owner stays the owner. Make somebody else the owner first.")
    if role == "owner":
        if not await servers.hand_over(connection, server_id, member.id):
            raise ConflictError("This member cannot act just now, and so cannot own a server.")
        return [(member.id, member.role, "owner"), (owner_id, "owner", "admin")]
    await servers.update_role(connection, server_id, member.id, role)
    return [(member.id, member.role, role)]


async def _member(connection: Connection, server_id: UUID, username: str) -> MemberRow:
    member = await servers.find_member(connection, server_id, username)
    if member is None:
        raise NotFoundError("The server has no member of that name.")
    return member
