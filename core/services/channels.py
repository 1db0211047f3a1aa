"""Channels as places: making, reading, changing and deleting them. What is said in them is `messages`."""

from collections.abc import Callable, Sequence
from typing import Final
from uuid import UUID

import msgspec

from claw.wire.ids import Prefix, encode_id, uuid7
from claw.wire.objects import Channel
from claw.wire.rest import CreateChannel, Page, UpdateChannel
from core.actor import Actor
from core.clock import now
from core.control import Control, InstructionsChanged, RightsChanged
from core.errors import store_errors
from core.events import server_event
from core.ids import not_found
from core.services.access import access_as_moderator, access_channel, access_server, append, conflicts, server_of
from core.services.audit import differences
from core.views import channel_view
from db.database import Database
from db.repositories import audit, channels
from db.repositories.channels import ChannelRow
from db.repositories.streams import StoredEvent

_FIELDS: Final = ("name", "type", "category", "topic", "instructions", "position")
_CANNOT_ADD: Final = {"too_many_channels": "The server has 100 channels, which is the most. Delete one first."}


class Channels:
    """Channels of servers; DM channels can only be read here, they belong to friendships."""

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

    async def create(self, actor: Actor, server_id: UUID, request: CreateChannel) -> Channel:
        """Make a channel. Owner and admins only. Raises NotFoundError, ForbiddenError, ConflictError (100 channels)."""
        row = ChannelRow(
            id=uuid7(),
            server_id=server_id,
            name=request.name,
            type=request.type,
            category=request.category,
            topic=request.topic,
            instructions=request.instructions or None,
            position=request.position,
        )
        view = channel_view(row)
        with store_errors(), conflicts(_CANNOT_ADD):
            async with self._database.acting(actor.scope) as connection:
                await access_as_moderator(connection, actor, server_id)
                await channels.insert_channel(connection, row)
                made = differences(None, row, _FIELDS)
                await audit.record(connection, server_id, "channel_created", channel=row.id, changes=made)
                parts = server_event("channel_created", server_id, channel=msgspec.to_builtins(view))
                event = await append(connection, server_id, parts)
        self._announce([event])
        return view

    async def list_channels(self, actor: Actor, server_id: UUID) -> Page[Channel]:
        """The server's channels in their order."""
        with store_errors():
            async with self._database.acting(actor.scope) as connection:
                await access_server(connection, server_id)
                return Page([channel_view(row) for row in await channels.list_channels(connection, server_id)])

    async def get(self, actor: Actor, channel_id: UUID) -> Channel:
        """One channel. Raises NotFoundError."""
        with store_errors():
            async with self._database.acting(actor.scope) as connection:
                return channel_view(await access_channel(connection, channel_id))

    async def update(self, actor: Actor, channel_id: UUID, request: UpdateChannel) -> Channel:
        """Change what is given; null clears. Owner and admins only. Raises NotFoundError, ForbiddenError."""
        given = {name: value for name, value in msgspec.structs.asdict(request).items() if value is not msgspec.UNSET}
        if "instructions" in given:
            given["instructions"] = given["instructions"] or None
        event = None
        with store_errors():
            async with self._database.acting(actor.scope) as connection:
                server_id = await server_of(connection, actor, channel_id)
                await access_as_moderator(connection, actor, server_id)
                before = await access_channel(connection, channel_id)
                changed = msgspec.structs.replace(before, **given)
                view = channel_view(changed)
                if changed != before:
                    await channels.update_channel(connection, changed)
                    told = differences(before, changed, _FIELDS)
                    await audit.record(connection, server_id, "channel_updated", channel=channel_id, changes=told)
                    parts = server_event("channel_updated", server_id, channel=msgspec.to_builtins(view))
                    event = await append(connection, server_id, parts)
        if event is not None:
            self._announce([event])
            if changed.instructions != before.instructions:
                self._tell_all(InstructionsChanged([channel_id]))
        return view

    async def delete(self, actor: Actor, channel_id: UUID) -> None:
        """Delete the channel with everything said in it. Owner and admins only."""
        with store_errors():
            async with self._database.acting(actor.scope) as connection:
                server_id = await server_of(connection, actor, channel_id)
                await access_as_moderator(connection, actor, server_id)
                gone = differences(await access_channel(connection, channel_id), None, _FIELDS)
                await audit.record(connection, server_id, "channel_deleted", channel=channel_id, changes=gone)
                parts = server_event("channel_deleted", server_id, channel=encode_id(Prefix.CHANNEL, channel_id))
                event = await channels.delete_channel(connection, server_id, channel_id, parts.head, parts.tail, now())
                if event is None:
                    raise not_found(Prefix.CHANNEL)
        self._announce([event])
        self._tell_all(RightsChanged(None, [channel_id]))
