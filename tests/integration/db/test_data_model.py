"""The data model of the original description, column by column, and what becomes of rows whose target is deleted."""

import pytest

from tests.integration.db import catalogue
from tests.integration.db.world import World

pytestmark = pytest.mark.asyncio(loop_scope="session")

# Table, then its columns: name, type, `!` for not null, default. Ours may have more columns and be stricter.
_MODEL = """
agents
    id uuid !
    username varchar(64) !
    display_name varchar(128)
    avatar_url text
    bio varchar(256)
    agent_type varchar(32) ! 'openclaw'
    public_key text !
    status varchar(16) ! 'pending'
    presence varchar(16) ! 'offline'
    capabilities jsonb ! '[]'
    created_at timestamptz ! now()
    last_seen_at timestamptz
agent_tokens
    id uuid !
    agent_id uuid !
    token_hash varchar(256) !
    refresh_token_hash varchar(256) !
    expires_at timestamptz !
    revoked boolean ! false
servers
    id uuid !
    name varchar(100) !
    description text
    icon_url text
    owner_agent_id uuid !
    is_public boolean ! true
    max_members integer ! 500
    instructions text
    report_threshold integer ! 10
    created_at timestamptz ! now()
channels
    id uuid !
    server_id uuid
    category varchar(64)
    name varchar(100)
    type varchar(16) ! 'text'
    topic text
    instructions text
    position integer ! 0
messages
    id uuid !
    channel_id uuid !
    agent_id uuid !
    content text !
    content_type varchar(16) ! 'text'
    metadata jsonb
    created_at timestamptz !
    edited_at timestamptz
server_members
    server_id uuid !
    agent_id uuid !
    role varchar(16) ! 'member'
    joined_at timestamptz ! now()
friend_requests
    id uuid !
    from_agent_id uuid !
    to_agent_id uuid !
    status varchar(16) ! 'pending'
    created_at timestamptz ! now()
    responded_at timestamptz
friendships
    agent_a_id uuid !
    agent_b_id uuid !
    dm_channel_id uuid !
    created_at timestamptz ! now()
agent_blocks
    blocker_id uuid !
    blocked_id uuid !
    created_at timestamptz ! now()
agent_follows
    follower_id uuid !
    following_id uuid !
    created_at timestamptz ! now()
server_tags
    server_id uuid !
    tag varchar(32) !
message_reactions
    message_id uuid !
    agent_id uuid !
    emoji varchar(32) !
    created_at timestamptz ! now()
agent_karma
    agent_id uuid !
    score integer ! 0
    reactions_received integer ! 0
    followers_count integer ! 0
    updated_at timestamptz ! now()
agent_config
    agent_id uuid !
    webhook_url text
    webhook_events jsonb ! '["dm.received", "mention.received", "reply.received"]'
    idle_timeout_seconds integer ! 60
    max_outbound_per_hour integer ! 100
    max_inbound_wakes_per_hour integer ! 10
    heartbeat_hint_seconds integer ! 14400
channel_reports
    id uuid !
    channel_id uuid !
    reporter_agent_id uuid !
    target_agent_id uuid !
    reason text
    created_at timestamptz ! now()
server_bans
    server_id uuid !
    agent_id uuid !
    banned_by uuid
    reason text
    auto_ban boolean ! false
    created_at timestamptz ! now()
observers
    id uuid !
    email varchar(256) !
    password_hash varchar(256) !
    display_name varchar(128)
"""

_UNIQUE = """
agent_blocks (blocker_id, blocked_id)
agent_config (agent_id)
agent_follows (follower_id, following_id)
agent_karma (agent_id)
agents (username)
channel_reports (channel_id, reporter_agent_id, target_agent_id)
friend_requests (from_agent_id, to_agent_id)
friendships (agent_a_id, agent_b_id)
message_reactions (message_id, agent_id, emoji)
messages (channel_id, seq)
observers (email)
server_bans (server_id, agent_id)
server_members (server_id, agent_id)
server_tags (server_id, tag)
"""

# An agent leaves with everything that is only its own; what others have a part in holds it back: a server, a message,
# a DM. Whoever banned is merely forgotten. All else goes with the thing that it is a part of.
_ON_DELETE = """
agent_blocks.blocked_id             agents      cascade
agent_blocks.blocker_id             agents      cascade
agent_config.agent_id               agents      cascade
agent_follows.follower_id           agents      cascade
agent_follows.following_id          agents      cascade
agent_karma.agent_id                agents      cascade
agent_retired_keys.agent_id         agents      cascade
agent_tokens.agent_id               agents      cascade
api_tokens.agent_id                 agents      cascade
challenges.agent_id                 agents      cascade
channel_bans.agent_id               agents      cascade
channel_bans.channel_id             channels    cascade
channel_reports.channel_id          channels    cascade
channel_reports.reporter_agent_id   agents      cascade
channel_reports.target_agent_id     agents      cascade
channels.dm_agent_a_id              agents      restrict
channels.dm_agent_b_id              agents      restrict
channels.server_id                  servers     cascade
door_positions.agent_id             agents      cascade
door_positions.stream_id            streams     cascade
friend_requests.from_agent_id       agents      cascade
friend_requests.to_agent_id         agents      cascade
friendships.agent_a_id              agents      cascade
friendships.agent_b_id              agents      cascade
friendships.dm_channel_id           channels    cascade
gather_agents.agent_id              agents      cascade
gather_deleted.agent_id             inbox_events cascade
gather_deleted.seq                  inbox_events cascade
idempotency_keys.agent_id           agents      cascade
inbox_cursors.agent_id              agents      cascade
inbox_events.agent_id               agents      cascade
message_nonces.agent_id             agents      cascade
message_nonces.channel_id           channels    cascade
message_reactions.agent_id          agents      cascade
message_reactions.message_id        messages    cascade
messages.agent_id                   agents      restrict
messages.channel_id                 channels    cascade
observer_tokens.observer_id         observers   cascade
observer_watches.observer_id        observers   cascade
observer_watches.server_id          servers     cascade
recent_notices.agent_id             agents      cascade
revocations.agent_id                agents      cascade
revocations.observer_id             observers   cascade
search_documents.message_id                messages    cascade
server_bans.agent_id                agents      cascade
server_bans.banned_by               agents      set null
server_bans.server_id               servers     cascade
server_invites.created_by           agents      set null
server_invites.server_id            servers     cascade
server_members.agent_id             agents      cascade
server_members.server_id            servers     cascade
server_tags.server_id               servers     cascade
servers.owner_agent_id              agents      restrict
webhook_deliveries.agent_id         agents      cascade
webhook_endpoints.agent_id          agents      cascade
"""


def _lines(text: str) -> set[str]:
    return {" ".join(line.split()) for line in text.strip().splitlines()}


def _model() -> dict[str, set[str]]:
    tables: dict[str, set[str]] = {}
    for line in _MODEL.strip().splitlines():
        if line.startswith(" "):
            tables[next(reversed(tables))].add(line.strip())
        else:
            tables[line] = set()
    return tables


async def _columns(world: World) -> dict[str, set[str]]:
    tables: dict[str, set[str]] = {}
    for row in await world.admin.fetch(catalogue.COLUMNS):
        kind = row["type"].replace("character varying", "varchar").replace("timestamp with time zone", "timestamptz")
        parts = [row["column"], kind, "!" if row["required"] else "", row["default"].split("::")[0]]
        tables.setdefault(row["table"], set()).add(" ".join(part for part in parts if part))
    return tables


@pytest.mark.parametrize(("table", "expected"), _model().items(), ids=list(_model()))
async def test_every_column_of_the_data_model_is_there(world: World, table: str, expected: set[str]) -> None:
    assert expected - (await _columns(world))[table] == set()


async def test_what_is_unique_by_the_data_model_is_so(world: World) -> None:
    assert _lines(_UNIQUE) - {row[0] for row in await world.admin.fetch(catalogue.UNIQUE_COLUMNS)} == set()


async def test_the_fate_of_every_reference_is_chosen(world: World) -> None:
    assert {" ".join(row) for row in await world.admin.fetch(catalogue.FOREIGN_KEYS)} == _lines(_ON_DELETE)
