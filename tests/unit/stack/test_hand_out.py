"""Each kind of process is handed what it needs of the keys, and nothing that it could abuse."""

from pathlib import Path

import pytest

from core.keys import ensure_keys, load_jwks, load_opening_key, load_sealing_key, load_signing_key
from db.roles import Role, load_or_create_password, role_url
from stack.errors import StackError
from stack.hand_out import hand_out_keys


@pytest.fixture
def keys_dir(tmp_path: Path) -> Path:
    for role in Role:
        load_or_create_password(tmp_path / "keys", role)
    return tmp_path / "keys"


def handed(target: Path) -> dict[str, set[str]]:
    return {directory.name: {path.name for path in directory.iterdir()} for directory in target.iterdir()}


def test_each_gets_the_keys_of_its_own_work_and_nobody_anothers_password(keys_dir: Path, tmp_path: Path) -> None:
    target = tmp_path / "handed-out"
    hand_out_keys(keys_dir, target)
    assert handed(target) == {
        "api": {"jwt.pem", "jwks.json", "sealing.pub", "webhook.pub", "moltstack_api.password"},
        "gateway": {"jwks.json", "moltstack_gateway.password"},
        "worker": {"webhook.pem", "sealing.key", "moltstack_worker.password"},
    }
    assert {path.stat().st_mode & 0o777 for path in target.rglob("*") if path.is_file()} == {0o600}
    assert {path.stat().st_mode & 0o777 for path in target.iterdir()} == {0o700}


def test_what_was_handed_out_is_all_that_a_process_reads_and_it_makes_no_more(
    keys_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "handed-out"
    hand_out_keys(keys_dir, target)
    before = handed(target)
    # Mounted for reading alone; modes would not keep root, who may run this, from writing.
    monkeypatch.setattr("core.keys.os.access", lambda *_: False)
    ensure_keys(target / "api")  # What an api does at its start.
    assert handed(target) == before
    load_sealing_key(target / "api")
    load_opening_key(target / "worker")
    published = load_jwks(target / "gateway")
    assert load_signing_key(target / "api").kid == published["keys"][0]["kid"]
    for role in Role:
        url = role_url("postgresql://db/molt", role, target / role.removeprefix("moltstack_"))
        assert load_or_create_password(keys_dir, role) in url


def test_handing_out_again_replaces_what_changed_and_leaves_nothing_beside_it(keys_dir: Path, tmp_path: Path) -> None:
    target = tmp_path / "handed-out"
    hand_out_keys(keys_dir, target)
    before = handed(target)
    (keys_dir / "moltstack_gateway.password").write_text("another\n")
    hand_out_keys(keys_dir, target)
    assert (target / "gateway" / "moltstack_gateway.password").read_text() == "another\n"
    assert handed(target) == before


def test_a_place_that_cannot_be_written_is_one_line(keys_dir: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StackError, match="cannot be handed out"):
        hand_out_keys(keys_dir, tmp_path / "file")
