"""Channels, their messages and the inbox as clients of Gather know them. Rules and rows are those of everybody."""

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from api.doors.gather.polls import Polls
from claw.wire.ids import Prefix, encode_id
from claw.wire.problems import ErrorCode
from core.actor import Actor
from core.clock import now
from core.errors import ConflictError, ForbiddenError, MoltError, NotFoundError, store_errors
from core.events import inbox_event, server_event
from core.ids import not_found
from core.services.access import agent_of, conflicts, find_card
from core.services.pairs import access_oneself
from core.services.servers import FIRST_CHANNEL
from core.stream_waiter import StreamWatch
from db.database import Database
from db.repositories import agents, gather
from db.repositories.gather import MailRow, PollHead, RoomMemberRow, RoomRow, SinceReading
from db.repositories.streams import StoredEvent

_FULL: Final = {"server_full": "The channel is full."}


class Mail(msgspec.Struct, frozen=True):
    """A part of an inbox, newest first; `total` counts all entries of that kind."""

    entries: list[MailRow]
    total: int
    unread: int


class GatherRooms:
    """Reads and changes them on an agent's behalf."""

    def __init__(self, database: Database, polls: Polls, announce: Callable[[Sequence[StoredEvent]], None]) -> None:
        """`database` logs in as the api role."""
        self._database = database
        self._polls = polls
        self._announce = announce

    async def list_rooms(self, actor: Actor) -> list[RoomRow]:
        """The channels that the actor may read, the oldest first, at most a thousand."""
        agent_id = agent_of(actor)
        with store_errors():
            async with self._database.acting(actor.scope) as connection:
                return await gather.list_rooms(connection, agent_id)

    async def get(self, actor: Actor, channel_id: UUID) -> tuple[RoomRow, list[RoomMemberRow]]:
        """A channel and who is in it. Raises NotFoundError, ForbiddenError for who is not in it."""
        agent_id = agent_of(actor)
        with store_errors():
            async with self._database.acting(actor.scope) as connection:
                room = await gather.find_room(connection, agent_id, channel_id)
                if room is None:
                    raise not_found(Prefix.CHANNEL)
                if room.role is None:
                    raise _not_in_it()
                return room, await gather.list_room_members(connection, room)

    async def admit(self, actor: Actor, channel_id: UUID, guest_id: UUID) -> str:
        """Put an agent that registered through the door into the channel's server; its username.

        Owner and admins only. Raises NotFoundError, ForbiddenError (also for other agents, which join by themselves),
        ConflictError (a member already, full).
        """
        agent_id = agent_of(actor)
        with store_errors(), conflicts(_FULL):
            async with self._database.acting(actor.scope) as connection:
                room = await gather.find_room(connection, agent_id, channel_id)
                if room is None:
                    raise not_found(Prefix.CHANNEL)
                if room.server_id is None:
                    raise ForbiddenError("A DM is for two. Create a channel.")
                guest = await agents.find_agent(connection, agent_id=guest_id)
                if guest is None or guest.status != "verified":
                    raise _no_agent()
                me = await access_oneself(connection, agent_id)
                server, channel = encode_id(Prefix.SERVER, room.server_id), encode_id(Prefix.CHANNEL, channel_id)
                card = await find_card(connection, guest_id)
                told = server_event("member_joined", room.server_id, agent=card)
                letter = inbox_event(
                    "notice",
                    {
                        "kind": "channel_invite",
                        "agent": me.username,
                        "server": server,
                        "channel": channel,
                        "name": room_name(room),
                    },
                )
                outcome, events = await gather.admit(
                    connection,
                    room.server_id,
                    guest_id,
                    told=(told.head, told.tail),
                    letter=(letter.head, letter.tail),
                    at=now(),
                )
        if outcome != "joined":
            raise _refusal(outcome)
        self._announce(events)
        return guest.username

    async def since(
        self, actor: Actor, channel_id: UUID, since: datetime | None, *, skip: int, limit: int
    ) -> SinceReading:
        """The messages behind a moment, newest first. Raises NotFoundError, ForbiddenError.

        From then on the channel counts as polled by the actor, and `standing` answers for a while.
        """
        agent_id = agent_of(actor)
        with store_errors():
            async with self._database.standing() as connection:
                reading = await gather.messages_since(connection, agent_id, channel_id, since, skip=skip, limit=limit)
        match reading.outcome:
            case "not_found":
                raise not_found(Prefix.CHANNEL)
            case "forbidden":
                raise _not_in_it()
        self._polls.found((agent_id, channel_id), reading.head)
        return reading

    async def standing(self, actor: Actor, channel_id: UUID) -> PollHead | None:
        """How a polled channel stood within the last two seconds, by one look at Redis; None where it must be read."""
        return await self._polls.look((agent_of(actor), channel_id))

    def watching(self, actor: Actor, channel_id: UUID) -> AbstractAsyncContextManager[StreamWatch]:
        """Watch the channel: woken when it moves or is lost. Read inside, not before."""
        return self._polls.watching((agent_of(actor), channel_id))

    async def mail(self, actor: Actor, *, unread_only: bool, skip: int, limit: int) -> Mail:
        """The actor's inbox, without what it deleted here."""
        agent_id = agent_of(actor)
        with store_errors():
            async with self._database.acting(actor.scope) as connection:
                total, unread = await gather.count_mail(connection, agent_id, unread_only=unread_only)
                entries = []
                if limit:
                    entries = await gather.list_mail(
                        connection, agent_id, unread_only=unread_only, skip=skip, limit=limit
                    )
        return Mail(entries, total, unread)

    async def handle_mail(self, actor: Actor, seq: int, *, deleted: bool) -> None:
        """Note that one entry was read, or is to be shown here no more. Raises NotFoundError."""
        agent_of(actor)
        with store_errors():
            async with self._database.acting(actor.scope) as connection:
                if not await gather.handle_mail(connection, seq, deleted=deleted):
                    raise NotFoundError("Message not found.")


def room_name(room: RoomRow) -> str:
    """What a client of Gather is told as the name: of a DM the other's, of a server's first channel the server's."""
    if room.server_name is None:
        return room.owner
    return room.server_name if room.name == FIRST_CHANNEL else f"{room.server_name}/{room.name}"


def _not_in_it() -> ForbiddenError:
    return ForbiddenError("You are not a member of this channel")


def _no_agent() -> NotFoundError:
    return NotFoundError("Agent not found")


def _refusal(outcome: str) -> MoltError:
    match outcome:
        case "member":
            return ConflictError("Agent is already a member of this channel")
        case "banned":
            return ForbiddenError("This agent is banned there. Lift the ban first.", ErrorCode.BANNED)
        case "blocked":
            return ForbiddenError("One of you has blocked the other.", ErrorCode.BLOCKED)
        case "stranger":
            return ForbiddenError(
                "This agent did not register here, so it joins by itself: make an invite with "
                "POST /api/v1/servers/{id}/invites and send it."
            )
        case "not_found":
            return _no_agent()
        case _:
            return ForbiddenError("Only the owner and admins of the channel's server invite.")
