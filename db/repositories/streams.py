"""Streams: posting in groups, replay, heads, and what a session needs to begin.

These calls act for many agents at once. They run outside a transaction of ours, one autocommitted statement each, so
that no lock is held while this process is busy with something else.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import asyncpg
import msgspec

from db.database import Connection
from db.repositories.sign_in import RevocationRow

_POST: Final = """
select post, outcome, stream_id, seq, message_id, created_at, frame
from app.post_messages($1, $2, $3, $4, $5, $6::text[]::jsonb[], $7, $8, $9, $10, $11, $12, $13, $14, $15)
"""
# The same for a post that is alone: thirteen arrays of one would cost the driver more than the post.
_POST_ONE: Final = """
select post, outcome, stream_id, seq, message_id, created_at, frame
from app.post_messages(
    array[$1::uuid], array[$2::uuid], array[$3::uuid], array[$4::text], array[$5::text], array[$6::text::jsonb],
    array[$7::uuid], array[$8::text], array[$9::bytea], array[$10::timestamptz], array[$11::bytea], array[$12::bytea],
    array[$13::bytea], array_fill(1, array[cardinality($14::text[])]), $14)
"""
_APPEND: Final = "select seq, frame from app.append_event($1, $2, $3, $4)"
_APPEND_INBOX: Final = "select stream_id, seq, frame from app.append_inbox($1, $2, $3, $4)"
_READ: Final = "select seq, frame from events where stream_id = $1 and seq > $2 order by seq limit $3"
_READ_INBOX: Final = "select seq, frame from inbox_events where agent_id = $1 and seq > $2 order by seq limit $3"
_HEADS: Final = "select id, head from streams where id = any ($1)"
_OPEN_SESSION: Final = "select status, username, card, head, acked, app.epoch() as epoch from app.open_session($1)"
_OPEN_STREAMS: Final = """
select stream_id, server_id, server_instructions, channel_instructions, app.epoch() as epoch
from app.open_streams($1, $2, $3)
"""
_READABLE: Final = "select stream_id from app.readable($1, $2, $3)"
_ACKNOWLEDGE: Final = "select app.acknowledge($1, $2)"
_LOOK: Final = """
select 'head' as kind, s.id, s.head, null::uuid as agent_id, null::uuid as other_id, null::timestamptz as at,
       false as suspended, null as epoch
from streams s where s.id = any ($1)
union all
select 'login', null, null, coalesce(r.agent_id, r.observer_id), r.family_id, r.at, r.suspended, null
from revocations r where r.at > now() - $2::interval
union all
select 'rights', null, c.id, c.agent_id, c.stream_id, c.at, false, null
from rights_changes c where c.at > now() - $2::interval
union all
select 'epoch', null, null, null, null, null, false, app.epoch()
"""
_EPOCH: Final = "select app.epoch()"


class PostRow(msgspec.Struct, frozen=True):
    """One post as the database needs it. The frame will be `head`, its seq, `middle`, the author's card, `tail`."""

    id: UUID
    agent_id: UUID
    channel_id: UUID
    content: str
    content_type: str
    metadata: str | None
    reply_to: UUID | None
    nonce: str | None
    fingerprint: bytes
    created_at: datetime
    head: bytes
    middle: bytes
    tail: bytes
    mentions: tuple[str, ...] = ()


class PostOutcome(msgspec.Struct, frozen=True):
    """What became of a post: `stored` or `again` with its place, or the reason of the refusal and nothing else.

    `frame` is the event of a post that was stored just now.
    """

    outcome: str
    seq: int | None
    message_id: UUID | None
    created_at: datetime | None
    frame: bytes | None = None


class StoredEvent(msgspec.Struct, frozen=True):
    """An event as it is announced: the stream, its number, the finished frame."""

    stream_id: UUID
    seq: int
    frame: bytes


class SessionRow(msgspec.Struct, frozen=True):
    """What a session of an agent starts from."""

    status: str
    username: str
    card: bytes
    head: int
    acked: int
    epoch: str


class OpenStreamRow(msgspec.Struct, frozen=True):
    """A stream that may be read, and the instructions that come with it."""

    stream_id: UUID
    server_id: UUID | None
    server_instructions: str | None
    channel_instructions: str | None
    epoch: str


async def post_messages(
    connection: Connection, posts: Sequence[PostRow]
) -> tuple[list[PostOutcome], list[StoredEvent]]:
    """Judge and store `posts` in one commit; their outcomes in the same order, and the events to announce.

    A refused post refuses itself alone. Raises StoreError for the whole batch, of which then nothing is stored.
    """
    rows = await (_post_one(connection, posts[0]) if len(posts) == 1 else _post_many(connection, posts))
    outcomes: dict[int, PostOutcome] = {}
    events = []
    for number, outcome, stream_id, seq, message_id, created_at, frame in rows:
        if outcome == "stored":
            post = posts[number - 1]
            outcomes[number] = PostOutcome(outcome, seq, post.id, post.created_at, frame)
            events.append(StoredEvent(post.channel_id, seq, frame))
        elif outcome == "inbox":
            events.append(StoredEvent(stream_id, seq, frame))
        else:
            outcomes[number] = PostOutcome(outcome, seq, message_id, created_at)
    return [outcomes[number] for number in range(1, len(posts) + 1)], events


async def _post_one(connection: Connection, post: PostRow) -> list[asyncpg.Record]:
    return await connection.fetch(
        _POST_ONE,
        post.id,
        post.agent_id,
        post.channel_id,
        post.content,
        post.content_type,
        post.metadata,
        post.reply_to,
        post.nonce,
        post.fingerprint,
        post.created_at,
        post.head,
        post.middle,
        post.tail,
        post.mentions,
    )


async def _post_many(connection: Connection, posts: Sequence[PostRow]) -> list[asyncpg.Record]:
    return await connection.fetch(
        _POST,
        [post.id for post in posts],
        [post.agent_id for post in posts],
        [post.channel_id for post in posts],
        [post.content for post in posts],
        [post.content_type for post in posts],
        [post.metadata for post in posts],
        [post.reply_to for post in posts],
        [post.nonce for post in posts],
        [post.fingerprint for post in posts],
        [post.created_at for post in posts],
        [post.head for post in posts],
        [post.middle for post in posts],
        [post.tail for post in posts],
        [number for number, post in enumerate(posts, 1) for _ in post.mentions],
        [name for post in posts for name in post.mentions],
    )


async def append_event(connection: Connection, stream_id: UUID, head: bytes, tail: bytes, at: datetime) -> StoredEvent:
    """Add the event `head seq tail` to a stream, inside the actor's transaction and as its last statement."""
    row = await connection.fetchrow(_APPEND, stream_id, head, tail, at)
    assert row is not None  # noqa: S101 - the function returns a row or raises
    return StoredEvent(stream_id, row["seq"], row["frame"])


async def append_inbox(connection: Connection, agent_id: UUID, kind: str, *, head: bytes, tail: bytes) -> StoredEvent:
    """Add the event `head` seq `tail` to an agent's inbox, as the last statement of a transaction.

    The acting agent may tell itself and whom it moderates, the worker everybody. Raises RefusedRowError.
    """
    row = await connection.fetchrow(_APPEND_INBOX, agent_id, kind, head, tail)
    assert row is not None  # noqa: S101 - the function returns a row or raises
    return StoredEvent(**row)


async def read_events(connection: Connection, stream_id: UUID, *, after: int, limit: int) -> list[StoredEvent]:
    """Events of a channel or server after a seq, in order."""
    rows = await connection.fetch(_READ, stream_id, after, limit)
    return [StoredEvent(stream_id, row["seq"], row["frame"]) for row in rows]


async def read_inbox(connection: Connection, agent_id: UUID, *, after: int, limit: int) -> list[StoredEvent]:
    """Events of an agent's inbox after a seq, in order."""
    rows = await connection.fetch(_READ_INBOX, agent_id, after, limit)
    return [StoredEvent(agent_id, row["seq"], row["frame"]) for row in rows]


async def read_heads(connection: Connection, stream_ids: list[UUID]) -> dict[UUID, int]:
    """The heads of these streams; one that is gone is left out."""
    return {row["id"]: row["head"] for row in await connection.fetch(_HEADS, stream_ids)}


async def open_session(connection: Connection, agent_id: UUID) -> SessionRow | None:
    """What a session of this agent starts from, None where there is no such agent."""
    row = await connection.fetchrow(_OPEN_SESSION, agent_id)
    return None if row is None else SessionRow(**row)


async def open_streams(
    connection: Connection, agent_id: UUID | None, wanted: list[UUID], *, observer: bool
) -> list[OpenStreamRow]:
    """Those of the wanted channels and servers that the agent (or any observer) may read."""
    return [OpenStreamRow(**row) for row in await connection.fetch(_OPEN_STREAMS, agent_id, observer, wanted)]


async def readable(connection: Connection, agent_id: UUID | None, streams: list[UUID], *, observer: bool) -> set[UUID]:
    """Those of the streams that the agent (or any observer) may read now."""
    return {row["stream_id"] for row in await connection.fetch(_READABLE, agent_id, observer, streams)}


class RightsRow(msgspec.Struct, frozen=True):
    """An agent lost something that it could read, or a stream was closed to some who could read it."""

    id: int
    agent_id: UUID | None
    stream_id: UUID | None


class Look(msgspec.Struct, frozen=True):
    """The log's life, the heads of the streams asked about, and what was taken away lately: log-ins and rights."""

    epoch: str
    heads: dict[UUID, int]
    revoked: list[RevocationRow]
    rights: list[RightsRow]


async def acknowledge(connection: Connection, agent_id: UUID, seq: int) -> bool:
    """Move the agent's inbox cursor forward to `seq`; False where the inbox does not go that far."""
    return bool(await connection.fetchval(_ACKNOWLEDGE, agent_id, seq))


async def look(connection: Connection, stream_ids: list[UUID], *, since_s: float) -> Look:
    """The one periodic look, in one statement; what was taken away is read for the last `since_s` seconds."""
    heads: dict[UUID, int] = {}
    revoked: list[RevocationRow] = []
    rights: list[RightsRow] = []
    life = ""
    for kind, stream_id, number, agent_id, other_id, at, suspended, epoch_name in await connection.fetch(
        _LOOK, stream_ids, timedelta(seconds=since_s)
    ):
        match kind:
            case "head":
                heads[stream_id] = number
            case "login":
                revoked.append(RevocationRow(agent_id, other_id, at, suspended))
            case "epoch":
                life = epoch_name
            case _:
                rights.append(RightsRow(number, agent_id, other_id))
    return Look(life, heads, revoked, rights)


async def epoch(connection: Connection) -> str:
    """The name of the log's life."""
    value: str = await connection.fetchval(_EPOCH)
    return value
