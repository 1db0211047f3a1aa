"""Who may do what to servers, their members, bans, tags and channels."""

import pytest

from tests.integration.db.rights import Subject, case_id, cases, rights
from tests.integration.db.world import World

# The den is private. `banned` is written down as its admin, and the ban goes before that; `suspended` is an admin of
# the commons and may not act.
SERVERS = Subject(
    """
    servers                   | select       | insert | update      | delete
    owner                     | *            | own    | commons den | x
    admin                     | * !den       | own    | commons     | x
    member                    | *            | own    | -           | x
    banned, muted, stranger   | * !den       | own    | -           | x
    suspended                 | * !den       | -      | -           | x
    observer, guest, nobody   | * !den       | -      | -           | x
    gateway, worker           | x            | x      | x           | x
    """,
    key=("id",),
    update="description = 'new'",
    inserts={
        "own": "insert into servers (id, name, owner_agent_id) values ($new, 'new', $me)",
        "other": "insert into servers (id, name, owner_agent_id) values ($new, 'new', $hermit)",
        "crowded": "insert into servers (id, name, owner_agent_id, member_count) values ($new, 'new', $me, 9)",
    },
)
MEMBERS = Subject(
    """
    server_members            | select                | insert | update     | delete
    owner                     | *                     | -      | * !*/owner | -
    admin                     | commons/*             | -      | -          | commons/admin
    member                    | *                     | -      | -          | */member
    muted                     | commons/*             | -      | -          | commons/muted
    banned                    | commons/* den/banned  | -      | -          | den/banned
    stranger                  | commons/*             | joins  | -          | -
    suspended                 | commons/*             | -      | -          | -
    observer, guest, nobody   | commons/*             | -      | -          | -
    gateway, worker           | x                     | x      | x          | x
    """,
    key=("server_id", "agent_id"),
    update="role = 'admin'",
    inserts={
        "joins": "insert into server_members (server_id, agent_id) values ($commons, $me) on conflict do nothing",
        "sneaks": "insert into server_members (server_id, agent_id) values ($den, $me) on conflict do nothing",
        "rises": """insert into server_members (server_id, agent_id, role) values ($commons, $me, 'admin')
                    on conflict do nothing""",
        "usurps": "insert into server_members (server_id, agent_id, role) values ($plaza, $me, 'owner')",
        "drags": "insert into server_members (server_id, agent_id) values ($commons, $hermit)",
    },
)
BANS = Subject(
    """
    server_bans                                              | select    | insert | update | delete
    owner                                                    | *         | x      | x      | *
    admin                                                    | commons/* | x      | x      | commons/*
    member, muted, banned, stranger, suspended               | -         | x      | x      | -
    observer, guest, nobody                                  | -         | x      | x      | -
    gateway, worker                                          | x         | x      | x      | x
    """,
    key=("server_id", "agent_id"),
)
TAGS = Subject(
    """
    server_tags                            | select    | insert      | update | delete
    owner                                  | *         | commons den | x      | *
    admin                                  | commons/* | commons     | x      | commons/*
    member                                 | *         | -           | x      | -
    muted, banned, stranger, suspended     | commons/* | -           | x      | -
    observer, guest, nobody                | commons/* | -           | x      | -
    gateway, worker                        | x         | x           | x      | x
    """,
    key=("server_id", "tag"),
    inserts={
        "commons": "insert into server_tags (server_id, tag) values ($commons, 'new')",
        "den": "insert into server_tags (server_id, tag) values ($den, 'new')",
    },
)
CHANNELS = Subject(
    """
    channels                  | select       | insert      | update              | delete
    owner                     | * !ruin      | commons den | general news cellar | x
    admin                     | general news | commons     | general news        | x
    member                    | * !ruin      | -           | -                   | x
    muted, banned, stranger   | general news | -           | -                   | x
    suspended                 | general news | -           | -                   | x
    observer, guest, nobody   | general news | -           | -                   | x
    gateway                   | x            | x           | x                   | x
    worker                    | ruin         | x           | x                   | ruin
    """,
    key=("id",),
    update="topic = 'new'",
    inserts={
        "commons": "insert into channels (id, server_id, name) values ($new, $commons, 'new')",
        "den": "insert into channels (id, server_id, name) values ($new, $den, 'new')",
        "dm": """insert into channels (id, type, dm_agent_a_id, dm_agent_b_id)
                 values ($new, 'dm', least($me, $hermit), greatest($me, $hermit))""",
    },
)
CHANNEL_BANS = Subject(
    """
    channel_bans                                  | select        | insert | update | delete
    owner                                         | *             | x      | x      | *
    admin                                         | general/muted | x      | x      | general/muted
    member, muted, banned, stranger, suspended    | -             | x      | x      | -
    observer, guest, nobody                       | -             | x      | x      | -
    gateway, worker                               | x             | x      | x      | x
    """,
    key=("channel_id", "agent_id"),
)
REPORTS = Subject(
    """
    channel_reports                      | select | insert | update | delete
    owner, member                        | *      | x      | x      | x
    admin                                | report | x      | x      | x
    muted, banned, stranger, suspended   | -      | x      | x      | x
    observer, guest, nobody              | -      | x      | x      | x
    gateway, worker                      | x      | x      | x      | x
    """,
    key=("id",),
)
AUDIT = Subject(
    """
    server_audit                         | select   | insert      | update | delete
    owner                                | * !ashes | commons den | x      | x
    admin                                | deed     | commons     | x      | x
    member, muted, banned, stranger      | -        | -           | x      | x
    suspended, observer, guest, nobody   | -        | -           | x      | x
    gateway, worker                      | x        | x           | x      | x
    """,
    key=("id",),
    inserts={
        "commons": "insert into server_audit (server_id, action, actor_id) values ($commons, 'unbanned', $me)",
        "den": "insert into server_audit (server_id, action, actor_id) values ($den, 'unbanned', $me)",
        "forged": "insert into server_audit (server_id, action, actor_id) values ($commons, 'unbanned', $hermit)",
        "unsigned": "insert into server_audit (server_id, action) values ($commons, 'auto_banned')",
    },
)
PLATFORM_AUDIT = Subject(
    """
    platform_audit                                      | select | insert | update | delete
    owner, admin, member, muted, banned, stranger       | x      | x      | x      | x
    suspended, observer, guest, nobody, gateway, worker | x      | x      | x      | x
    """,
    key=("id",),
)
INVITES = Subject(
    """
    server_invites                             | select       | insert      | update | delete
    owner                                      | x            | commons den | x      | x
    admin                                      | x            | commons     | x      | x
    member, muted, banned, stranger, suspended | x            | -           | x      | x
    observer, guest, nobody                    | x            | -           | x      | x
    gateway                                    | x            | x           | x      | x
    worker                                     | stale_invite | x           | x      | stale_invite
    """,
    key=("id",),
    inserts={
        "commons": """insert into server_invites (id, server_id, created_by, secret_hash, expires_at)
                      values ($new, $commons, $me, sha256('new'), now())""",
        "den": """insert into server_invites (id, server_id, created_by, secret_hash, expires_at)
                  values ($new, $den, $me, sha256('new'), now())""",
        "forged": """insert into server_invites (id, server_id, created_by, secret_hash, expires_at)
                     values ($new, $commons, $hermit, sha256('new'), now())""",
        "used": """insert into server_invites (id, server_id, created_by, secret_hash, expires_at, uses)
                   values ($new, $commons, $me, sha256('new'), now(), 1)""",
    },
)
SUBJECTS = [SERVERS, MEMBERS, BANS, TAGS, CHANNELS, CHANNEL_BANS, REPORTS, AUDIT, PLATFORM_AUDIT, INVITES]


@pytest.mark.asyncio(loop_scope="session")
@pytest.mark.parametrize(
    ("subject", "actor"),
    cases(SUBJECTS),
    ids=case_id,
)
async def test_a_server_is_read_by_who_may_know_it_and_ruled_by_its_moderators(
    world: World, subject: Subject, actor: str
) -> None:
    found, expected = await rights(world, subject, actor)
    assert found == expected
