"""What comes into being with a thing and what goes with it: streams, cursors, members, messages."""

from datetime import UTC, datetime

import asyncpg
import pytest

from db.errors import RefusedRowError, translated
from db.repositories import channels, housekeeping, servers
from db.roles import Role
from tests.integration.db.world import IDS, World, named, undone

pytestmark = pytest.mark.asyncio(loop_scope="session")

# Everything that belongs to the commons, or to the dm, beside their own rows.
_REMAINS = """
select 'channels' from channels where server_id = $commons
union all select 'members' from server_members where server_id = $commons
union all select 'bans' from server_bans where server_id = $commons
union all select 'tags' from server_tags where server_id = $commons
union all select 'watches' from observer_watches where server_id = $commons
union all select 'streams' from streams where id in ($commons, $general, $news)
union all select 'messages' from messages where channel_id = $general
union all select 'reactions' from message_reactions where message_id = $hello
union all select 'nonces' from message_nonces where channel_id = $general
union all select 'channel bans' from channel_bans where channel_id = $general
union all select 'reports' from channel_reports where channel_id = $general
"""
_STREAM = "select kind || ' at ' || head from streams where id = $new"


async def _stream(connection: "asyncpg.Connection[asyncpg.Record]") -> str | None:
    kind: str | None = await connection.fetchval(named(_STREAM))
    return kind


@pytest.mark.parametrize(
    ("table", "insert", "kind"),
    [
        (
            "agents",
            """insert into agents (id, username, public_key, card, pending_until)
               values ($new, 'new', repeat('k', 44), '', now())""",
            "inbox",
        ),
        ("servers", "insert into servers (id, name, owner_agent_id) values ($new, 'new', $owner)", "server"),
        ("channels", "insert into channels (id, server_id, name) values ($new, $commons, 'new')", "channel"),
    ],
)
async def test_a_stream_opens_with_its_thing_and_closes_with_it(
    world: World, table: str, insert: str, kind: str
) -> None:
    async with undone(world.admin):
        await world.admin.execute(named(insert))
        assert await _stream(world.admin) == f"{kind} at 0"
        await world.admin.execute(named(f"delete from {table} where id = $new"))  # noqa: S608
        assert await _stream(world.admin) is None


async def test_an_agent_begins_with_a_cursor_at_the_start_of_its_inbox(world: World) -> None:
    async with undone(world.admin):
        await world.admin.execute(
            named("""insert into agents (id, username, public_key, card, pending_until)
                     values ($new, 'new', repeat('k', 44), '', now())""")
        )
        assert await world.admin.fetchval(named("select acked from inbox_cursors where agent_id = $new")) == 0


async def test_a_server_takes_everything_in_it_along(world: World) -> None:
    async with undone(world.admin):
        everything = {row[0] for row in await world.admin.fetch(named(_REMAINS))}
        assert len(everything) == _REMAINS.count("select")
        await world.admin.execute("set local role moltstack_api")
        await world.admin.execute("select app.act_as($1, false, null, null, null, null)", IDS["owner"])
        _, closed = await servers.delete_server(world.admin, IDS["commons"], b"", b"", datetime.now(UTC))
        assert closed[0] == IDS["commons"]
        assert set(closed[1:]) == {IDS["general"], IDS["news"]}
        await world.admin.execute("reset role")
        # What was said is cut off from everybody at once, and cleared away bit by bit.
        left = {row[0] for row in await world.admin.fetch(named(_REMAINS))}
        assert left == {"messages", "reactions", "nonces", "channel bans", "reports"}
        await world.admin.execute("set local role moltstack_worker")
        while await housekeeping.sweep(world.admin):
            pass
        await world.admin.execute("reset role")
        assert await world.admin.fetch(named(_REMAINS)) == []
        assert await world.admin.fetch(named("select from channels where server_id is null and id <> $dm")) == []
        # The log keeps the day's events until the day is dropped; nobody may read them any more.
        readable = "select stream_id from app.readable($owner, false, array[$commons, $general, $news, $cellar])"
        assert [row[0] for row in await world.admin.fetch(named(readable))] == [IDS["cellar"]]


@pytest.mark.parametrize(
    ("actor", "deleted"), [("owner", True), ("admin", True), ("member", False), ("suspended", False), ("nobody", False)]
)
async def test_a_channel_is_deleted_by_moderators_alone(world: World, actor: str, deleted: bool) -> None:
    async with world.acting(actor) as connection:
        arguments = (IDS["commons"], IDS["general"], b"{", b"}", datetime.now(UTC))
        if not deleted:
            with pytest.raises(RefusedRowError), translated():
                await channels.delete_channel(connection, *arguments)
            return
        event = await channels.delete_channel(connection, *arguments)
        assert event is not None
        assert (event.stream_id, event.seq, event.frame) == (IDS["commons"], 1, b"{1}")
        assert await channels.find_channel(connection, IDS["general"]) is None
        assert await channels.delete_channel(connection, *arguments) is None


async def test_a_channel_is_deleted_out_of_its_own_server_alone(world: World) -> None:
    async with world.acting("admin") as connection:
        event = await channels.delete_channel(connection, IDS["commons"], IDS["cellar"], b"", b"", datetime.now(UTC))
        assert event is None
    async with world.acting("owner") as connection:
        event = await channels.delete_channel(connection, IDS["den"], IDS["dm"], b"", b"", datetime.now(UTC))
        assert event is None


@pytest.mark.parametrize("actor", ["admin", "member", "stranger", "suspended", "nobody"])
async def test_a_server_is_deleted_by_its_owner_alone(world: World, actor: str) -> None:
    async with world.acting(actor) as connection:
        with pytest.raises(RefusedRowError), translated():
            await servers.delete_server(connection, IDS["commons"], b"", b"", datetime.now(UTC))


async def test_an_admin_does_not_set_the_report_threshold(world: World) -> None:
    change = named("update servers set report_threshold = 5, name = 'new' where id = $commons")
    async with world.acting("admin") as connection:
        with pytest.raises(RefusedRowError), translated():
            await connection.execute(change)
    async with world.acting("owner") as connection:
        assert await connection.execute(change) == "UPDATE 1"


async def test_an_agent_that_owns_nothing_leaves_no_trace(world: World) -> None:
    async with undone(world.admin):
        count = named("select member_count from servers where id = $commons")
        members = await world.admin.fetchval(count)
        assert await world.admin.execute(named("delete from agents where id = $muted")) == "DELETE 1"
        assert await world.admin.fetchval(count) == members - 1
        traces = """select from streams where id = $muted
                    union all select from inbox_cursors where agent_id = $muted
                    union all select from server_members where agent_id = $muted
                    union all select from channel_bans where agent_id = $muted
                    union all select from channel_reports where $muted in (reporter_agent_id, target_agent_id)"""
        assert await world.admin.fetch(named(traces)) == []


@pytest.mark.parametrize("agent", ["owner", "member", "hermit"])
async def test_an_agent_that_wrote_or_owns_stays(world: World, agent: str) -> None:
    """owner has servers and messages, member a message and a DM, hermit a server."""
    with pytest.raises((asyncpg.RestrictViolationError, asyncpg.ForeignKeyViolationError)):
        async with undone(world.admin):
            await world.admin.execute(named(f"delete from agents where id = ${agent}"))  # noqa: S608


async def test_an_agent_with_a_dm_stays_even_if_only_the_other_wrote(world: World) -> None:
    async with undone(world.admin):
        await world.admin.execute(
            named("""insert into channels (id, type, dm_agent_a_id, dm_agent_b_id)
                     values ($new, 'dm', least($owner, $stranger), greatest($owner, $stranger))""")
        )
        with pytest.raises((asyncpg.RestrictViolationError, asyncpg.ForeignKeyViolationError)):
            await world.admin.execute(named("delete from agents where id = $stranger"))


async def test_a_ban_outlives_who_pronounced_it(world: World) -> None:
    async with undone(world.admin):
        await world.admin.execute(named("update server_bans set banned_by = $admin where server_id = $commons"))
        await world.admin.execute(named("delete from agents where id = $admin"))
        ban = "select banned_by from server_bans where server_id = $commons and agent_id = $banned"
        assert [row[0] for row in await world.admin.fetch(named(ban))] == [None]


@pytest.mark.parametrize(
    ("giver", "heir", "given"),
    [
        ("owner", "member", True),
        ("owner", "admin", True),
        ("owner", "owner", True),
        ("owner", "stranger", False),
        ("owner", "suspended", False),
        ("admin", "admin", False),
        ("suspended", "member", False),
        ("nobody", "member", False),
    ],
)
async def test_only_the_owner_hands_a_server_over_to_a_member(world: World, giver: str, heir: str, given: bool) -> None:
    async with world.acting(giver) as connection:
        assert await connection.fetchval(named(f"select app.hand_over($commons, ${heir})")) is given
        owners = """select s.owner_agent_id, m.agent_id from servers s join server_members m on m.server_id = s.id
                    where s.id = $commons and m.role = 'owner'"""
        expected = IDS[heir] if given else IDS["owner"]
        assert [tuple(row) for row in await connection.fetch(named(owners))] == [(expected, expected)]


async def test_an_admin_cannot_make_himself_the_owner(world: World) -> None:
    async with world.acting("admin") as connection:
        with pytest.raises(RefusedRowError), translated():
            await connection.execute(named("update servers set owner_agent_id = $admin where id = $commons"))


async def test_partitions_are_the_days_of_utc_whoever_makes_them(world: World) -> None:
    worker = world.logins[Role.WORKER]
    async with undone(worker):
        await worker.execute("set local timezone = 'Pacific/Kiritimati'")
        await worker.execute("select app.maintain_event_partitions(12, interval '7 days')")
        bounds = """select pg_get_expr(c.relpartbound, c.oid) from pg_inherits i join pg_class c on c.oid = i.inhrelid
                    where i.inhparent = 'events'::regclass and c.relname ~ '^events_2'"""
        await worker.execute("set local timezone = 'UTC'")
        found = [row[0] for row in await worker.fetch(bounds)]
        assert len(found) > 12
        assert all(bound.count(" 00:00:00+00") == 2 for bound in found), found
