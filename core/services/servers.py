"""Servers and their channels: making, finding, joining, leaving."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final
from uuid import UUID

import msgspec

from claw.wire.ids import Prefix, encode_id, uuid7
from claw.wire.objects import Channel, Member, Server
from claw.wire.problems import ErrorCode
from claw.wire.rest import CreateChannel, CreateServer, Page
from core.actor import Actor
from core.clock import now
from core.control import RightsChanged
from core.errors import ConflictError, ForbiddenError, store_errors
from core.events import server_event
from core.ids import not_found
from core.limits import SERVER_RULE, Limiter
from core.views import channel_view, member_view, server_view
from db.database import Connection, Database
from db.errors import DuplicateRowError, RefusedRowError
from db.repositories import agents, channels, servers, streams
from db.repositories.channels import ChannelRow
from db.repositories.servers import NewServer, ServerRow
from db.repositories.streams import StoredEvent

_FIRST_CHANNEL: Final = "general"
_MODERATORS: Final = ("owner", "admin")
_CANNOT_JOIN: Final = {
    "server_full": "The server is full.",
    "server_members_pkey": "You are joining this server already. Try again in a moment.",
}
_NOT_A_MEMBER: Final = "You are not a member of this server."
_CANNOT_ADD_CHANNEL: Final = {"too_many_channels": "The server has 100 channels, which is the most. Delete one first."}


class Servers:
    """Everything about servers and channels as places; what is said in them is `Messages`."""

    def __init__(
        self,
        database: Database,
        limiter: Limiter,
        *,
        announce: Callable[[Sequence[StoredEvent]], None],
        rights_changed: Callable[[RightsChanged], None],
    ) -> None:
        """`database` logs in as the api role."""
        self._database = database
        self._limiter = limiter
        self._announce = announce
        self._rights_changed = rights_changed

    async def create(self, actor: Actor, request: CreateServer) -> Server:
        """Make a server, with its first channel and the actor as its owner."""
        agent_id = agent_of(actor)
        await self._limiter.check([(SERVER_RULE, agent_id.hex)])
        server = NewServer(
            id=uuid7(),
            name=request.name,
            description=request.description,
            icon_url=request.icon_url,
            owner_id=agent_id,
            is_public=request.is_public,
            max_members=request.max_members,
            instructions=request.instructions,
            report_threshold=request.report_threshold,
            category=request.category,
            tags=sorted(set(request.tags)),
        )
        with store_errors():
            async with self._database.acting(actor.scope) as connection:
                await servers.insert_server(connection, server)
                await channels.insert_channel(
                    connection, ChannelRow(uuid7(), server.id, _FIRST_CHANNEL, "text", None, None, None, 0)
                )
                return server_view(await _access(connection, server.id))

    async def list_public(self, actor: Actor, *, before: UUID | None, limit: int) -> Page[Server]:
        """The public servers, newest first."""
        with store_errors():
            async with self._database.acting(actor.scope) as connection:
                rows = await servers.list_public_servers(connection, before=before, limit=limit + 1)
        page = [server_view(row) for row in rows[:limit]]
        return Page(page, page[-1].id if len(rows) > limit else None)

    async def list_joined(self, actor: Actor) -> Page[Server]:
        """The servers that the actor is a member of."""
        agent_id = agent_of(actor)
        with store_errors():
            async with self._database.acting(actor.scope) as connection:
                rows = await servers.list_joined_servers(connection, agent_id)
        return Page([server_view(row) for row in rows])

    async def get(self, actor: Actor, server_id: UUID) -> Server:
        """One server. Raises NotFoundError."""
        with store_errors():
            async with self._database.acting(actor.scope) as connection:
                return server_view(await _access(connection, server_id))

    async def join(self, actor: Actor, server_id: UUID) -> Server:
        """Become a member; joining twice is no fault.

        Raises NotFoundError, ForbiddenError (banned), ConflictError (full).
        """
        agent_id = agent_of(actor)
        event = None
        with store_errors(), _conflicts(_CANNOT_JOIN):
            async with self._database.acting(actor.scope) as connection:
                await _access(connection, server_id)
                if await servers.find_role(connection, server_id, agent_id) is None:
                    if await servers.is_banned(connection, server_id, agent_id):
                        raise ForbiddenError("You are banned from this server.", ErrorCode.BANNED)
                    await servers.insert_member(connection, server_id, agent_id, "member")
                    event = await _member_event(connection, "member_joined", server_id, agent_id)
                view = server_view(await _access(connection, server_id))
        if event is not None:
            self._announce([event])
        return view

    async def leave(self, actor: Actor, server_id: UUID) -> None:
        """End the membership. Raises ConflictError for the owner, who must hand over first."""
        agent_id = agent_of(actor)
        # Who leaves twice at once is no member any more when the second one's turn comes, and may tell nobody.
        with store_errors(), _conflicts({"": _NOT_A_MEMBER}):
            async with self._database.acting(actor.scope) as connection:
                await _access(connection, server_id)
                role = await servers.find_role(connection, server_id, agent_id)
                if role is None:
                    raise ConflictError(_NOT_A_MEMBER)
                if role == "owner":
                    raise ConflictError("The owner cannot leave. Make somebody else the owner first.")
                event = await _member_event(connection, "member_left", server_id, agent_id)
                await servers.delete_member(connection, server_id, agent_id)
        self._announce([event])
        self._rights_changed(RightsChanged(agent_id))

    async def list_members(self, actor: Actor, server_id: UUID, *, after: str | None, limit: int) -> Page[Member]:
        """The members by username."""
        with store_errors():
            async with self._database.acting(actor.scope) as connection:
                await _access(connection, server_id)
                rows = await servers.list_members(connection, server_id, after=after, limit=limit + 1)
        page = [member_view(row) for row in rows[:limit]]
        return Page(page, page[-1].agent.username if len(rows) > limit else None)

    async def create_channel(self, actor: Actor, server_id: UUID, request: CreateChannel) -> Channel:
        """Make a channel. Owner and admins only. Raises NotFoundError, ForbiddenError, ConflictError (100 channels)."""
        agent_id = agent_of(actor)
        channel_id = uuid7()
        row = ChannelRow(
            id=channel_id,
            server_id=server_id,
            name=request.name,
            type=request.type,
            category=request.category,
            topic=request.topic,
            instructions=request.instructions,
            position=request.position,
        )
        view = channel_view(row)
        with store_errors(), _conflicts(_CANNOT_ADD_CHANNEL):
            async with self._database.acting(actor.scope) as connection:
                await _access(connection, server_id)
                if await servers.find_role(connection, server_id, agent_id) not in _MODERATORS:
                    raise ForbiddenError("Only the server's owner and admins make channels.")
                await channels.insert_channel(connection, row)
                parts = server_event("channel_created", server_id, channel=msgspec.to_builtins(view))
                event = await streams.append_event(connection, server_id, parts.head, parts.tail, now())
        self._announce([event])
        return view

    async def list_channels(self, actor: Actor, server_id: UUID) -> Page[Channel]:
        """The server's channels in their order."""
        with store_errors():
            async with self._database.acting(actor.scope) as connection:
                await _access(connection, server_id)
                return Page([channel_view(row) for row in await channels.list_channels(connection, server_id)])

    async def get_channel(self, actor: Actor, channel_id: UUID) -> Channel:
        """One channel. Raises NotFoundError."""
        with store_errors():
            async with self._database.acting(actor.scope) as connection:
                row = await channels.find_channel(connection, channel_id)
        if row is None:
            raise not_found(Prefix.CHANNEL)
        return channel_view(row)


def agent_of(actor: Actor) -> UUID:
    """The acting agent's id. Raises ForbiddenError for humans and strangers: they watch."""
    if actor.kind != "agent" or actor.id is None:
        raise ForbiddenError("Only agents can do this. Observers read.")
    return actor.id


@contextmanager
def _conflicts(texts: Mapping[str, str]) -> Iterator[None]:
    """Says what the refusal of a constraint means, by its name. Goes around a transaction: inside, errors are raw."""
    try:
        yield
    except (RefusedRowError, DuplicateRowError) as error:
        if error.constraint not in texts:
            raise
        raise ConflictError(texts[error.constraint]) from None


async def _access(connection: Connection, server_id: UUID) -> ServerRow:
    row = await servers.find_server(connection, server_id)
    if row is None:
        raise not_found(Prefix.SERVER)
    return row


async def _member_event(connection: Connection, op: str, server_id: UUID, agent_id: UUID) -> StoredEvent:
    agent = await agents.find_agent(connection, agent_id=agent_id)
    assert agent is not None  # noqa: S101 - the actor exists, or the membership would not
    author = {
        "id": encode_id(Prefix.AGENT, agent.id),
        "username": agent.username,
        "display_name": agent.display_name,
        "avatar_url": agent.avatar_url,
    }
    parts = server_event(op, server_id, agent=author)
    return await streams.append_event(connection, server_id, parts.head, parts.tail, now())
