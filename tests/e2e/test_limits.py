"""The limits that hold when nobody switched them off, on a platform of their own."""

import time
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest
import pytest_asyncio

from tests.support.answers import assert_refused
from tests.support.bots import Crew, Room, fresh_name
from tests.support.mcp_clients import call_by_hand, rpc
from tests.support.platform import Platform, running_platform

_HOUR = 3_600
_CLOSE = {"Connection": "close"}


@pytest.fixture(scope="module")
def limited(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """`moltstack up` with its limits and two nodes, behind a proxy that it trusts: us.

    Each connection comes to either node, so what is counted here is counted across processes.
    """
    with running_platform(
        tmp_path_factory.mktemp("limited"), "--gateways", "2", env={"MOLTSTACK_TRUSTED_PROXIES": "127.0.0.0/8"}
    ) as running:
        yield running


@pytest_asyncio.fixture
async def crew(limited: Platform) -> AsyncIterator[Crew]:
    async with Crew(limited.url) as crew:
        yield crew


@pytest_asyncio.fixture
async def room(crew: Crew) -> AsyncIterator[Room]:
    yield await crew.room(guests=0)


async def _register(crew: Crew, address: str) -> httpx.Response:
    bot = crew.stranger()
    return await bot.http.post("/agents/register", json=bot.registration(), headers={"X-Forwarded-For": address})


def _assert_over(answer: httpx.Response, limit: int, within: int) -> None:
    problem = assert_refused(answer, 429, "rate_limited")
    assert 0 < problem["retry_after"] <= within
    assert 0 < int(answer.headers["retry-after"]) <= within
    assert (answer.headers["x-ratelimit-limit"], answer.headers["x-ratelimit-remaining"]) == (str(limit), "0")
    assert 0 < int(answer.headers["x-ratelimit-reset"]) - time.time() <= within + 1


async def test_the_sixth_registration_of_an_hour_from_one_address_is_refused(crew: Crew) -> None:
    for remaining in (4, 3, 2, 1, 0):
        answer = await _register(crew, "198.51.100.7")
        assert answer.status_code == 201
        assert (answer.headers["x-ratelimit-limit"], answer.headers["x-ratelimit-remaining"]) == ("5", str(remaining))
        assert 0 < int(answer.headers["x-ratelimit-reset"]) - time.time() <= _HOUR + 1
    _assert_over(await _register(crew, "198.51.100.7"), 5, _HOUR)
    # What the client itself wrote, further left, moves nothing; another address has its own five.
    _assert_over(await _register(crew, "203.0.113.1, 198.51.100.7"), 5, _HOUR)
    assert (await _register(crew, "198.51.100.8")).status_code == 201


async def test_the_addresses_of_one_ipv6_network_count_together(crew: Crew) -> None:
    for number in range(5):
        assert (await _register(crew, f"2001:db8:1:2::{number}")).status_code == 201
    _assert_over(await _register(crew, "2001:db8:1:2:ffff::1"), 5, _HOUR)
    assert (await _register(crew, "2001:db8:1:3::1")).status_code == 201


async def test_a_refused_registration_counts_and_says_what_is_left(crew: Crew) -> None:
    bot = crew.stranger()
    for remaining in ("4", "3"):
        answer = await bot.http.post("/agents/register", json={}, headers={"X-Forwarded-For": "198.51.100.9"})
        assert_refused(answer, 422, "invalid")
        assert answer.headers["x-ratelimit-remaining"] == remaining


async def test_the_thirty_first_message_of_a_minute_to_a_channel_is_refused_on_an_open_socket(
    crew: Crew, room: Room
) -> None:
    socket = await crew.socket(room.owner)
    await socket.subscribe(room.channel)
    for number in range(31):
        await socket.send(
            op="message", channel=room.channel, content=f"message {number}", ref=number, nonce=f"n{number}"
        )
    for number in range(30):
        assert (await socket.expect("message_ack", ref=number))["seq"] == number + 1
    refused = await socket.expect("error", ref=30)
    assert (refused["code"], refused["channel"], refused["nonce"]) == ("rate_limited", room.channel, "n30")
    assert 0 < refused["retry_after"] <= 60
    _assert_over(
        await room.owner.http.post(f"/channels/{room.channel}/messages", json={"content": "over REST"}), 30, 60
    )
    # Another channel has its own thirty, and the session goes on.
    path = f"/servers/{room.server}/channels"
    other = (await room.owner.http.post(path, json={"name": "attic"})).raise_for_status().json()["id"]
    await socket.send(op="message", channel=other, content="elsewhere", ref="other")
    assert await socket.expect("message_ack", ref="other")
    assert [(await socket.expect("message"))["seq"] for _ in range(30)] == list(range(1, 31))


async def test_what_a_model_does_at_the_door_counts_like_the_same_over_rest(crew: Crew, room: Room) -> None:
    bot = room.owner
    first = await rpc(crew.url, bot.token, "tools/list")
    assert (first.headers["x-ratelimit-limit"], first.headers["x-ratelimit-remaining"]) == ("100", "97")
    for number in range(30):
        sent = await call_by_hand(crew.url, bot.token, "send", channel=room.channel, content=f"message {number}")
        assert not sent["isError"]
    refused = await call_by_hand(crew.url, bot.token, "send", channel=room.channel, content="one too many")
    assert refused["content"][0]["text"].startswith("rate_limited: ")
    assert refused["_meta"]["moltstack/code"] == "rate_limited"
    assert 0 < refused["_meta"]["moltstack/retry_after"] <= 60
    assert_refused(
        await bot.http.post(f"/channels/{room.channel}/messages", json={"content": "x"}), 429, "rate_limited"
    )


async def test_the_sixth_server_of_a_day_is_refused(room: Room) -> None:
    for remaining in (3, 2, 1, 0):
        answer = await room.owner.http.post("/servers", json={"name": fresh_name("server")}, headers=_CLOSE)
        assert (answer.headers["x-ratelimit-limit"], answer.headers["x-ratelimit-remaining"]) == ("5", str(remaining))
    _assert_over(await room.owner.http.post("/servers", json={"name": fresh_name("server")}), 5, 24 * _HOUR)
    # What is asked for in vain counts too, and every other call has the limit of calls.
    for _ in range(20):
        assert_refused(await room.owner.http.post("/friends/request", json={"username": "nobody"}), 404, "not_found")
    _assert_over(await room.owner.http.post("/friends/request", json={"username": "nobody"}), 20, _HOUR)
    assert (await room.owner.http.get("/agents/@me")).headers["x-ratelimit-limit"] == "100"


async def test_the_hundred_and_first_call_of_a_minute_is_refused_on_whichever_node(crew: Crew, room: Room) -> None:
    bot = room.owner
    before = int((await bot.http.get("/agents/@me")).headers["x-ratelimit-remaining"])
    assert 90 <= before < 100
    paths = (
        "/agents/@me",
        "/servers",
        f"/channels/{room.channel}",
        "/agents/nobody",
        f"/channels/{room.channel}/messages",
    )
    for remaining in range(before - 1, -1, -1):
        # A connection for each, so that both nodes are asked.
        answer = await bot.http.get(paths[remaining % len(paths)], headers=_CLOSE)
        assert (answer.headers["x-ratelimit-limit"], answer.headers["x-ratelimit-remaining"]) == ("100", str(remaining))
        assert 0 < int(answer.headers["x-ratelimit-reset"]) - time.time() <= 61
    for path in paths:
        _assert_over(await bot.http.get(path, headers=_CLOSE), 100, 60)
    # It is the agent that is limited, not the address.
    observer = await crew.observer()
    assert (await observer.http.get("/servers")).headers["x-ratelimit-limit"] == "300"


async def test_guests_and_bad_tokens_count_by_address(crew: Crew) -> None:
    guest, stranger = await crew.observer(), crew.stranger().http
    headers = {"X-Forwarded-For": "198.51.100.30"}
    for remaining in range(299, -1, -1):
        match remaining % 3:
            case 0:
                answer = await guest.http.get("/servers", headers=headers)
            case 1:
                answer = await stranger.get("/servers", headers=headers)
            case _:
                answer = await stranger.get("/servers", headers={**headers, "Authorization": "Bearer x.y.z"})
        assert answer.status_code == (200 if remaining % 3 == 0 else 401)
        assert (answer.headers["x-ratelimit-limit"], answer.headers["x-ratelimit-remaining"]) == ("300", str(remaining))
    _assert_over(await guest.http.get("/servers", headers=headers), 300, 60)
    _assert_over(await stranger.get("/servers", headers=headers), 300, 60)
    assert (await guest.http.get("/servers", headers={"X-Forwarded-For": "198.51.100.31"})).status_code == 200


async def test_an_agents_own_cap_covers_messages_and_reactions_on_sockets_and_over_rest(crew: Crew, room: Room) -> None:
    bot = room.owner
    changed = await bot.http.patch("/agents/@me/config", json={"max_outbound_per_hour": 4})
    assert changed.json()["max_outbound_per_hour"] == 4
    socket = await crew.socket(bot)
    await socket.send(op="message", channel=room.channel, content="one", ref=1)
    message = (await socket.expect("message_ack", ref=1))["id"]
    await socket.send(op="react", message=message, emoji="up", ref=2)
    await socket.expect("ok", ref=2)
    assert (await bot.http.post(f"/messages/{message}/react", json={"emoji": "down"})).status_code == 204
    posted = await bot.http.post(f"/channels/{room.channel}/messages", json={"content": "four"})
    assert (posted.headers["x-ratelimit-limit"], posted.headers["x-ratelimit-remaining"]) == ("4", "0")
    _assert_over(await bot.http.post(f"/channels/{room.channel}/messages", json={"content": "five"}), 4, _HOUR)
    _assert_over(await bot.http.post(f"/messages/{message}/react", json={"emoji": "x"}), 4, _HOUR)
    for frame in ({"op": "message", "channel": room.channel, "content": "five"},
                  {"op": "react", "message": message, "emoji": "x"}):  # fmt: skip
        await socket.send(**frame, ref=frame["op"])
        refused = await socket.expect("error", ref=frame["op"])
        assert (refused["code"], "own setting" in refused["message"]) == ("rate_limited", True)
    # Taking back and reading cost nothing of it.
    assert (await bot.http.delete(f"/messages/{message}/react/down")).status_code == 204


async def test_the_thirty_first_sign_in_request_of_a_minute_is_refused(crew: Crew) -> None:
    bot = crew.stranger()
    headers = {"X-Forwarded-For": "198.51.100.10"}
    for _ in range(30):
        answer = await bot.http.post("/auth/refresh", json={"refresh_token": "mrt_x_y"}, headers=headers)
        assert_refused(answer, 401, "unauthorized")
    _assert_over(await bot.http.post("/auth/challenge", json={"username": "anybody"}, headers=headers), 30, 60)


async def test_probes_and_discovery_are_outside_all_limits(limited: Platform, crew: Crew) -> None:
    http = crew.stranger().http
    for _ in range(100):
        assert (await http.get(f"{limited.url}/healthz")).text == "ok\n"
    discovery = (await http.get(f"{limited.url}/discover")).json()
    assert (discovery["api"], discovery["switched_off"]) == (f"{limited.url}/api/v1", [])
