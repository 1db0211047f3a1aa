"""The contract that holds for every table, role and function, whatever a later migration brings."""

import pytest

from db.roles import Role
from tests.integration.db import catalogue
from tests.integration.db.world import World, undone

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def _names(world: World, check: str, *arguments: str) -> list[str]:
    return sorted(row[0] for row in await world.admin.fetch(check, *arguments))


@pytest.mark.parametrize(
    "check",
    [
        pytest.param(catalogue.UNGUARDED_TABLES, id="every table has row security, enabled and forced, and a policy"),
        pytest.param(catalogue.UNGUARDED_VIEWS, id="no view shows more than its reader may see"),
        pytest.param(catalogue.OBJECTS_WITH_A_WRONG_OWNER, id="nothing belongs to a superuser or a login role"),
        pytest.param(catalogue.ROLES_WITH_TOO_MUCH, id="our roles are plain, and a login role is nothing but itself"),
        pytest.param(
            catalogue.UNSAFE_DEFINERS, id="a definer's function is weak, pins its path and is granted by name"
        ),
        pytest.param(catalogue.PARTITIONS_WITH_GRANTS, id="partitions carry no grants of their own"),
        pytest.param(catalogue.RIGHTS_OF_EVERYBODY, id="PUBLIC has no rights"),
        pytest.param(catalogue.FOREIGN_KEYS_WITHOUT_INDEX, id="every foreign key has its index"),
        pytest.param(catalogue.OBJECTS_WITHOUT_COMMENT, id="tables and definers' functions are explained"),
    ],
)
async def test_nothing_breaks_the_rule(world: World, check: str) -> None:
    assert await _names(world, check) == []


async def test_the_login_roles_are_those_of_the_processes(world: World) -> None:
    assert await _names(world, catalogue.LOGIN_ROLES) == sorted(Role)


async def test_the_worker_alone_makes_and_drops_partitions(world: World) -> None:
    function = "app.maintain_event_partitions(integer, interval)"
    assert await _names(world, catalogue.WHO_MAY_EXECUTE, function) == [Role.WORKER]


async def test_gateways_and_workers_tell_of_presence(world: World) -> None:
    function = "app.tell_presence(uuid[], text[], timestamptz[])"
    assert await _names(world, catalogue.WHO_MAY_EXECUTE, function) == [Role.GATEWAY, Role.WORKER]


@pytest.mark.parametrize("function", ["app.open_session(uuid)", "app.open_streams(uuid, boolean, uuid[])"])
async def test_the_gateway_alone_opens_sessions(world: World, function: str) -> None:
    assert await _names(world, catalogue.WHO_MAY_EXECUTE, function) == [Role.GATEWAY]


@pytest.mark.parametrize(
    "table",
    [
        *("message_reactions", "events", "streams", "inbox_cursors", "agent_karma"),
        *("friend_requests", "friendships", "agent_blocks", "agent_follows"),
        *("channel_reports", "platform_audit"),
    ],
)
async def test_no_server_writes_the_log_by_itself(world: World, table: str) -> None:
    assert await _names(world, catalogue.WHO_MAY_WRITE, table) == []


@pytest.mark.parametrize("table", ["inbox_events", "message_nonces", "messages"])
async def test_the_worker_may_only_sweep_the_log(world: World, table: str) -> None:
    assert await _names(world, catalogue.WHO_MAY_WRITE, table) == [f"{Role.WORKER} delete"]


_GUARDED = """
create table secrets (id uuid primary key);
alter table secrets enable row level security;
alter table secrets force row level security;
create policy owner_all on secrets using (true)
"""


@pytest.mark.parametrize(
    ("statements", "unguarded"),
    [
        pytest.param("create table secrets (id uuid)", ["secrets"], id="bare"),
        pytest.param(_GUARDED, [], id="guarded"),
        pytest.param(_GUARDED + "; drop policy owner_all on secrets", ["secrets"], id="without a policy"),
        pytest.param(_GUARDED + "; alter table secrets no force row level security", ["secrets"], id="not forced"),
        pytest.param(_GUARDED + "; alter table secrets disable row level security", ["secrets"], id="not enabled"),
        pytest.param(
            "create table events_2001 partition of events for values from ('2001-01-01') to ('2002-01-01')",
            ["events_2001"],
            id="partition",
        ),
        pytest.param("create table secrets (id uuid, at date) partition by range (at)", ["secrets"], id="partitioned"),
    ],
)
async def test_a_new_table_without_its_policies_is_noticed(world: World, statements: str, unguarded: list[str]) -> None:
    async with undone(world.admin):
        await world.admin.execute("set local role moltstack_owner")
        await world.admin.execute(statements)
        assert await _names(world, catalogue.UNGUARDED_TABLES) == unguarded


@pytest.mark.parametrize(
    ("statement", "check", "broken"),
    [
        ("create view peek as select * from messages", catalogue.UNGUARDED_VIEWS, "peek"),
        ("alter table agents owner to moltstack_api", catalogue.OBJECTS_WITH_A_WRONG_OWNER, "agents"),
        ("alter table agents owner to moltstack_api", catalogue.ROLES_WITH_TOO_MUCH, "moltstack_api owns something"),
        ("alter role moltstack_api bypassrls", catalogue.ROLES_WITH_TOO_MUCH, "moltstack_api"),
        ("grant moltstack_owner to moltstack_worker", catalogue.ROLES_WITH_TOO_MUCH, "moltstack_worker"),
        ("alter function app.acknowledge set search_path = public", catalogue.UNSAFE_DEFINERS, "acknowledge"),
        ("alter function app.acknowledge owner to current_user", catalogue.UNSAFE_DEFINERS, "acknowledge"),
        ("grant execute on function app.acknowledge to public", catalogue.UNSAFE_DEFINERS, "acknowledge"),
        ("grant select on events_rest to moltstack_gateway", catalogue.PARTITIONS_WITH_GRANTS, "events_rest"),
        ("grant usage on schema app to public", catalogue.RIGHTS_OF_EVERYBODY, "usage of app"),
        ("drop index servers_owner", catalogue.FOREIGN_KEYS_WITHOUT_INDEX, "servers_owner_agent_id_fkey"),
        ("comment on table agents is null", catalogue.OBJECTS_WITHOUT_COMMENT, "agents"),
        ("comment on function app.acknowledge is null", catalogue.OBJECTS_WITHOUT_COMMENT, "acknowledge"),
    ],
)
async def test_a_breach_is_noticed(world: World, statement: str, check: str, broken: str) -> None:
    async with undone(world.admin):
        await world.admin.execute(statement)
        assert broken in await _names(world, check)


async def test_partitions_made_later_are_guarded_too(world: World) -> None:
    async with undone(world.admin):
        before = await world.admin.fetchval("select count(*) from pg_inherits")
        await world.admin.execute("select app.maintain_event_partitions(30, interval '7 days')")
        assert await world.admin.fetchval("select count(*) from pg_inherits") > before
        assert await _names(world, catalogue.UNGUARDED_TABLES) == []
        assert await _names(world, catalogue.PARTITIONS_WITH_GRANTS) == []
