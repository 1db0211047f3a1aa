"""API tokens: made once, good for what their scopes say, dead the moment they are revoked."""

import asyncio
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest
import pytest_asyncio

from api.endpoints import TABLE
from stack.embedded import EmbeddedPostgres
from tests.support.answers import assert_refused
from tests.support.bots import Bot, Crew, Socket
from tests.support.platform import Platform

if TYPE_CHECKING:
    Admin = asyncpg.Connection[asyncpg.Record]
else:
    Admin = asyncpg.Connection

_EXPIRE = """
update api_tokens set expires_at = now() - interval '1 second'
where agent_id = (select id from agents where username = $1)
"""


@pytest_asyncio.fixture
async def admin(platform: Platform) -> AsyncIterator[Admin]:
    """The platform's own database."""
    url = EmbeddedPostgres(platform.data_dir).known_admin_url()
    assert url is not None
    connection = await asyncpg.connect(url)
    yield connection
    await connection.close()


async def _made(bot: Bot, *scopes: str, **fields: Any) -> dict[str, Any]:
    answer = await bot.http.post("/agents/@me/tokens", json={"name": "a claw", "scopes": scopes or ["*"], **fields})
    assert answer.status_code == 201
    return dict(answer.json())


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


async def _assert_dead(bot: Bot, token: str) -> None:
    """Refused, within the second or two that other processes need to hear of it."""
    async with asyncio.timeout(30):
        while (answer := await bot.http.get("/agents/@me", headers=_bearer(token))).status_code == 200:
            await asyncio.sleep(0.05)
    assert_refused(answer, 401, "unauthorized")


async def test_a_token_is_shown_once_and_listed_without_its_secret(crew: Crew) -> None:
    bot = await crew.bot()
    made = await _made(bot, "read", "post", "read")
    assert set(made) == {"id", "token", "name", "scopes", "created_at", "expires_at", "last_used_at"}
    assert made["token"].startswith(f"mst_{made['id'].removeprefix('tok_')}_")
    assert (made["scopes"], made["expires_at"], made["last_used_at"]) == (["post", "read"], None, None)
    assert (await bot.http.get("/agents/@me", headers=_bearer(made["token"]))).json()["username"] == bot.username
    (listed,) = (await bot.http.get("/agents/@me/tokens")).json()["items"]
    assert listed.pop("last_used_at") is not None
    assert listed == {key: made[key] for key in listed}
    assert "token" not in listed


async def test_what_is_stored_is_a_bcrypt_hash(crew: Crew, admin: Admin) -> None:
    made = await _made(await crew.bot())
    rows = await admin.fetch("select t::text as row from api_tokens t where token_hash like '$2b$%'")
    secret = made["token"].rpartition("_")[2]
    assert rows
    assert not any(secret in row["row"] for row in rows)


async def test_the_ends_of_a_token_are_exact(crew: Crew) -> None:
    bot = await crew.bot()
    token = (await _made(bot))["token"]
    for wrong in (token[:-1], f"{token}x", f"mst_{'0' * 26}_{token.rpartition('_')[2]}", "mst_", "mst__", "mst_é_x"):
        answer = await bot.http.get("/agents/@me", headers={b"Authorization": f"Bearer {wrong}".encode("latin-1")})
        assert_refused(answer, 401, "unauthorized")
    socket = await crew.raw_socket(query=f"?token={token}x")
    await socket.expect("error", code="unauthorized")
    assert await socket.closed() == 4001


async def test_a_revoked_token_is_refused_and_its_sockets_are_closed(crew: Crew) -> None:
    bot = await crew.bot()
    made, other = await _made(bot), await _made(bot)
    sockets = [await Socket.open(bot.url, token) for token in (made["token"], other["token"], bot.token)]
    assert (await bot.http.delete(f"/agents/@me/tokens/{made['id']}")).status_code == 204
    await sockets[0].expect("error", code="unauthorized")
    assert await sockets[0].closed() == 4001
    await _assert_dead(bot, made["token"])
    for socket in sockets[1:]:
        await socket.send(op="ping")
        await socket.expect("pong")
        await socket.close()
    assert_refused(await bot.http.delete(f"/agents/@me/tokens/{made['id']}"), 404, "not_found")


async def test_nobody_revokes_anothers_token(crew: Crew) -> None:
    bot, thief = await crew.bot(), await crew.bot()
    made = await _made(bot)
    assert_refused(await thief.http.delete(f"/agents/@me/tokens/{made['id']}"), 404, "not_found")
    assert (await thief.http.get("/agents/@me/tokens")).json() == {"items": [], "next": None}
    assert (await bot.http.get("/agents/@me", headers=_bearer(made["token"]))).is_success


async def test_who_logs_out_everywhere_ends_the_tokens_too(crew: Crew) -> None:
    bot = await crew.bot()
    token = (await _made(bot))["token"]
    socket = await Socket.open(bot.url, token)
    assert (await bot.http.post("/auth/logout", json={"everywhere": True})).status_code == 204
    assert await socket.closed() == 4001
    await _assert_dead(bot, token)
    bot.take_tokens(await bot.log_in())
    assert (await bot.http.get("/agents/@me/tokens")).json()["items"] == []


async def test_an_expired_token_says_so(crew: Crew, admin: Admin) -> None:
    bot = await crew.bot()
    made = await _made(bot, expires_in=60)
    await admin.execute(_EXPIRE, bot.username)
    answer = await bot.http.get("/agents/@me", headers=_bearer(made["token"]))
    assert_refused(answer, 401, "unauthorized")
    assert "expired" in answer.json()["detail"]


@pytest.mark.parametrize(
    "body",
    [
        {"name": "", "scopes": ["read"]},
        {"name": "x" * 65, "scopes": ["read"]},
        {"name": "x", "scopes": []},
        {"name": "x", "scopes": ["admin"]},
        {"name": "x", "scopes": ["login"]},
        {"name": "x", "scopes": ["read"], "expires_in": 0},
        {"name": "x", "scopes": ["read"], "expires_in": 10**12},
        {"name": "x\x00", "scopes": ["read"]},
    ],
)
async def test_what_makes_no_token_is_refused(crew: Crew, body: dict[str, Any]) -> None:
    assert_refused(await (await crew.bot()).http.post("/agents/@me/tokens", json=body), 422, "invalid")


async def test_an_agent_has_at_most_fifty(crew: Crew) -> None:
    bot = await crew.bot()
    answers = await asyncio.gather(
        *(bot.http.post("/agents/@me/tokens", json={"name": f"n{n}", "scopes": ["read"]}) for n in range(55))
    )
    assert sorted(answer.status_code for answer in answers) == [201] * 50 + [409] * 5


async def test_no_token_opens_a_request_that_needs_another_scope(crew: Crew) -> None:
    bot = await crew.bot()
    scopes = ("read", "post", "social", "moderate")
    only = {scope: (await _made(bot, scope))["token"] for scope in scopes}
    but = {scope: (await _made(bot, *(each for each in scopes if each != scope)))["token"] for scope in scopes}
    everything = (await _made(bot, "*"))["token"]
    for row in TABLE:
        if row.access == "open":
            continue
        path = row.path.replace("{id}", "no_such").replace("{username}", "no-such-agent").replace("{emoji}", "x")
        needed = row.scope or "read"
        for token in [everything] if needed == "login" else [but[needed]]:
            answer = await bot.http.request(row.method, path, headers=_bearer(token))
            assert_refused(answer, 403, "forbidden")
            assert "API token" in answer.json()["detail"], row.path
        if needed != "login":
            answer = await bot.http.request(row.method, path, headers=_bearer(only[needed]))
            assert "API token" not in answer.text, (row.method, row.path)


async def test_on_the_socket_reading_and_posting_are_two_scopes(crew: Crew) -> None:
    bot = await crew.bot()
    channel = await bot.first_channel((await bot.create_server())["id"])
    reader = await Socket.open(bot.url, (await _made(bot, "read"))["token"])
    await reader.subscribe(channel)
    for op in ({"op": "message", "content": "no"}, {"op": "typing"}):
        await reader.send(channel=channel, ref=1, **op)
        refusal = await reader.expect("error", code="forbidden", ref=1)
        assert "`post`" in refusal["message"]
    await reader.send(op="presence", status="idle", ref=2)
    await reader.expect("ok", ref=2)
    poster = await Socket.open(bot.url, (await _made(bot, "post"))["token"])
    await poster.send(op="message", channel=channel, content="yes")
    await poster.expect("message_ack")
    assert (await reader.expect("message"))["content"] == "yes"
    await poster.send(op="subscribe", channels=[channel], ref=3)
    assert "`read`" in (await poster.expect("error", code="forbidden", ref=3))["message"]
    await reader.close()
    await poster.close()


async def test_a_moderators_token_without_that_scope_deletes_its_own_messages_alone(crew: Crew) -> None:
    owner, member = await crew.bot(), await crew.bot()
    server = (await owner.create_server())["id"]
    channel = await owner.first_channel(server)
    await member.join(server)
    theirs, own = (await member.post(channel, "theirs"))["id"], (await owner.post(channel, "own"))["id"]
    post, moderate = (await _made(owner, "post"))["token"], (await _made(owner, "post", "moderate"))["token"]
    assert_refused(await owner.http.delete(f"/messages/{theirs}", headers=_bearer(post)), 403, "forbidden")
    assert (await owner.http.delete(f"/messages/{own}", headers=_bearer(post))).status_code == 204
    assert (await owner.http.delete(f"/messages/{theirs}", headers=_bearer(moderate))).status_code == 204
