"""What changes for sessions that follow a stream already: it may be read no more, or its instructions are others."""

import asyncio
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final
from uuid import UUID

from claw.wire import frames
from claw.wire.ids import Prefix, encode_id
from core.control import InstructionsChanged, RightsChanged
from core.instructions import PLATFORM_INSTRUCTIONS
from db.errors import StoreError
from db.repositories import following
from db.repositories.following import InstructionsRow, LostRow
from db.repositories.streams import StoredEvent
from gateway.handlers.subscribe import leave
from gateway.hub import LiveStream
from gateway.wire import encode_payload

if TYPE_CHECKING:
    from gateway.connection import Connection
    from gateway.node import Node

_ASK_AGAIN_S: Final = 1.0
_PAIRS: Final = 1_000
_PAGE: Final = 500

_Subscription = tuple["Connection", str]
_Pair = tuple[UUID | None, UUID]


async def ask_rights_anew(node: "Node", change: RightsChanged) -> None:
    """Membership or bans changed, or streams ended: end the subscriptions that lost their right, saying why.

    Nothing of a stream follows its `unsubscribed`; before it, who followed a stream to its end gets all of it. Of an
    agent all streams are asked about, whichever one the change was about: a server has many channels.
    """
    asked: dict[_Pair, list[_Subscription]] = {}
    for connection, key, live in _concerned(node, change):
        # What one observer may read all may.
        reader = connection.actor.id if connection.actor.kind == "agent" else None
        asked.setdefault((reader, live.id), []).append((connection, key))
    pairs = list(asked)
    for start in range(0, len(pairs), _PAIRS):
        lost = await _lost(node, pairs[start : start + _PAIRS])
        for stream_id in {row.stream_id for row in lost if row.reason == "deleted"}:
            await _finish(node, stream_id)
        for row in lost:
            for connection, key in asked[row.reader, row.stream_id]:
                if key in connection.streams and not connection.is_closed:
                    leave(node, connection, key)
                    connection.send(frames.Unsubscribed(channel=key, reason=row.reason))


async def tell_instructions(node: "Node", change: InstructionsChanged) -> None:
    """Send who follows these streams the instructions of now."""
    followed = [stream_id for stream_id in change.streams if node.following(stream_id)]
    if not followed:
        return
    async with node.instructions_lock:
        try:
            async with node.database.connection() as database:
                rows = await following.read_instructions(database, followed)
        except StoreError:
            return  # The event that tells of the change has the new text too.
        for row in rows:
            node.hub.offer(StoredEvent(row.stream_id, 0, encode_payload(_context(row))))


def _context(row: InstructionsRow) -> frames.Context:
    return frames.Context(
        platform=PLATFORM_INSTRUCTIONS,
        server=row.server_instructions,
        channel=row.channel_instructions,
        channel_id=encode_id(Prefix.CHANNEL, row.stream_id) if row.is_channel else None,
    )


def _concerned(node: "Node", change: RightsChanged) -> "Iterable[tuple[Connection, str, LiveStream]]":
    ended = set(change.streams)
    followers = {each for stream_id in ended for each in node.following(stream_id)}
    sessions = followers if ended else node.of_agent(change.agent)
    for connection in sessions:
        for key, live in connection.streams.items():
            if not connection.is_closed and (not ended or live.id in ended):
                yield connection, key, live


async def _lost(node: "Node", pairs: list[_Pair]) -> list[LostRow]:
    while True:
        try:
            async with node.database.connection() as database:
                return await following.lost(database, pairs)
        except StoreError:
            # Without the store there are no events either that somebody might get without right.
            await asyncio.sleep(_ASK_AGAIN_S)


async def _finish(node: "Node", stream_id: UUID) -> None:
    """Have all who follow a stream that has ended get it to its last event, announced or not."""
    live = node.hub.get(stream_id)
    if live is None:
        return
    while live.head is not None:
        before = live.head
        try:
            for event in await node.recovery.read(live, before, _PAGE):
                node.hub.offer(event)
        except StoreError:
            await asyncio.sleep(_ASK_AGAIN_S)
            continue
        if live.head == before:
            break
    while live.has_unwritten:  # noqa: ASYNC110 - the hub writes a slice in each pass of the loop
        await asyncio.sleep(0)
