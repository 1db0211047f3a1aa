"""What surrounds a request, with applications in its middle that do what they should not."""

import asyncio
import json
from collections.abc import MutableMapping
from typing import Any

import pytest
import structlog
from prometheus_client.registry import REGISTRY
from starlette.types import ASGIApp, Receive, Scope, Send

from api.edge import Edge, trace_of
from claw.wire.ids import uuid7
from core.actor import Actor
from core.request_id import REQUEST_ID
from core.settings import Settings

PAGE = "https://molt.example"
SECRET = "eyJ-a-token"


async def good(scope: Scope, _: Receive, send: Send) -> None:
    trace_of(scope).route = "/things/{id}"
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
    await send({"type": "http.response.body", "body": b"hello"})


async def failing(*_: Any) -> None:
    raise RuntimeError(SECRET)


async def out_of_time(*_: Any) -> None:
    raise TimeoutError


async def endless(*_: Any) -> None:
    await asyncio.Event().wait()


async def failing_half_way(scope: Scope, receive: Receive, send: Send) -> None:
    await good(scope, receive, send)
    raise RuntimeError(SECRET)


async def slow_answer(_: Scope, __: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await asyncio.sleep(0.2)
    await send({"type": "http.response.body", "body": b"done"})


class Answer:
    def __init__(self) -> None:
        self.messages: list[MutableMapping[str, Any]] = []

    async def take(self, message: MutableMapping[str, Any]) -> None:
        self.messages.append(message)

    @property
    def status(self) -> int:
        return int(self.messages[0]["status"])

    @property
    def headers(self) -> dict[str, str]:
        pairs = [(name.decode(), value.decode()) for name, value in self.messages[0]["headers"]]
        assert len(dict(pairs)) == len(pairs), "no header stands twice"
        return dict(pairs)

    @property
    def body(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.messages[1:])


async def ask(
    app: ASGIApp,
    *,
    method: str = "GET",
    path: str = "/things/1",
    headers: dict[str, str] | None = None,
    settings: Settings | None = None,
) -> Answer:
    answer = Answer()
    scope: dict[str, Any] = {
        "type": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": f"token={SECRET}".encode(),
        "headers": [(name.lower().encode(), value.encode()) for name, value in (headers or {}).items()],
        "client": ("198.51.100.7", 4_711),
    }
    edge = Edge(app, settings or Settings(public_url=PAGE))
    try:
        # As the server does: each request in a context of its own.
        await asyncio.create_task(edge(scope, endless, answer.take))  # type: ignore[arg-type]
    finally:
        REGISTRY.unregister(edge._tally)
    return answer


@pytest.mark.parametrize("app", [failing, out_of_time])
async def test_what_nobody_foresaw_is_a_problem_that_shows_nothing_of_it(app: ASGIApp) -> None:
    with structlog.testing.capture_logs() as lines:
        answer = await ask(app)
    assert (answer.status, answer.headers["content-type"]) == (500, "application/problem+json")
    problem = json.loads(answer.body)
    assert (problem["code"], problem["request_id"]) == ("internal", answer.headers["x-request-id"])
    assert SECRET.encode() not in answer.body
    assert [line["event"] for line in lines] == ["request_failed", "request"]


async def test_a_request_that_takes_too_long_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.edge._DEADLINE_S", 0.05)
    answer = await ask(endless)
    assert (answer.status, answer.headers["retry-after"]) == (503, "2")
    assert json.loads(answer.body)["code"] == "unavailable"


async def test_an_answer_that_has_begun_may_take_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.edge._DEADLINE_S", 0.05)
    answer = await ask(slow_answer)
    assert (answer.status, answer.body) == (200, b"done")


async def test_an_answer_that_breaks_off_is_not_followed_by_another() -> None:
    with structlog.testing.capture_logs() as lines:
        answer = await ask(failing_half_way)
    assert [message["type"] for message in answer.messages] == ["http.response.start", "http.response.body"]
    assert [line["event"] for line in lines] == ["request_failed", "request"]


async def test_cancelling_goes_through() -> None:
    task = asyncio.create_task(ask(endless))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_the_log_has_one_line_without_the_query_and_with_who_it_was() -> None:
    agent = uuid7()

    async def signed_in(scope: Scope, receive: Receive, send: Send) -> None:
        trace_of(scope).actor = Actor("agent", agent)
        await good(scope, receive, send)

    with structlog.testing.capture_logs() as lines:
        await ask(signed_in, path="/things/%1b[31m", headers={"Authorization": f"Bearer {SECRET}"})
    (line,) = lines
    assert SECRET not in str(line)
    assert "\x1b" not in str(line)
    assert (line["event"], line["method"], line["status"], line["bytes"]) == ("request", "GET", 200, 5)
    assert (line["path"], line["address"]) == ("/things/%1b[31m", "198.51.100.7")
    assert line["agent"].startswith("agt_")


async def test_a_trace_shows_no_header() -> None:
    shown = []

    async def showing(scope: Scope, receive: Receive, send: Send) -> None:
        shown.append(repr(trace_of(scope)))
        await good(scope, receive, send)

    await ask(showing, headers={"Authorization": f"Bearer {SECRET}"})
    assert SECRET not in shown[0]


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
async def test_probes_are_not_logged(path: str) -> None:
    with structlog.testing.capture_logs() as lines:
        assert (await ask(good, path=path)).status == 200
    assert lines == []


async def test_what_a_request_causes_knows_its_id() -> None:
    seen = []

    async def starts_a_task(scope: Scope, receive: Receive, send: Send) -> None:
        async def later() -> None:
            seen.append(REQUEST_ID.get())

        await asyncio.create_task(later())
        await good(scope, receive, send)

    answer = await ask(starts_a_task)
    assert seen == [answer.headers["x-request-id"]]
    assert REQUEST_ID.get() is None


@pytest.mark.parametrize(
    ("proxies", "given", "taken"),
    [
        ("198.51.100.0/24", "abc-123_4.5", True),
        ("198.51.100.0/24", "short", False),
        ("198.51.100.0/24", "x" * 65, False),
        ("198.51.100.0/24", "abc 12345", False),
        ("203.0.113.0/24", "abc-123_4.5", False),
        ("", "abc-123_4.5", False),
    ],
)
async def test_only_a_proxy_of_ours_names_a_request(proxies: str, given: str, taken: bool) -> None:
    settings = Settings.from_env({"MOLTSTACK_TRUSTED_PROXIES": proxies})
    answer = await ask(good, headers={"X-Request-Id": given}, settings=settings)
    assert (answer.headers["x-request-id"] == given) is taken
    assert answer.headers["x-request-id"]


async def test_every_answer_tells_browsers_what_not_to_do() -> None:
    for app in (good, failing):
        headers = (await ask(app)).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["strict-transport-security"] == "max-age=31536000"
    # Over http a browser ignores it, and it would be a lie.
    assert "strict-transport-security" not in (await ask(good, settings=Settings())).headers


async def test_an_answer_that_has_a_policy_of_its_own_keeps_it() -> None:
    async def page(_: Scope, __: Receive, send: Send) -> None:
        headers = [(b"content-security-policy", b"default-src 'self'")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body"})

    assert (await ask(page)).headers["content-security-policy"] == "default-src 'self'"


async def test_the_pages_origin_may_read_and_no_other() -> None:
    headers = (await ask(good, headers={"Origin": PAGE})).headers
    assert headers["access-control-allow-origin"] == PAGE
    assert "x-ratelimit-remaining" in headers["access-control-expose-headers"]
    assert "access-control-allow-credentials" not in headers
    for origin in ("https://evil.example", "null", "http://molt.example", f"{PAGE}.evil.example", ""):
        foreign = (await ask(good, headers={"Origin": origin})).headers
        assert not [name for name in foreign if name.startswith("access-control")]
        # A cache may not give the one's answer to the other.
        assert foreign["vary"] == headers["vary"] == "Origin"


async def test_the_page_is_told_beforehand_what_it_may_send() -> None:
    asking = {"Origin": PAGE, "Access-Control-Request-Method": "DELETE"}
    headers = (await ask(good, method="OPTIONS", headers=asking)).headers
    assert headers["access-control-allow-origin"] == PAGE
    assert "DELETE" in headers["access-control-allow-methods"]
    assert headers["access-control-allow-headers"] == "authorization, content-type, idempotency-key"
    assert headers["access-control-max-age"] == "600"


def _sample(edge: Edge, name: str, **labels: str) -> float | None:
    for family in edge._tally.collect():
        for sample in family.samples:
            if sample.name == name and sample.labels == labels:
                return float(sample.value)
    return None


async def test_requests_are_counted_by_route_and_not_by_what_clients_write() -> None:
    edge = Edge(good, Settings())
    REGISTRY.unregister(edge._tally)
    for number, method in enumerate(("GET", "GET", "BREW")):
        scope: dict[str, Any] = {
            "type": "http", "method": method, "path": f"/things/{number}", "raw_path": b"/", "headers": [],
            "client": None, "query_string": b"",
        }  # fmt: skip
        await edge(scope, endless, Answer().take)  # type: ignore[arg-type]
    counted = {"route": "/things/{id}", "status": "200"}
    assert _sample(edge, "moltstack_http_requests_total", method="GET", **counted) == 2
    assert _sample(edge, "moltstack_http_requests_total", method="OTHER", **counted) == 1
    assert _sample(edge, "moltstack_http_request_seconds_count", route="/things/{id}") == 3
    assert _sample(edge, "moltstack_http_request_seconds_bucket", route="/things/{id}", le="+Inf") == 3
    assert _sample(edge, "moltstack_http_requests_in_flight") == 0
