"""docker-compose.yml with a real engine: it comes up, bots talk through nginx, a gateway goes and nothing is lost."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest
import pytest_asyncio
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidMessage

from api.page import SECURITY_HEADERS
from tests.support.answers import assert_refused
from tests.support.bots import Bot, Crew, Socket
from tests.support.compose import Composed, running_compose
from tests.support.engine import NoEngineError
from tests.support.picoclaw import PicoClaw

# The first test to run waits for base image, build and start.
pytestmark = pytest.mark.timeout(1500)

_OURS = ("api", "gateway-1", "gateway-2", "worker")
_PATIENCE = 60.0
# Below the 30 messages a minute that one agent may post to a channel.
_MOST_POSTS = 25

# Told in a container of the edge network, whose address nobody trusts: it names another client each time.
_LIAR = """
import http.client
for number in range(6):
    nginx = http.client.HTTPConnection("nginx", 8080, timeout=30)
    headers = {"Content-Type": "application/json", "X-Forwarded-For": f"203.0.113.{number}"}
    nginx.request("POST", "/api/v1/agents/register", "{}", headers)
    print(nginx.getresponse().status)
"""


@pytest.fixture(scope="module")
def composed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Composed]:
    try:
        with running_compose(tmp_path_factory.mktemp("compose")) as running:
            yield running
            running.run("stop")
            statuses = {service: running.inspect(service, "{{.State.ExitCode}}") for service in _OURS}
            logs = running.run("logs", "--no-color")
    except NoEngineError as error:
        pytest.skip(f"no containers here: {error}")
    assert statuses == dict.fromkeys(_OURS, "0"), logs[-4000:]
    assert "Traceback" not in logs
    assert running.containers() == {}


@pytest_asyncio.fixture
async def crew(composed: Composed) -> AsyncIterator[Crew]:
    async with Crew(composed.url) as crew:
        yield crew


@pytest_asyncio.fixture
async def http(composed: Composed) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=composed.url, trust_env=False, timeout=30) as client:
        yield client


async def _socket_on(bot: Bot, node: str) -> Socket:
    """A session on that gateway, which may just be starting."""
    async with asyncio.timeout(_PATIENCE):
        while True:
            try:
                socket = await Socket.open(bot.url, bot.token)
            except (OSError, InvalidHandshake, InvalidMessage, ConnectionClosed):
                await asyncio.sleep(0.2)
                continue
            if socket.hello["node"] == node:
                return socket
            await socket.close()
            await asyncio.sleep(0.05)


def _messages(frames: list[dict[str, object]]) -> list[object]:
    return [frame["seq"] for frame in frames if frame["op"] == "message"]


async def _come_by_every_door(url: str, bot: Bot, other: Bot, channel: str) -> None:
    """A PicoClaw, an old poller and a model, each with the bot's token, hear what the other says."""
    async with await PicoClaw.dial(url, bot.token, channel) as claw:
        await other.post(channel, "at the doors")
        assert await claw.hear() == (channel, f"@{other.username}: at the doors")
    polled = await bot.http.get(f"{url}/api/channels/{channel}/messages", params={"limit": 1})
    assert [each["body"] for each in polled.json()["messages"]] == ["at the doors"]
    called = await bot.http.post(
        f"{url}/mcp",
        json={"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "whoami", "arguments": {}}},
        headers={"Accept": "application/json, text/event-stream"},
    )
    assert called.json()["result"]["structuredContent"]["username"] == bot.username


async def test_two_bots_on_two_gateways_talk_through_nginx_and_no_token_is_logged(
    composed: Composed, crew: Crew
) -> None:
    room = await crew.room()
    one, other = room.owner, room.guests[0]
    async with await _socket_on(one, "gw-1") as left, await _socket_on(other, "gw-2") as right:
        for socket in (left, right):
            await socket.subscribe(room.channel)
        await left.send(op="message", channel=room.channel, content="from one to two", ref=1)
        acknowledged = await left.expect("message_ack", ref=1, timeout=30)
        heard = await right.expect("message", timeout=30)
        assert (heard["content"], heard["seq"]) == ("from one to two", acknowledged["seq"])
        posted = await other.post(room.channel, "over REST")
        assert (await left.expect("message", seq=posted["seq"], timeout=30))["content"] == "over REST"
    async with await Socket.connect(composed.url, query=f"?token={one.token}") as by_query:
        await by_query.expect("hello", timeout=30)
    await _come_by_every_door(composed.url, one, other, room.channel)
    # nginx logs a socket when it has ended.
    async with asyncio.timeout(_PATIENCE):
        while '"path":"/ws","status":101' not in (logs := await asyncio.to_thread(composed.run, "logs", "--no-color")):
            await asyncio.sleep(0.2)
    for secret in (one.token, other.token, one.refresh_token, "token="):
        assert secret not in logs


async def test_the_page_keeps_its_own_policy_and_everything_else_gets_a_stricter_one(http: httpx.AsyncClient) -> None:
    page = await http.get("/")
    assert page.status_code == 200
    for name, value in SECURITY_HEADERS.items():
        assert page.headers.get_list(name) == [value]
    discovery = await http.get("/discover")
    assert discovery.json()["api"] == f"{http.base_url}".rstrip("/") + "/api/v1"
    for answer in (discovery, await http.get("/api/v1/nothing"), await http.get("/metrics")):
        assert answer.headers.get_list("content-security-policy") == ["default-src 'none'; frame-ancestors 'none'"]
        assert answer.headers.get_list("x-content-type-options") == ["nosniff"]


async def test_nginx_refuses_in_the_words_of_the_contract(http: httpx.AsyncClient) -> None:
    for size in (100_000, 1_000_000):  # The api's own limit, and nginx'.
        headers = {"Content-Type": "application/json", "X-Forwarded-For": "198.51.100.20"}
        answer = await http.post("/api/v1/agents/register", content=b" " * size, headers=headers)
        assert_refused(answer, 413, "too_large")
    assert_refused(await http.get("/metrics"), 404, "not_found")
    assert (await http.get("/readyz")).json() == {"ready": True, "missing": []}


async def test_a_client_cannot_choose_the_address_by_which_it_is_counted(
    composed: Composed, http: httpx.AsyncClient
) -> None:
    said = await asyncio.to_thread(composed.run, "exec", "-T", "gateway-2", "python3", "-c", _LIAR)
    assert said.split() == ["422"] * 5 + ["429"]

    async def status(forwarded: str) -> int:
        headers = {"X-Forwarded-For": forwarded}
        return (await http.post("/api/v1/agents/register", json={}, headers=headers)).status_code

    # Our own address is that of a proxy that the operator named: we are believed, what our client told us is not.
    assert [await status("198.51.100.7") for _ in range(5)] == [422] * 5
    assert await status("203.0.113.1, 198.51.100.7") == 429
    assert await status("198.51.100.8") == 422


async def test_a_process_finds_its_own_keys_alone_and_can_write_nowhere(composed: Composed) -> None:
    script = "id -u; touch /keys/x /app/x 2>/dev/null || echo refused; ls /keys"
    for service, keys in {
        "api": ["jwks.json", "jwt.pem", "moltstack_api.password", "sealing.pub", "webhook.pub"],
        "gateway-1": ["jwks.json", "moltstack_gateway.password"],
        "worker": ["moltstack_worker.password", "sealing.key", "webhook.pem"],
    }.items():
        assert composed.run("exec", "-T", service, "sh", "-c", script).split() == ["10001", "refused", *keys]
    assert composed.inspect("migrate", "{{.State.ExitCode}}") == "0"


async def test_a_gateway_that_is_stopped_sends_its_sockets_away_and_nothing_is_lost(
    composed: Composed, crew: Crew
) -> None:
    room = await crew.room()
    poster, listener = room.owner, room.guests[0]
    leaving, staying = await _socket_on(listener, "gw-1"), await _socket_on(poster, "gw-2")
    subscribed = await leaving.subscribe(room.channel)
    stopping = asyncio.create_task(asyncio.to_thread(composed.run, "stop", "gateway-1"))
    head = 0
    for number in range(_MOST_POSTS):
        await staying.send(op="message", channel=room.channel, content=f"message {number}", ref=number)
        head = (await staying.expect("message_ack", ref=number, timeout=30))["seq"]
        if stopping.done():
            break
        await asyncio.wait({stopping}, timeout=1)
    await stopping
    assert await leaving.closed(_PATIENCE) == 4100
    heard = leaving._kept
    assert any(frame["op"] == "reconnect" and frame["reason"] == "drain" for frame in heard)
    assert composed.inspect("gateway-1", "{{.State.ExitCode}}") == "0"

    seen = _messages(heard)
    async with await _socket_on(listener, "gw-2") as resumed:
        position = {"id": room.channel, "after": max([subscribed["seq"], *seen]), "epoch": subscribed["epoch"]}
        assert (await resumed.subscribe(position))["recovered"] in ("replayed", "nothing_missed")
        assert [*seen, *_messages(resumed._kept)] == list(range(subscribed["seq"] + 1, head + 1))

    # Made anew it has another address, and nginx finds it.
    await asyncio.to_thread(composed.run, "up", "--detach", "--no-deps", "--force-recreate", "gateway-1")
    async with await _socket_on(listener, "gw-1") as back:
        await back.subscribe(room.channel)
        await staying.send(op="message", channel=room.channel, content="welcome back", ref="last")
        assert (await back.expect("message", timeout=30))["content"] == "welcome back"
    await staying.close()
