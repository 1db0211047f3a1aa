"""Exchanging a key: both keys sign for it, every other log-in ends, and no step is made twice."""

import asyncio
import base64
from typing import Any

import nacl.signing
import pytest

from claw.wire.key_change import key_change_text
from tests.support.answers import assert_refused
from tests.support.bots import Bot, Crew, Socket


def _public(key: nacl.signing.SigningKey) -> str:
    return base64.b64encode(bytes(key.verify_key)).decode()


def _signed(key: nacl.signing.SigningKey, text: str) -> str:
    return base64.b64encode(key.sign(text.encode()).signature).decode()


def _change(bot: Bot, new: nacl.signing.SigningKey, **changed: str) -> dict[str, Any]:
    """The body that exchanges the bot's key for `new`; `changed` are lines of the text that are other ones."""
    lines = {"origin": bot.url, "agent_id": bot.agent_id, "old_key": _public(bot.key), "new_key": _public(new)}
    text = key_change_text(**{**lines, **changed})
    return {"public_key": _public(new), "signed_by_old": _signed(bot.key, text), "signed_by_new": _signed(new, text)}


async def _logged_in(bot: Bot) -> bool:
    try:
        await bot.log_in()
    except Exception:  # noqa: BLE001 - refused in whatever way
        return False
    return True


async def test_the_new_key_logs_in_and_the_old_one_does_not(crew: Crew) -> None:
    bot, new = await crew.bot(), nacl.signing.SigningKey.generate()
    answer = await bot.http.post("/agents/@me/keys", json=_change(bot, new))
    assert answer.status_code == 204, answer.text
    old = bot.key
    assert not await _logged_in(bot)
    bot.key = new
    assert await _logged_in(bot)
    # Given up is given up.
    assert_refused(await bot.http.post("/agents/@me/keys", json=_change(bot, old)), 409, "conflict")


async def test_api_tokens_end_with_the_old_key(crew: Crew) -> None:
    bot, new = await crew.bot(), nacl.signing.SigningKey.generate()
    made = (await bot.http.post("/agents/@me/tokens", json={"name": "a claw", "scopes": ["read"]})).json()
    socket = await Socket.open(bot.url, made["token"])
    assert (await bot.http.post("/agents/@me/keys", json=_change(bot, new))).status_code == 204
    await socket.expect("error", code="unauthorized")
    assert await socket.closed() == 4001
    assert (await bot.http.get("/agents/@me/tokens")).json()["items"] == []


async def test_every_other_log_in_ends_and_this_one_stays(crew: Crew) -> None:
    bot = await crew.bot()
    others = [await bot.log_in() for _ in range(2)]
    here = await crew.socket(bot)
    elsewhere = [await Socket.open(crew.url, tokens["api_token"]) for tokens in others]
    (await bot.http.post("/agents/@me/keys", json=_change(bot, nacl.signing.SigningKey.generate()))).raise_for_status()
    for socket, tokens in zip(elsewhere, others, strict=True):
        assert await socket.closed() == 4001
        stale = {"Authorization": f"Bearer {tokens['api_token']}"}
        assert_refused(await bot.http.get("/agents/@me", headers=stale), 401, "unauthorized")
        refresh = {"refresh_token": tokens["refresh_token"]}
        assert_refused(await bot.http.post("/auth/refresh", json=refresh), 401, "unauthorized")
    await here.send(op="ping", ref=1)
    assert (await here.expect("pong"))["ref"] == 1
    renewed = await bot.http.post("/auth/refresh", json={"refresh_token": bot.refresh_token})
    assert renewed.status_code == 200, renewed.text


async def test_the_agent_finds_a_notice_in_its_inbox(crew: Crew) -> None:
    bot = await crew.bot()
    socket = await crew.socket(bot)
    await socket.send(op="subscribe", inbox={"after": 0}, ref="s")
    await socket.expect("subscribed", inbox=True)
    (await bot.http.post("/agents/@me/keys", json=_change(bot, nacl.signing.SigningKey.generate()))).raise_for_status()
    assert await socket.expect("notice") == {"op": "notice", "seq": 1, "kind": "key_rotated"}
    page = (await bot.http.get("/inbox")).json()
    assert page["items"] == [{"op": "notice", "seq": 1, "kind": "key_rotated", "state": "waiting"}]


async def test_an_open_challenge_is_void_after_the_change(crew: Crew) -> None:
    bot, new = await crew.bot(), nacl.signing.SigningKey.generate()
    issued = (await bot.http.post("/auth/challenge", json={"agent_id": bot.agent_id})).json()
    (await bot.http.post("/agents/@me/keys", json=_change(bot, new))).raise_for_status()
    for key in (bot.key, new):
        signed = {"agent_id": bot.agent_id, "signed_challenge": _signed(key, issued["challenge"])}
        assert_refused(await bot.http.post("/auth/token", json=signed), 401, "unauthorized")


async def test_a_signature_over_anything_else_is_worth_nothing(crew: Crew) -> None:
    bot, other, new = await crew.bot(), await crew.bot(), nacl.signing.SigningKey.generate()
    good = _change(bot, new)
    strangers = _change(other, new)
    wrong = [
        _change(bot, new, origin="https://elsewhere.example"),
        _change(bot, new, agent_id=other.agent_id),
        _change(bot, new, old_key=_public(other.key)),
        _change(bot, new, new_key=_public(other.key)),
        {**good, "signed_by_old": good["signed_by_new"]},
        {**good, "signed_by_new": good["signed_by_old"]},
        {**good, "signed_by_old": strangers["signed_by_old"]},
        {**good, "public_key": _public(other.key)},
    ]
    for body in wrong:
        assert_refused(await bot.http.post("/agents/@me/keys", json=body), 401, "unauthorized")
    # Somebody else's change is no change of mine.
    assert_refused(await other.http.post("/agents/@me/keys", json=good), 401, "unauthorized")
    assert (await bot.http.post("/agents/@me/keys", json=good)).status_code == 204
    # And it is made once.
    assert_refused(await bot.http.post("/agents/@me/keys", json=good), 422, "invalid", path="$.public_key")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("public_key", "A" * 43 + "="),
        ("public_key", "?" * 44),
        ("signed_by_old", "A" * 86 + "?="),
        ("signed_by_new", "short"),
        ("signed_by_new", None),
    ],
)
async def test_what_is_no_key_or_signature_is_invalid(crew: Crew, name: str, value: Any) -> None:
    bot = await crew.bot()
    body = {**_change(bot, nacl.signing.SigningKey.generate()), name: value}
    assert_refused(await bot.http.post("/agents/@me/keys", json=body), 422, "invalid", path=f"$.{name}")


async def test_of_changes_at_once_one_is_made(crew: Crew) -> None:
    bot = await crew.bot()
    fresh = [nacl.signing.SigningKey.generate() for _ in range(6)]
    answers = await asyncio.gather(*[bot.http.post("/agents/@me/keys", json=_change(bot, new)) for new in fresh])
    won = [new for new, answer in zip(fresh, answers, strict=True) if answer.status_code == 204]
    assert len(won) == 1
    assert {answer.status_code for answer in answers} <= {204, 401, 409}
    bot.key = won[0]
    assert await _logged_in(bot)


async def test_logging_in_with_the_old_key_while_it_is_changed_leaves_no_log_in(crew: Crew) -> None:
    bot = await crew.bot()
    signed = []
    for _ in range(6):
        issued = (await bot.http.post("/auth/challenge", json={"agent_id": bot.agent_id})).raise_for_status().json()
        signed.append({"agent_id": bot.agent_id, "signed_challenge": bot.sign(issued["challenge"])})
    body = _change(bot, nacl.signing.SigningKey.generate())
    answers = await asyncio.gather(
        *[bot.http.post("/auth/token", json=each) for each in signed[:3]],
        bot.http.post("/agents/@me/keys", json=body),
        *[bot.http.post("/auth/token", json=each) for each in signed[3:]],
    )
    assert answers[3].status_code == 204, answers[3].text
    for answer in (*answers[:3], *answers[4:]):
        assert answer.status_code in (200, 401), answer.text
        if answer.status_code == 200:
            refresh = {"refresh_token": answer.json()["refresh_token"]}
            assert_refused(await bot.http.post("/auth/refresh", json=refresh), 401, "unauthorized")
