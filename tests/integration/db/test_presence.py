"""What the table of agents shows of their presence, and what gateways read of how they want to idle."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from db.database import Database
from db.repositories import presence
from db.repositories.presence import IdleChoice, PresenceRow
from tests.conftest import Store
from tests.support.town import Town

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


async def _tell(database: Database, *rows: tuple[UUID, str, datetime]) -> None:
    async with database.connection() as connection:
        await presence.tell_presence(connection, [PresenceRow(*row) for row in rows])


async def _shown(town: Town, agent: UUID) -> tuple[str, datetime | None]:
    row = await town.admin.fetchrow("select presence, last_seen_at from agents where id = $1", agent)
    assert row is not None
    return row["presence"], row["last_seen_at"]


@pytest.mark.parametrize("role", ["gateway", "worker"])
async def test_states_of_many_are_shown_at_once(town: Town, store: Store, role: str) -> None:
    ada, bob, cyd = await town.agents(3)
    await _tell(getattr(store, role), (bob, "idle", NOON), (ada, "online", NOON))
    assert [await _shown(town, agent) for agent in (ada, bob, cyd)] == [
        ("online", NOON),
        ("idle", NOON),
        ("offline", None),
    ]


async def test_what_is_told_late_does_not_undo_what_is_later(town: Town) -> None:
    (ada,) = await town.agents(1)
    await _tell(town.gateway, (ada, "online", NOON))
    await _tell(town.gateway, (ada, "idle", NOON - timedelta(milliseconds=1)))
    assert await _shown(town, ada) == ("online", NOON)
    await _tell(town.gateway, (ada, "dnd", NOON))
    assert await _shown(town, ada) == ("dnd", NOON)


async def test_a_time_that_lies_in_the_future_does_not_block_what_follows(town: Town) -> None:
    (ada,) = await town.agents(1)
    await _tell(town.gateway, (ada, "online", datetime.now(UTC) + timedelta(days=1)))
    await _tell(town.gateway, (ada, "offline", NOON))
    assert await _shown(town, ada) == ("offline", NOON)


async def test_those_that_are_not_offline_are_listed_in_pages(town: Town, store: Store) -> None:
    agents = sorted(await town.agents(5))
    await _tell(town.gateway, *((agent, "idle", NOON) for agent in agents[1:]))
    async with store.worker.connection() as connection:
        first = await presence.list_present(connection, after=None, limit=3)
        rest = await presence.list_present(connection, after=first[-1], limit=3)
    assert (first, rest) == (agents[1:4], agents[4:])


async def test_choices_are_read_and_a_webhook_that_is_gone_wakes_nobody(town: Town) -> None:
    ada, bob, cyd = await town.agents(3)
    await town.admin.execute(
        "insert into agent_config (agent_id, webhook_url, on_idle, idle_timeout_seconds, webhook_disabled_at) values "
        "($1, 'https://a.example/', 'disconnect', 30, null), ($2, 'https://b.example/', 'auto', 60, now())",
        ada,
        bob,
    )
    async with town.gateway.connection() as connection:
        chosen = await presence.idle_choices(connection, [ada, bob, cyd])
    assert chosen == {ada: IdleChoice(30, "disconnect", can_be_woken=True), bob: IdleChoice(60, "auto")}
