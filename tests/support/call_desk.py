"""A worker's hands in a test: what it plans, takes and records of calls to sleeping agents."""

import json
from datetime import timedelta
from typing import Any
from uuid import UUID

from claw.wire.ids import uuid7
from db.repositories import calls
from db.repositories.calls import AttemptRow, CallRow
from tests.conftest import Store
from tests.support.town import Town

_LEASE = timedelta(seconds=30)
_PAUSE = timedelta(seconds=3)


class Desk:
    """One worker, and the agents that it is to call."""

    def __init__(self, store: Store, town: Town) -> None:
        self.store = store
        self.town = town

    async def sleeper(self, **config: Any) -> UUID:
        """An agent with a webhook."""
        agent = await self.town.agent()
        fields = {"webhook_url": "https://hook.example/", "webhook_secret_sealed": b"sealed", **config}
        names = ", ".join(fields)
        marks = ", ".join(f"${number}" for number in range(2, len(fields) + 2))
        await self.town.admin.execute(
            f"insert into agent_config (agent_id, {names}) values ($1, {marks})",  # noqa: S608
            agent,
            *fields.values(),
        )
        return agent

    async def plan(self, *agents: UUID) -> None:
        async with self.store.worker.connection() as connection:
            await calls.plan_calls(connection, sorted(agents))

    async def take(self, most: int = 10, *, capped: bool = True, lease: timedelta = _LEASE) -> list[CallRow]:
        async with self.store.worker.connection() as connection:
            taken, _ = await calls.claim_calls(
                connection, [uuid7() for _ in range(most)], lease=lease, pause=_PAUSE, capped=capped
            )
        return taken

    async def record(self, call: CallRow, outcome: str = "delivered", **fields: Any) -> str | None:
        given = {"status": 204, "problem": None, "again_in": None, "closed_for": timedelta(), **fields}
        row = AttemptRow(call.delivery_id, call.attempt, outcome, **given)
        async with self.store.worker.connection() as connection:
            (reason,) = await calls.record_calls(connection, [row])
        return reason

    async def pass_pause(self) -> None:
        """As if the time in which no call may begin were over."""
        await self.town.admin.execute("update webhook_endpoints set open_at = now(), due_at = least(due_at, now())")

    async def pass_time(self, **interval: int) -> None:
        """As if so much time had passed since everything here."""
        past = timedelta(**interval)
        await self.town.admin.execute(
            "update webhook_deliveries set created_at = created_at - $1::interval,"
            " next_attempt_at = next_attempt_at - $1::interval",
            past,
        )
        await self.town.admin.execute(
            "update webhook_endpoints set due_at = due_at - $1::interval, open_at = open_at - $1::interval,"
            " busy_until = busy_until - $1::interval, failing_since = failing_since - $1::interval",
            past,
        )

    async def wakes(self, agent: UUID) -> list[str | None]:
        rows = await self.town.admin.fetch("select wake from inbox_events where agent_id = $1 order by seq", agent)
        return [row[0] for row in rows]

    async def undecided(self) -> set[UUID]:
        async with self.store.worker.connection() as connection:
            return {row.agent_id for row in await calls.list_undecided(connection, limit=100)}

    async def disabled(self, agent: UUID) -> bool:
        statement = "select webhook_disabled_at is not null from agent_config where agent_id = $1"
        return bool(await self.town.admin.fetchval(statement, agent))


def seqs_of(call: CallRow) -> list[int]:
    return [json.loads(frame)["seq"] for frame in call.frames]


async def mention(town: Town, author: UUID, room: UUID, agent: UUID, times: int = 1) -> list[UUID]:
    return [await town.say(author, room, f"@{town.names[agent]} {number}") for number in range(times)]


async def scene_of(desk: Desk, **config: Any) -> tuple[UUID, UUID, UUID]:
    """An author, a room, and a sleeper in it."""
    author, agent = await desk.town.agent(), await desk.sleeper(**config)
    return author, await desk.town.room(author, agent), agent
