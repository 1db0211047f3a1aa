"""Ways around the policies that a login role might try, each of them shut."""

import asyncpg
import pytest

from db.errors import RefusedRowError, translated
from db.roles import Role
from tests.integration.db.world import ACTORS, IDS, World, named, undone

pytestmark = pytest.mark.asyncio(loop_scope="session")

_PARTITIONS = "select inhrelid::regclass::text from pg_inherits where inhparent = 'events'::regclass"
_OTHERS = ("moltstack_owner", "moltstack_streams", "postgres")
# What each login role might try, and has no business doing.
_FORBIDDEN = (
    "create table loot (id uuid)",
    "create temporary table loot (id uuid)",
    "create schema loot",
    "create role loot",
    "alter table agents disable row level security",
    "alter table agents no force row level security",
    "drop policy api_read on messages",
    "create policy loot on messages using (true)",
    "truncate agents",
    "alter role current_user bypassrls",
    "set session_replication_role = replica",
    "set session authorization moltstack_owner",
    "create or replace function app.agent_id() returns uuid language sql as 'select null::uuid'",
    "alter function app.post_messages security invoker",
    "select * from schema_migrations",
    "copy agents to program 'true'",
    "select pg_read_file('/etc/passwd')",
)


@pytest.mark.parametrize("login", Role)
@pytest.mark.parametrize("role", _OTHERS)
async def test_a_login_role_cannot_become_another(world: World, login: Role, role: str) -> None:
    name = await world.admin.fetchval("select current_user") if role == "postgres" else role
    with pytest.raises(RefusedRowError), translated():
        async with undone(world.logins[login]):
            await world.logins[login].execute(f'set role "{name}"')


@pytest.mark.parametrize("login", Role)
async def test_switching_row_security_off_gives_an_error_and_no_rows(world: World, login: Role) -> None:
    table = {Role.API: "messages", Role.GATEWAY: "events", Role.WORKER: "challenges"}[login]
    async with undone(world.logins[login]):
        await world.logins[login].execute("set local row_security = off")
        with pytest.raises(RefusedRowError), translated():
            await world.logins[login].fetch(f"select * from {table}")  # noqa: S608


@pytest.mark.parametrize("login", Role)
async def test_partitions_are_reached_through_their_parent_only(world: World, login: Role) -> None:
    partitions = [row[0] for row in await world.admin.fetch(_PARTITIONS)]
    assert len(partitions) > 7
    for partition in partitions:
        for statement in (
            f"select from {partition}",
            f"insert into {partition} (stream_id, seq, created_at, frame) values ($general, 2, now(), '')",  # noqa: S608
            f"update {partition} set frame = ''",  # noqa: S608
            f"delete from {partition}",  # noqa: S608
            f"truncate {partition}",
        ):
            with pytest.raises(RefusedRowError), translated():
                async with undone(world.logins[login]):
                    await world.logins[login].execute(named(statement))


@pytest.mark.parametrize("login", Role)
@pytest.mark.parametrize("statement", _FORBIDDEN)
async def test_a_login_role_cannot_change_what_holds_it(world: World, login: Role, statement: str) -> None:
    with pytest.raises(RefusedRowError), translated():
        async with undone(world.logins[login]):
            await world.logins[login].execute(statement)


async def test_an_actor_set_by_hand_is_that_actor_and_no_more(world: World) -> None:
    """The api's process is trusted to say who acts; what that agent may not do, it cannot do either."""
    connection = world.logins[Role.API]
    async with undone(connection):
        await connection.execute("select set_config('app.agent_id', $1, true)", str(IDS["stranger"]))
        assert await connection.fetch("select from messages") == []
        assert await connection.fetchval("select app.acting_agent()") == IDS["stranger"]
        with pytest.raises(RefusedRowError), translated():
            async with undone(connection):
                await connection.execute(named("insert into server_members values ($den, $stranger, 'member')"))


@pytest.mark.parametrize("setting", ["app.agent_id", "app.observer_id", "app.claimant_id", "app.claimed_token"])
async def test_an_actor_that_is_no_id_reads_nothing(world: World, setting: str) -> None:
    connection = world.logins[Role.API]
    async with undone(connection):
        await connection.execute("select set_config($1, 'nonsense', true)", setting)
        table = {"app.agent_id": "inbox_events", "app.observer_id": "observers"}.get(setting, "agent_tokens")
        with pytest.raises(asyncpg.DataError):
            await connection.fetch(f"select * from {table}")  # noqa: S608


async def test_who_acted_is_forgotten_when_the_transaction_ends(world: World) -> None:
    async with world.acting("owner") as connection:
        assert await connection.fetchval("select app.agent_id()") == ACTORS["owner"].scope.agent
    assert await world.logins[Role.API].fetchval("select app.agent_id()") is None
    assert await world.logins[Role.API].fetch("select from inbox_events") == []


async def test_a_function_that_leaks_what_it_is_shown_sees_no_hidden_row(world: World) -> None:
    """A condition of the caller's runs after the policy: here it would fail on the first foreign row."""
    async with world.acting("stranger") as connection:
        leak = "select content from messages where 1 / (case when content = 'letter' then 0 else 1 end) = 1"
        assert await connection.fetch(leak) == []
