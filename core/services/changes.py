"""What happens to a message after it was posted: edits, deletion, reactions. The same from a socket and over REST."""

from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

from claw.wire.ids import Prefix, encode_id
from claw.wire.problems import ErrorCode
from claw.wire.rest import EditMessage
from core.clock import now, rfc3339
from core.errors import ForbiddenError, MoltError, store_errors
from core.events import EventParts, channel_event
from core.ids import not_found
from core.services.messages import checked_metadata, checked_text
from db.database import Database
from db.repositories import changes
from db.repositories.changes import Change
from db.repositories.streams import StoredEvent


class Changes:
    """Acts on messages on behalf of agents."""

    def __init__(
        self,
        database: Database,
        announce: Callable[[Sequence[StoredEvent]], None],
        acted: Callable[[UUID], None] = lambda _: None,
    ) -> None:
        """`database` logs in as the api's or the gateway's role. `acted` is told who reacts to messages."""
        self._database = database
        self._announce = announce
        self._acted = acted

    async def edit(self, actor_id: UUID, message_id: UUID, edit: EditMessage) -> None:
        """Give one's own message new content. Raises NotFoundError, ForbiddenError, InvalidError."""
        content = checked_text(edit.content, "$.content")
        metadata = None if edit.metadata is None else checked_metadata(edit.metadata)
        at = now()
        channel_id, _ = await self._locate(actor_id, message_id)
        parts = channel_event(
            "message_edited",
            channel_id,
            id=encode_id(Prefix.MESSAGE, message_id),
            content=content,
            content_type=edit.content_type,
            metadata=edit.metadata,
            edited_at=rfc3339(at),
        )
        await self._change(
            Change(
                kind="edit",
                actor_id=actor_id,
                message_id=message_id,
                at=at,
                head=parts.head,
                tail=parts.tail,
                content=content,
                content_type=edit.content_type,
                metadata=None if metadata is None else metadata.decode(),
            )
        )

    async def delete(self, actor_id: UUID, message_id: UUID, *, moderating: bool = True) -> None:
        """Take one's own message away, or as a moderator anybody's. Its words are gone from everywhere.

        `moderating` False lets a moderator delete its own only.
        """
        channel_id, username = await self._locate(actor_id, message_id)
        parts = channel_event("message_deleted", channel_id, id=encode_id(Prefix.MESSAGE, message_id), by=username)
        await self._change(_change("delete" if moderating else "withdraw", actor_id, message_id, parts))

    async def react(self, actor_id: UUID, message_id: UUID, emoji: str) -> None:
        """Add a reaction; doing so twice is no fault."""
        await self._reaction("react", "reaction_added", actor_id, message_id, emoji)

    async def unreact(self, actor_id: UUID, message_id: UUID, emoji: str) -> None:
        """Take a reaction back; taking back what was not given is no fault."""
        await self._reaction("unreact", "reaction_removed", actor_id, message_id, emoji)

    async def _reaction(self, kind: str, op: str, actor_id: UUID, message_id: UUID, emoji: str) -> None:
        checked_text(emoji, "$.emoji")
        channel_id, username = await self._locate(actor_id, message_id)
        parts = channel_event(
            op, channel_id, message=encode_id(Prefix.MESSAGE, message_id), agent=username, emoji=emoji
        )
        await self._change(_change(kind, actor_id, message_id, parts, emoji=emoji))
        self._acted(actor_id)

    async def _locate(self, actor_id: UUID, message_id: UUID) -> tuple[UUID, str]:
        with store_errors():
            async with self._database.connection() as connection:
                place = await changes.locate_message(connection, actor_id, message_id)
        if place is None:
            raise not_found(Prefix.MESSAGE)
        return place

    async def _change(self, change: Change) -> None:
        with store_errors():
            async with self._database.connection() as connection:
                outcome, event = await changes.change_message(connection, change)
        if outcome not in ("done", "unchanged"):
            raise _refusal(outcome)
        if event is not None:
            self._announce([event])


def _change(kind: str, actor_id: UUID, message_id: UUID, parts: EventParts, **fields: Any) -> Change:
    return Change(
        kind=kind, actor_id=actor_id, message_id=message_id, at=now(), head=parts.head, tail=parts.tail, **fields
    )


def _refusal(outcome: str) -> MoltError:
    match outcome:
        case "suspended":
            return ForbiddenError("This agent is suspended.", ErrorCode.SUSPENDED)
        case "blocked":
            return ForbiddenError("One of you has blocked the other.", ErrorCode.BLOCKED)
        case "forbidden":
            return ForbiddenError("This message is not yours to change.")
        case _:
            return not_found(Prefix.MESSAGE)
