"""An agent's settings, and the secrets among them: shown once or never, and stored sealed."""

import asyncio
import base64
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest_asyncio

from claw.wire.ids import Prefix, decode_id
from core.keys import load_opening_key
from core.sealing import Opener
from db.repositories.agent_config import AgentConfigRow
from stack.embedded import EmbeddedPostgres
from tests.support.answers import assert_refused
from tests.support.bots import Bot, Crew
from tests.support.platform import Platform

# Addresses, so that no test asks a name server.
_HOOK = "https://93.184.216.34/hook"
_OTHER = "https://93.184.216.35/hook"
_BEARER = "a-bearer-that-nobody-sees"


class Vault:
    """What lies in the database, and what the worker would read there."""

    def __init__(self, admin: "asyncpg.Connection[asyncpg.Record]", opener: Opener) -> None:
        self._admin = admin
        self._opener = opener

    async def row(self, bot: Bot) -> dict[str, Any]:
        row = await self._admin.fetchrow(
            "select * from agent_config where agent_id = $1", decode_id(Prefix.AGENT, bot.agent_id)
        )
        return dict(row or {})

    async def opened(self, bot: Bot) -> tuple[str | None, str | None, str | None]:
        """Secret, previous secret, bearer."""
        row = await self.row(bot)
        names = ("webhook_secret_sealed", "webhook_previous_secret_sealed", "webhook_bearer_sealed")
        secret, previous, bearer = [None if row[name] is None else self._opener.open(row[name]) for name in names]
        return secret, previous, bearer


@pytest_asyncio.fixture
async def vault(platform: Platform) -> AsyncIterator[Vault]:
    url = EmbeddedPostgres(platform.data_dir).known_admin_url()
    assert url is not None
    admin = await asyncpg.connect(url)
    yield Vault(admin, Opener(load_opening_key(platform.data_dir / "keys")))
    await admin.close()


async def _change(bot: Bot, **fields: Any) -> dict[str, Any]:
    answer = await bot.http.patch("/agents/@me/config", json=fields)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def test_an_agent_that_never_chose_has_the_defaults_of_the_contract(crew: Crew, vault: Vault) -> None:
    bot = await crew.bot()
    expected = {
        "webhook_url": None,
        "webhook_events": ["dm.received", "mention.received", "reply.received"],
        "webhook_format": "standard",
        "has_webhook_bearer": False,
        "webhook_disabled_at": None,
        "idle_timeout_seconds": 60,
        "on_idle": "auto",
        "max_outbound_per_hour": 100,
        "max_inbound_wakes_per_hour": 10,
        "heartbeat_hint_seconds": 14_400,
        "signature_checked": None,
    }
    assert (await bot.http.get("/agents/@me/config")).json() == expected
    assert await vault.row(bot) == {}
    # The same from the database's defaults, once there is a row.
    assert await _change(bot) == expected
    row = await vault.row(bot)
    assert {name: row[name] for name in expected if name in ("on_idle", "webhook_format")} == {
        "on_idle": AgentConfigRow().on_idle,
        "webhook_format": AgentConfigRow().webhook_format,
    }


async def test_what_is_given_changes_and_all_else_stays(crew: Crew) -> None:
    bot = await crew.bot()
    chosen = {
        "webhook_events": ["friend_request.received", "dm.received"],
        "webhook_format": "openclaw-agent",
        "idle_timeout_seconds": 30,
        "on_idle": "disconnect",
        "max_outbound_per_hour": 0,
        "max_inbound_wakes_per_hour": 3,
        "heartbeat_hint_seconds": 60,
    }
    changed = await _change(bot, **chosen)
    assert {name: changed[name] for name in chosen} == chosen
    after = await _change(bot, on_idle="stay", webhook_events=["dm.received", "dm.received"])
    assert after == {**changed, "on_idle": "stay", "webhook_events": ["dm.received"]}
    assert (await bot.http.get("/agents/@me/config")).json() == after


async def test_a_webhook_is_answered_with_its_secret_that_once(crew: Crew, vault: Vault) -> None:
    bot = await crew.bot()
    changed = await _change(bot, webhook_url=_HOOK, webhook_bearer=_BEARER)
    secret = changed.pop("webhook_secret")
    assert secret.startswith("whsec_")
    assert len(base64.b64decode(secret.removeprefix("whsec_"))) == 32
    assert (changed["webhook_url"], changed["has_webhook_bearer"]) == (_HOOK, True)
    shown = await bot.http.get("/agents/@me/config")
    assert shown.json() == changed
    assert secret not in shown.text
    assert _BEARER not in shown.text
    assert await vault.opened(bot) == (secret, None, _BEARER)
    stored = repr(await vault.row(bot))
    assert secret not in stored
    assert _BEARER not in stored


async def test_a_new_secret_leaves_the_previous_one_in_force_for_a_while(crew: Crew, vault: Vault) -> None:
    bot = await crew.bot()
    assert_refused(await bot.http.post("/webhooks/secret/rotate"), 409, "conflict")
    first = (await _change(bot, webhook_url=_HOOK))["webhook_secret"]
    rotated = (await bot.http.post("/webhooks/secret/rotate")).raise_for_status().json()
    assert rotated["previous_until"] is not None
    assert await vault.opened(bot) == (rotated["webhook_secret"], first, None)
    # Set again, an address gets a new secret too.
    third = (await _change(bot, webhook_url=_HOOK))["webhook_secret"]
    assert await vault.opened(bot) == (third, rotated["webhook_secret"], None)


async def test_secrets_that_are_changed_at_once_are_each_true_for_a_while(crew: Crew, vault: Vault) -> None:
    bot = await crew.bot()
    await _change(bot, webhook_url=_HOOK)
    answers = await asyncio.gather(*[bot.http.post("/webhooks/secret/rotate") for _ in range(2)])
    handed_out = {answer.raise_for_status().json()["webhook_secret"] for answer in answers}
    secret, previous, _ = await vault.opened(bot)
    assert handed_out == {secret, previous}


async def test_a_bearer_goes_to_no_other_address_than_it_came_with(crew: Crew, vault: Vault) -> None:
    bot = await crew.bot()
    await _change(bot, webhook_url=_HOOK, webhook_bearer=_BEARER)
    assert (await _change(bot, webhook_url=_HOOK))["has_webhook_bearer"]
    assert not (await _change(bot, webhook_url=_OTHER))["has_webhook_bearer"]
    assert (await vault.opened(bot))[2] is None
    assert (await _change(bot, webhook_bearer="another"))["has_webhook_bearer"]
    assert not (await _change(bot, webhook_bearer=None))["has_webhook_bearer"]


async def test_without_an_address_nothing_secret_is_kept(crew: Crew, vault: Vault) -> None:
    bot = await crew.bot()
    await _change(bot, webhook_url=_HOOK, webhook_bearer=_BEARER)
    (await bot.http.post("/webhooks/secret/rotate")).raise_for_status()
    cleared = await _change(bot, webhook_url=None)
    assert cleared["webhook_url"] is None
    assert "webhook_secret" not in cleared
    assert await vault.opened(bot) == (None, None, None)


_INVALID: list[tuple[str, Any]] = [
    ("webhook_url", "http://93.184.216.34/hook"),
    ("webhook_url", "https://127.0.0.1/hook"),
    ("webhook_url", "https://localhost/hook"),
    ("webhook_url", "https://169.254.169.254/latest/meta-data"),
    ("webhook_url", "https://[::1]/hook"),
    ("webhook_url", "https://10.0.0.1:8443/"),
    ("webhook_url", "https://user:pw@93.184.216.34/"),
    ("webhook_url", "not a url"),
    ("webhook_url", ""),
    ("webhook_url", f"https://93.184.216.34/{'x' * 2_000}"),
    ("webhook_events", ["channel.message"]),
    ("webhook_format", "xml"),
    ("webhook_bearer", "line\nbreak"),
    ("webhook_bearer", ""),
    ("idle_timeout_seconds", 29),
    ("idle_timeout_seconds", 3_601),
    ("idle_timeout_seconds", None),
    ("on_idle", "sleep"),
    ("max_outbound_per_hour", -1),
    ("max_outbound_per_hour", 10**10),
    ("max_inbound_wakes_per_hour", 1.5),
    ("heartbeat_hint_seconds", 0),
]


async def test_what_cannot_be_chosen_is_invalid_and_changes_nothing(crew: Crew) -> None:
    bot = await crew.bot()
    before = await _change(bot, on_idle="stay")
    for name, value in _INVALID:
        answer = await bot.http.patch("/agents/@me/config", json={"on_idle": "auto", name: value})
        problem = assert_refused(answer, 422, "invalid")
        assert problem["path"].startswith(f"$.{name}"), (name, value)
    assert (await bot.http.get("/agents/@me/config")).json() == before


async def test_no_secret_reaches_a_log_line(crew: Crew, platform: Platform) -> None:
    bot = await crew.bot()
    secrets = [_BEARER]
    secrets.append((await _change(bot, webhook_url=_HOOK, webhook_bearer=_BEARER))["webhook_secret"])
    secrets.append((await bot.http.post("/webhooks/secret/rotate")).json()["webhook_secret"])
    assert_refused(await bot.http.patch("/agents/@me/config", json={"webhook_bearer": f"{_BEARER}\n"}), 422, "invalid")
    assert not [secret for secret in secrets if secret in platform.output]
