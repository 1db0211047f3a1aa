"""Tokens, against a platform of recorded answers that counts what it is asked."""

import json
from collections import Counter
from pathlib import Path

import httpx
import pytest

from claw.credentials import ApiTokenCredentials, Credentials
from claw.effects import Login
from claw.errors import ConflictError, IdentityError, NotFoundError, TransportError, UnauthorizedError
from claw.identity import Identity
from claw.rest import Rest
from claw.wire.challenge import Challenge, Purpose

ORIGIN = "http://127.0.0.1:8080"
Answer = httpx.Response | Exception


class Recorded:
    """Answers by path; `instead` replaces the next answers of a path."""

    def __init__(self, tmp_path: Path, username: str | None = "ada") -> None:
        self.asked: Counter[str] = Counter()
        self.instead: dict[str, list[Answer]] = {}
        self.now = 0.0
        self.identity = Identity.load_or_create(tmp_path / "ada.json", username=username)
        rest = Rest(ORIGIN, transport=httpx.MockTransport(self._answer))
        self.credentials = Credentials(rest, self.identity, clock=lambda: self.now)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path.removeprefix("/api/v1")
        self.asked[path] += 1
        if self.instead.get(path):
            answer = self.instead[path].pop(0)
            if isinstance(answer, Exception):
                raise answer
            return answer
        if path in {"/agents/register", "/auth/challenge"}:
            purpose = Purpose.REGISTER if "register" in path else Purpose.LOGIN
            text = Challenge(purpose, ORIGIN, "agt_a", "n", "t").text()
            return httpx.Response(
                200, json={"agent_id": "agt_a", "challenge_nonce": "n", "challenge": text, "expires_at": "t"}
            )
        body = json.loads(request.content)
        assert "signed_challenge" in body or body["refresh_token"].startswith("mrt_")
        number = sum(self.asked.values())
        return httpx.Response(
            200,
            json={
                "agent_id": "agt_a",
                "api_token": f"a{number}",
                "refresh_token": f"mrt_{number}_x",
                "expires_in": 900,
            },
        )


def refusal(status: int, code: str) -> httpx.Response:
    return httpx.Response(status, json={"title": "", "status": status, "code": code, "detail": ""})


async def test_the_first_token_registers_and_keeps_the_agent_id(tmp_path: Path) -> None:
    platform = Recorded(tmp_path)
    await platform.credentials.token()
    assert platform.asked == {"/agents/register": 1, "/agents/verify": 1}
    assert Identity.load_or_create(tmp_path / "ada.json").agent_id == "agt_a"


async def test_a_known_agent_logs_in_and_registers_nothing(tmp_path: Path) -> None:
    platform = Recorded(tmp_path)
    platform.identity.registered("agt_a")
    await platform.credentials.token()
    assert platform.asked == {"/auth/challenge": 1, "/auth/token": 1}


async def test_a_token_is_kept_until_shortly_before_its_end(tmp_path: Path) -> None:
    platform = Recorded(tmp_path)
    first = await platform.credentials.token()
    platform.now = 869.0
    assert await platform.credentials.token() == first
    platform.now = 870.0
    assert await platform.credentials.token() != first
    assert platform.asked["/auth/refresh"] == 1


async def test_a_refused_token_is_replaced_and_a_later_one_kept(tmp_path: Path) -> None:
    platform = Recorded(tmp_path)
    first = await platform.credentials.token()
    second = await platform.credentials.token(first)
    assert second != first
    assert await platform.credentials.token(first) == second


async def test_a_refresh_token_is_never_used_twice(tmp_path: Path) -> None:
    platform = Recorded(tmp_path)
    await platform.credentials.token()
    platform.instead = {"/auth/refresh": [httpx.ReadError("gone")], "/auth/challenge": [httpx.ConnectError("gone")]}
    with pytest.raises(TransportError):
        await platform.credentials.token(login=Login.RENEW)
    await platform.credentials.token(login=Login.RENEW)
    assert platform.asked["/auth/refresh"] == 1
    assert platform.asked["/auth/token"] == 1


async def test_a_revoked_log_in_is_replaced_by_a_signature(tmp_path: Path) -> None:
    platform = Recorded(tmp_path)
    await platform.credentials.token()
    await platform.credentials.token(login=Login.ANEW)
    assert platform.asked["/auth/refresh"] == 0
    assert platform.asked["/auth/token"] == 1


async def test_whoever_stopped_before_noting_its_id_gets_it_back(tmp_path: Path) -> None:
    platform = Recorded(tmp_path)
    platform.instead = {"/agents/register": [refusal(409, "conflict")]}
    await platform.credentials.token()
    assert platform.identity.agent_id == "agt_a"


@pytest.mark.parametrize(
    ("path", "answer"), [("/auth/challenge", (404, "not_found")), ("/auth/token", (401, "unauthorized"))]
)
async def test_somebody_elses_name_is_a_conflict(tmp_path: Path, path: str, answer: tuple[int, str]) -> None:
    platform = Recorded(tmp_path)
    platform.instead = {"/agents/register": [refusal(409, "conflict")], path: [refusal(*answer)]}
    with pytest.raises(ConflictError):
        await platform.credentials.token()
    assert platform.identity.agent_id is None


async def test_an_agent_that_the_platform_forgot_is_not_registered_behind_ones_back(tmp_path: Path) -> None:
    platform = Recorded(tmp_path)
    platform.identity.registered("agt_a")
    platform.instead = {"/auth/challenge": [refusal(404, "not_found")]}
    with pytest.raises(NotFoundError):
        await platform.credentials.token()
    assert platform.asked["/agents/register"] == 0


async def test_without_a_name_there_is_nothing_to_register(tmp_path: Path) -> None:
    with pytest.raises(IdentityError):
        await Recorded(tmp_path, username=None).credentials.token()


async def test_the_repr_shows_no_token(tmp_path: Path) -> None:
    platform = Recorded(tmp_path)
    token = await platform.credentials.token()
    assert token not in repr(platform.credentials)


@pytest.mark.parametrize(("refused", "login"), [("mst_a_b", Login.KEEP), (None, Login.RENEW), (None, Login.ANEW)])
async def test_an_api_token_is_shown_as_long_as_it_is_taken_and_cannot_be_renewed(
    refused: str | None, login: Login
) -> None:
    credentials = ApiTokenCredentials("mst_a_b")
    assert [await credentials.token(), await credentials.token()] == ["mst_a_b", "mst_a_b"]
    with pytest.raises(UnauthorizedError, match="claw tokens create") as caught:
        await credentials.token(refused, login=login)
    assert "mst_a_b" not in f"{caught.value} {credentials!r}"
