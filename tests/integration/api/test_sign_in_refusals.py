"""What sign-in refuses: signatures, challenges, names and keys that are not good, each with its stable code."""

import base64
from typing import Any

import httpx
import nacl.signing
import pytest

from claw.wire.ids import Prefix, encode_id, uuid7
from claw.wire.limits import RESERVED_USERNAMES
from tests.support.answers import assert_refused
from tests.support.bots import Bot, Crew, fresh_name


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


async def _begin(bot: Bot) -> dict[str, Any]:
    answer = await bot.http.post("/agents/register", json=bot.registration())
    issued: dict[str, Any] = answer.raise_for_status().json()
    return issued


async def _log_in(bot: Bot) -> dict[str, Any]:
    answer = await bot.http.post("/auth/challenge", json={"username": bot.username})
    issued: dict[str, Any] = answer.raise_for_status().json()
    return issued


async def _answer(bot: Bot, path: str, issued: dict[str, Any], **changed: Any) -> httpx.Response:
    body = {"agent_id": issued["agent_id"], "signed_challenge": bot.sign(issued["challenge"]), **changed}
    return await bot.http.post(path, json=body)


async def test_a_wrong_signature_is_refused_and_does_not_spend_the_challenge(crew: Crew) -> None:
    bot, other = crew.stranger(), crew.stranger()
    issued = await _begin(bot)
    for signature in (bot.sign("something else"), other.sign(issued["challenge"]), _base64(bytes(64))):
        assert_refused(await _answer(bot, "/agents/verify", issued, signed_challenge=signature), 401, "unauthorized")
    assert (await _answer(bot, "/agents/verify", issued)).status_code == 200


async def test_a_challenge_works_once(crew: Crew) -> None:
    bot = crew.stranger()
    issued = await _begin(bot)
    assert (await _answer(bot, "/agents/verify", issued)).status_code == 200
    assert_refused(await _answer(bot, "/agents/verify", issued), 401, "unauthorized")
    again = await _log_in(bot)
    assert (await _answer(bot, "/auth/token", again)).status_code == 200
    assert_refused(await _answer(bot, "/auth/token", again), 401, "unauthorized")


async def test_a_challenge_of_another_agent_is_worth_nothing(crew: Crew) -> None:
    bot, other = await crew.bot(), await crew.bot()
    foreign = await _log_in(other)
    stolen = {"agent_id": bot.agent_id, "signed_challenge": bot.sign(foreign["challenge"])}
    assert_refused(await bot.http.post("/auth/token", json=stolen), 401, "unauthorized")
    own = await _log_in(bot)
    named = await _answer(bot, "/auth/token", own, challenge_nonce=foreign["challenge_nonce"])
    assert_refused(named, 401, "unauthorized")
    assert (await _answer(bot, "/auth/token", own, challenge_nonce=own["challenge_nonce"])).status_code == 200


async def test_a_challenge_serves_its_own_purpose_alone(crew: Crew) -> None:
    fresh, known = crew.stranger(), await crew.bot()
    registering = await _begin(fresh)
    assert_refused(await _answer(fresh, "/auth/token", registering), 401, "unauthorized")
    assert_refused(await _answer(known, "/agents/verify", await _log_in(known)), 401, "unauthorized")
    assert (await _answer(fresh, "/agents/verify", registering)).status_code == 200


_SMALL_ORDER = [
    bytes(32),
    b"\x01" + bytes(31),
    bytes.fromhex("ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
    bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"),
    bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"),
]
_MALFORMED_KEYS = {
    "empty": "",
    "31 bytes": _base64(bytes(range(31))),
    "33 bytes": _base64(bytes(range(33))),
    "not base64": "?" * 43,
    "no ASCII": "é" * 43,
    "hex": "ab" * 32,
    "not on the curve": _base64(b"\x02" + bytes(31)),
    **{f"small order {point.hex()[:4]}": _base64(point) for point in _SMALL_ORDER},
}


@pytest.mark.parametrize("key", _MALFORMED_KEYS.values(), ids=_MALFORMED_KEYS.keys())
async def test_a_key_that_is_none_is_invalid(crew: Crew, key: str) -> None:
    bot = crew.stranger()
    body = {"username": bot.username, "public_key": key}
    assert_refused(await bot.http.post("/agents/register", json=body), 422, "invalid", path="$.public_key")


async def test_a_registration_without_a_key_is_invalid(crew: Crew) -> None:
    bot = crew.stranger()
    answer = await bot.http.post("/agents/register", json={"username": bot.username})
    assert_refused(answer, 422, "invalid", path="$.public_key")


@pytest.mark.parametrize(
    "signature", ["", _base64(bytes(63)), _base64(bytes(65)), "?" * 88, "é" * 88, "ab" * 64, "A" * 87]
)
async def test_a_signature_that_is_none_is_invalid_and_does_not_spend_the_challenge(crew: Crew, signature: str) -> None:
    bot = crew.stranger()
    issued = await _begin(bot)
    answer = await _answer(bot, "/agents/verify", issued, signed_challenge=signature)
    assert_refused(answer, 422, "invalid", path="$.signed_challenge")
    assert (await _answer(bot, "/agents/verify", issued)).status_code == 200


async def test_a_taken_username_is_a_conflict_even_before_it_is_verified(crew: Crew) -> None:
    first, second = crew.stranger(), crew.stranger()
    second.username = first.username
    await _begin(first)
    assert_refused(await second.http.post("/agents/register", json=second.registration()), 409, "conflict")
    known = await crew.bot()
    second.username = known.username
    assert_refused(await second.http.post("/agents/register", json=second.registration()), 409, "conflict")


@pytest.mark.parametrize(
    "username",
    [*sorted(RESERVED_USERNAMES), "ab", "x" * 65, "Upper", "spa ce", "ümlaut", "new\nline", "end\n", "nul\0"],
)
async def test_a_reserved_or_malformed_username_is_invalid(crew: Crew, username: str) -> None:
    bot = crew.stranger()
    bot.username = username
    answer = await bot.http.post("/agents/register", json=bot.registration())
    assert_refused(answer, 422, "invalid", path="$.username")


async def test_at_most_eight_challenges_of_an_agent_are_open(crew: Crew) -> None:
    bot = await crew.bot()
    issued = [await _log_in(bot) for _ in range(8)]
    refused = await bot.http.post("/auth/challenge", json={"agent_id": bot.agent_id})
    problem = assert_refused(refused, 429, "rate_limited")
    assert 0 < int(refused.headers["retry-after"]) <= 300
    assert 0 < problem["retry_after"] <= 300
    assert (await _answer(bot, "/auth/token", issued[3])).status_code == 200
    assert (await bot.http.post("/auth/challenge", json={"agent_id": bot.agent_id})).status_code == 200


async def test_an_agent_that_is_not_there_is_not_found(crew: Crew) -> None:
    bot, pending = crew.stranger(), crew.stranger()
    nobody = encode_id(Prefix.AGENT, uuid7())
    signature = bot.sign("anything")
    await _begin(pending)
    for path, body in (
        ("/auth/challenge", {"agent_id": nobody}),
        ("/auth/challenge", {"username": fresh_name()}),
        ("/auth/challenge", {"username": pending.username}),
        ("/auth/token", {"agent_id": nobody, "signed_challenge": signature}),
        ("/agents/verify", {"agent_id": nobody, "signed_challenge": signature}),
    ):
        assert_refused(await bot.http.post(path, json=body), 404, "not_found")


@pytest.mark.parametrize(
    "agent_id",
    ["", "agt_", "agt_01h455vb4pex5vsknk084sn02", "ch_01h455vb4pex5vsknk084sn02q", "agt_81h455vb4pex5vsknk084sn02q",
     "agt_01h455vb4pex5vsknk084sn0ü2", "agt_01H455VB4PEX5VSKNK084SN02Q", "0", "\0", "' or 1=1 --", "x" * 10_000],
)  # fmt: skip
async def test_a_malformed_agent_id_is_invalid(crew: Crew, agent_id: str) -> None:
    bot = crew.stranger()
    body = {"agent_id": agent_id, "signed_challenge": bot.sign("anything")}
    for path in ("/auth/challenge", "/auth/token", "/agents/verify"):
        assert_refused(await bot.http.post(path, json=body), 422, "invalid", path="$.agent_id")


async def test_a_log_in_that_names_nobody_is_invalid(crew: Crew) -> None:
    answer = await crew.stranger().http.post("/auth/challenge", json={})
    assert_refused(answer, 422, "invalid", path="$.agent_id")


@pytest.mark.parametrize(
    "token",
    ["", "mrt_", "mrt__", f"mrt_{'0' * 32}_secret", f"mrt_{'01a1feaf' * 4}_secret", "mrt_x_y", "\0", "é" * 100],
)
async def test_a_refresh_token_that_is_none_is_unauthorized(crew: Crew, token: str) -> None:
    answer = await crew.stranger().http.post("/auth/refresh", json={"refresh_token": token})
    assert_refused(answer, 401, "unauthorized")


async def test_a_refresh_token_with_another_secret_is_unauthorized_and_ends_nothing(crew: Crew) -> None:
    bot = await crew.bot()
    forged = bot.refresh_token[:-4] + ("AAAA" if bot.refresh_token[-4:] != "AAAA" else "BBBB")
    assert_refused(await bot.http.post("/auth/refresh", json={"refresh_token": forged}), 401, "unauthorized")
    assert (await bot.http.post("/auth/refresh", json={"refresh_token": bot.refresh_token})).status_code == 200


async def test_the_camel_case_name_of_the_key_is_taken_as_well(crew: Crew) -> None:
    bot = crew.stranger()
    key = nacl.signing.SigningKey.generate()
    body = {"username": bot.username, "publicKey": _base64(bytes(key.verify_key))}
    assert (await bot.http.post("/agents/register", json=body)).status_code == 201
