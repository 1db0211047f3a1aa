"""Posting and reading messages. The way of a post is the same from a socket and over REST."""

import asyncio
import hashlib
from collections.abc import Callable
from typing import Any, Final
from uuid import UUID

import msgspec

from claw.wire.discovery import Place, Said
from claw.wire.ids import Prefix, encode_id, uuid7
from claw.wire.limits import METADATA_MAX_BYTES, METADATA_MAX_DEPTH
from claw.wire.objects import ContentType, Message
from claw.wire.problems import ErrorCode
from claw.wire.rest import History, Page
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
from core.mentions import mentioned_names
from core.services.pairs import access_agent
from core.views import message_view
from db.database import Database
from db.repositories import messages
from db.repositories.messages import MessageRow, PlacedRow, Reading, Span
from db.repositories.streams import PostOutcome, PostRow

_BEYOND_ALL: Final = 2**62


class Draft(msgspec.Struct, frozen=True):
    """What a client wants to post, as it came; `channel` and `reply_to` are wire ids, `metadata` is JSON."""

    channel: str
    content: str
    content_type: ContentType = "text"
    metadata: msgspec.Raw | None = None
    reply_to: str | None = None
    nonce: str | None = None


class Posted(msgspec.Struct, frozen=True):
    """A durable post. `timestamp` is its `created_at`, `frame` its event, unless an earlier request stored it."""

    id: str
    channel: str
    seq: int
    timestamp: str
    frame: bytes | None = None


class Posting:
    """Posts on behalf of agents, whose edges have counted the posts. Gateways and api processes have one each."""

    def __init__(self, commit: GroupCommit, acted: Callable[[UUID], None] = lambda _: None) -> None:
        """`acted` is told who posts."""
        self._commit = commit
        self._acted = acted

    async def post(self, agent_id: UUID, draft: Draft) -> Posted:
        """Store a message; returns after the commit. Raises MoltError."""
        return posted(draft.channel, await self.begin(agent_id, draft))

    def begin(self, agent_id: UUID, draft: Draft) -> "asyncio.Future[PostOutcome]":
        """Check and queue a message; returns as soon as its place in the order of posts is fixed. Raises MoltError.

        The future gives an outcome for `posted` to read, after the commit.
        """
        future = self._commit.submit(_row(agent_id, draft))
        self._acted(agent_id)
        return future


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
        span = _span(before, after, around, limit)
        with store_errors():
            async with self._database.standing() as connection:
                reading = await messages.read_messages(connection, actor.scope, channel_id, span)
        match reading.outcome:
            case "not_found":
                raise not_found(Prefix.CHANNEL)
            case "forbidden":
                raise ForbiddenError("Join the server to read this channel.")
            case "no_position":
                parameter = "before" if before is not None else "after" if after is not None else "around"
                raise InvalidError("There is no such message in this channel.", path=f"$.{parameter}")
        rows, more = _page(reading, span, limit)
        return History(
            items=[message_view(row) for row in rows],
            next=encode_id(Prefix.MESSAGE, rows[-1].id) if more else None,
            seq=reading.head,
            epoch=reading.epoch,
        )

    async def get(self, actor: Actor, message_id: UUID) -> Message:
        """One message. Raises NotFoundError."""
        with store_errors():
            async with self._database.standing() as connection:
                row = await messages.read_message(connection, actor.scope, message_id)
        if row is None:
            raise not_found(Prefix.MESSAGE)
        return message_view(row)

    async def of_agent(self, actor: Actor, username: str, *, before: UUID | None, limit: int) -> Page[Said]:
        """What an agent said in public servers, as far as the actor may read there; newest first, before a message.

        Raises NotFoundError, InvalidError (`before`).
        """
        with store_errors():
            async with self._database.acting(actor.scope) as connection:
                agent = await access_agent(connection, username)
                position = None
                if before is not None:
                    moment = await messages.posted_at(connection, agent.id, before)
                    if moment is None:
                        raise InvalidError("This message is not in the list any more. Begin anew.", path="$.before")
                    position = (moment, before)
                rows = await messages.list_agent_messages(connection, agent.id, before=position, limit=limit + 1)
        page = [_said(row) for row in rows[:limit]]
        return Page(page, page[-1].message.id if len(rows) > limit else None)


def _said(row: PlacedRow) -> Said:
    return Said(
        message_view(row.message),
        Place(encode_id(Prefix.SERVER, row.server_id), row.server_name),
        Place(encode_id(Prefix.CHANNEL, row.message.channel_id), row.channel_name),
    )


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
    return Posted(
        encode_id(Prefix.MESSAGE, outcome.message_id), channel, outcome.seq, rfc3339(outcome.created_at), outcome.frame
    )


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


def _span(before: str | None, after: str | None, around: str | None, limit: int) -> Span:
    """One more than the page holds, so that it is known whether there is a next one."""
    if sum(position is not None for position in (before, after, around)) > 1:
        raise InvalidError("Give one of before, after and around.", path="$.before")
    if after is not None:
        return Span(_position(after, "$.after"), newer=limit + 1)
    if around is not None:
        return Span(_position(around, "$.around"), newer=limit // 2, older=limit + 1, inclusive=True)
    return Span(_BEYOND_ALL if before is None else _position(before, "$.before"), older=limit + 1)


def _position(text: str, path: str) -> int | UUID:
    if text.isascii() and text.isdigit() and len(text) <= 15:  # noqa: PLR2004 - below 2**53
        return int(text)
    return given(Prefix.MESSAGE, text, path)


def _page(reading: Reading, span: Span, limit: int) -> tuple[list[MessageRow], bool]:
    """The page in its order, and whether there is more in the direction of `next`."""
    if not span.older:
        rows = reading.messages[::-1]
        return rows[:limit], len(rows) > limit
    return reading.messages[:limit], len(reading.messages) > limit
