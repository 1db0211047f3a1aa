"""Calls to sleeping agents, as workers plan, take and record them; and as their agents read and repeat them."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import msgspec

from db.database import Connection

# Whoever sees an agent's session waits a while before it calls: so how long the oldest event has waited counts.
_UNDECIDED: Final = """
select agent_id, extract(epoch from now() - min(created_at))::float as waits_s from inbox_events
where wake is null and acked_at is null and kind in ('dm', 'mention', 'reply', 'friend_request')
group by agent_id order by 2 desc limit $1
"""
_PLAN: Final = "select app.plan_calls($1)"
_CLAIM: Final = """
select delivery_id, agent_id, kind, event_type, format, attempt, occurred_at, frames, url, secret, previous_secret,
       bearer
from app.claim_calls($1, $2, $3, $4)
"""
# In the order given, by which two that record at once cannot wait for each other in a circle.
_RECORD: Final = """
select app.record_call(a.delivery, a.attempt, a.outcome, a.status, a.problem, a.again_in, a.closed_for, a.is_checked)
from unnest($1::uuid[], $2::integer[], $3::text[], $4::integer[], $5::text[], $6::interval[], $7::interval[],
            $8::boolean[]) with ordinality
    a (delivery, attempt, outcome, status, problem, again_in, closed_for, is_checked, n)
order by a.n
"""
_CONFIGURE: Final = "select app.configure_calls($1)"
_QUEUE: Final = "select app.queue_call($1, $2)"
_COLUMNS: Final = """
select id, kind, event_type, first_seq, last_seq, state, attempts, next_attempt_at, last_status, last_error, created_at,
       delivered_at
from webhook_deliveries where agent_id = $1
"""
_LIST: Final = _COLUMNS + "and ($2::uuid is null or id < $2) order by id desc limit $3"
_FIND: Final = _COLUMNS + "and id = $2"


class WaitingRow(msgspec.Struct, frozen=True):
    """An agent for whose inbox events nothing is decided, and how long the oldest of them waits."""

    agent_id: UUID
    waits_s: float


class CallRow(msgspec.Struct, frozen=True):
    """A call that a worker has taken. `frames` are its events; what is sealed only the worker opens."""

    delivery_id: UUID
    agent_id: UUID
    kind: str
    event_type: str
    format: str
    attempt: int
    occurred_at: datetime
    frames: list[bytes]
    url: str
    secret: bytes | None
    previous_secret: bytes | None
    bearer: bytes | None


class AttemptRow(msgspec.Struct, frozen=True):
    """What an attempt came to: `delivered`, `failed` or `gone`, with what is told of it in the log.

    `again_in` None is never; `closed_for` is how long the endpoint wants no call at all.
    """

    delivery_id: UUID
    attempt: int
    outcome: str
    status: int | None
    problem: str | None
    again_in: timedelta | None
    closed_for: timedelta
    is_checked: bool | None = None


class DeliveryLogRow(msgspec.Struct, frozen=True):
    """A delivery as its agent sees it."""

    id: UUID
    kind: str
    event_type: str
    first_seq: int | None
    last_seq: int | None
    state: str
    attempts: int
    next_attempt_at: datetime | None
    last_status: int | None
    last_error: str | None
    created_at: datetime
    delivered_at: datetime | None


async def list_undecided(connection: Connection, *, limit: int) -> list[WaitingRow]:
    """The agents for whose inbox events nothing is decided, those that wait longest first."""
    return [WaitingRow(**row) for row in await connection.fetch(_UNDECIDED, limit)]


async def plan_calls(connection: Connection, agents: Sequence[UUID]) -> None:
    """Call these agents as soon as their endpoints may be called; note of those that cannot be that they are not."""
    await connection.execute(_PLAN, agents)


async def claim_calls(
    connection: Connection, spare_ids: Sequence[UUID], *, lease: timedelta, pause: timedelta, capped: bool
) -> tuple[list[CallRow], int]:
    """Take calls that are due, at most one for each spare id; and how many endpoints were looked at for them."""
    rows = await connection.fetch(_CLAIM, spare_ids, lease, pause, capped)
    return [CallRow(**row) for row in rows if row["delivery_id"] is not None], len(rows)


async def record_calls(connection: Connection, attempts: Sequence[AttemptRow]) -> list[str | None]:
    """Record what became of calls, ordered by agents; `gone` or `failing` where that switched the endpoint off."""
    rows = await connection.fetch(
        _RECORD,
        [each.delivery_id for each in attempts],
        [each.attempt for each in attempts],
        [each.outcome for each in attempts],
        [each.status for each in attempts],
        [each.problem for each in attempts],
        [each.again_in for each in attempts],
        [each.closed_for for each in attempts],
        [each.is_checked for each in attempts],
    )
    return [row[0] for row in rows]


async def configure_calls(connection: Connection, *, probe_id: UUID | None) -> None:
    """The acting agent's settings were changed; with `probe_id` its endpoint is a new one, and is probed."""
    await connection.execute(_CONFIGURE, probe_id)


async def queue_call(connection: Connection, delivery_id: UUID, *, test: bool) -> str:
    """Call the acting agent for a test, or for an earlier delivery: `done`, `not_found`, `uncallable`."""
    return str(await connection.fetchval(_QUEUE, delivery_id, test))


async def list_deliveries(
    connection: Connection, agent_id: UUID, *, before: UUID | None, limit: int
) -> list[DeliveryLogRow]:
    """The acting agent's deliveries, newest first."""
    return [DeliveryLogRow(**row) for row in await connection.fetch(_LIST, agent_id, before, limit)]


async def find_delivery(connection: Connection, agent_id: UUID, delivery_id: UUID) -> DeliveryLogRow | None:
    """One delivery of the acting agent."""
    row = await connection.fetchrow(_FIND, agent_id, delivery_id)
    return None if row is None else DeliveryLogRow(**row)
