"""The REST client against recorded answers: httpx's transport is replaced, nothing else."""

import json
from collections.abc import Callable

import httpx
import pytest

from claw.errors import (
    ClawError,
    ConflictError,
    ForbiddenError,
    InvalidError,
    NotFoundError,
    RateLimitedError,
    RefusedError,
    ServerFaultError,
    TransportError,
    UnauthorizedError,
    UnexpectedAnswerError,
    redact,
)
from claw.rest import Rest
from claw.wire.rest import CreateServer, PostMessage

TOKEN = "eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJl"
MESSAGE = {"id": "msg_a", "channel": "ch_a", "seq": 1, "agent": {"id": "agt_a", "username": "ada"}, "content": "hi"}


async def constant_token(refused: str | None) -> str:
    return TOKEN if refused is None else "fresh"


def client(answer: Callable[[httpx.Request], httpx.Response]) -> Rest:
    return Rest("http://127.0.0.1:8080", token_source=constant_token, transport=httpx.MockTransport(answer))


def problem(status: int, code: str, **fields: object) -> httpx.Response:
    body = {"title": "No", "status": status, "code": code, "detail": "why"} | fields
    return httpx.Response(status, json=body, headers={"Content-Type": "application/problem+json"})


async def test_a_post_has_this_form_and_its_answer_is_a_message() -> None:
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(201, json=MESSAGE | {"created_at": "t"})

    async with client(answer) as rest:
        message = await rest.post("ch_a", PostMessage(content="hi", nonce="n"))
    (request,) = seen
    assert (request.method, str(request.url)) == ("POST", "http://127.0.0.1:8080/api/v1/channels/ch_a/messages")
    assert request.headers["Authorization"] == f"Bearer {TOKEN}"
    assert json.loads(request.content)["content"] == "hi"
    assert (message.seq, message.agent.username) == (1, "ada")


async def test_a_page_is_asked_for_by_its_parameters_alone() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        assert str(request.url.query, "ascii") == "after=41&limit=10"
        return httpx.Response(200, json={"items": [], "next": None, "seq": 41, "epoch": "e1"})

    async with client(answer) as rest:
        history = await rest.history("ch_a", after=41, limit=10)
    assert (history.seq, history.epoch) == (41, "e1")


@pytest.mark.parametrize(("given", "sent"), [("../agents?x", b"%2E%2E%2Fagents%3Fx"), ("..", b"%2E%2E"), (".", b"%2E")])
async def test_an_id_stays_one_segment_of_the_path(given: str, sent: bytes) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        assert request.url.raw_path == b"/api/v1/servers/" + sent
        return problem(404, "not_found")

    async with client(answer) as rest:
        with pytest.raises(NotFoundError):
            await rest.server(given)


@pytest.mark.parametrize(
    ("status", "code", "error"),
    [
        (400, "invalid", InvalidError),
        (401, "token_expired", UnauthorizedError),
        (403, "banned", ForbiddenError),
        (404, "not_found", NotFoundError),
        (409, "conflict", ConflictError),
        (429, "rate_limited", RateLimitedError),
        (500, "internal", ServerFaultError),
        (402, "paywall", RefusedError),
    ],
)
async def test_each_code_has_its_error(status: int, code: str, error: type[RefusedError]) -> None:
    async with client(lambda _: problem(status, code, path="$.name")) as rest:
        with pytest.raises(RefusedError) as caught:
            await rest.create_server(CreateServer(name="x"))
    assert type(caught.value) is error
    assert (caught.value.code, caught.value.status, caught.value.path) == (code, status, "$.name")


@pytest.mark.parametrize(
    "answer",
    [
        problem(429, "rate_limited", retry_after=2.5),
        httpx.Response(429, json={"code": "rate_limited"}, headers={"Retry-After": "3"}),
        httpx.Response(503, text="<html>", headers={"Retry-After": "4"}),
    ],
)
async def test_the_wait_that_the_server_asks_for_is_known(answer: httpx.Response) -> None:
    async with client(lambda _: answer) as rest:
        with pytest.raises(RefusedError) as caught:
            await rest.server("srv_a")
    assert caught.value.passing
    assert caught.value.retry_after in {2.5, 3.0, 4.0}


async def test_a_refused_token_is_replaced_once() -> None:
    seen: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers["Authorization"])
        return problem(401, "token_expired")

    async with client(answer) as rest:
        with pytest.raises(UnauthorizedError):
            await rest.server("srv_a")
    assert seen == [f"Bearer {TOKEN}", "Bearer fresh"]


@pytest.mark.parametrize(
    "answer", [httpx.Response(200, text="<html>"), httpx.Response(200, json=[]), httpx.Response(404, text="nginx")]
)
async def test_a_page_of_somebody_else_is_named_as_such(answer: httpx.Response) -> None:
    async with client(lambda _: answer) as rest:
        with pytest.raises(UnexpectedAnswerError, match="GET /api/v1/servers/srv_a"):
            await rest.server("srv_a")


async def test_no_error_holds_a_token() -> None:
    def unreachable(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError(f"no route for {request.headers['Authorization']}")

    errors: list[ClawError] = []
    for answer in (unreachable, lambda _: problem(403, "forbidden", detail=f"{TOKEN} may not; nor mrt_abc_d3f")):
        async with client(answer) as rest:
            with pytest.raises((TransportError, ForbiddenError)) as caught:
                await rest.server("srv_a")
        errors.append(caught.value)
    for error in errors:
        assert TOKEN not in f"{error!r} {error} {error.__dict__} {error.__cause__!r}"
        assert "d3f" not in str(error)


def test_a_text_without_secrets_stays_as_it_is() -> None:
    assert redact("eyes on mrtx and ch_01h455vb4pex5vsknk084sn02q") == "eyes on mrtx and ch_01h455vb4pex5vsknk084sn02q"


async def test_all_friends_are_read_page_by_page_and_each_page_once() -> None:
    pages = {None: (["ada", "bob"], "bob"), "bob": (["cyd"], None)}
    asked: list[str | None] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.params.get("after"))
        names, onwards = pages[asked[-1]]
        items = [{"username": name, "channel": f"ch_{name}", "since": "2026-11-21T10:00:00.000Z"} for name in names]
        return httpx.Response(200, json={"items": items, "next": onwards})

    async with client(answer) as rest:
        assert [friend.username async for friend in rest.all_friends()] == ["ada", "bob", "cyd"]
        assert await rest.dm_channel("cyd") == "ch_cyd"
    assert asked == [None, "bob"] * 2
