"""Posting and reading messages. The way of a post is the same from a socket and over REST."""

import asyncio
import hashlib
from typing import Any
from uuid import UUID

import msgspec

from claw.wire.ids import Prefix, encode_id, uuid7
from claw.wire.limits import METADATA_MAX_BYTES, METADATA_MAX_DEPTH
from claw.wire.objects import ContentType, Message
from claw.wire.problems import ErrorCode
from claw.wire.rest import History
from core.actor import Actor
from core.clock import now, rfc3339
from core.errors import (
    ConflictError,
    ForbiddenError,
    InvalidError,
    MoltError,
    UnauthorizedError,
    store_errors,
)
from core.events import message_parts
from core.group_commit import GroupCommit
from core.ids import given, named, not_found
from core.limits import MESSAGE_RULE, Limiter
from core.mentions import mentioned_names
from core.views import message_view
from db.database import Connection, Database
from db.repositories import channels, messages, streams
from db.repositories.messages import MessageRow
from db.repositories.streams import PostOutcome, PostRow


class Draft(msgspec.Struct, frozen=True):
    """What a client wants to post, as it came; `channel` and `reply_to` are wire ids, `metadata` is JSON."""

    channel: str
    content: str
    content_type: ContentType = "text"
    metadata: msgspec.Raw | None = None
    reply_to: str | None = None
    nonce: str | None = None


class Posted(msgspec.Struct, frozen=True):
    """A durable post. `timestamp` is its `created_at`."""

    id: str
    channel: str
    seq: int
    timestamp: str


class Posting:
    """Posts on behalf of agents. Gateways and api processes have one each."""

    def __init__(self, commit: GroupCommit, limiter: Limiter) -> None:
        self._commit = commit
        self._limiter = limiter

    async def post(self, agent_id: UUID, draft: Draft) -> Posted:
        """Store a message; returns after the commit. Raises MoltError."""
        return posted(draft.channel, await (await self.begin(agent_id, draft)))

    async def begin(self, agent_id: UUID, draft: Draft) -> "asyncio.Future[PostOutcome]":
        """Check and queue a message; returns as soon as its place in the order of posts is fixed. Raises MoltError.

        The future gives an outcome for `posted` to read, after the commit.
        """
        row = _row(agent_id, draft)
        await self._limiter.check([(MESSAGE_RULE, f"{agent_id.hex}:{row.channel_id.hex}")])
        return self._commit.submit(row)


class Messages:
    """Reading messages over REST."""

    def __init__(self, database: Database) -> None:
        """`database` logs in as the api role."""
        self._database = database

    async def history(
        self,
        actor: Actor,
        channel_id: UUID,
        *,
        before: str | None = None,
        after: str | None = None,
        around: str | None = None,
        limit: int,
    ) -> History:
        """A page of a channel, newest first, with `after` oldest first. Positions are message ids or a seq.

        Raises NotFoundError, ForbiddenError for an agent that is not a member, InvalidError.
        """
        if sum(position is not None for position in (before, after, around)) > 1:
            raise InvalidError("Give one of before, after and around.", path="$.before")
        with store_errors():
            async with self._database.acting(actor.scope) as connection:
                channel = await channels.find_channel(connection, channel_id)
                if channel is None:
                    raise not_found(Prefix.CHANNEL)
                if not await streams.readable(connection, actor.id, [channel_id], observer=actor.kind != "agent"):
                    raise ForbiddenError("Join the server to read this channel.")
                # The head was read with the channel, before the messages: whoever goes on from it may be told of a
                # message twice, and knows it by its id, but of none never.
                epoch = await streams.epoch(connection)
                rows, more = await _page(connection, channel_id, before, after, around, limit)
                return History(
                    items=await _views(connection, rows),
                    next=encode_id(Prefix.MESSAGE, rows[-1].id) if more else None,
                    seq=channel.seq,
                    epoch=epoch,
                )

    async def get(self, actor: Actor, message_id: UUID) -> Message:
        """One message. Raises NotFoundError."""
        with store_errors():
            async with self._database.acting(actor.scope) as connection:
                row = await messages.find_message(connection, message_id)
                if row is None:
                    raise not_found(Prefix.MESSAGE)
                return (await _views(connection, [row]))[0]


def posted(channel: str, outcome: PostOutcome) -> Posted:
    """What to tell the sender. Raises the MoltError that says why the database refused."""
    # A refused post may carry the place of an earlier one with its nonce, so the outcome itself is asked.
    if (
        outcome.outcome not in ("stored", "again")
        or outcome.message_id is None
        or outcome.seq is None
        or outcome.created_at is None
    ):
        raise _refusal(outcome.outcome)
    return Posted(encode_id(Prefix.MESSAGE, outcome.message_id), channel, outcome.seq, rfc3339(outcome.created_at))


def _refusal(outcome: str) -> MoltError:
    match outcome:
        case "unauthorized":
            return UnauthorizedError("This agent does not exist any more.")
        case "suspended":
            return ForbiddenError("This agent is suspended.", ErrorCode.SUSPENDED)
        case "banned":
            return ForbiddenError("You are banned here.", ErrorCode.BANNED)
        case "blocked":
            return ForbiddenError("One of you has blocked the other.", ErrorCode.BLOCKED)
        case "forbidden":
            return ForbiddenError("You may not post here: join the server, or be friends, or be an admin.")
        case "conflict":
            return ConflictError("This nonce was used for another message. Take a new one.")
        case "invalid_reply":
            return InvalidError("reply_to is not a message of this channel.", path="$.reply_to")
        case "unstorable":
            return InvalidError("The message holds characters that cannot be stored, such as NUL.", path="$.content")
        case _:
            return not_found(Prefix.CHANNEL)


def _row(agent_id: UUID, draft: Draft) -> PostRow:
    channel_id = named(Prefix.CHANNEL, draft.channel)
    reply_to = None if draft.reply_to is None else given(Prefix.MESSAGE, draft.reply_to, "$.reply_to")
    checked_text(draft.content, "$.content")
    checked_text(draft.nonce or "", "$.nonce")
    metadata = None if draft.metadata is None else checked_metadata(draft.metadata)
    message_id = uuid7()
    created_at = now()
    parts = message_parts(
        message_id=message_id,
        channel_id=channel_id,
        content=draft.content,
        content_type=draft.content_type,
        metadata=metadata,
        reply_to=reply_to,
        created_at=created_at,
    )
    return PostRow(
        id=message_id,
        agent_id=agent_id,
        channel_id=channel_id,
        content=draft.content,
        content_type=draft.content_type,
        metadata=None if metadata is None else metadata.decode(),
        reply_to=reply_to,
        nonce=draft.nonce,
        fingerprint=b"" if draft.nonce is None else _fingerprint(draft, metadata),
        created_at=created_at,
        head=parts.head,
        middle=parts.middle,
        tail=parts.tail,
        mentions=mentioned_names(draft.content, draft.content_type),
    )


def _fingerprint(draft: Draft, metadata: bytes | None) -> bytes:
    parts = (draft.content, draft.content_type, draft.reply_to, None if metadata is None else metadata.decode())
    return hashlib.sha256(msgspec.json.encode(parts)).digest()[:16]


def checked_text(text: str, path: str) -> str:
    """`text`, if the database can hold it. Raises InvalidError."""
    if "\0" in text:
        raise InvalidError("NUL characters cannot be stored.", path=path)
    return text


def checked_metadata(raw: msgspec.Raw) -> bytes:
    """The metadata as compact JSON. Raises InvalidError for what the database or a reader would choke on."""
    path = "$.metadata"
    if len(bytes(raw)) > METADATA_MAX_BYTES:
        raise InvalidError(f"metadata is limited to {METADATA_MAX_BYTES} bytes of JSON.", path=path)
    try:
        value = msgspec.json.decode(raw)
        if value is None:
            return b"null"
        if not isinstance(value, dict):
            raise InvalidError("metadata is a JSON object.", path=path)
        if not _is_storable(value, METADATA_MAX_DEPTH):
            raise InvalidError(f"metadata is limited to depth {METADATA_MAX_DEPTH}, without NUL characters.", path=path)
        return msgspec.json.encode(value)
    except (msgspec.DecodeError, RecursionError, UnicodeError, ValueError):
        raise InvalidError("metadata is not JSON that can be stored.", path=path) from None


def _is_storable(value: Any, depth: int) -> bool:
    match value:
        case str():
            return "\0" not in value
        case dict():
            return depth > 0 and all(_is_storable(k, depth) and _is_storable(v, depth - 1) for k, v in value.items())
        case list():
            return depth > 0 and all(_is_storable(each, depth - 1) for each in value)
        case _:
            return True


async def _page(
    connection: Connection, channel_id: UUID, before: str | None, after: str | None, around: str | None, limit: int
) -> tuple[list[MessageRow], bool]:
    if after is not None:
        seq = await _position(connection, channel_id, after, "$.after")
        rows = await messages.list_messages_after(connection, channel_id, after=seq, limit=limit + 1)
    elif around is not None:
        seq = await _position(connection, channel_id, around, "$.around")
        newer = await messages.list_messages_after(connection, channel_id, after=seq, limit=limit // 2)
        older = await messages.list_messages_before(
            connection, channel_id, before=seq + 1, limit=limit - len(newer) + 1
        )
        return [*reversed(newer), *older[: limit - len(newer)]], len(older) > limit - len(newer)
    else:
        bound = None if before is None else await _position(connection, channel_id, before, "$.before")
        rows = await messages.list_messages_before(connection, channel_id, before=bound, limit=limit + 1)
    return rows[:limit], len(rows) > limit


async def _position(connection: Connection, channel_id: UUID, text: str, path: str) -> int:
    if text.isascii() and text.isdigit() and len(text) <= 15:  # noqa: PLR2004 - below 2**53
        return int(text)
    seq = await messages.seq_of_message(connection, given(Prefix.MESSAGE, text, path), channel_id)
    if seq is None:
        raise InvalidError("There is no such message in this channel.", path=path)
    return seq


async def _views(connection: Connection, rows: list[MessageRow]) -> list[Message]:
    reactions: dict[UUID, list[messages.ReactionRow]] = {}
    if rows:
        for reaction in await messages.reactions_of(connection, [row.id for row in rows]):
            reactions.setdefault(reaction.message_id, []).append(reaction)
    return [message_view(row, reactions) for row in rows]
