"""Who may do what to agents, what belongs to them alone, and their sign-in."""

import pytest

from tests.integration.db.rights import Subject, case_id, cases, rights
from tests.integration.db.world import World

# A registration in progress is seen by its claimant; once expired, anybody may sweep it away to free its name.
AGENTS = Subject(
    """
    agents             | select     | insert       | update   | delete
    owner              | * !pending | -            | owner    | expired
    admin              | * !pending | -            | admin    | expired
    stranger           | * !pending | -            | stranger | expired
    suspended          | * !pending | -            | -        | expired
    claimant           | * !pending | -            | -        | expired
    newcomer           | *          | -            | pending  | expired
    unborn             | * !pending | registration | -        | expired
    observer, nobody   | * !pending | -            | -        | expired
    gateway            | x          | x            | x        | x
    worker             | *          | x            | x        | expired
    """,
    key=("id",),
    update="bio = 'new'",
    inserts={
        "registration": """insert into agents (id, username, public_key, status, card, pending_until)
                           values ($unborn, 'unborn', repeat('k', 44), 'pending', '{}', now())""",
        "verified": """insert into agents (id, username, public_key, status, card)
                       values ($unborn, 'unborn', repeat('k', 44), 'verified', '{}')""",
        "other": """insert into agents (id, username, public_key, status, card, pending_until)
                    values ($else, 'else', repeat('k', 44), 'pending', '{}', now())""",
    },
)
KARMA = Subject(
    """
    agent_karma                                        | select | insert | update | delete
    owner, stranger, suspended, observer, nobody       | *      | x      | x      | x
    gateway, worker                                    | x      | x      | x      | x
    """,
    key=("agent_id",),
)
CONFIG = Subject(
    """
    agent_config                     | select    | insert | update | delete
    owner                            | owner     | -      | owner  | x
    member                           | member    | -      | member | x
    stranger, admin                  | -         | own    | -      | x
    suspended                        | suspended | -      | -      | x
    claimant, observer, nobody       | -         | -      | -      | x
    gateway, worker                  | *         | x      | x      | x
    """,
    key=("agent_id",),
    update="webhook_url = 'https://new.example'",
    inserts={
        "own": "insert into agent_config (agent_id) values ($me) on conflict do nothing",
        "other": "insert into agent_config (agent_id) values ($hermit)",
    },
)
CHALLENGES = Subject(
    """
    challenges                                      | select             | insert | update             | delete
    claimant                                        | owners_* stale_*   | own    | owners_* stale_*   | x
    newcomer                                        | pendings_challenge | own    | pendings_challenge | x
    owner, member, stranger                         | -                  | -      | -                  | x
    bearer, observer, visitor, nobody               | -                  | -      | -                  | x
    gateway                                         | x                  | x      | x                  | x
    worker                                          | stale_challenge    | x      | x                  | stale_challenge
    """,
    key=("id",),
    update="spent_at = now()",
    inserts={
        "own": """insert into challenges (id, agent_id, purpose, nonce, body, expires_at)
                  values ($new, $me, 'login', 'n', 'text', now())""",
        "other": """insert into challenges (id, agent_id, purpose, nonce, body, expires_at)
                    values ($new, $hermit, 'login', 'n', 'text', now())""",
    },
)
TOKENS = Subject(
    """
    agent_tokens                         | select           | insert | update           | delete
    claimant, owner                      | owners_* stale_* | own    | owners_* stale_* | x
    member                               | members_token    | own    | members_token    | x
    bearer                               | owners_token     | -      | -                | x
    observer, visitor, nobody            | -                | -      | -                | x
    gateway                              | x                | x      | x                | x
    worker                               | stale_token      | x      | x                | stale_token
    """,
    key=("id",),
    update="revoked = true",
    inserts={
        "own": """insert into agent_tokens (id, agent_id, family_id, token_hash, refresh_token_hash, expires_at)
                  values ($new, $me, $family, 'h', 'h', now())""",
        "other": """insert into agent_tokens (id, agent_id, family_id, token_hash, refresh_token_hash, expires_at)
                    values ($new, $hermit, $family, 'h', 'h', now())""",
    },
)
API_TOKENS = Subject(
    """
    api_tokens                  | select                            | insert | update | delete
    owner                       | owners_api_token stale_api_token  | own    | x      | owners_api_token stale_api_token
    member                      | members_api_token                 | own    | x      | members_api_token
    stranger, admin             | -                                 | own    | x      | -
    suspended, claimant, bearer | -                                 | -      | x      | -
    observer, visitor, nobody   | -                                 | -      | x      | -
    gateway                     | x                                 | x      | x      | x
    worker                      | stale_api_token                   | x      | x      | stale_api_token
    """,
    key=("id",),
    update="scopes = '{*}'",
    inserts={
        "own": "insert into api_tokens (id, agent_id, name, scopes, token_hash) values ($new, $me, 'n', '{read}', 'h')",
        "other": """insert into api_tokens (id, agent_id, name, scopes, token_hash)
                    values ($new, $hermit, 'n', '{read}', 'h')""",
    },
)
GATHER_AGENTS = Subject(
    """
    gather_agents                            | select | insert | update | delete
    newcomer                                 | x      | own    | x      | x
    owner, member, stranger, claimant        | x      | -      | x      | x
    unborn, observer, nobody                 | x      | -      | x      | x
    gateway, worker                          | x      | x      | x      | x
    """,
    key=("agent_id",),
    inserts={
        "own": "insert into gather_agents (agent_id) values ($pending)",
        "other": "insert into gather_agents (agent_id) values ($hermit)",
        "late": "insert into gather_agents (agent_id) values ($owner)",
    },
)
OBSERVER_TOKENS = Subject(
    """
    observer_tokens                        | select               | insert | update               | delete
    observer, beholder                     | ottos_* stale_*      | own    | ottos_* stale_*      | x
    redeemer                               | ottos_token          | -      | -                    | x
    owner, guest, visitor, nobody          | -                    | -      | -                    | x
    gateway                                | x                    | x      | x                    | x
    worker                                 | stale_ottos_token    | x      | x                    | stale_ottos_token
    """,
    key=("id",),
    update="revoked = true",
    inserts={
        "own": """insert into observer_tokens (id, observer_id, family_id, token_hash, refresh_token_hash, expires_at)
                  values ($new, $me, $family, 'h', 'h', now())""",
        "other": """insert into observer_tokens (id, observer_id, family_id, token_hash, refresh_token_hash, expires_at)
                    values ($new, $olga, $family, 'h', 'h', now())""",
    },
)
RETIRED_KEYS = Subject(
    """
    agent_retired_keys                                            | select | insert | update | delete
    owner, claimant, stranger, observer, nobody, gateway, worker  | x      | x      | x      | x
    """,
    key=("agent_id",),
)
REVOCATIONS = Subject(
    """
    revocations                         | select | insert | update | delete
    claimant, owner, member, suspended  | *      | own    | x      | x
    observer                            | *      | humans | x      | x
    bearer, guest, nobody               | *      | -      | x      | x
    gateway                             | *      | x      | x      | x
    worker                              | member | x      | x      | member
    """,
    key=("agent_id",),
    inserts={
        "own": "insert into revocations (agent_id) values ($me)",
        "humans": "insert into revocations (observer_id) select o.id from observers o where o.id = $me",
        "other": "insert into revocations (agent_id) values ($hermit)",
    },
)
IDEMPOTENCY_KEYS = Subject(
    """
    idempotency_keys                 | select   | insert | update   | delete
    owner                            | owner/*  | own    | owner/*  | owner/*
    member                           | member/* | own    | member/* | member/*
    stranger, admin                  | -        | own    | -        | -
    suspended                        | -        | -      | -        | -
    claimant, observer, nobody       | -        | -      | -        | -
    gateway                          | x        | x      | x        | x
    worker                           | member/* | x      | x        | member/*
    """,
    key=("agent_id", "attempt"),
    update="status = 201, answer = ''",
    inserts={
        "own": """insert into idempotency_keys (agent_id, request, body, attempt)
                  values ($me, sha256('new'), sha256(''), $fresh_key)""",
        "other": """insert into idempotency_keys (agent_id, request, body, attempt)
                    values ($hermit, sha256('new'), sha256(''), $fresh_key)""",
    },
)
SUBJECTS = [
    AGENTS,
    KARMA,
    CONFIG,
    CHALLENGES,
    TOKENS,
    API_TOKENS,
    GATHER_AGENTS,
    OBSERVER_TOKENS,
    RETIRED_KEYS,
    IDEMPOTENCY_KEYS,
    REVOCATIONS,
]


@pytest.mark.asyncio(loop_scope="session")
@pytest.mark.parametrize(("subject", "actor"), cases(SUBJECTS), ids=case_id)
async def test_an_agent_reaches_its_own_and_what_is_public(world: World, subject: Subject, actor: str) -> None:
    found, expected = await rights(world, subject, actor)
    assert found == expected
