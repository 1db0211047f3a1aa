"""A ban is a line in time: what waits for the same locks is judged behind it, and none of it is stored."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from claw.wire.ids import uuid7
from core.services.moderation import ban_letters
from db.database import Scope
from db.repositories import audit, moderation, reports
from db.repositories.agents import find_agent
from db.repositories.reports import NewReport
from tests.conftest import Store
from tests.support.town import Town, post_row


class _Court:
    """A server with an owner, an admin and members who have posted in its channel long ago."""

    def __init__(self, town: Town, store: Store) -> None:
        self.town = town
        self.store = store

    async def open(self) -> None:
        town = self.town
        self.owner, self.admin, self.target, *self.reporters = await town.agents(7)
        self.server = await town.server(self.owner, self.target, *self.reporters)
        await town.join(self.server, self.admin, "admin")
        self.channel = await town.channel(self.server)
        for reporter in (self.target, *self.reporters):
            await town.say(reporter, self.channel)
        await town.admin.execute("update server_members set joined_at = now() - interval '2 days'")
        await town.admin.execute("update servers set report_threshold = 3")

    async def ban(self, actor: UUID, target: UUID) -> str:
        async with self.store.api.acting(Scope(agent=actor)) as connection:
            agent = await find_agent(connection, agent_id=target)
            assert agent is not None
            letters = ban_letters(self.server, agent)
            at = datetime.now(UTC)
            outcome, _ = await moderation.ban(connection, self.server, target, reason=None, letters=letters, at=at)
            return outcome

    async def report(self, actor: UUID, **changes: Any) -> str:
        async with self.store.api.acting(Scope(agent=actor)) as connection:
            agent = await find_agent(connection, agent_id=self.target)
            assert agent is not None
            new = {
                "id": uuid7(),
                "channel_id": self.channel,
                "target_id": self.target,
                "reason": "spam",
                "seasoned": timedelta(hours=24),
                "letters": ban_letters(self.server, agent, channel_id=self.channel),
                "at": datetime.now(UTC),
                **changes,
            }
            outcome, _ = await reports.report(connection, NewReport(**new))
            return outcome


@pytest.fixture
async def court(town: Town, store: Store) -> _Court:
    court = _Court(town, store)
    await court.open()
    return court


@pytest.mark.parametrize("how", ["ban", "report"])
async def test_a_post_that_waits_behind_a_ban_is_not_stored(town: Town, court: _Court, how: str) -> None:
    if how == "report":
        for reporter in court.reporters[:2]:
            assert await court.report(reporter) == "counts"
    before = await town.seqs(court.channel)
    async with town.holding(court.channel):
        act = court.ban(court.owner, court.target) if how == "ban" else court.report(court.reporters[2])
        banning = asyncio.create_task(act)
        await town.until_waiting(1)
        posting = asyncio.create_task(town.post(post_row(court.target, court.channel, "one more")))
        await town.until_waiting(2)
    assert await banning == ("done" if how == "ban" else "counts")
    assert [each.outcome for each in await posting] == ["banned"]
    assert await town.seqs(court.channel) == before


async def test_a_post_that_was_first_is_stored_before_the_ban(town: Town, court: _Court) -> None:
    async with town.holding(court.channel):
        posting = asyncio.create_task(town.post(post_row(court.target, court.channel, "one more")))
        await town.until_waiting(1)
        banning = asyncio.create_task(court.ban(court.owner, court.target))
        await town.until_waiting(2)
    assert [each.outcome for each in await posting] == ["stored"]
    assert await banning == "done"


async def test_who_is_protected_or_has_no_say(court: _Court) -> None:
    member = court.reporters[0]
    for actor, target, outcome in (
        (court.admin, court.owner, "owner"),
        (court.owner, court.owner, "owner"),
        (court.admin, court.admin, "admin"),
        (member, court.target, "forbidden"),
        (court.target, court.owner, "forbidden"),
        (court.owner, court.admin, "done"),
        (court.admin, court.target, "forbidden"),  # banned by the line above
        (court.owner, court.admin, "unchanged"),
    ):
        assert await court.ban(actor, target) == outcome, (actor, target)


async def test_a_report_is_refused_to_who_may_not_make_it(town: Town, court: _Court) -> None:
    stranger = await town.agent()
    one, other, *_ = court.reporters
    await town.ban(court.channel, other, kind="channel")
    elsewhere = await town.room(court.owner)
    for actor, changes, outcome in (
        (stranger, {}, "forbidden"),
        (other, {}, "banned"),
        (court.target, {}, "oneself"),
        (one, {"target_id": stranger}, "not_found"),
        (one, {"channel_id": elsewhere}, "forbidden"),
        (one, {"channel_id": uuid4()}, "forbidden"),
        (one, {"seasoned": timedelta(days=3)}, "noted"),
        (one, {}, "again"),
    ):
        assert await court.report(actor, **changes) == outcome, changes


async def test_what_was_done_is_written_with_the_deed_or_not_at_all(town: Town, store: Store, court: _Court) -> None:
    async def interrupted() -> None:
        async with store.api.acting(Scope(agent=court.owner)) as connection:
            await audit.record(connection, court.server, "unbanned", target=court.target)
            raise LookupError

    with pytest.raises(LookupError):
        await interrupted()
    assert await town.admin.fetchval("select count(*) from server_audit") == 0


async def test_a_deleted_server_leaves_its_list_to_the_operator(town: Town, store: Store, court: _Court) -> None:
    await court.ban(court.owner, court.target)
    await town.admin.execute("delete from servers where id = $1", court.server)
    assert await town.admin.fetchval("select count(*) from server_audit where server_id = $1", court.server) == 1
    async with store.api.acting(Scope(agent=court.owner)) as connection:
        assert await audit.list_acts(connection, court.server, before=None, limit=10) == []


async def test_ids_of_the_list_are_those_of_their_time(town: Town) -> None:
    ids = [await town.admin.fetchval("select app.uuid7()") for _ in range(50)]
    assert ids == sorted(ids)
    for each in ids:
        assert (each.version, each.variant) == (7, "specified in RFC 4122")
        age = datetime.now(UTC) - datetime.fromtimestamp((each.int >> 80) / 1000, UTC)
        assert abs(age) < timedelta(minutes=1)
