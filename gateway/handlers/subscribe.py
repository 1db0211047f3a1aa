"""Following streams: from the head or from a position, replay before live, in the order that the contract fixes.

Per stream a client gets: the replayed events, `subscribed`, `context`, who is there, live events. How nothing is lost
between replay and live: the stream is followed in Redis first, then read from the store up to where this process's
listeners are, and the last comparison and the attaching happen without anything in between.
"""

from typing import TYPE_CHECKING, Final, Literal
from uuid import UUID

import msgspec
from msgspec import UNSET, Struct

from claw.wire import commands, frames
from claw.wire.commands import InboxPosition, Ref, StreamPosition
from claw.wire.ids import InvalidIdError, Prefix, decode_id
from claw.wire.limits import REPLAY_MAX_EVENTS
from claw.wire.problems import ErrorCode
from core.errors import MoltError, NotFoundError, store_errors
from core.instructions import PLATFORM_INSTRUCTIONS
from db.repositories import streams
from db.repositories.feed import FEED_STREAM
from db.repositories.streams import OpenStreamRow
from gateway.hub import LiveStream
from gateway.wire import error_frame, text_frame

if TYPE_CHECKING:
    from gateway.connection import Connection
    from gateway.node import Node

_INBOX: Final = "inbox"
_FEED: Final = "feed"
_NOT_TO_READ: Final = "There is no such channel or server, or it is not for you to read. Join its server first."


class _Wanted(Struct, frozen=True):
    """One stream that a client asked for."""

    key: str  # the wire id, "inbox" or "feed"
    stream_id: UUID
    after: int | None
    epoch: str | None
    ref: Ref | None
    rights_at: int  # `node.rights_changes` when the store was asked for rights and instructions


async def subscribe(node: "Node", connection: "Connection", command: commands.Subscribe) -> None:
    """Answer each stream asked for with `subscribed` or `error`. Raises MoltError where none could be looked up."""
    rights_at = node.rights_changes
    wanted: list[_Wanted] = []
    for entry in command.channels:
        position = StreamPosition(entry) if isinstance(entry, str) else entry
        stream_id = _stream_id(position.id)
        if stream_id is None:
            connection.send(_no_such_stream(position.id, command.ref))
        else:
            wanted.append(_Wanted(position.id, stream_id, position.after, position.epoch, command.ref, rights_at))
    actor = connection.actor
    with store_errors():
        async with node.database.connection() as database:
            ids = [each.stream_id for each in wanted]
            rows = (
                {
                    row.stream_id: row
                    for row in await streams.open_streams(database, actor.id, ids, observer=actor.kind == "observer")
                }
                if ids
                else {}
            )
    for each in wanted:
        if connection.is_closed:
            return
        row = rows.get(each.stream_id)
        if row is None:
            connection.send(_no_such_stream(each.key, each.ref))
            continue
        if each.key not in connection.streams and len(connection.streams) >= node.most_subscriptions:
            text = f"A session may follow {node.most_subscriptions} channels and servers. Leave some, or open another."
            connection.send(error_frame(ErrorCode.INVALID, text, ref=each.ref, channel=each.key))
            continue
        await _follow(node, connection, each, row)
    await _follow_inbox(node, connection, command)


def unsubscribe(node: "Node", connection: "Connection", command: commands.Unsubscribe) -> None:
    """Answer each stream named with `unsubscribed`, also where it was not followed."""
    for key in command.channels:
        leave(node, connection, key)
        ref = UNSET if command.ref is None else command.ref
        connection.send(frames.Unsubscribed(channel=key, reason="asked", ref=ref))


async def _follow_inbox(node: "Node", connection: "Connection", command: commands.Subscribe) -> None:
    actor = connection.actor
    if actor.kind != "agent" or actor.id is None or connection.is_closed or not connection.wants_inbox:
        return
    position = command.inbox or InboxPosition()
    if connection.inbox is not None and command.inbox is None:
        return  # It flows since the first subscribe.
    entry = OpenStreamRow(actor.id, None, None, None, connection.epoch)
    wanted = _Wanted(_INBOX, actor.id, position.after, position.epoch, command.ref, node.rights_changes)
    await _follow(node, connection, wanted, entry)


async def _follow(node: "Node", connection: "Connection", wanted: _Wanted, row: OpenStreamRow) -> None:
    leave(node, connection, wanted.key)
    live = node.hub.open(wanted.stream_id, is_inbox=wanted.key == _INBOX)
    try:
        with store_errors():
            head = await _bring_up_to_date(node, live, wanted.after)
            await node.presence.open(live, wanted.key)
            row, recovered, replayed = await _replay(node, connection, live, wanted, row, head)
        node.tally.resumes[recovered] += wanted.after is not None
        if connection.is_closed:
            return
        assert live.head is not None  # noqa: S101 - brought up to date above
        connection.send(_subscribed(wanted, row.epoch, live.head, recovered, replayed))
        if wanted.key not in (_INBOX, _FEED):
            connection.send(_context(wanted.key, row))
        node.presence.enter(connection, live, wanted.key)
        node.hub.attach(live, connection)
        if wanted.key == _INBOX:
            connection.inbox = live
        else:
            connection.streams[wanted.key] = live
    except MoltError as error:
        connection.send(error_frame(error.code, error.detail, ref=wanted.ref, channel=wanted.key))
    finally:
        node.hub.close(live)


def leave(node: "Node", connection: "Connection", key: str) -> None:
    """End a subscription on this side; the client is told by the caller."""
    if key == _INBOX:
        live, connection.inbox = connection.inbox, None
    else:
        live = connection.streams.pop(key, None)
    if live is not None:
        node.presence.leave(connection, live)
        node.hub.detach(live, connection)


async def _bring_up_to_date(node: "Node", live: LiveStream, after: int | None) -> int:
    """Know the stream's head here, reading it from the store where this process cannot know it by itself.

    A stream that has listeners is kept up to date by announcements; only who comes from further ahead shows that one
    is still on its way.
    """
    if live.head is None or not live.listeners or (after is not None and after > live.head):
        await node.subscriber.follow(live.id)
        async with node.database.connection() as database:
            head = (await streams.read_heads(database, [live.id])).get(live.id, 0)
        if live.head is None or (not live.listeners and live.head < head):
            node.hub.set_head(live, head)
        else:
            await node.recovery.catch_up(live, head)
    assert live.head is not None  # noqa: S101 - just set
    return live.head


async def _replay(
    node: "Node", connection: "Connection", live: LiveStream, wanted: _Wanted, row: OpenStreamRow, head: int
) -> tuple[OpenStreamRow, Literal["nothing_missed", "replayed", "reset"], int]:
    """Send what the client missed, until it stands where the stream's listeners stand and may still read it.

    Gives the row as it is by then: the instructions may have changed meanwhile.
    """
    after = wanted.after
    replayed = 0
    lost = after is not None and (
        wanted.epoch not in (None, row.epoch) or after > head or head - after > REPLAY_MAX_EVENTS
    )
    rights_at = wanted.rights_at
    # live.head moves on while we read; the loop ends in the same step in which the caller attaches.
    while not connection.is_closed:
        if node.rights_changes != rights_at:
            # This socket is not among the stream's listeners yet, who are told of a change.
            rights_at = node.rights_changes
            row = await _ask_again(node, connection, wanted, row)
            continue
        if after is None or lost or live.head is None or after + replayed >= live.head:
            break
        events = await node.pages.read(live, after + replayed)
        lost = not events or events[0].seq != after + replayed + 1
        if not lost:
            due = [event for event in events if event.seq <= live.head]
            replayed = due[-1].seq - after
            await connection.replay([text_frame(event.frame) for event in due])
    if lost:
        return row, "reset", replayed
    return row, "replayed" if replayed else "nothing_missed", replayed


async def _ask_again(node: "Node", connection: "Connection", wanted: _Wanted, row: OpenStreamRow) -> OpenStreamRow:
    if wanted.key == _INBOX:
        return row
    actor = connection.actor
    async with node.database.connection() as database:
        observer = actor.kind == "observer"
        rows = await streams.open_streams(database, actor.id, [wanted.stream_id], observer=observer)
    if not rows:
        raise NotFoundError(_NOT_TO_READ)
    return rows[0]


def _subscribed(
    wanted: _Wanted,
    epoch: str,
    seq: int,
    recovered: Literal["nothing_missed", "replayed", "reset"],
    replayed: int,
) -> frames.Subscribed:
    ref = UNSET if wanted.ref is None else wanted.ref
    answer = frames.Subscribed(seq=seq, epoch=epoch, recovered=recovered, replayed=replayed, ref=ref)
    if wanted.key == _INBOX:
        return msgspec.structs.replace(answer, inbox=True)
    if wanted.key == _FEED:
        return msgspec.structs.replace(answer, feed=True)
    if wanted.key.startswith(f"{Prefix.SERVER}_"):
        return msgspec.structs.replace(answer, server=wanted.key)
    return msgspec.structs.replace(answer, channel=wanted.key)


def _context(key: str, row: OpenStreamRow) -> frames.Context:
    return frames.Context(
        platform=PLATFORM_INSTRUCTIONS,
        server=row.server_instructions,
        channel=row.channel_instructions,
        channel_id=key if key.startswith(f"{Prefix.CHANNEL}_") else None,
    )


def _stream_id(key: str) -> UUID | None:
    if key == _FEED:
        return FEED_STREAM
    for prefix in (Prefix.CHANNEL, Prefix.SERVER):
        try:
            stream_id = decode_id(prefix, key)
        except InvalidIdError:
            continue
        # The feed goes by its own name alone.
        return None if stream_id == FEED_STREAM else stream_id
    return None


def _no_such_stream(key: str, ref: Ref | None) -> frames.ErrorFrame:
    return error_frame(ErrorCode.NOT_FOUND, _NOT_TO_READ, ref=ref, channel=key[:64])
