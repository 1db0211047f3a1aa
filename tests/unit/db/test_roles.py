"""Login roles: their passwords, their URLs, and what the database is told of them."""

import base64
import hashlib
import hmac
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from db.roles import MissingPasswordError, Role, load_or_create_password, password_file, role_url, scram_verifier

PASSWORD = "p@ss:w/rd%?#"


@pytest.fixture
def keys_dir(tmp_path: Path) -> Path:
    password_file(tmp_path, Role.API).write_text(PASSWORD + "\n")
    return tmp_path


def test_a_password_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    keys_dir = tmp_path / "new" / "keys"
    password = load_or_create_password(keys_dir, Role.GATEWAY)
    path = password_file(keys_dir, Role.GATEWAY)
    assert path.name == "moltstack_gateway.password"
    assert path.stat().st_mode & 0o777 == 0o600
    assert keys_dir.stat().st_mode & 0o777 == 0o700
    assert len(password) >= 43
    assert load_or_create_password(keys_dir, Role.GATEWAY) == password
    assert load_or_create_password(keys_dir, Role.API) != password


def test_who_makes_a_password_second_takes_what_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    password = load_or_create_password(tmp_path, Role.API)
    # The moment between looking and making, in which another process has made it.
    monkeypatch.setattr(Path, "exists", lambda _: False)
    assert load_or_create_password(tmp_path, Role.API) == password
    assert [path.name for path in tmp_path.iterdir()] == ["moltstack_api.password"]


@pytest.mark.parametrize(
    ("server_url", "expected"),
    [
        ("postgresql://admin:pw@db.example:5433/molt", "postgresql://{}@db.example:5433/molt"),
        ("postgresql://db.example/molt?sslmode=require", "postgresql://{}@db.example/molt?sslmode=require"),
        ("postgresql://admin@[::1]:5432/molt", "postgresql://{}@[::1]:5432/molt"),
        ("postgresql:///molt?host=/run/molt", "postgresql://{}@/molt?host=/run/molt"),
        ("postgresql://moltstack_api@db.example/molt", "postgresql://{}@db.example/molt"),
        ("postgresql://moltstack_worker:pw@db.example/molt", "postgresql://{}@db.example/molt"),
    ],
)
def test_a_role_logs_in_where_the_url_says_with_its_own_name_and_password(
    keys_dir: Path, server_url: str, expected: str
) -> None:
    url = role_url(server_url, Role.API, keys_dir)
    assert url == expected.format("moltstack_api:p%40ss%3Aw%2Frd%25%3F%23")
    assert unquote(urlsplit(url).password or "") == PASSWORD


def test_a_url_that_holds_the_roles_own_password_needs_no_file(tmp_path: Path) -> None:
    url = "postgresql://moltstack_gateway:secret@db.example/molt"
    assert role_url(url, Role.GATEWAY, tmp_path) == url


def test_a_missing_password_is_an_error_that_says_what_to_do_and_no_secret(tmp_path: Path) -> None:
    with pytest.raises(MissingPasswordError, match="moltstack migrate") as caught:
        role_url("postgresql://admin:hunter2@db.example/molt", Role.WORKER, tmp_path)
    assert "moltstack_worker" in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_the_verifier_proves_the_exchange_of_rfc_7677() -> None:
    # Section 3: user `user`, password `pencil`. The proof and the signature were computed by the RFC's authors.
    nonce = "rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
    salt = "W22ZaJ0SNY7soEsUEjb6gQ=="
    exchange = f"n=user,r=rOprNGfwEbeRWgbNEkqO,r={nonce},s={salt},i=4096,c=biws,r={nonce}".encode()
    proof = base64.b64decode("dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=")
    signature = base64.b64decode("6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=")

    verifier = scram_verifier("pencil", base64.b64decode(salt))
    head, _, keys = verifier.rpartition("$")
    assert head == f"SCRAM-SHA-256$4096:{salt}"
    stored_key, server_key = map(base64.b64decode, keys.split(":"))
    mask = hmac.digest(stored_key, exchange, "sha256")
    client_key = bytes(left ^ right for left, right in zip(proof, mask, strict=True))
    assert hashlib.sha256(client_key).digest() == stored_key
    assert hmac.digest(server_key, exchange, "sha256") == signature


def test_every_verifier_has_a_salt_of_its_own_and_no_password() -> None:
    one, two = scram_verifier("pencil"), scram_verifier("pencil")
    assert one != two
    assert "pencil" not in one
    assert len(base64.b64decode(one.split("$")[1].removeprefix("4096:"))) == 16
