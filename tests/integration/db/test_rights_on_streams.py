"""Who may do what to messages, streams, events and inboxes. Nobody writes them but the functions made for it."""

import pytest

from tests.integration.db.rights import Subject, case_id, cases, rights
from tests.integration.db.world import World

# hello stands in the commons, whisper in the private den, letter in the DM of owner and member, rubble in a deleted
# channel. muted is banned from
# the commons' first channel, banned from both servers. Observers read what is public; nobody in particular nothing.
MESSAGES = Subject(
    """
    messages                   | select | insert | update | delete
    owner, member              | * !rubble | x   | x      | x
    admin, suspended           | hello  | x      | x      | x
    muted, banned, stranger    | -      | x      | x      | x
    observer, guest            | hello  | x      | x      | x
    nobody, claimant           | -      | x      | x      | x
    gateway                    | x      | x      | x      | x
    worker                     | rubble | x      | x      | rubble
    """,
    key=("id",),
)
REACTIONS = Subject(
    """
    message_reactions          | select  | insert | update | delete
    owner, member              | *       | x      | x      | x
    admin, suspended           | hello/* | x      | x      | x
    muted, banned, stranger    | -       | x      | x      | x
    observer, guest            | hello/* | x      | x      | x
    nobody, claimant           | -       | x      | x      | x
    gateway, worker            | x       | x      | x      | x
    """,
    key=("message_id", "agent_id"),
)
NONCES = Subject(
    """
    message_nonces                      | select  | insert | update | delete
    owner, member, observer, nobody     | x       | x      | x      | x
    gateway                             | x       | x      | x      | x
    worker                              | */old   | x      | x      | */old
    """,
    key=("channel_id", "agent_id", "nonce"),
)
STREAMS = Subject(
    """
    streams                             | select  | insert | update | delete
    owner, member, observer, nobody     | x       | x      | x      | x
    gateway, worker                     | *       | x      | x      | x
    """,
    key=("id",),
)
EVENTS = Subject(
    """
    events                              | select  | insert | update | delete
    owner, member, observer, nobody     | x       | x      | x      | x
    gateway                             | *       | x      | x      | x
    worker                              | x       | x      | x      | x
    """,
    key=("stream_id", "seq"),
)
INBOX = Subject(
    """
    inbox_events                           | select   | insert | update | delete
    owner                                  | owner/*  | x      | x      | x
    member                                 | member/* | x      | x      | x
    admin, stranger, claimant              | -        | x      | x      | x
    observer, guest, nobody                | -        | x      | x      | x
    gateway                                | *        | x      | x      | x
    worker                                 | *        | x      | x      | member/1
    """,
    key=("agent_id", "seq"),
)
GATHER_DELETED = Subject(
    """
    gather_deleted                         | select   | insert | update | delete
    member                                 | member/2 | x      | x      | x
    owner, admin, stranger, claimant       | -        | x      | x      | x
    observer, guest, nobody                | -        | x      | x      | x
    gateway, worker                        | x        | x      | x      | x
    """,
    key=("agent_id", "seq"),
)
CURSORS = Subject(
    """
    inbox_cursors                       | select   | insert | update | delete
    owner                               | owner    | x      | x      | x
    suspended                           | suspended| x      | x      | x
    claimant, observer, guest, nobody   | -        | x      | x      | x
    gateway                             | x        | x      | x      | x
    worker                              | *        | x      | x      | x
    """,
    key=("agent_id",),
)
# The bans of the world are told here by the tables that hold them.
RIGHTS_CHANGES = Subject(
    """
    rights_changes                      | select  | insert | update | delete
    owner, member, observer, nobody     | x       | x      | x      | x
    gateway                             | *       | x      | x      | x
    worker                              | hermit  | x      | x      | hermit
    """,
    key=("agent_id",),
)
PLATFORM = Subject(
    """
    platform                    | select | insert | update | delete
    owner, observer, nobody     | *      | x      | x      | x
    gateway, worker             | *      | x      | x      | x
    """,
    key=("one",),
)
DOOR_POSITIONS = Subject(
    """
    door_positions                              | select | insert | update | delete
    owner, member, observer, nobody, worker     | x      | x      | x      | x
    gateway                                     | *      | any    | *      | *
    """,
    key=("agent_id", "stream_id"),
    update="seq = seq + 1",
    inserts={
        "any": """insert into door_positions (agent_id, door, stream_id, since, seq)
                  values ($member, 'pico:inbox', $news, 0, 0)""",
    },
)
SUBJECTS = [
    *(MESSAGES, REACTIONS, NONCES, STREAMS, EVENTS, INBOX, GATHER_DELETED, CURSORS, RIGHTS_CHANGES, PLATFORM),
    DOOR_POSITIONS,
]


@pytest.mark.asyncio(loop_scope="session")
@pytest.mark.parametrize(
    ("subject", "actor"),
    cases(SUBJECTS),
    ids=case_id,
)
async def test_the_log_is_read_by_rule_and_written_by_functions_only(
    world: World, subject: Subject, actor: str
) -> None:
    found, expected = await rights(world, subject, actor)
    assert found == expected
