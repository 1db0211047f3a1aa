"""Who may do what to friendships, blocks and follows, to jobs, observers' rows, and calls of webhooks."""

import pytest

from tests.integration.db.rights import Subject, case_id, cases, rights
from tests.integration.db.world import World

# stranger asked owner, owner asked admin; hermit blocks stranger.
REQUESTS = Subject(
    """
    friend_requests                                   | select            | insert | update | delete
    owner                                             | *                 | x      | x      | x
    admin                                             | owners_request    | x      | x      | x
    stranger                                          | strangers_request | x      | x      | x
    member, banned, suspended, observer, nobody       | -                 | x      | x      | x
    gateway, worker                                   | x                 | x      | x      | x
    """,
    key=("id",),
)
FRIENDSHIPS = Subject(
    """
    friendships                                                       | select | insert | update | delete
    owner, member                                                     | dm     | x      | x      | x
    admin, stranger, banned, suspended, observer, guest, nobody       | -      | x      | x      | x
    gateway, worker                                                   | x      | x      | x      | x
    """,
    key=("dm_channel_id",),
)
BLOCKS = Subject(
    """
    agent_blocks                                                | select          | insert | update | delete
    owner                                                       | owner/banned    | x      | x      | x
    member                                                      | member/stranger | x      | x      | x
    stranger, banned, admin, suspended, observer, guest, nobody | -               | x      | x      | x
    gateway, worker                                             | x               | x      | x      | x
    """,
    key=("blocker_id", "blocked_id"),
)
FOLLOWS = Subject(
    """
    agent_follows                                               | select | insert | update | delete
    owner, member, stranger, suspended, observer, guest, nobody | *      | x      | x      | x
    gateway, worker                                             | x      | x      | x      | x
    """,
    key=("follower_id", "following_id"),
)
# One is fresh, one is of the day before yesterday.
RECENT_NOTICES = Subject(
    """
    recent_notices                     | select          | insert | update | delete
    owner, member, observer, nobody    | x               | x      | x      | x
    gateway                            | x               | x      | x      | x
    worker                             | stranger/owner  | x      | x      | stranger/owner
    """,
    key=("agent_id", "subject_id"),
)
JOBS = Subject(
    """
    jobs                               | select | insert | update | delete
    owner, member, observer, nobody    | x      | plain  | x      | x
    gateway                            | x      | x      | x      | x
    worker                             | *      | plain  | *      | *
    """,
    key=("kind",),
    update="attempts = 1",
    inserts={
        "plain": "insert into jobs (kind, body) values ('new', '{}')",
        "given up": "insert into jobs (kind, body, failed_at) values ('new', '{}', now())",
    },
)
OBSERVERS = Subject(
    """
    observers                    | select | insert       | update | delete
    observer                     | otto   | -            | otto   | otto
    visitor                      | otto   | -            | -      | -
    unborn                       | -      | registration | -      | -
    owner, member, stranger      | -      | -            | -      | -
    claimant, guest, nobody      | -      | -            | -      | -
    gateway, worker              | x      | x            | x      | x
    """,
    key=("id",),
    update="display_name = 'new'",
    inserts={
        "registration": "insert into observers (id, email, password_hash) values ($unborn, 'new@example.org', 'hash')",
    },
)
WATCHES = Subject(
    """
    observer_watches                         | select       | insert | update | delete
    observer                                 | otto/commons | plaza  | x      | otto/commons
    visitor, guest, owner, member, nobody    | -            | -      | x      | -
    gateway, worker                          | x            | x      | x      | x
    """,
    key=("observer_id", "server_id"),
    inserts={
        "plaza": "insert into observer_watches (observer_id, server_id) values ($me, $plaza)",
        "den": "insert into observer_watches (observer_id, server_id) values ($me, $den)",
        "forged": "insert into observer_watches (observer_id, server_id) values ($olga, $plaza)",
    },
)
# The owner's waits, the member's is done and old.
DELIVERIES = Subject(
    """
    webhook_deliveries                                      | select       | insert | update | delete
    owner                                                   | owners_call  | x      | x      | x
    member                                                  | members_call | x      | x      | x
    admin, stranger, claimant, observer, guest, nobody      | -            | x      | x      | x
    gateway                                                 | x            | x      | x      | x
    worker                                                  | *            | x      | x      | members_call
    """,
    key=("id",),
)
ENDPOINTS = Subject(
    """
    webhook_endpoints                                       | select       | insert | update | delete
    owner, member, observer, nobody, gateway, worker        | x            | x      | x      | x
    """,
    key=("agent_id",),
)
SUBJECTS = [REQUESTS, FRIENDSHIPS, BLOCKS, FOLLOWS, RECENT_NOTICES, JOBS, OBSERVERS, WATCHES, DELIVERIES, ENDPOINTS]


@pytest.mark.asyncio(loop_scope="session")
@pytest.mark.parametrize(
    ("subject", "actor"),
    cases(SUBJECTS),
    ids=case_id,
)
async def test_what_is_between_two_is_theirs_alone(world: World, subject: Subject, actor: str) -> None:
    found, expected = await rights(world, subject, actor)
    assert found == expected
