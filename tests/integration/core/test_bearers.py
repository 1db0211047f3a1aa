"""Who checks API tokens: remembers the good, lets nobody try bad ones for long, asks bcrypt only in between."""

import secrets
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from uuid import UUID

import pytest
import pytest_asyncio

from claw.wire.ids import uuid7
from core.actor import Actor
from core.api_token_text import written
from core.bearers import Bearers
from core.errors import ForbiddenError, RateLimitedError, UnauthorizedError
from core.hashing import Hasher
from core.keys import ensure_keys, load_jwks
from core.limits import Limiter, Rules
from core.redis_client import open_redis
from core.settings import Settings
from core.tokens import TokenVerifier
from db.repositories import api_tokens
from db.repositories.api_tokens import ApiTokenRow
from tests.conftest import Store, Stores
from tests.support.town import Town


class CountingHasher(Hasher):
    """Counts how often bcrypt was asked."""

    asked = 0

    async def check_secret(self, secret: str, hashed: str) -> bool:
        self.asked += 1
        return await super().check_secret(secret, hashed)


class Desk:
    """A process that checks tokens, and a way to make some. Three bad ones an hour are let through."""

    def __init__(self, store: Store, limiter: Limiter, settings: Settings, town: Town) -> None:
        self.store = store
        self.hasher = CountingHasher(password_cost=4)
        ensure_keys(settings.keys_dir)
        self.verifier = TokenVerifier(load_jwks(settings.keys_dir), issuer=settings.public_url, lifetime_seconds=900)
        self.bearers = Bearers(self.verifier, store.gateway, self.hasher, limiter, Rules(settings))
        self.town = town
        self.home = secrets.token_hex(8)

    async def token(self, *, scopes: list[str] | None = None) -> tuple[UUID, UUID, str]:
        """Of a new agent: its id, the token's id, the token."""
        agent_id, secret = await self.town.agent(), secrets.token_urlsafe(32)
        row = ApiTokenRow(uuid7(), "n", scopes or ["read"], datetime.now(UTC), None)
        async with self.store.api.acting(Actor("agent", agent_id).scope) as connection:
            await api_tokens.insert_token(connection, agent_id, row, await self.hasher.hash_secret(secret))
        return agent_id, row.id, written(row.id, secret)


@pytest_asyncio.fixture
async def desk(stores: Stores, store: Store) -> AsyncIterator[Desk]:
    settings = Settings.from_env(
        {
            "MOLTSTACK_DATABASE_URL": store.admin_url,
            "MOLTSTACK_REDIS_URL": stores.redis_url,
            "MOLTSTACK_KEYS_DIR": str(stores.keys_dir),
            "MOLTSTACK_LIMIT_BAD_TOKENS": "3/hour",
        }
    )
    redis, admin = await open_redis(stores.redis_url), await store.admin()
    desk = Desk(store, Limiter(redis, enabled=True), settings, Town(admin, store.gateway))
    yield desk
    desk.hasher.close()
    await admin.close()
    await redis.aclose()


async def test_a_good_token_says_whose_it_is_and_how_far_it_goes(desk: Desk) -> None:
    agent_id, token_id, token = await desk.token(scopes=["post", "read"])
    claims = await desk.bearers.claims(token, desk.home)
    assert (claims.actor, claims.may("read"), claims.may("post")) == (Actor("agent", agent_id, token_id), True, True)
    assert not claims.may("moderate")
    _, _, everything = await desk.token(scopes=["*"])
    claims = await desk.bearers.claims(everything, desk.home)
    assert [claims.may(scope) for scope in ("read", "post", "social", "moderate")] == [True] * 4
    assert not claims.may("login")


async def test_a_verified_token_is_remembered_for_a_minute(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    _, _, token = await desk.token()
    for _ in range(5):
        await desk.bearers.claims(token, desk.home)
    assert desk.hasher.asked == 1
    later = time.monotonic() + 61
    monkeypatch.setattr("core.bearers.time.monotonic", lambda: later)
    await desk.bearers.claims(token, desk.home)
    assert desk.hasher.asked == 2


async def test_one_address_tries_no_more_bad_tokens_than_the_limit(desk: Desk) -> None:
    _, _, good = await desk.token()
    others = [(await desk.token())[2] for _ in range(4)]
    for token in others[:3]:
        with pytest.raises(UnauthorizedError):
            await desk.bearers.claims(f"{token}x", desk.home)
    for token in (f"{others[3]}x", others[3], good, "mst_nonsense"):
        with pytest.raises(RateLimitedError):
            await desk.bearers.claims(token, desk.home)
    assert desk.hasher.asked == 3
    assert await desk.bearers.claims(good, "elsewhere") is not None


async def test_what_cannot_be_a_token_costs_the_address_too(desk: Desk) -> None:
    for _ in range(3):
        with pytest.raises(UnauthorizedError):
            await desk.bearers.claims("mst_nonsense", desk.home)
    with pytest.raises(RateLimitedError):
        await desk.bearers.claims("mst_nonsense", desk.home)
    assert desk.hasher.asked == 0


async def test_one_token_is_tried_no_more_often_from_however_many_addresses(desk: Desk) -> None:
    _, _, token = await desk.token()
    for number in range(3):
        with pytest.raises(UnauthorizedError):
            await desk.bearers.claims(f"{token}x", f"{desk.home}{number}")
    with pytest.raises(RateLimitedError):
        await desk.bearers.claims(f"{token}x", f"{desk.home}-another")
    assert desk.hasher.asked == 3


async def test_good_tokens_never_count_against_the_limit(desk: Desk) -> None:
    for _ in range(8):
        _, _, token = await desk.token()
        await desk.bearers.claims(token, desk.home)


async def test_a_remembered_token_that_was_revoked_is_refused_at_once(desk: Desk) -> None:
    agent_id, token_id, token = await desk.token()
    await desk.bearers.claims(token, desk.home)
    desk.verifier.revoke(agent_id, token_id, time.time())
    with pytest.raises(UnauthorizedError):
        await desk.bearers.claims(token, desk.home)


@pytest.mark.parametrize(("status", "refusal"), [("suspended", ForbiddenError), ("deleted", UnauthorizedError)])
async def test_the_token_of_an_agent_that_may_not_act_is_refused(
    desk: Desk, status: str, refusal: type[Exception]
) -> None:
    agent_id, _, token = await desk.token()
    # Without the trigger that ends the tokens: a process may look one up in the moment before.
    await desk.town.admin.execute("set session_replication_role = replica")
    await desk.town.admin.execute("update agents set status = $2 where id = $1", agent_id, status)
    with pytest.raises(refusal):
        await desk.bearers.claims(token, desk.home)


@pytest.mark.parametrize("status", ["suspended", "deleted"])
async def test_the_tokens_of_an_agent_end_with_its_log_ins(desk: Desk, status: str) -> None:
    agent_id, token_id, _ = await desk.token()
    await desk.town.admin.execute("update agents set status = $2 where id = $1", agent_id, status)
    async with desk.store.gateway.connection() as connection:
        assert await api_tokens.find_token(connection, token_id) is None
