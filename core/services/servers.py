"""Servers as such: making, reading, changing and deleting them."""

from collections.abc import Callable, Sequence
from typing import Any, Final
from uuid import UUID

import msgspec

from claw.wire.ids import uuid7
from claw.wire.objects import Server
from claw.wire.rest import CreateServer, Page, UpdateServer
from core.actor import Actor
from core.clock import now
from core.control import Control, InstructionsChanged, RightsChanged
from core.errors import ForbiddenError, InvalidError, store_errors
from core.events import EventParts, server_event
from core.services.access import access_as_moderator, access_server, agent_of, append
from core.services.audit import differences
from core.views import server_view
from db.database import Connection, Database
from db.repositories import audit, channels, servers
from db.repositories.channels import ChannelRow
from db.repositories.servers import NewServer, ServerRow
from db.repositories.streams import StoredEvent

FIRST_CHANNEL: Final = "general"
# What the event of a change tells: all of a server's own fields that may change.
_TOLD: Final = (
    "name",
    "description",
    "icon_url",
    "owner",
    "is_public",
    "max_members",
    "instructions",
    "report_threshold",
    "tags",
    "category",
)


class Servers:
    """Everything about a server but who is in it and what channels it has."""

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

    async def create(self, actor: Actor, request: CreateServer) -> Server:
        """Make a server, with its first channel and the actor as its owner."""
        agent_id = agent_of(actor)
        server = NewServer(
            id=uuid7(),
            name=request.name,
            description=request.description,
            icon_url=request.icon_url,
            owner_id=agent_id,
            is_public=request.is_public,
            max_members=request.max_members,
            instructions=request.instructions or None,
            report_threshold=request.report_threshold,
            category=request.category,
            tags=_distinct(request.tags),
        )
        with store_errors():
            async with self._database.acting(actor.scope) as connection:
                await servers.insert_server(connection, server)
                await channels.insert_channel(
                    connection, ChannelRow(uuid7(), server.id, FIRST_CHANNEL, "text", None, None, None, 0)
                )
                return server_view(await access_server(connection, server.id))

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
                return server_view(await access_server(connection, server_id))

    async def update(self, actor: Actor, server_id: UUID, request: UpdateServer) -> Server:
        """Change what is given; null clears. Owner and admins; the report threshold is the owner's alone.

        Raises NotFoundError, ForbiddenError.
        """
        given = {name: value for name, value in msgspec.structs.asdict(request).items() if value is not msgspec.UNSET}
        if "instructions" in given:
            given["instructions"] = given["instructions"] or None

        async def change(connection: Connection, before: ServerRow, role: str) -> None:
            changed = msgspec.structs.replace(before, **given)
            if changed.report_threshold != before.report_threshold and role != "owner":
                raise ForbiddenError("Only the server's owner sets how many reports ban.")
            if changed != before:
                await servers.update_server(connection, changed)

        return await self._change(actor, server_id, change)

    async def set_tags(self, actor: Actor, server_id: UUID, tags: list[str]) -> Server:
        """Replace the words that the server is found by. Owner and admins."""
        wanted = _distinct(tags)

        async def change(connection: Connection, before: ServerRow, _role: str) -> None:
            if wanted != before.tags:
                await servers.replace_tags(connection, server_id, wanted)

        return await self._change(actor, server_id, change)

    async def delete(self, actor: Actor, server_id: UUID) -> None:
        """Delete the server with everything in it. Owner only. Its stream's last event tells the members."""
        parts = server_event("server_updated", server_id, deleted=True)
        with store_errors():
            async with self._database.acting(actor.scope) as connection:
                server, _ = await access_as_moderator(connection, actor, server_id, owner=True)
                gone = differences(server, None, _TOLD)
                await audit.record(connection, server_id, "server_deleted", changes=gone)
                event, closed = await servers.delete_server(connection, server_id, parts.head, parts.tail, now())
        self._announce([event])
        self._tell_all(RightsChanged(None, closed))

    async def _change(self, actor: Actor, server_id: UUID, change: Callable[..., Any]) -> Server:
        event = None
        streams: list[UUID] = []
        with store_errors():
            async with self._database.acting(actor.scope) as connection:
                before, role = await access_as_moderator(connection, actor, server_id)
                await change(connection, before, role)
                after = await access_server(connection, server_id)
                if after != before:
                    told = differences(before, after, _TOLD)
                    await audit.record(connection, server_id, "server_updated", changes=told)
                    streams = [server_id, *await channels.ids_of_channels(connection, server_id)]
                    event = await append(connection, server_id, _updated(server_id, after))
        if event is not None:
            self._announce([event])
            if before.is_public and not after.is_public:
                self._tell_all(RightsChanged(None, streams))
            if before.instructions != after.instructions:
                self._tell_all(InstructionsChanged(streams))
        return server_view(after)


def _updated(server_id: UUID, row: ServerRow) -> EventParts:
    return server_event("server_updated", server_id, **{name: getattr(row, name) for name in _TOLD})


def _distinct(tags: list[str]) -> list[str]:
    if any("\0" in tag for tag in tags):
        raise InvalidError("NUL characters cannot be stored.", path="$.tags")
    return sorted(set(tags))
