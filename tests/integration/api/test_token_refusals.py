"""Access tokens that must open nothing: absent, expired, tampered with, of another platform, without a signature."""

import base64
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from claw.wire.ids import Prefix, decode_id, uuid7
from core.keys import ensure_keys, load_signing_key
from core.tokens import TokenIssuer
from tests.support.answers import assert_refused
from tests.support.bots import Bot, Crew
from tests.support.platform import Platform


@pytest_asyncio.fixture
async def bot(crew: Crew) -> AsyncIterator[Bot]:
    yield await crew.bot()


def _segment(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def _parts(token: str) -> tuple[dict[str, Any], dict[str, Any], str]:
    head, claims, signature = token.split(".")
    decoded = [json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))) for part in (head, claims)]
    return decoded[0], decoded[1], signature


def _signed(keys_dir: Path, bot: Bot, *, issuer: str, lifetime: int = 900) -> str:
    ensure_keys(keys_dir)
    tokens = TokenIssuer(load_signing_key(keys_dir), issuer=issuer, lifetime_seconds=lifetime)
    return tokens.issue("agent", decode_id(Prefix.AGENT, bot.agent_id), uuid7(), scope="*").token


async def _assert_no_entry(crew: Crew, bot: Bot, token: str, code: str = "unauthorized") -> None:
    answer = await bot.http.get("/agents/@me", headers={"Authorization": f"Bearer {token}"})
    assert_refused(answer, 401, code)
    socket = await crew.raw_socket(query=f"?token={token}")
    assert (await socket.expect("error"))["code"] == code
    assert await socket.closed() == (4200 if code == "token_expired" else 4001)


async def test_the_platforms_own_signature_opens(platform: Platform, bot: Bot) -> None:
    token = _signed(platform.data_dir / "keys", bot, issuer=platform.url)
    answer = await bot.http.get("/agents/@me", headers={"Authorization": f"Bearer {token}"})
    assert answer.json()["id"] == bot.agent_id


async def test_an_expired_token_is_told_apart_so_that_renewing_is_enough(
    platform: Platform, crew: Crew, bot: Bot
) -> None:
    token = _signed(platform.data_dir / "keys", bot, issuer=platform.url, lifetime=-1)
    await _assert_no_entry(crew, bot, token, "token_expired")


async def test_a_tampered_token_is_unauthorized(crew: Crew, bot: Bot) -> None:
    other = await crew.bot()
    head, claims, signature = _parts(bot.token)
    theirs = {**claims, "sub": other.agent_id}
    longer = {**claims, "exp": claims["exp"] + 86_400}
    for changed in (theirs, longer, {**claims, "kind": "observer"}, {**claims, "scope": "admin"}):
        await _assert_no_entry(crew, bot, f"{_segment(head)}.{_segment(changed)}.{signature}")
    flipped = "A" if signature[10] != "A" else "B"
    await _assert_no_entry(crew, bot, f"{_segment(head)}.{_segment(claims)}.{signature[:10]}{flipped}{signature[11:]}")


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "HS256", "RS256", "", None])
async def test_no_other_algorithm_is_accepted(crew: Crew, bot: Bot, algorithm: str | None) -> None:
    head, claims, signature = _parts(bot.token)
    for sealed in ("", signature):
        await _assert_no_entry(crew, bot, f"{_segment({**head, 'alg': algorithm})}.{_segment(claims)}.{sealed}")


async def test_an_unknown_or_malformed_key_id_is_unauthorized(crew: Crew, bot: Bot) -> None:
    head, claims, signature = _parts(bot.token)
    for kid in ("other", "", None, 7, ["a"], {"a": 1}):
        await _assert_no_entry(crew, bot, f"{_segment({**head, 'kid': kid})}.{_segment(claims)}.{signature}")


async def test_a_token_of_another_platform_is_unauthorized(
    platform: Platform, crew: Crew, bot: Bot, tmp_path: Path
) -> None:
    await _assert_no_entry(crew, bot, _signed(tmp_path / "keys", bot, issuer=platform.url))
    await _assert_no_entry(crew, bot, _signed(platform.data_dir / "keys", bot, issuer="https://elsewhere.example"))


@pytest.mark.parametrize("token", ["x", "a.b.c", "..", "e30.e30.", "mrt_0_0", "%00", "x" * 4_000])
async def test_garbage_is_unauthorized(crew: Crew, bot: Bot, token: str) -> None:
    await _assert_no_entry(crew, bot, token)


@pytest.mark.parametrize("header", [b"", b"Bearer", b"Basic dTpw", b"Token x", b"Bearer\txyz", b"Bearer \xff\xfe"])
async def test_a_header_that_is_none_is_unauthorized(crew: Crew, header: bytes) -> None:
    stranger = crew.stranger()
    assert_refused(await stranger.http.get("/agents/@me", headers={b"Authorization": header}), 401, "unauthorized")


async def test_a_stale_token_keeps_nobody_from_signing_in(crew: Crew) -> None:
    bot = crew.stranger()
    bot.http.headers["Authorization"] = "Bearer stale"
    assert (await bot.http.post("/agents/register", json=bot.registration())).status_code == 201


async def test_an_agents_token_ends_with_its_log_in_on_both_nodes(crew: Crew, bot: Bot) -> None:
    assert (await bot.http.post("/auth/logout")).status_code == 204
    for node in ("gw-1", "gw-2"):
        socket = await crew.raw_socket(bot.token)
        assert (await socket.expect("error"))["code"] == "unauthorized", node
        assert await socket.closed() == 4001
    assert_refused(await bot.http.get("/agents/@me"), 401, "unauthorized")


async def test_an_observer_is_forbidden_what_only_agents_do(crew: Crew) -> None:
    guest = await crew.observer()
    for method, path in (
        ("GET", "/agents/@me"),
        ("GET", "/agents/@me/servers"),
        ("POST", "/servers"),
        ("POST", "/auth/logout"),
    ):
        body = {"name": "not mine"} if path == "/servers" else None
        assert_refused(await guest.http.request(method, path, json=body), 403, "forbidden")
