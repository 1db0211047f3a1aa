"""The door for Gather's clients: registering with a key in PEM, logging in by a bare nonce, and for whom that works."""

import asyncio
import base64
import hashlib
from collections.abc import AsyncIterator
from typing import Any

import httpx
import jwt
import nacl.signing
import pytest
import pytest_asyncio

from claw.wire.key_change import key_change_text
from tests.support.bots import Crew, fresh_name
from tests.support.gather import OldClaw, pem
from tests.support.platform import Platform


@pytest_asyncio.fixture
async def claw(platform: Platform) -> AsyncIterator[OldClaw]:
    claw = OldClaw(platform.url)
    yield claw
    await claw.close()


def assert_old_problem(answer: httpx.Response, status: int, title: str, detail: str | None = None) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem: dict[str, Any] = answer.json()
    assert list(problem)[:3] == ["title", "status", "detail"]
    assert set(problem) <= {"title", "status", "detail", "errors"}
    assert (problem["title"], problem["status"]) == (title, status)
    assert detail in (None, problem["detail"])
    return problem


async def test_the_answers_of_registration_and_log_in_are_the_old_ones(claw: OldClaw) -> None:
    name = fresh_name("claw")
    registered = await claw.http.post(
        "/api/agents/register",
        json={
            "name": name,
            "description": "d" * 500,
            "public_key": pem(claw.key),
            "pow_challenge": "c",
            "pow_nonce": "1",
        },
    )
    agent_id = registered.json()["agent_id"]
    assert registered.status_code == 200
    assert registered.text == (
        f'{{"agent_id":"{agent_id}","username":"{name}","verification_code":"","tweet_template":"",'
        '"expires_in":"30 minutes","tinode_user_id":""}'
    )
    challenge = await claw.http.post("/api/agents/challenge", json={"public_key": pem(claw.key)})
    nonce = challenge.json()["nonce"]
    assert challenge.text == f'{{"nonce":"{nonce}","expires_in":300}}'
    assert len(base64.b64decode(nonce)) == 32
    answer = await claw.authenticate(nonce)
    token = answer.json()["token"]
    assert answer.text == (
        f'{{"token":"{token}","agent_id":"{agent_id}","expires_in":900,"unread_messages":0,"verified":true}}'
    )
    # As the command line reads it, to know when to log in anew.
    payload = jwt.decode(token, options={"verify_signature": False})
    assert token.count(".") == 2
    assert payload["exp"] - int(payload["iat"]) == 900
    me = await claw.http.get("/api/agents/me", headers={"Authorization": f"Bearer {token}"})
    created = me.json()["created"]
    assert me.text == (
        f'{{"id":"{agent_id}","agent_id":"{agent_id}","name":"{name}","description":"{"d" * 256}","verified":true,'
        f'"post_count":0,"review_count":0,"created":"{created}"}}'
    )
    assert (created[10], created[-1], len(created)) == (" ", "Z", 24)


@pytest.mark.parametrize(
    ("name", "stem"),
    [("My Bot", "my-bot"), ("  Ünïcode_Ünit!! ", "unicode_unit"), ("ai", "ai"), ("龍", "agent"), ("x" * 100, "x" * 57)],
)
async def test_a_name_becomes_a_username_and_one_that_is_taken_gets_a_mark_of_the_key(
    platform: Platform, name: str, stem: str
) -> None:
    claws = [OldClaw(platform.url) for _ in range(2)]
    made = [(await claw.sign_up(name))["username"] for claw in claws]
    for claw, username in zip(claws, made, strict=True):
        mark = hashlib.sha256(claw.key.verify_key.encode()).hexdigest()[:6]
        assert username in (stem, f"{stem}-{mark}", "x" * 64)
        await claw.log_in()
        profile = await claw.http.get("/api/v1/agents/@me")
        assert (profile.json()["username"], profile.json()["display_name"]) == (username, name)
        await claw.close()
    assert made[0] != made[1]


async def test_a_key_registers_once_and_what_is_no_key_not_at_all(claw: OldClaw, crew: Crew) -> None:
    await claw.sign_up(fresh_name())
    again = await claw.http.post("/api/agents/register", json={"name": "other", "public_key": pem(claw.key)})
    assert_old_problem(again, 400, "Bad Request", "Agent with this public key already registered")
    for key in ("nonsense", pem(claw.key).replace("PUBLIC", "PRIVATE"), pem(claw.key)[:60], "x" * 60, "\x00"):
        for path, more in (("register", {"name": "other"}), ("challenge", {}), ("authenticate", {"signature": "AA=="})):
            refused = await claw.http.post(f"/api/agents/{path}", json={"public_key": key, **more})
            assert_old_problem(refused, 400, "Bad Request", "Invalid Ed25519 public key PEM")
    unknown = await claw.http.post("/api/agents/challenge", json={"public_key": pem(crew.stranger().key)})
    assert_old_problem(unknown, 404, "Not Found", "Agent not registered")


async def test_two_who_register_one_key_at_once_make_one_agent(platform: Platform) -> None:
    key = nacl.signing.SigningKey.generate()
    claws = [OldClaw(platform.url, key) for _ in range(4)]
    body = {"name": fresh_name(), "public_key": pem(key)}
    answers = await asyncio.gather(*(claw.http.post("/api/agents/register", json=body) for claw in claws))
    assert sorted(answer.status_code for answer in answers) == [200, 400, 400, 400]
    for claw in claws:
        await claw.close()


async def test_a_nonce_works_once_and_a_wrong_signature_spends_nothing(claw: OldClaw, platform: Platform) -> None:
    await claw.sign_up(fresh_name())
    none_open = await claw.authenticate(base64.b64encode(b"x" * 32).decode())
    assert_old_problem(none_open, 400, "Bad Request", "No pending challenge. Call /api/agents/challenge first.")
    nonce = await claw.nonce()
    wrong = await claw.authenticate(nonce, OldClaw(platform.url).sign(nonce))
    assert_old_problem(wrong, 401, "Unauthorized", "Signature verification failed")
    assert wrong.headers["www-authenticate"] == "Bearer"
    text = base64.b64encode(claw.key.sign(nonce.encode()).signature).decode()
    assert_old_problem(await claw.authenticate(nonce, text), 401, "Unauthorized", "Signature verification failed")
    malformed = await claw.authenticate(nonce, "not base64")
    assert_old_problem(malformed, 400, "Bad Request", "Invalid signature encoding")
    assert (await claw.authenticate(nonce)).status_code == 200
    assert_old_problem(await claw.authenticate(nonce), 400, "Bad Request")


async def test_many_who_answer_one_nonce_at_once_get_one_token(claw: OldClaw) -> None:
    await claw.sign_up(fresh_name())
    nonce = await claw.nonce()
    answers = await asyncio.gather(*(claw.authenticate(nonce) for _ in range(5)))
    assert sorted(answer.status_code for answer in answers) == [200, 400, 400, 400, 400]


async def test_who_registered_elsewhere_does_not_log_in_by_a_bare_nonce(crew: Crew, platform: Platform) -> None:
    bot = await crew.bot()
    claw = OldClaw(platform.url, bot.key)
    for path, more in (("challenge", {}), ("authenticate", {"signature": claw.sign("AAAA" * 11)})):
        answer = await claw.http.post(f"/api/agents/{path}", json={"public_key": pem(bot.key), **more})
        problem = assert_old_problem(answer, 403, "Forbidden")
        assert "/api/v1/auth/challenge" in problem["detail"]
    await claw.close()


async def test_who_registered_here_logs_in_the_other_way_too(claw: OldClaw) -> None:
    await claw.sign_up(fresh_name())
    unproven = await claw.http.post("/api/v1/auth/challenge", json={"agent_id": claw.agent_id})
    assert unproven.status_code == 404
    await claw.log_in()
    issued = (await claw.http.post("/api/v1/auth/challenge", json={"agent_id": claw.agent_id})).json()
    signature = claw.key.sign(issued["challenge"].encode()).signature
    signed = {"agent_id": claw.agent_id, "signed_challenge": base64.b64encode(signature).decode()}
    # The one way's challenge is nothing to the other.
    crossed = {**signed, "signed_challenge": claw.sign(await claw.nonce())}
    assert (await claw.http.post("/api/v1/auth/token", json=crossed)).status_code == 401
    assert (await claw.http.post("/api/v1/auth/token", json=signed)).status_code == 200


async def test_a_new_key_takes_the_old_ones_place_here_too(claw: OldClaw, platform: Platform) -> None:
    await claw.sign_up(fresh_name())
    await claw.log_in()
    waiting = await claw.nonce()
    new = OldClaw(platform.url)
    old_key, new_key = (base64.b64encode(each.key.verify_key.encode()).decode() for each in (claw, new))
    text = key_change_text(origin=platform.url, agent_id=claw.agent_id, old_key=old_key, new_key=new_key).encode()
    by_old, by_new = (base64.b64encode(each.key.sign(text).signature).decode() for each in (claw, new))
    body = {"public_key": new_key, "signed_by_old": by_old, "signed_by_new": by_new}
    assert (await claw.http.post("/api/v1/agents/@me/keys", json=body)).status_code == 204
    assert_old_problem(await claw.authenticate(waiting), 404, "Not Found", "Agent not registered")
    assert (await new.log_in())["agent_id"] == claw.agent_id
    await new.close()


@pytest.mark.parametrize("path", ["/api/inbox", "/api/channels", "/api/agents", "/api/agents/me", "/api/inbox/unread"])
async def test_without_a_token_nothing_of_an_agents_is_shown(claw: OldClaw, crew: Crew, path: str) -> None:
    for headers in ({}, {"Authorization": "Bearer nonsense"}, {"Authorization": "Basic eDp5"}):
        assert_old_problem(await claw.http.get(path, headers=headers), 401, "Unauthorized")
    observer = await crew.observer()
    answer = await claw.http.get(path, headers={"Authorization": f"Bearer {observer.token}"})
    assert_old_problem(answer, 403, "Forbidden")


async def test_faults_are_told_as_huma_told_them(claw: OldClaw) -> None:
    answer = await claw.http.post("/api/agents/register", json={"name": "", "public_key": pem(claw.key)})
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.text == (
        '{"title":"Unprocessable Entity","status":422,"detail":"validation failed","errors":[{"message":'
        '"Expected `str` of length >= 1.","location":"body.name","value":""}]}'
    )
    missing = await claw.http.post("/api/agents/challenge", json={})
    assert_old_problem(missing, 422, "Unprocessable Entity", "validation failed")
    malformed = await claw.http.post("/api/agents/challenge", content=b"{")
    assert_old_problem(malformed, 400, "Bad Request", "The body is not JSON.")
    assert_old_problem(await claw.http.get("/api/agents/challenge/x"), 404, "Not Found")
    assert_old_problem(await claw.http.delete("/api/agents/register"), 405, "Method Not Allowed")
    assert_old_problem(await claw.http.post("/api/agents/verify", json={}), 501, "Not Implemented")
    assert_old_problem(await claw.http.post("/api/posts", json={}), 501, "Not Implemented")


async def test_the_proof_of_work_asks_for_nothing(claw: OldClaw) -> None:
    work = (await claw.http.post("/api/pow/challenge", json={"purpose": "register"})).json()
    assert (work["difficulty"], work["algorithm"], work["expires_in"], len(work["challenge"])) == (0, "sha256", 300, 32)
    refused = await claw.http.post("/api/pow/challenge", json={"purpose": "fun"})
    assert_old_problem(refused, 422, "Unprocessable Entity", "validation failed")
