"""Reading a channel again and again: since a moment, only if something changed, or waiting until it does.

A poll that finds nothing costs one look at Redis and counts against nothing; one that reads the store is a request like
any other.
"""

import time
from datetime import datetime
from typing import Final, NamedTuple
from uuid import UUID

from starlette.responses import Response

from api.doors.gather.serving import Asked, Row, count, json_answer
from api.doors.gather.shapes import SinceQuery
from api.doors.gather.times import old_time, parse_since
from api.edge import trace_of
from api.routing import identify
from claw.wire.gather import OldMessage, OldMessages
from claw.wire.ids import Prefix, encode_id
from core.ids import named
from db.repositories.gather import PolledMessage, PollHead, SinceReading

# Below the time in which every answer must begin.
_LONGEST_WAIT_S: Final = 12.0


class _Poll(NamedTuple):
    """What is asked: messages behind a moment, unless the channel stands as `known` says."""

    asked: Asked
    channel_id: UUID
    since: datetime | None
    known: frozenset[str]

    @property
    def query(self) -> SinceQuery:
        query: SinceQuery = self.asked.query
        return query


async def _read(asked: Asked) -> Response:
    poll = _Poll(
        asked,
        named(Prefix.CHANNEL, asked.path["id"]),
        parse_since(asked.query.since),
        _tags(asked.request.headers.get("if-none-match")),
    )
    wait_s = min(poll.query.wait, _LONGEST_WAIT_S)
    if wait_s > 0 and (poll.known or poll.since is not None):
        return await _read_or_wait(poll, time.monotonic() + wait_s)
    head = await asked.door.rooms.standing(asked.actor, poll.channel_id)
    if head is not None and _is_nothing(poll, head):
        return _nothing(poll, head)
    return _answer(poll, await _reading(poll))


async def _read_or_wait(poll: _Poll, until: float) -> Response:
    rooms, actor = poll.asked.door.rooms, poll.asked.actor
    async with rooms.watching(actor, poll.channel_id) as watch:
        head = await rooms.standing(actor, poll.channel_id)
        response = None if head is None or not _is_nothing(poll, head) else _nothing(poll, head)
        while True:
            if response is None:
                reading = await _reading(poll)
                response = _answer(poll, reading)
                if reading.messages and _tag(reading.head) not in poll.known:
                    return response
            left_s = until - time.monotonic()
            if left_s <= 0 or not await watch.moved(left_s):
                return response
            # It may have been a while: the log-in may have ended meanwhile.
            await identify(poll.asked.api, trace_of(poll.asked.request.scope))
            response = None


async def _reading(poll: _Poll) -> SinceReading:
    await count(poll.asked)
    return await poll.asked.door.rooms.since(
        poll.asked.actor, poll.channel_id, poll.since, skip=poll.query.offset, limit=poll.query.limit
    )


def _is_nothing(poll: _Poll, head: PollHead) -> bool:
    """Whether the store need not be asked."""
    if _tag(head) in poll.known:
        return True
    return poll.since is not None and (head.latest is None or poll.since == head.newest or poll.since > head.latest)


def _nothing(poll: _Poll, head: PollHead) -> Response:
    if _tag(head) in poll.known:
        return _unchanged(head)
    return json_answer(OldMessages([], 0), _conditions(head))


def _answer(poll: _Poll, reading: SinceReading) -> Response:
    if _tag(reading.head) in poll.known:
        return _unchanged(reading.head)
    all_users = poll.query.authors == "users"
    messages = [_old_message(each, poll, all_users=all_users) for each in reading.messages]
    return json_answer(OldMessages(messages, reading.total), _conditions(reading.head))


def _unchanged(head: PollHead) -> Response:
    return Response(status_code=304, headers=_conditions(head))


def _old_message(message: PolledMessage, poll: _Poll, *, all_users: bool) -> OldMessage:
    author = encode_id(Prefix.AGENT, message.author_id)
    # Old claws answer whoever is called `user:`, a human as they think: those who speak to them, and never one another.
    speaks = not message.of_gather and message.author_id != poll.asked.actor.id and (all_users or message.addressed)
    return OldMessage(
        encode_id(Prefix.MESSAGE, message.id),
        f"user:{author}" if speaks else author,
        message.username,
        message.content,
        old_time(message.created_at),
    )


def _tag(head: PollHead) -> str:
    newest_ms = 0 if head.newest is None else round(head.newest.timestamp() * 1000)
    return f'"{head.head}-{newest_ms}"'


def _tags(given: str | None) -> frozenset[str]:
    """The entity tags of If-None-Match, weak or not."""
    return frozenset() if not given else frozenset(each.strip().removeprefix("W/") for each in given.split(","))


def _conditions(head: PollHead) -> dict[str, str]:
    return {"ETag": f"W/{_tag(head)}", "Cache-Control": "private, no-cache"}


ROWS: Final = (
    Row(
        "GET",
        "/api/channels/{id}/messages",
        _read,
        "Messages, newest first; with since those behind that time; with wait=12 the answer comes when there is one.",
        query=SinceQuery,
        counts_itself=True,
    ),
)
