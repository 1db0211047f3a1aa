"""What is kept and for how long: partitions of events, inboxes, nonces, and what a sign-in leaves behind."""

import asyncio
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from uuid import UUID

from claw.wire.ids import uuid7
from core.group_commit import GroupCommit
from core.housekeeping import Housekeeper
from db.repositories import housekeeping, streams
from tests.conftest import Store
from tests.support.town import Town, post_row

_WEEK = timedelta(days=7)


def _housekeeper(store: Store) -> Housekeeper:
    return Housekeeper(store.worker, event_retention=_WEEK)


async def _maintain(store: Store, days_ahead: int) -> None:
    async with store.worker.connection() as connection:
        await housekeeping.maintain_partitions(connection, days_ahead=days_ahead, retention=_WEEK)


async def _partitions(town: Town) -> set[str]:
    rows = await town.admin.fetch("select inhrelid::regclass::text as name from pg_inherits"
                                  " where inhparent = 'events'::regclass")  # fmt: skip
    return {row["name"] for row in rows}


def _names(days: Iterable[int]) -> set[str]:
    today = datetime.now(UTC)
    return {f"events_{today + timedelta(days=day):%Y%m%d}" for day in days}


async def _put_event(town: Town, stream: UUID, seq: int, at: datetime) -> str:
    """Store an event of another day; the partition that took it."""
    await town.admin.execute("insert into events values ($1, $2, $3, null, $4)", stream, seq, at, b"{}")
    where = await town.admin.fetchval("select tableoid::regclass::text from events where stream_id = $1", stream)
    return str(where)


async def test_partitions_are_made_ahead_and_a_post_goes_into_todays(town: Town, store: Store) -> None:
    await _housekeeper(store).round()
    assert await _partitions(town) == _names(range(8)) | {"events_rest"}
    owner = await town.agent()
    await town.say(owner, await town.room(owner))
    assert {await town.admin.fetchval("select distinct tableoid::regclass::text from events")} <= _names((-1, 0))


async def test_a_day_is_dropped_when_all_of_it_is_older_than_the_retention(town: Town, store: Store) -> None:
    now = datetime.now(UTC)
    streams_of = {}
    for age in (400, 9, 8, 7, 6, 1):
        day = (now - timedelta(days=age)).date()
        name = f"events_{day:%Y%m%d}"
        await town.admin.execute(
            f"create table {name} partition of events for values from ('{day} 00:00Z')"
            f" to ('{day + timedelta(days=1)} 00:00Z'); alter table {name} owner to moltstack_owner"
        )
        streams_of[age] = uuid7()
        assert await _put_event(town, streams_of[age], 1, now - timedelta(days=age)) == name
    await _housekeeper(store).round()
    assert await _partitions(town) == _names((-7, -6, -1, *range(8))) | {"events_rest"}
    async with town.gateway.connection() as connection:
        left = {age for age, stream in streams_of.items() if await town.replay(connection, stream)}
    assert left == {7, 6, 1}


async def test_the_default_partition_catches_the_rest_until_its_day_is_made(town: Town, store: Store) -> None:
    owner = await town.agent()
    room = await town.room(owner)
    far, farther = datetime.now(UTC) + timedelta(days=12), datetime.now(UTC) + timedelta(days=40)
    late, old = uuid7(), uuid7()
    assert await _put_event(town, room, 1, far) == "events_rest"
    assert await _put_event(town, late, 1, farther) == "events_rest"
    assert await _put_event(town, old, 1, datetime.now(UTC) - timedelta(days=8)) == "events_rest"
    await _maintain(store, 14)
    assert await _partitions(town) == _names(range(15)) | {"events_rest"}
    where = {
        row["stream_id"]: row["name"]
        for row in await town.admin.fetch("select stream_id, tableoid::regclass::text as name from events")
    }
    assert where == {room: f"events_{far:%Y%m%d}", late: "events_rest"}
    async with town.gateway.connection() as connection:
        assert [event.frame for event in await town.replay(connection, room)] == [b"{}"]
    # A made partition is as closed to the servers as the others are.
    closed = await town.admin.fetch(
        "select relrowsecurity and relforcerowsecurity as forced, relacl from pg_class where relname ~ '^events_'"
        " and relkind = 'r'"
    )
    assert all(row["forced"] and row["relacl"] is None for row in closed)


async def test_two_workers_at_once_make_each_partition_once(town: Town, store: Store) -> None:
    await asyncio.gather(*(_maintain(store, 20) for _ in range(4)))
    assert await _partitions(town) == _names(range(21)) | {"events_rest"}
    await asyncio.gather(*(_housekeeper(store).round() for _ in range(3)))


async def test_posts_go_on_while_partitions_come_and_go(town: Town, store: Store) -> None:
    owner, member = await town.agents(2)
    room = await town.room(owner, member)
    commit = GroupCommit(town.gateway, lambda _: None)
    under_way = True
    posted = 0

    async def poster(agent: UUID, other: UUID) -> None:
        nonlocal posted
        while under_way:
            outcome = await commit.submit(post_row(agent, room, f"@{town.names[other]}"))
            assert outcome.outcome == "stored"
            posted += 1

    posters = [asyncio.create_task(poster(*pair)) for pair in [(owner, member), (member, owner)] * 4]
    for days_ahead in range(8, 40, 4):
        # Made while posts are written to their parent; at once a day that has passed is dropped beside them.
        past = datetime.now(UTC).date() - timedelta(days=10 + days_ahead)
        name = f"events_{past:%Y%m%d}"
        await town.admin.execute(
            f"create table {name} partition of events for values from ('{past} 00:00Z')"
            f" to ('{past + timedelta(days=1)} 00:00Z'); alter table {name} owner to moltstack_owner"
        )
        before = posted
        await _maintain(store, days_ahead)
        assert name not in await _partitions(town)
        async with asyncio.timeout(10):
            while posted == before:
                await asyncio.sleep(0)
    under_way = False
    await asyncio.gather(*posters)
    assert await town.seqs(room) == list(range(1, posted + 1))


async def test_an_inbox_is_kept_until_acknowledged_and_ninety_days_after(town: Town, store: Store) -> None:
    owner, member = await town.agents(2)
    dm = await town.friends(owner, member)
    for _ in range(4):
        await town.say(owner, dm)
    async with store.gateway.connection() as connection:
        assert await streams.acknowledge(connection, member, 2)
        assert await streams.acknowledge(connection, member, 3)
    # All were written long ago; the first two were acknowledged 91 and 89 days ago, the last one never.
    await town.admin.execute("update inbox_events set created_at = now() - interval '400 days'")
    for seq, days in ((1, 91), (2, 89)):
        await town.admin.execute(
            "update inbox_events set acked_at = now() - $2::interval where seq = $1", seq, timedelta(days=days)
        )
    await _housekeeper(store).round()
    async with store.gateway.connection() as connection:
        assert [event.seq for event in await town.replay(connection, member)] == [2, 3, 4]


async def test_an_acknowledgement_covers_all_up_to_it_and_never_goes_back(town: Town, store: Store) -> None:
    owner, member = await town.agents(2)
    dm = await town.friends(owner, member)
    for _ in range(3):
        await town.say(owner, dm)
    async with store.gateway.connection() as connection:
        said = [await streams.acknowledge(connection, member, seq) for seq in (2, 1, 3, 4)]
        session = await streams.open_session(connection, member)
    assert said == [True, True, True, False]
    assert session is not None
    assert (session.head, session.acked) == (3, 3)
    rows = await town.admin.fetch("select seq, acked_at is not null as acked from inbox_events order by seq")
    assert [tuple(row) for row in rows] == [(1, True), (2, True), (3, True)]


async def test_a_round_sweeps_what_has_expired_and_nothing_else(town: Town, store: Store) -> None:
    owner = await town.agent()
    room = await town.room(owner)
    await town.say(owner, room, nonce="a")
    await town.say(owner, room, nonce="b")
    await town.admin.execute("update message_nonces set created_at = now() - interval '25 hours' where nonce = 'a'")
    await town.admin.execute(
        "insert into agents (id, username, public_key, status, card, pending_until)"
        " select gen_random_uuid(), 'pending-' || s, repeat('a', 44), 'pending', '{}', now() + s * interval '1 minute'"
        " from generate_series(-1, 1, 2) s"
    )
    await town.admin.execute(
        "insert into challenges (id, agent_id, purpose, nonce, body, expires_at)"
        " select gen_random_uuid(), $1, 'login', s, s, now() + s * interval '1 minute'"
        " from generate_series(-1, 1, 2) s",
        owner,
    )
    await town.admin.execute(
        "insert into agent_tokens (id, agent_id, family_id, token_hash, refresh_token_hash, expires_at)"
        " select gen_random_uuid(), $1, gen_random_uuid(), '', s, now() + s * interval '1 minute'"
        " from generate_series(-1, 1, 2) s",
        owner,
    )
    await town.admin.execute(
        "insert into revocations (agent_id, at) select $1, now() - s * interval '1 hour' from unnest(array[23, 25]) s",
        owner,
    )
    await town.admin.execute(
        "insert into recent_notices select $1, gen_random_uuid(), now() - s * interval '1 hour'"
        " from unnest(array[23, 25]) s",
        owner,
    )
    await town.admin.execute(
        "insert into jobs (kind, body, failed_at) values ('old', '{}', now() - interval '31 days'),"
        " ('failed', '{}', now() - interval '29 days'), ('waiting', '{}', null)"
    )
    await _housekeeper(store).round()
    left = [
        [str(row[0]) for row in await town.admin.fetch(statement)]
        for statement in (
            "select nonce from message_nonces",
            "select body from challenges",
            "select refresh_token_hash from agent_tokens",
            "select kind from jobs order by id",
            "select now() - told_at < interval '24 hours' from recent_notices",
        )
    ]
    assert left == [["b"], ["1"], ["1"], ["failed", "waiting"], ["True"]]
    names = await town.admin.fetch("select username from agents where status = 'pending'")
    assert [row["username"] for row in names] == ["pending-1"]
    assert await town.admin.fetchval("select count(*) from revocations where at < now() - interval '24 hours'") == 0
    assert await town.admin.fetchval("select count(*) from revocations") == 1
    # Messages stay for ever, whatever becomes of their nonces.
    assert await town.seqs(room) == [1, 2]


async def test_a_round_takes_more_than_one_bite_where_there_is_more(town: Town, store: Store) -> None:
    owner = await town.agent()
    room = await town.room(owner)
    await town.admin.execute(
        "insert into message_nonces select $1, $2, s, gen_random_uuid(), s, '', now() - interval '2 days'"
        " from generate_series(1, 12000) s",
        room,
        owner,
    )
    await asyncio.gather(_housekeeper(store).round(), _housekeeper(store).round())
    assert await town.admin.fetchval("select count(*) from message_nonces") == 0
