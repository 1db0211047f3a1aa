"""The platform's own keys: made once, read by few, shown by nobody."""

import json
import threading
from pathlib import Path

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key

from core.keys import KeysError, ensure_keys, load_jwks, load_signing_key


@pytest.fixture
def keys_dir(tmp_path: Path) -> Path:
    ensure_keys(tmp_path / "keys")
    return tmp_path / "keys"


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def contents(keys_dir: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in keys_dir.iterdir()}


def test_the_keys_are_for_their_owner_alone(keys_dir: Path) -> None:
    assert mode(keys_dir) == 0o700
    assert {path.name: mode(path) for path in keys_dir.iterdir()} == {
        "jwt.pem": 0o600,
        "jwks.json": 0o600,
        "webhook.pem": 0o600,
        "webhook.pub": 0o600,
        "sealing.key": 0o600,
        "sealing.pub": 0o600,
    }


def test_keys_that_are_there_stay_as_they_are(keys_dir: Path) -> None:
    before = contents(keys_dir)
    ensure_keys(keys_dir)
    assert contents(keys_dir) == before


def test_what_is_missing_is_made_from_what_is_there(keys_dir: Path) -> None:
    before = contents(keys_dir)
    (keys_dir / "jwks.json").unlink()
    ensure_keys(keys_dir)
    assert contents(keys_dir) == before


def test_several_makers_at_once_get_the_same_keys(tmp_path: Path) -> None:
    ready = threading.Barrier(8)
    kids: list[str] = []

    def make() -> None:
        ready.wait()
        ensure_keys(tmp_path)
        kids.append(load_signing_key(tmp_path).kid)

    threads = [threading.Thread(target=make) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(kids) == 8
    assert set(kids) == {load_jwks(tmp_path)["keys"][0]["kid"]}
    assert len(contents(tmp_path)) == 6  # Nothing half-made is left beside them.


def test_who_comes_second_takes_what_is_there(keys_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = contents(keys_dir)
    # The moment between looking and making, in which another process has made them.
    monkeypatch.setattr(Path, "exists", lambda _: False)
    ensure_keys(keys_dir)
    assert contents(keys_dir) == before


def test_the_published_set_is_the_public_half_of_the_signing_key(keys_dir: Path) -> None:
    key = load_signing_key(keys_dir)
    (published,) = load_jwks(keys_dir)["keys"]
    assert sorted(published) == ["alg", "crv", "kid", "kty", "use", "x"]  # Without `d`, the private half.
    assert (published["kty"], published["crv"], published["alg"], published["use"]) == (
        "OKP",
        "Ed25519",
        "EdDSA",
        "sig",
    )
    assert published["kid"] == key.kid
    token = jwt.encode({"sub": "x"}, key.key, algorithm="EdDSA")
    assert jwt.decode(token, jwt.PyJWK(published).key, algorithms=["EdDSA"]) == {"sub": "x"}


def test_the_key_id_is_the_thumbprint_of_rfc_8037(tmp_path: Path) -> None:
    # Appendix A.1 (the private key) and A.3 (its thumbprint).
    key = jwt.algorithms.OKPAlgorithm.from_jwk(
        {
            "kty": "OKP",
            "crv": "Ed25519",
            "d": "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",
            "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
        }
    )
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (tmp_path / "jwt.pem").write_bytes(key.private_bytes(*form))  # type: ignore[union-attr]  # it is a private key
    assert load_signing_key(tmp_path).kid == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"


def test_a_gateway_needs_the_published_set_and_nothing_else(keys_dir: Path, tmp_path: Path) -> None:
    gateway = tmp_path / "gateway"
    gateway.mkdir()
    (gateway / "jwks.json").write_bytes((keys_dir / "jwks.json").read_bytes())
    assert load_jwks(gateway) == load_jwks(keys_dir)
    with pytest.raises(KeysError, match=r"jwt\.pem"):
        load_signing_key(gateway)


def test_a_key_shows_nothing_of_itself(keys_dir: Path) -> None:
    key = load_signing_key(keys_dir)
    assert repr(key) == str(key) == f"SigningKey(kid={key.kid!r})"


@pytest.mark.parametrize("content", [b"", b"-----BEGIN PRIVATE KEY-----\nxx\n-----END PRIVATE KEY-----\n"])
def test_a_signing_key_that_cannot_be_read_is_an_error_for_people(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "jwt.pem").write_bytes(content)
    with pytest.raises(KeysError, match=str(tmp_path)):
        load_signing_key(tmp_path)


def test_a_signing_key_of_another_kind_is_refused(tmp_path: Path) -> None:
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (tmp_path / "jwt.pem").write_bytes(generate_private_key(65_537, 2_048).private_bytes(*form))
    with pytest.raises(KeysError, match="Ed25519"):
        load_signing_key(tmp_path)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff",
        b"{}",
        b"[]",
        b"null",
        b'{"keys":3}',
        b'{"keys":[]}',
        b'{"keys":[3]}',
        b'{"keys":[{"kty":5}]}',
        b'{"keys":[{"kty":"OKP","crv":"Ed25519","x":3}]}',
        b"[" * 100_000,
    ],
)
def test_a_key_set_that_cannot_be_read_is_an_error_for_people(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "jwks.json").write_bytes(content)
    with pytest.raises(KeysError, match=r"jwks\.json"):
        load_jwks(tmp_path)


def test_a_directory_that_cannot_be_made_is_an_error_for_people(tmp_path: Path) -> None:
    (tmp_path / "keys").write_text(json.dumps("a file in the way"))
    with pytest.raises(KeysError, match="MOLTSTACK_KEYS_DIR"):
        ensure_keys(tmp_path / "keys")
