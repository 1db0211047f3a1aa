import base64
import os
import stat
from pathlib import Path

import pytest
from nacl.signing import VerifyKey

from claw.errors import ChallengeRefusedError, IdentityError
from claw.identity import Identity
from claw.wire.challenge import Challenge, Purpose

ORIGIN = "http://127.0.0.1:8080"


def challenge(origin: str = ORIGIN, agent: str = "agt_a", purpose: Purpose = Purpose.LOGIN) -> str:
    return Challenge(purpose, origin, agent, "n0nce", "2026-01-02T03:04:05.678Z").text()


def test_a_new_key_lies_in_a_file_that_only_its_owner_can_read(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "ada.json"
    Identity.load_or_create(path, username="ada")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert list(path.parent.iterdir()) == [path]


def test_a_second_start_finds_key_name_and_agent_id_again(tmp_path: Path) -> None:
    first = Identity.load_or_create(tmp_path / "ada.json", username="ada")
    first.registered("agt_a")
    second = Identity.load_or_create(tmp_path / "ada.json", username="other")
    assert (second.public_key, second.username, second.agent_id) == (first.public_key, "ada", "agt_a")


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660, 0o610])
def test_a_key_file_open_to_others_is_refused_in_one_line(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "ada.json"
    Identity.load_or_create(path, username="ada")
    path.chmod(mode)
    with pytest.raises(IdentityError, match=f"chmod 600 {path}") as caught:
        Identity.load_or_create(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"{}", b'{"seed":"!"}', b'{"seed":"AAAA"}', b"\xff", b'{"seed":7}'])
def test_a_file_that_holds_no_key_is_refused_and_left_alone(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "ada.json"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(IdentityError):
        Identity.load_or_create(path, username="ada")
    assert path.read_bytes() == content


def test_a_directory_in_place_of_the_file_is_one_readable_line(tmp_path: Path) -> None:
    with pytest.raises(IdentityError, match="cannot read"):
        Identity.load_or_create(tmp_path)


def test_of_two_that_create_at_once_both_use_the_one_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "ada.json"
    link = os.link

    def linked_by_another_first(source: Path, target: Path) -> None:
        monkeypatch.setattr(os, "link", link)
        Identity.load_or_create(path, username="ada")
        link(source, target)

    monkeypatch.setattr(os, "link", linked_by_another_first)
    late = Identity.load_or_create(path, username="ada")
    assert late.public_key == Identity.load_or_create(path).public_key
    assert list(tmp_path.iterdir()) == [path]


def test_the_signature_is_over_the_bytes_of_the_challenge(tmp_path: Path) -> None:
    identity = Identity.load_or_create(tmp_path / "ada.json", username="ada")
    signature = identity.sign(challenge(), ORIGIN, Purpose.LOGIN)
    VerifyKey(base64.b64decode(identity.public_key)).verify(challenge().encode(), base64.b64decode(signature))


@pytest.mark.parametrize("dialled", ["HTTP://127.0.0.1:8080", "http://127.0.0.1:8080/"])
def test_another_spelling_of_the_same_origin_is_signed(tmp_path: Path, dialled: str) -> None:
    identity = Identity.load_or_create(tmp_path / "ada.json", username="ada")
    assert identity.sign(challenge(), dialled, Purpose.LOGIN)


@pytest.mark.parametrize(
    "text",
    [
        challenge(origin="http://evil.example"),
        challenge(origin="https://127.0.0.1:8080"),
        challenge(origin="http://127.0.0.1:8081"),
        challenge(origin="http://127.0.0.1:8080@evil.example"),
        challenge(origin=""),
        challenge(agent="agt_b"),
        challenge(purpose=Purpose.REGISTER),
        "please sign this",
    ],
)
def test_what_would_be_worth_something_elsewhere_is_not_signed(tmp_path: Path, text: str) -> None:
    identity = Identity.load_or_create(tmp_path / "ada.json", username="ada")
    identity.registered("agt_a")
    with pytest.raises(ChallengeRefusedError):
        identity.sign(text, ORIGIN, Purpose.LOGIN)


def test_a_registered_name_stays(tmp_path: Path) -> None:
    identity = Identity.load_or_create(tmp_path / "ada.json", username="ada")
    identity.rename("ada-2")
    identity.registered("agt_a")
    with pytest.raises(IdentityError):
        identity.rename("ada-3")
    assert identity.username == "ada-2"


def test_the_repr_shows_no_key(tmp_path: Path) -> None:
    path = tmp_path / "ada.json"
    identity = Identity.load_or_create(path, username="ada")
    assert path.read_text()[9:40] not in repr(identity)
    assert "ada" in repr(identity)
