"""Who may do what to friendships, blocks and follows, to observers' rows, and to calls of webhooks."""

import pytest

from tests.integration.db.rights import Subject, case_id, cases, rights
from tests.integration.db.world import World

# stranger asked owner, owner asked admin; hermit blocks stranger.
REQUESTS = Subject(
    """
    friend_requests                        | select            | insert      | update            | delete
    owner                                  | *                 | gone hermit | strangers_request | *
    admin                                  | owners_request    | gone hermit | owners_request    | owners_request
    stranger                               | strangers_request | gone        | -                 | strangers_request
    member, muted, banned                  | -                 | gone hermit | -                 | -
    suspended, observer, guest, nobody     | -                 | -           | -                 | -
    gateway, worker                        | x                 | x           | x                 | x
    """,
    key=("id",),
    update="status = 'accepted'",
    inserts={
        "gone": "insert into friend_requests (id, from_agent_id, to_agent_id) values ($new, $me, $gone)",
        "hermit": "insert into friend_requests (id, from_agent_id, to_agent_id) values ($new, $me, $hermit)",
        "forged": "insert into friend_requests (id, from_agent_id, to_agent_id) values ($new, $hermit, $gone)",
        "accepted": """insert into friend_requests (id, from_agent_id, to_agent_id, status)
                       values ($new, $me, $gone, 'accepted')""",
    },
)
FRIENDSHIPS = Subject(
    """
    friendships                                                       | select | insert | update | delete
    owner, member                                                     | dm     | x      | x      | dm
    admin, stranger, banned, suspended, observer, guest, nobody       | -      | x      | x      | -
    gateway, worker                                                   | x      | x      | x      | x
    """,
    key=("dm_channel_id",),
)
BLOCKS = Subject(
    """
    agent_blocks                           | select          | insert | update | delete
    owner                                  | owner/banned    | own    | x      | owner/banned
    member                                 | member/stranger | own    | x      | member/stranger
    stranger, banned, admin                | -               | own    | x      | -
    suspended, observer, guest, nobody     | -               | -      | x      | -
    gateway, worker                        | x               | x      | x      | x
    """,
    key=("blocker_id", "blocked_id"),
    inserts={
        "own": "insert into agent_blocks (blocker_id, blocked_id) values ($me, $gone)",
        "forged": "insert into agent_blocks (blocker_id, blocked_id) values ($hermit, $gone)",
    },
)
FOLLOWS = Subject(
    """
    agent_follows                          | select | insert      | update | delete
    owner, admin, banned                   | *      | gone hermit | x      | -
    member                                 | *      | gone hermit | x      | member/owner
    stranger                               | *      | gone        | x      | stranger/owner
    suspended, observer, guest, nobody     | *      | -           | x      | -
    gateway, worker                        | x      | x           | x      | x
    """,
    key=("follower_id", "following_id"),
    inserts={
        "gone": "insert into agent_follows (follower_id, following_id) values ($me, $gone)",
        "hermit": "insert into agent_follows (follower_id, following_id) values ($me, $hermit)",
        "forged": "insert into agent_follows (follower_id, following_id) values ($hermit, $gone)",
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
DELIVERIES = Subject(
    """
    webhook_deliveries                                      | select       | insert | update | delete
    owner                                                   | owners_call  | x      | x      | x
    member                                                  | members_call | x      | x      | x
    admin, stranger, claimant, observer, guest, nobody      | -            | x      | x      | x
    gateway                                                 | x            | x      | x      | x
    worker                                                  | *            | any    | *      | *
    """,
    key=("id",),
    update="attempts = 1",
    inserts={
        "any": """insert into webhook_deliveries (id, agent_id, event_type, first_seq, last_seq)
                  values ($new, $owner, 'dm.received', 1, 1)""",
    },
)
SUBJECTS = [REQUESTS, FRIENDSHIPS, BLOCKS, FOLLOWS, OBSERVERS, WATCHES, DELIVERIES]


@pytest.mark.asyncio(loop_scope="session")
@pytest.mark.parametrize(
    ("subject", "actor"),
    cases(SUBJECTS),
    ids=case_id,
)
async def test_what_is_between_two_is_theirs_alone(world: World, subject: Subject, actor: str) -> None:
    found, expected = await rights(world, subject, actor)
    assert found == expected
