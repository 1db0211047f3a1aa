"""Access tokens: what is good, and everything that is not."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from hypothesis import given
from hypothesis import strategies as st

from claw.wire.problems import ErrorCode
from core.actor import Actor
from core.errors import UnauthorizedError
from core.keys import SigningKey, ensure_keys, load_jwks, load_signing_key
from core.tokens import Claims, TokenIssuer, TokenVerifier

ORIGIN = "https://molt.example"
ADA = UUID("0190a5d0-0000-7000-8000-00000000000a")
BRIN = UUID("0190a5d0-0000-7000-8000-00000000000b")
FAMILY = UUID("0190a5d0-0000-7000-8000-0000000000f0")
LIFETIME = 900

MoveClock = Callable[[float], None]


class Authority:
    """An api process and what it publishes."""

    def __init__(self, keys_dir: Path) -> None:
        ensure_keys(keys_dir)
        self.key: SigningKey = load_signing_key(keys_dir)
        self.jwks = load_jwks(keys_dir)
        self.issuer = TokenIssuer(self.key, issuer=ORIGIN, lifetime_seconds=LIFETIME)

    def verifier(self) -> TokenVerifier:
        return TokenVerifier(self.jwks, issuer=ORIGIN, lifetime_seconds=LIFETIME)

    def token(self, subject: UUID = ADA, family: UUID = FAMILY) -> str:
        return self.issuer.issue("agent", subject, family, scope="all").token

    def signed(self, *, headers: dict[str, Any] | None = None, **changes: Any) -> str:
        """A token signed with the right key over claims that are changed; those given as None are left out."""
        payload = jwt.decode(self.token(), options={"verify_signature": False}) | changes
        present = {name: value for name, value in payload.items() if value is not None}
        return jwt.encode(present, self.key.key, algorithm="EdDSA", headers=headers or {"kid": self.key.kid})


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("keys"))


@pytest.fixture
def move_clock(monkeypatch: pytest.MonkeyPatch) -> MoveClock:
    """Sets the clock of `core.tokens` to so many seconds from now."""

    def move(seconds: float) -> None:
        monkeypatch.setattr("core.tokens.time", SimpleNamespace(time=lambda: time.time() + seconds))

    return move


def encoded(part: Any) -> str:
    data = part if isinstance(part, bytes) else json.dumps(part).encode()
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def assert_refused(verifier: TokenVerifier, token: str, code: ErrorCode = ErrorCode.UNAUTHORIZED) -> None:
    with pytest.raises(UnauthorizedError) as caught:
        verifier.verify(token)
    assert caught.value.code == code


def test_a_good_token_says_who_it_speaks_for(authority: Authority) -> None:
    issued = authority.issuer.issue("agent", ADA, FAMILY, scope="all")
    claims = authority.verifier().verify(issued.token)
    assert claims == issued.claims
    assert claims.actor == Actor("agent", ADA, FAMILY)
    assert claims.expires_at - int(claims.issued_at) == LIFETIME


def test_an_observers_token_is_an_observers(authority: Authority) -> None:
    issued = authority.issuer.issue("observer", BRIN, FAMILY, scope="read")
    assert authority.verifier().verify(issued.token) == issued.claims
    assert issued.claims.kind == "observer"


def test_a_token_holds_the_claims_of_the_contract(authority: Authority) -> None:
    token = authority.token()
    assert jwt.get_unverified_header(token) == {"alg": "EdDSA", "typ": "JWT", "kid": authority.key.kid}
    payload = jwt.decode(token, options={"verify_signature": False})
    assert sorted(payload) == ["aud", "exp", "fid", "iat", "iss", "jti", "kind", "scope", "sub"]
    assert (payload["iss"], payload["aud"], payload["kind"]) == (ORIGIN, "moltstack", "agent")
    assert payload["sub"] == "agt_01j2jx0000e00800000000000a"
    assert payload["fid"] == str(FAMILY)


def test_an_issued_token_does_not_show_itself(authority: Authority) -> None:
    issued = authority.issuer.issue("agent", ADA, FAMILY, scope="all")
    assert issued.token not in repr(issued)
    assert issued.hash == hashlib.sha256(issued.token.encode()).hexdigest()


def test_a_changed_payload_is_refused(authority: Authority) -> None:
    header, payload, signature = authority.token().split(".")
    claims = json.loads(base64.urlsafe_b64decode(payload + "=="))
    claims["sub"] = "agt_01j2jx0000e00800000000000b"
    assert_refused(authority.verifier(), f"{header}.{encoded(claims)}.{signature}")


def test_a_changed_signature_is_refused(authority: Authority) -> None:
    head, _, signature = authority.token().rpartition(".")
    raw = bytearray(base64.urlsafe_b64decode(signature + "=="))
    raw[10] ^= 1
    for bad in (encoded(bytes(raw)), encoded(bytes(raw[:63])), "", encoded(b"\0" * 64)):
        assert_refused(authority.verifier(), f"{head}.{bad}")


@pytest.mark.parametrize("name", ["none", "None", "", None, ["EdDSA"], {"a": 1}, "EdDSA2"])
def test_a_token_without_our_algorithm_is_refused(authority: Authority, name: Any) -> None:
    _, payload, signature = authority.token().split(".")
    header = encoded({"alg": name, "typ": "JWT", "kid": authority.key.kid})
    for each in ("", signature):
        assert_refused(authority.verifier(), f"{header}.{payload}.{each}")


def test_the_public_key_is_no_secret_of_a_symmetric_algorithm(authority: Authority) -> None:
    public = authority.key.key.public_key()
    raw = public.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    pem = public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    published = authority.jwks["keys"][0]["x"].encode()
    head = encoded({"alg": "HS256", "typ": "JWT", "kid": authority.key.kid}) + "." + authority.token().split(".")[1]
    for secret in (raw, pem, published, b""):
        signature = hmac.digest(secret, head.encode(), "sha256")
        assert_refused(authority.verifier(), f"{head}.{encoded(signature)}")


def test_another_platforms_key_is_refused(authority: Authority, tmp_path: Path) -> None:
    stranger = Authority(tmp_path)
    assert_refused(authority.verifier(), stranger.token())
    assert_refused(authority.verifier(), stranger.signed(headers={"kid": authority.key.kid}))


@pytest.mark.parametrize("headers", [{"kid": "other"}, {"kid": ""}, {"typ": "JWT"}])
def test_a_key_id_that_names_no_key_is_refused(authority: Authority, headers: dict[str, Any]) -> None:
    assert_refused(authority.verifier(), authority.signed(headers=headers))


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": "elsewhere"},
        {"iss": "https://evil.example"},
        {"iss": ORIGIN + "/"},
        {"kind": "admin"},
        {"kind": ["agent"]},
        {"kind": "observer"},
        {"sub": "obs_01j2jx0000e00800000000000a"},
        {"sub": "ada"},
        {"fid": "x"},
        {"iat": int(time.time()) + 3_600},
        {"nbf": int(time.time()) + 3_600},
        *[{name: None} for name in ("iss", "aud", "sub", "kind", "jti", "fid", "scope", "iat", "exp")],
    ],
)
def test_a_claim_that_is_wrong_or_missing_is_refused(authority: Authority, changes: dict[str, Any]) -> None:
    assert_refused(authority.verifier(), authority.signed(**changes))


def test_a_token_ends_when_its_time_is_over(authority: Authority, move_clock: MoveClock) -> None:
    verifier, token = authority.verifier(), authority.token()
    verifier.verify(token)
    move_clock(LIFETIME - 2)
    assert verifier.verify(token).subject == ADA
    move_clock(LIFETIME + 1)
    assert_refused(verifier, token, ErrorCode.TOKEN_EXPIRED)
    assert_refused(authority.verifier(), token, ErrorCode.TOKEN_EXPIRED)


def test_a_token_that_was_never_seen_alive_is_told_to_have_expired(authority: Authority) -> None:
    token = authority.signed(iat=int(time.time()) - 1_000, exp=int(time.time()) - 1)
    assert_refused(authority.verifier(), token, ErrorCode.TOKEN_EXPIRED)


def test_a_token_from_a_machine_whose_clock_is_a_little_ahead_is_good(authority: Authority) -> None:
    now = time.time()
    assert authority.verifier().verify(authority.signed(iat=now + 3)).subject == ADA
    assert_refused(authority.verifier(), authority.signed(iat=now + 30))
    # No such allowance for the end, on which sockets are closed.
    assert_refused(authority.verifier(), authority.signed(exp=now - 0.5), ErrorCode.TOKEN_EXPIRED)


def test_a_token_that_was_seen_is_not_checked_again(authority: Authority) -> None:
    verifier, token = authority.verifier(), authority.token()
    claims = verifier.verify(token)
    verifier._keys.clear()
    assert verifier.verify(token) is claims
    assert_refused(verifier, authority.token())


def test_what_is_remembered_of_tokens_is_bounded(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.tokens._CACHE_ENTRIES", 3)
    verifier = authority.verifier()
    for _ in range(10):
        verifier.verify(authority.token())
        assert len(verifier._seen) <= 3


def test_a_bad_token_is_not_remembered(authority: Authority) -> None:
    verifier = authority.verifier()
    assert_refused(verifier, authority.signed(aud="elsewhere"))
    assert verifier._seen == {}


JSON = st.none() | st.integers() | st.text() | st.lists(st.text()) | st.dictionaries(st.text(), st.text())
SEGMENTS = (
    st.text()
    | st.dictionaries(st.sampled_from(["alg", "kid", "typ", "b64", "crit"]), JSON | st.just("EdDSA")).map(encoded)
    | st.sampled_from(
        [encoded(b"[" * 20_000), encoded(b'{"alg":"EdDSA","kid":' + b"[" * 20_000), encoded(b"9" * 5_000)]
    )
    | st.binary().map(encoded)
)


@given(st.text(alphabet=st.characters()) | st.lists(SEGMENTS, min_size=1, max_size=5).map(".".join))
def test_garbage_is_refused_and_never_more_than_that(authority: Authority, garbage: str) -> None:
    assert_refused(authority.verifier(), garbage)


def test_a_claim_is_a_frozen_value() -> None:
    claims = Claims("agent", ADA, FAMILY, 1, 2, "all")
    with pytest.raises(AttributeError):
        claims.expires_at = 3  # type: ignore[misc]  # the point of the test
