"""A store that is gone, or that one gateway cannot reach: nothing acknowledged is lost, nobody misses or repeats."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
import pytest_asyncio

from tests.support.bots import Bot, Crew, Socket
from tests.support.conversation import Conversation, Listener, Talker
from tests.support.deployment import Deployment, Process, kill, running_deployment

pytestmark = pytest.mark.asyncio(loop_scope="module")

_LAG = "moltstack_arrival_lag_seconds_count"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def deployment(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Deployment]:
    env = {"MOLTSTACK_LIMITS": "off", "MOLTSTACK_DRAIN_SECONDS": "1", "MOLTSTACK_LOG_LEVEL": "warning"}
    async with running_deployment(tmp_path_factory.mktemp("parts"), env) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="module")
async def crew(deployment: Deployment) -> AsyncIterator[Crew]:
    async with Crew(deployment.api.url) as crew:
        yield crew
    for proxy in deployment.proxies.values():
        proxy.mend()
    await deployment.until_ready()


@asynccontextmanager
async def conversing(deployment: Deployment, crew: Crew) -> AsyncIterator[Conversation]:
    """A talker and a listener on each gateway; at the end everything must have been heard once and in order."""
    room = await crew.room(guests=3)
    bots = [room.owner, *room.guests]
    talkers = [
        Talker(gateway.url, bot, room.channel, gateway.name)
        for gateway, bot in zip(deployment.gateways, bots[:2], strict=True)
    ]
    listeners = [
        Listener(gateway.url, bot, room.channel) for gateway, bot in zip(deployment.gateways, bots[2:], strict=True)
    ]
    async with Conversation(talkers, listeners) as conversation:
        yield conversation
        await conversation.end()


async def history(bot: Bot, channel: str) -> list[str]:
    items = (await bot.http.get(f"/channels/{channel}/messages?limit=100")).raise_for_status().json()["items"]
    return [item["content"] for item in items]


async def until_announced(deployment: Deployment, conversation: Conversation) -> None:
    """Return when what is said is heard on both gateways as announced by Redis, not found by looking."""
    async with asyncio.timeout(60):
        for gateway, listener in zip(deployment.gateways, conversation.listeners[:2], strict=True):
            before = await gateway.metric(_LAG)
            while await gateway.metric(_LAG) < before + 3:
                await listener.until_more(1)


async def test_without_valkey_posts_are_taken_and_heard_and_limits_are_stricter(
    deployment: Deployment, crew: Crew
) -> None:
    async with AsyncExitStack() as cleanup:
        limited = await Process.start(
            "gateway",
            "gw-c",
            {**deployment.env, "MOLTSTACK_LIMITS": "on", "MOLTSTACK_LIMIT_MESSAGES": "20/min"},
            cleanup,
        )
        await limited.until_ready()
        room = await crew.room()
        async with conversing(deployment, crew) as conversation:
            await deployment.valkey.stop()
            for process in deployment.processes.values():
                await process.until_missing("redis")
            # Over sockets, and heard on the other gateway too, by its look at the heads.
            for listener in conversation.listeners:
                await listener.until_more()
            # Over REST.
            await room.owner.post(room.channel, "over REST")
            # A quarter of the limit, each process for itself.
            async with await Socket.open(limited.url, room.guests[0].token) as socket:
                codes = [await _posting(socket, room.channel, f"post {number}") for number in range(8)]
                assert codes == ["message_ack"] * 5 + ["rate_limited"] * 3
                await deployment.valkey.start()
                await deployment.until_ready()
                await limited.until_ready()
                # Everybody is told again, nobody had to come anew; and it is no longer the process that counts.
                await until_announced(deployment, conversation)
                async with asyncio.timeout(30):
                    while await _posting(socket, room.channel, "again") != "message_ack":
                        await asyncio.sleep(0.1)
        assert [listener.heard.connections for listener in conversation.listeners] == [1, 1]


async def _posting(socket: Socket, channel: str, content: str) -> str:
    await socket.send(op="message", channel=channel, content=content, ref=content)
    answer = await socket.receive(timeout=30)
    while answer.get("ref") != content:
        answer = await socket.receive(timeout=30)
    return str(answer.get("code", answer["op"]))


async def test_a_valkey_that_comes_back_empty_is_told_again_what_is_followed(
    deployment: Deployment, crew: Crew
) -> None:
    async with conversing(deployment, crew) as conversation:
        for _ in range(3):
            kill(deployment.valkey)
            await deployment.valkey.wait_ended()
            await deployment.valkey.start()
            await until_announced(deployment, conversation)
        await deployment.until_ready()
    assert [listener.heard.connections for listener in conversation.listeners] == [1, 1]


async def test_without_postgresql_sockets_stay_and_posts_are_refused_whole(deployment: Deployment, crew: Crew) -> None:
    room = await crew.room()
    async with conversing(deployment, crew) as conversation:
        socket = await Socket.open(deployment.gateways[0].url, room.owner.token)
        kill(deployment.postgres)
        await deployment.postgres.wait_ended()
        for process in deployment.processes.values():
            await process.until_missing("database")
        await socket.send(op="message", channel=room.channel, content="once", nonce="n-1", ref=1)
        assert (await socket.expect("error", ref=1, timeout=30))["code"] == "unavailable"
        refused = await room.owner.http.post(f"/channels/{room.channel}/messages", json={"content": "over REST"})
        assert (refused.status_code, refused.json()["code"]) == (503, "unavailable")
        await socket.send(op="ping", ref=2)
        await socket.expect("pong", ref=2)
        await deployment.postgres.start()
        await deployment.until_ready()
        await socket.send(op="message", channel=room.channel, content="once", nonce="n-1", ref=3)
        first = await socket.expect("message_ack", ref=3, timeout=30)
        await socket.send(op="message", channel=room.channel, content="once", nonce="n-1", ref=4)
        assert (await socket.expect("message_ack", ref=4))["id"] == first["id"]
        assert await history(room.owner, room.channel) == ["once"]
        await socket.close()
        await until_announced(deployment, conversation)
    for talker in conversation.talkers:
        assert set(talker.refusals) == {"unavailable"}
    assert [listener.heard.connections for listener in conversation.listeners] == [1, 1]


@pytest.mark.parametrize("how", ["cut", "silent"])
async def test_a_gateway_cut_off_from_valkey_goes_on_by_looking(deployment: Deployment, crew: Crew, how: str) -> None:
    proxy, gateway = deployment.proxies["redis"], deployment.gateways[1]
    async with conversing(deployment, crew) as conversation:
        proxy.cut() if how == "cut" else proxy.fall_silent()
        await gateway.until_missing("redis")
        assert await deployment.gateways[0].missing() == []
        for listener in conversation.listeners:
            await listener.until_more()
        # A subscription does not wait for who is silent.
        latecomer = Listener(gateway.url, conversation.listeners[1].bot, conversation.listeners[1].channel)
        conversation.join(latecomer)
        await latecomer.until(5)
        proxy.mend()
        await gateway.until_ready()
        await until_announced(deployment, conversation)
    assert [listener.heard.connections for listener in conversation.listeners] == [1, 1, 1]


@pytest.mark.parametrize("how", ["cut", "silent"])
async def test_a_gateway_cut_off_from_postgresql_loses_nothing(deployment: Deployment, crew: Crew, how: str) -> None:
    proxy, gateway = deployment.proxies["database"], deployment.gateways[1]
    async with conversing(deployment, crew) as conversation:
        proxy.cut() if how == "cut" else proxy.fall_silent()
        await gateway.until_missing("database")
        assert await deployment.gateways[0].missing() == []
        await conversation.listeners[0].until_more()
        # What others post is announced to it still; but a post of its own of which it never heard that it was stored
        # may be missing in between, and then what follows waits.
        async with asyncio.timeout(60):
            while not conversation.talkers[1].refusals:
                await asyncio.sleep(0.05)
        proxy.mend()
        await gateway.until_ready()
        await until_announced(deployment, conversation)
    assert set(conversation.talkers[1].refusals) == {"unavailable"}
    assert conversation.talkers[0].refusals == []
    assert [listener.heard.connections for listener in conversation.listeners] == [1, 1]
