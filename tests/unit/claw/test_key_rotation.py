"""Exchanging the key, against a platform that checks signatures: wherever it is cut off, no key in use is lost."""

import base64
import json
import stat
from pathlib import Path

import httpx
import pytest
from nacl.exceptions import BadSignatureError
from nacl.signing import VerifyKey

from claw import Client, rotate_key
from claw.credentials import Credentials
from claw.errors import ConflictError, IdentityError, TransportError, UnauthorizedError
from claw.identity import Identity
from claw.rest import Rest
from claw.wire.challenge import Challenge, Purpose
from claw.wire.key_change import key_change_text

_ORIGIN = "http://127.0.0.1:8080"


class Platform:
    """Knows one key of one agent. `lose` drops the answer to the next exchange, before or after it was done."""

    def __init__(self, path: Path) -> None:
        self.path = path
        identity = Identity.load_or_create(path, username="ada")
        identity.registered("agt_a")
        self.key = identity.public_key
        self.lose: str | None = None
        self.refuse: httpx.Response | None = None

    def identity(self) -> Identity:
        """What the file says now."""
        return Identity.load_or_create(self.path)

    def rest(self, identity: Identity) -> Rest:
        rest = Rest(_ORIGIN, transport=httpx.MockTransport(self._answer))
        rest.token_source = Credentials(rest, identity).token
        return rest

    async def rotate(self) -> None:
        identity = self.identity()
        async with self.rest(identity) as rest:
            await rotate_key(rest, identity)

    async def log_in(self, identity: Identity) -> None:
        async with self.rest(identity) as rest:
            await Credentials(rest, identity).token()

    def _answer(self, request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content)
        match request.url.path.removeprefix("/api/v1"):
            case "/auth/challenge":
                issued = {"agent_id": "agt_a", "challenge_nonce": "n", "challenge": _CHALLENGE, "expires_at": "t"}
                return httpx.Response(200, json=issued)
            case "/auth/token":
                if not _signed(self.key, _CHALLENGE, body["signed_challenge"]):
                    return _problem(401, "unauthorized")
                tokens = {"agent_id": "agt_a", "api_token": "a", "refresh_token": "mrt_a_b", "expires_in": 900}
                return httpx.Response(200, json=tokens)
            case "/agents/@me/keys":
                return self._exchange(body)
            case path:
                raise AssertionError(path)

    def _exchange(self, body: dict[str, str]) -> httpx.Response:
        if self.refuse is not None:
            return self.refuse
        lose, self.lose = self.lose, None
        if lose == "before":
            raise httpx.ReadError("gone")
        new = body["public_key"]
        if new == self.key:
            return _problem(422, "invalid", path="$.public_key")
        text = key_change_text(origin=_ORIGIN, agent_id="agt_a", old_key=self.key, new_key=new)
        if not (_signed(self.key, text, body["signed_by_old"]) and _signed(new, text, body["signed_by_new"])):
            return _problem(401, "unauthorized")
        self.key = new
        if lose == "after":
            raise httpx.ReadError("gone")
        return httpx.Response(204)


_CHALLENGE = Challenge(Purpose.LOGIN, _ORIGIN, "agt_a", "n", "t").text()


def _signed(key: str, text: str, signature: str) -> bool:
    try:
        VerifyKey(base64.b64decode(key)).verify(text.encode(), base64.b64decode(signature))
    except BadSignatureError:
        return False
    return True


def _problem(status: int, code: str, **fields: str) -> httpx.Response:
    return httpx.Response(status, json={"title": "", "status": status, "code": code, "detail": ""} | fields)


@pytest.fixture
def platform(tmp_path: Path) -> Platform:
    return Platform(tmp_path / "ada.json")


async def test_the_platform_and_the_file_have_the_new_key_and_the_old_one_is_gone(platform: Platform) -> None:
    former = platform.key
    before = json.loads(platform.path.read_text())["seed"]
    await platform.rotate()
    assert platform.key == platform.identity().public_key != former
    assert before not in platform.path.read_text()
    assert stat.S_IMODE(platform.path.stat().st_mode) == 0o600
    await platform.log_in(platform.identity())


@pytest.mark.parametrize("lose", ["before", "after"])
async def test_cut_off_before_the_answer_both_keys_are_kept_and_a_log_in_finds_the_one_that_counts(
    platform: Platform, lose: str
) -> None:
    platform.lose = lose
    with pytest.raises(TransportError):
        await platform.rotate()
    identity = platform.identity()
    assert identity.is_changing_key
    await platform.log_in(identity)
    assert identity.public_key == platform.key
    # That the former key still works proves nothing: the request may yet be under way. So the next one stays too.
    assert platform.identity().is_changing_key == (lose == "before")


@pytest.mark.parametrize("lose", ["before", "after"])
async def test_asked_again_the_exchange_goes_on_with_the_same_key(platform: Platform, lose: str) -> None:
    platform.lose = lose
    identity = platform.identity()
    async with platform.rest(identity) as rest:
        with pytest.raises(TransportError):
            await rotate_key(rest, identity)
        # By the same log-in, which outlives the exchange: nothing tells it which key counts.
        await rotate_key(rest, identity)
    assert platform.key == platform.identity().public_key
    assert not platform.identity().is_changing_key


async def test_a_refused_exchange_leaves_the_former_key_in_use(platform: Platform) -> None:
    platform.refuse = _problem(409, "conflict")
    with pytest.raises(ConflictError):
        await platform.rotate()
    platform.refuse = None
    await platform.log_in(platform.identity())
    await platform.rotate()
    assert platform.key == platform.identity().public_key


async def test_a_bot_that_runs_meanwhile_takes_the_new_key_from_the_file(platform: Platform) -> None:
    running = platform.identity()
    await platform.rotate()
    await platform.log_in(running)
    assert running.public_key == platform.key


async def test_a_key_that_is_not_in_the_file_is_refused_as_ever(platform: Platform) -> None:
    platform.key = Identity.load_or_create(platform.path.with_name("thief.json"), username="thief").public_key
    with pytest.raises(UnauthorizedError):
        await platform.log_in(platform.identity())


async def test_two_that_rotate_at_once_are_told_and_lose_nothing(platform: Platform) -> None:
    first, second = platform.identity(), platform.identity()
    first.begin_key_change()
    async with platform.rest(second) as rest:
        with pytest.raises(IdentityError, match="another process is changing the key"):
            await rotate_key(rest, second)
        first.end_key_change(taken=False)
        await rotate_key(rest, second)
    assert platform.key == platform.identity().public_key


async def test_nothing_is_asked_before_the_new_key_is_on_the_disk(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Path, "replace", _no_room)
    former = platform.key
    with pytest.raises(IdentityError, match="No space left"):
        await platform.rotate()
    assert platform.key == former
    monkeypatch.undo()
    await platform.log_in(platform.identity())


def _no_room(_source: Path, _target: Path) -> Path:
    raise OSError(28, "No space left on device")


async def test_an_api_token_changes_no_key() -> None:
    client = Client(_ORIGIN, token="mst_a_b")
    with pytest.raises(IdentityError, match="use the key file"):
        await client.rotate_key()
    await client.aclose()


@pytest.mark.parametrize("secret", ["seed", "next_seed"])
def test_no_key_shows_in_a_repr(platform: Platform, secret: str) -> None:
    identity = platform.identity()
    identity.begin_key_change()
    identity.end_key_change(taken=False)
    assert json.loads(platform.path.read_text())[secret] not in repr(identity)
