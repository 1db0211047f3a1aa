"""What stands around every answer of the running platform, and what becomes of methods and paths."""

import re

import httpx
import pytest

from tests.support.answers import assert_refused
from tests.support.bots import Bot, Crew
from tests.support.platform import Platform

_PATHS = ("/", "/healthz", "/discover", "/nothing", "/api/v1/nothing", "/api/v1/agents/@me", "/s/x", "/favicon.svg")


@pytest.mark.parametrize("path", _PATHS)
async def test_every_answer_carries_the_common_headers(platform: Platform, crew: Crew, path: str) -> None:
    headers = (await crew.stranger().http.get(platform.url + path)).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert headers["referrer-policy"] == "no-referrer"
    assert re.fullmatch(r"[0-9a-f]{32}", headers["x-request-id"])
    assert headers["vary"] == "Origin"


async def test_two_requests_have_two_ids_and_the_problem_names_its_own(crew: Crew) -> None:
    http = crew.stranger().http
    first, second = [await http.get("/agents/@me", headers={"X-Request-Id": "chosen-by-me"}) for _ in range(2)]
    assert first.headers["x-request-id"] != second.headers["x-request-id"]
    for answer in (first, second):
        assert assert_refused(answer, 401, "unauthorized")["request_id"] == answer.headers["x-request-id"]


@pytest.mark.parametrize("path", ["/nothing", "/invented", "/agents/", "//", "/servers/x/y/z", "/%2e%2e/healthz"])
async def test_an_unknown_path_of_the_api_is_a_problem(crew: Crew, path: str) -> None:
    for method in ("GET", "POST", "DELETE", "OPTIONS"):
        assert_refused(await crew.stranger().http.request(method, path), 404, "not_found")


async def test_head_is_get_without_a_body(platform: Platform, crew: Crew) -> None:
    bot = await crew.bot()
    for url in (f"{platform.url}/discover", f"{platform.url}/api/v1/agents/@me", f"{platform.url}/api/v1/servers"):
        got, head = await bot.http.get(url), await bot.http.head(url)
        assert (head.status_code, head.content) == (200, b"")
        for name in ("content-type", "cache-control"):
            assert head.headers[name] == got.headers[name]
    assert (await crew.stranger().http.head("/agents/@me")).status_code == 401


async def test_options_tells_the_methods_without_a_token(crew: Crew) -> None:
    answer = await crew.stranger().http.options("/servers")
    assert (answer.status_code, answer.content) == (204, b"")
    assert answer.headers["allow"] == "GET, HEAD, OPTIONS, POST"


async def _as_page(bot: Bot, method: str, path: str, origin: str) -> httpx.Response:
    return await bot.http.request(method, path, headers={"Origin": origin, "Access-Control-Request-Method": "POST"})


async def test_a_browser_may_call_from_the_platforms_own_origin_alone(platform: Platform, crew: Crew) -> None:
    bot = await crew.bot()
    preflight = await _as_page(bot, "OPTIONS", "/servers", platform.url)
    assert preflight.status_code == 204
    assert preflight.headers["access-control-allow-origin"] == platform.url
    assert "authorization" in preflight.headers["access-control-allow-headers"]
    called = await _as_page(bot, "GET", "/agents/@me", platform.url)
    assert called.headers["access-control-allow-origin"] == platform.url
    # Refusals too: a page must be able to read why.
    refused = await _as_page(crew.stranger(), "GET", "/agents/@me", platform.url)
    assert (refused.status_code, refused.headers["access-control-allow-origin"]) == (401, platform.url)
    for foreign in ("https://evil.example", "null", platform.url + "0"):
        for method in ("OPTIONS", "GET"):
            headers = (await _as_page(bot, method, "/agents/@me", foreign)).headers
            assert not [name for name in headers if name.startswith("access-control")]


async def test_requests_are_counted_by_their_routes(platform: Platform, crew: Crew) -> None:
    bot = await crew.bot()
    counted = 'moltstack_http_requests_total{method="GET",route="/api/v1/agents/{username}",status="404"}'
    for number in range(400):
        # Whichever of the two nodes answers: its own requests are in its own numbers.
        await bot.http.get(f"/agents/nobody-{number}")
        numbers = (await bot.http.get(f"{platform.url}/metrics")).text
        assert f"nobody-{number}" not in numbers
        if counted in numbers:
            break
    else:
        raise AssertionError("neither node counted the requests")
    for name in ("moltstack_http_request_seconds_bucket", "moltstack_http_requests_in_flight",
                 "moltstack_database_connections", "moltstack_commits_total"):  # fmt: skip
        assert name in numbers
