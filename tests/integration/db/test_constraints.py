"""What a column can hold and what exists only once, refused by the tables themselves whoever writes."""

import asyncpg
import pytest

from tests.integration.db.world import World, named, undone

pytestmark = pytest.mark.asyncio(loop_scope="session")


def _agent(username: str, key: str = "k" * 44) -> str:
    return (
        "insert into agents (id, username, public_key, card, pending_until)"  # noqa: S608
        f" values ($new, '{username}', '{key}', '', now())"
    )


def _set(table: str, where: str, assignment: str) -> str:
    return f"update {table} set {assignment} where {where}"  # noqa: S608


def _agents(assignment: str) -> str:
    return _set("agents", "id = $owner", assignment)


def _servers(assignment: str) -> str:
    return _set("servers", "id = $commons", assignment)


def _channels(assignment: str) -> str:
    return _set("channels", "id = $general", assignment)


def _config(assignment: str) -> str:
    return _set("agent_config", "agent_id = $owner", assignment)


def _messages(assignment: str) -> str:
    return _set("messages", "id = $hello", assignment)


_TAKEN = [
    _agent("owner"),
    "insert into server_members (server_id, agent_id) values ($commons, $member)",
    "insert into server_members (server_id, agent_id, role) values ($commons, $stranger, 'owner')",
    "update server_members set role = 'owner' where server_id = $commons and agent_id = $admin",
    "insert into server_tags (server_id, tag) values ($commons, 'chat')",
    "insert into server_bans (server_id, agent_id) values ($commons, $banned)",
    "insert into channel_bans (channel_id, agent_id) values ($general, $muted)",
    """insert into channel_reports (id, channel_id, reporter_agent_id, target_agent_id)
       values ($new, $general, $member, $muted)""",
    "insert into friend_requests (id, from_agent_id, to_agent_id) values ($new, $stranger, $owner)",
    "insert into friendships table friendships",
    """insert into friendships (agent_a_id, agent_b_id, dm_channel_id)
       values (least($owner, $admin), greatest($owner, $admin), $dm)""",
    """insert into channels (id, type, dm_agent_a_id, dm_agent_b_id)
       values ($new, 'dm', least($owner, $member), greatest($owner, $member))""",
    "insert into agent_blocks (blocker_id, blocked_id) values ($member, $stranger)",
    "insert into agent_follows (follower_id, following_id) values ($member, $owner)",
    "insert into message_reactions (message_id, agent_id, emoji) values ($hello, $owner, 'up')",
    """insert into messages (id, channel_id, seq, agent_id, content, created_at)
       values ($new, $general, 1, $owner, 'second first', now())""",
    """insert into message_nonces (channel_id, agent_id, nonce, message_id, seq, fingerprint, created_at)
       values ($general, $member, 'new', $hello, 1, '', now())""",
    "insert into inbox_events (agent_id, seq, kind, created_at, frame) values ($owner, 1, 'dm', now(), '')",
    "insert into observers (id, email, password_hash) values ($new, 'otto@example.org', 'hash')",
    "insert into observer_watches (observer_id, server_id) values ($otto, $commons)",
    "insert into platform (one) values (true)",
]
_IMPOSSIBLE = [
    _agent("ab"),
    _agent("Capital"),
    _agent("with space"),
    _agent("short-key", "k" * 43),
    _agents("status = 'asleep'"),
    _agents("status = 'pending'"),
    _agents("presence = 'busy'"),
    _agents("capabilities = '{}'"),
    _agents("avatar_url = repeat('x', 2001)"),
    _servers("name = ''"),
    _servers("report_threshold = 2"),
    _servers("max_members = 0"),
    _servers("member_count = -1"),
    _servers("description = repeat('x', 2001)"),
    _servers("instructions = repeat('x', 4001)"),
    _channels("name = ''"),
    _channels("name = null"),
    _channels("type = 'voice'"),
    _channels("type = 'dm'"),
    "update channels set server_id = $commons where id = $dm",
    _channels("instructions = repeat('x', 4001)"),
    "update channels set name = 'dm' where id = $dm",
    "update channels set dm_agent_a_id = dm_agent_b_id, dm_agent_b_id = dm_agent_a_id where id = $dm",
    "insert into channels (id, type) values ($new, 'dm')",
    "update server_members set role = 'king' where server_id = $commons and agent_id = $member",
    "insert into server_tags (server_id, tag) values ($commons, '')",
    "update friend_requests set status = 'ignored'",
    "insert into friend_requests (id, from_agent_id, to_agent_id) values ($new, $owner, $owner)",
    "update friendships set agent_a_id = agent_b_id, agent_b_id = agent_a_id",
    "update friendships set agent_a_id = agent_b_id",
    "insert into agent_blocks (blocker_id, blocked_id) values ($owner, $owner)",
    "insert into agent_follows (follower_id, following_id) values ($owner, $owner)",
    """insert into channel_reports (id, channel_id, reporter_agent_id, target_agent_id)
       values ($new, $general, $owner, $owner)""",
    "update agent_karma set score = 1",
    "update agent_karma set reactions_received = -1, score = -1",
    _config("idle_timeout_seconds = 29"),
    _config("idle_timeout_seconds = 3601"),
    _config("on_idle = 'panic'"),
    _config("webhook_format = 'xml'"),
    _config("webhook_events = '{}'"),
    _config("max_outbound_per_hour = -1"),
    _config("max_inbound_wakes_per_hour = -1"),
    _config("heartbeat_hint_seconds = 0"),
    _messages("content = ''"),
    _messages("content = repeat('x', 8001)"),
    _messages("content_type = 'html'"),
    "insert into message_reactions (message_id, agent_id, emoji) values ($hello, $owner, '')",
    "update challenges set purpose = 'curiosity'",
    "update streams set head = -1",
    "insert into streams (id, kind) values ($new, 'river')",
    "update inbox_cursors set acked = -1",
    "update observers set email = 'Otto@example.org' where id = $otto",
    "update observers set email = 'nobody' where id = $otto",
    "update webhook_deliveries set state = 'lost'",
    "update webhook_deliveries set last_seq = 0",
    "insert into platform (one) values (false)",
]
_TOO_LONG = [
    _agent("a" * 65),
    _agents("display_name = repeat('x', 129)"),
    _agents("bio = repeat('x', 257)"),
    _servers("name = repeat('x', 101)"),
    _servers("category = repeat('x', 65)"),
    _channels("name = repeat('x', 101)"),
    _channels("category = repeat('x', 65)"),
    "insert into server_tags (server_id, tag) values ($commons, repeat('x', 33))",
    "insert into message_reactions (message_id, agent_id, emoji) values ($hello, $admin, repeat('x', 33))",
    "update message_nonces set nonce = repeat('x', 65) where nonce = 'new'",
    "update observers set email = repeat('x', 251) || '@y.org' where id = $otto",
]
_DANGLING = [
    "insert into servers (id, name, owner_agent_id) values ($new, 'new', $nothing)",
    "insert into channels (id, server_id, name) values ($new, $nothing, 'new')",
    "insert into server_members (server_id, agent_id) values ($commons, $nothing)",
    "insert into inbox_events (agent_id, seq, kind, created_at, frame) values ($nothing, 1, 'dm', now(), '')",
]
_EXTREMES = [
    _agent("abc"),
    _agent("a" * 64),
    _agents("display_name = repeat('x', 128), bio = repeat('x', 256), status = 'deleted', presence = 'dnd'"),
    _servers("name = repeat('x', 100), instructions = repeat('x', 4000), report_threshold = 3, max_members = 1"),
    _channels("name = repeat('x', 100), type = 'announcement', instructions = repeat('x', 4000), position = -1"),
    _config("idle_timeout_seconds = 30, on_idle = 'stay', webhook_format = 'openclaw-agent'"),
    _config("idle_timeout_seconds = 3600, on_idle = 'disconnect', max_outbound_per_hour = 0"),
    _messages("content = repeat('x', 8000), content_type = 'code', metadata = '{}'"),
    # Characters count, not bytes.
    _messages("content = repeat('ä', 8000)"),
    _messages("content = '', deleted_at = now()"),
    "insert into message_reactions (message_id, agent_id, emoji) values ($hello, $owner, repeat('x', 32))",
    "insert into server_tags (server_id, tag) values ($commons, repeat('x', 32))",
]


async def _write(world: World, statement: str) -> str:
    async with undone(world.admin):
        return await world.admin.execute(named(statement))


@pytest.mark.parametrize("statement", _TAKEN)
async def test_what_exists_once_is_not_made_again(world: World, statement: str) -> None:
    with pytest.raises(asyncpg.UniqueViolationError):
        await _write(world, statement)


@pytest.mark.parametrize("statement", _IMPOSSIBLE)
async def test_what_makes_no_sense_is_refused(world: World, statement: str) -> None:
    with pytest.raises(asyncpg.CheckViolationError):
        await _write(world, statement)


@pytest.mark.parametrize("statement", _TOO_LONG)
async def test_what_is_too_long_is_refused(world: World, statement: str) -> None:
    with pytest.raises(asyncpg.StringDataRightTruncationError):
        await _write(world, statement)


@pytest.mark.parametrize("statement", _DANGLING)
async def test_what_points_at_nothing_is_refused(world: World, statement: str) -> None:
    with pytest.raises(asyncpg.ForeignKeyViolationError):
        await _write(world, statement)


@pytest.mark.parametrize("statement", _EXTREMES)
async def test_the_last_that_fits_is_stored(world: World, statement: str) -> None:
    assert (await _write(world, statement)).endswith(" 1")
