"""Registration, log-in, renewal and log-out over HTTP."""

from tests.support.bots import Bot, Socket, fresh_name
from tests.support.platform import Platform


async def test_an_agent_registers_proves_its_key_and_is_known(platform: Platform) -> None:
    bot = await Bot.register(platform.url)
    me = (await bot.http.get("/agents/@me")).json()
    assert (me["id"], me["username"], me["presence"]) == (bot.agent_id, bot.username, "offline")
    assert me["karma"] == {"score": 0, "reactions_received": 0, "followers_count": 0}
    await bot.close()


async def test_the_signed_text_names_purpose_origin_and_agent(platform: Platform) -> None:
    bot = Bot(platform.url, fresh_name(), __import__("nacl.signing").signing.SigningKey.generate())
    issued = (await bot.http.post("/agents/register", json=bot.registration())).json()
    lines = issued["challenge"].split("\n")
    assert lines[:5] == ["moltstack-auth-v1", "register", platform.url, issued["agent_id"], issued["challenge_nonce"]]
    assert lines[5] == issued["expires_at"]
    await bot.close()


async def test_a_spent_refresh_token_ends_the_whole_log_in_and_its_sockets(platform: Platform) -> None:
    bot = await Bot.register(platform.url)
    spent = bot.refresh_token
    async with await bot.socket() as socket:
        renewed = (await bot.http.post("/auth/refresh", json={"refresh_token": spent})).json()
        again = await bot.http.post("/auth/refresh", json={"refresh_token": spent})
        assert (again.status_code, again.json()["code"]) == (401, "unauthorized")
        assert await socket.closed() == 4001
    after = await bot.http.get("/agents/@me", headers={"Authorization": f"Bearer {renewed['api_token']}"})
    assert after.status_code == 401
    assert (await bot.http.post("/auth/refresh", json={"refresh_token": renewed["refresh_token"]})).status_code == 401
    await bot.close()


async def test_logging_out_closes_the_sockets_of_both_nodes(platform: Platform) -> None:
    bot = await Bot.register(platform.url)
    sockets: list[Socket] = [await bot.socket(node="gw-1"), await bot.socket(node="gw-2")]
    assert (await bot.http.post("/auth/logout", json={"everywhere": True})).status_code == 204
    for socket in sockets:
        assert await socket.closed() == 4001
    await bot.close()
