"""Log-ins that ended: their tokens are worth nothing from that moment, whether they were seen before or not."""

import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from uuid import UUID

import pytest

from core.errors import ForbiddenError, UnauthorizedError
from core.keys import ensure_keys, load_jwks, load_signing_key
from core.tokens import TokenIssuer, TokenVerifier

ORIGIN = "https://molt.example"
ADA = UUID("0190a5d0-0000-7000-8000-00000000000a")
BRIN = UUID("0190a5d0-0000-7000-8000-00000000000b")
FAMILY = UUID("0190a5d0-0000-7000-8000-0000000000f0")
OTHER = UUID("0190a5d0-0000-7000-8000-0000000000f1")
LIFETIME = 900

MoveClock = Callable[[float], None]


@pytest.fixture(scope="module")
def keys_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    keys_dir = tmp_path_factory.mktemp("keys")
    ensure_keys(keys_dir)
    return keys_dir


@pytest.fixture
def issuer(keys_dir: Path) -> TokenIssuer:
    return TokenIssuer(load_signing_key(keys_dir), issuer=ORIGIN, lifetime_seconds=LIFETIME)


@pytest.fixture
def verifier(keys_dir: Path) -> TokenVerifier:
    return TokenVerifier(load_jwks(keys_dir), issuer=ORIGIN, lifetime_seconds=LIFETIME)


@pytest.fixture
def move_clock(monkeypatch: pytest.MonkeyPatch) -> MoveClock:
    """Sets the clock of `core.tokens` to so many seconds from now."""

    def move(seconds: float) -> None:
        monkeypatch.setattr("core.tokens.time", SimpleNamespace(time=lambda: time.time() + seconds))

    return move


def token_of(issuer: TokenIssuer, subject: UUID = ADA, family: UUID = FAMILY) -> str:
    return issuer.issue("agent", subject, family, scope="all").token


def assert_ended(verifier: TokenVerifier, token: str) -> None:
    with pytest.raises(UnauthorizedError, match="ended"):
        verifier.verify(token)


@pytest.mark.parametrize("seen", [False, True])
def test_an_ended_log_in_takes_its_tokens_with_it(issuer: TokenIssuer, verifier: TokenVerifier, seen: bool) -> None:
    mine, others = token_of(issuer), token_of(issuer, family=OTHER)
    if seen:
        verifier.verify(mine)
    assert verifier.revoke(ADA, FAMILY, time.time())
    assert_ended(verifier, mine)
    assert_ended(verifier, token_of(issuer))
    assert verifier.verify(others).family == OTHER


@pytest.mark.parametrize("seen", [False, True])
def test_all_log_ins_of_an_agent_end_up_to_a_moment(issuer: TokenIssuer, verifier: TokenVerifier, seen: bool) -> None:
    tokens = [token_of(issuer), token_of(issuer, family=OTHER)]
    strangers = token_of(issuer, BRIN)
    if seen:
        for token in tokens:
            verifier.verify(token)
    issued_at = verifier.verify(strangers).issued_at
    assert verifier.revoke(ADA, None, issued_at + 0.5)
    for token in tokens:
        assert_ended(verifier, token)
    assert verifier.verify(strangers).subject == BRIN


def test_who_logs_in_again_afterwards_is_welcome(issuer: TokenIssuer, verifier: TokenVerifier) -> None:
    token = token_of(issuer)
    issued_at = verifier.verify(token).issued_at
    verifier.revoke(ADA, None, issued_at - 0.5)
    assert verifier.verify(token).subject == ADA


def test_a_suspended_agent_is_told_so_until_it_is_let_in_again(issuer: TokenIssuer, verifier: TokenVerifier) -> None:
    token, strangers = token_of(issuer), token_of(issuer, BRIN)
    issued_at = verifier.verify(token).issued_at
    verifier.revoke(ADA, None, issued_at + 1, suspended=True)
    with pytest.raises(ForbiddenError, match="suspended") as refusal:
        verifier.verify(token)
    assert refusal.value.code == "suspended"
    assert verifier.verify(strangers).subject == BRIN
    # Heard in the wrong order: the last word counts.
    verifier.revoke(ADA, None, issued_at + 2)
    verifier.revoke(ADA, None, issued_at + 1, suspended=True)
    assert_ended(verifier, token)


def test_only_what_was_not_known_is_news(verifier: TokenVerifier) -> None:
    now = time.time()
    assert verifier.revoke(ADA, FAMILY, now)
    assert not verifier.revoke(ADA, FAMILY, now + 5)
    assert verifier.revoke(ADA, None, now)
    assert not verifier.revoke(ADA, None, now)
    assert not verifier.revoke(ADA, None, now - 5)
    assert verifier.revoke(ADA, None, now + 5)


def test_an_earlier_end_heard_later_brings_no_token_back(issuer: TokenIssuer, verifier: TokenVerifier) -> None:
    token = token_of(issuer)
    issued_at = verifier.verify(token).issued_at
    verifier.revoke(ADA, None, issued_at + 1)
    verifier.revoke(ADA, None, issued_at - 100)
    assert_ended(verifier, token)


def test_an_ended_log_in_is_remembered_as_long_as_its_tokens_could_live(
    issuer: TokenIssuer, verifier: TokenVerifier, move_clock: MoveClock
) -> None:
    token = token_of(issuer)
    verifier.revoke(ADA, FAMILY, time.time())
    verifier.revoke(BRIN, None, time.time(), suspended=True)
    move_clock(LIFETIME)
    verifier.forget_old_revocations()
    move_clock(0)
    assert_ended(verifier, token)
    move_clock(LIFETIME + 61)
    verifier.forget_old_revocations()
    assert verifier._revoked_families == verifier._revoked_agents == {}
    assert not verifier.is_suspended(BRIN)
