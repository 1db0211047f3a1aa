"""Reads in one call see what a transaction on the same behalf sees, and leave nothing behind on their connection."""

from typing import cast

import pytest

from claw.wire.ids import uuid7
from db.database import Connection, Scope
from db.repositories import agents, messages
from db.repositories.messages import Span
from db.roles import Role
from tests.integration.db.world import ACTORS, IDS, World

pytestmark = pytest.mark.asyncio(loop_scope="session")

_READERS = ("owner", "admin", "member", "muted", "banned", "stranger", "suspended", "observer", "guest", "nobody")
_ALL = Span(2**62, older=100)


def _scope(actor: str) -> Scope:
    return ACTORS[actor].scope


@pytest.mark.parametrize("actor", _READERS)
async def test_the_same_messages_as_the_policies_show(world: World, actor: str) -> None:
    async with world.acting(actor) as connection:
        shown = {row["id"]: row["channel_id"] for row in await connection.fetch("select id, channel_id from messages")}
        known = {row["id"] for row in await connection.fetch("select id from channels")}
    login = cast("Connection", world.logins[Role.API])
    for name in ("hello", "whisper", "letter"):
        found = await messages.read_message(login, _scope(actor), IDS[name])
        assert (found is not None) == (IDS[name] in shown), name
    for name in ("general", "cellar", "dm", "news"):
        reading = await messages.read_messages(login, _scope(actor), IDS[name], _ALL)
        assert {row.id for row in reading.messages} == {id_ for id_, place in shown.items() if place == IDS[name]}
        assert (reading.outcome == "not_found") == (IDS[name] not in known), name
        if reading.outcome != "found":
            assert reading.messages == []


async def test_outcomes_tell_the_reader_no_more_than_it_may_know(world: World) -> None:
    login = cast("Connection", world.logins[Role.API])
    for actor, channel, near, outcome in (
        ("member", "general", 2**62, "found"),
        ("stranger", "general", 2**62, "forbidden"),
        ("muted", "general", 2**62, "forbidden"),
        ("stranger", "cellar", 2**62, "not_found"),
        ("observer", "dm", 2**62, "not_found"),
        ("member", "general", IDS["hello"], "found"),
        # A message of another channel is no position here, though the reader could see it there.
        ("member", "general", IDS["letter"], "no_position"),
        ("member", "general", uuid7(), "no_position"),
        ("member", "nowhere", 2**62, "not_found"),
    ):
        reading = await messages.read_messages(login, _scope(actor), IDS[channel], Span(near, older=10))
        assert reading.outcome == outcome, (actor, channel)


@pytest.mark.parametrize("actor", ["owner", "stranger", "observer", "nobody", "newcomer"])
async def test_the_same_agents_as_the_policies_show(world: World, actor: str) -> None:
    names = ("owner", "suspended", "gone", "pending", "expired")
    scope = _scope(actor)
    async with world.acting(actor) as connection:
        rows = await connection.fetch("select id from agents where username = any ($1)", names)
        shown = {row["id"] for row in rows}
    login = cast("Connection", world.logins[Role.API])
    for name in names:
        by_id = await agents.read_agent(login, scope, agent_id=IDS[name])
        by_name = await agents.read_agent(login, scope, username=name)
        assert by_id == by_name
        if name != "pending":
            # A registration in progress is shown to its claimant alone, who signs in and reads no profiles.
            assert (by_id is not None) == (IDS[name] in shown)
        else:
            assert by_id is None


async def test_nothing_of_the_reader_stays_on_the_connection(world: World) -> None:
    login = world.logins[Role.API]
    await messages.read_messages(cast("Connection", login), _scope("member"), IDS["dm"], _ALL)
    await agents.read_agent(cast("Connection", login), _scope("member"), agent_id=IDS["member"])
    await agents.outbound_cap(cast("Connection", login), IDS["member"])
    assert await login.fetchval("select count(*) from messages") == 0
    assert await login.fetchval("select app.agent_id()") is None


@pytest.mark.parametrize("role", [Role.API, Role.GATEWAY])
async def test_a_cap_is_the_agents_own_or_the_default(world: World, role: Role) -> None:
    async with world.acting("gateway" if role is Role.GATEWAY else "nobody") as connection:
        caps = [await agents.outbound_cap(cast("Connection", connection), IDS[name]) for name in ("owner", "hermit")]
    assert caps == [100, 100]
    await world.admin.execute("update agent_config set max_outbound_per_hour = 7 where agent_id = $1", IDS["owner"])
    try:
        assert await agents.outbound_cap(cast("Connection", world.logins[role]), IDS["owner"]) == 7
    finally:
        await world.admin.execute(
            "update agent_config set max_outbound_per_hour = 100 where agent_id = $1", IDS["owner"]
        )
