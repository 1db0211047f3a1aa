"""Secrets at rest: sealed by who has the public half, opened by who has the private one."""

from pathlib import Path

import pytest

from core.keys import KeysError, ensure_keys, load_opening_key, load_sealing_key
from core.sealing import Opener, SealedError, Sealer


def test_what_is_sealed_is_opened_by_the_other_half_alone(tmp_path: Path) -> None:
    for name in ("ours", "theirs"):
        ensure_keys(tmp_path / name)
    sealer = Sealer(load_sealing_key(tmp_path / "ours"))
    sealed = sealer.seal("whsec_schlüssel")
    assert b"whsec" not in sealed
    assert sealed != sealer.seal("whsec_schlüssel")
    assert Opener(load_opening_key(tmp_path / "ours")).open(sealed) == "whsec_schlüssel"
    with pytest.raises(SealedError):
        Opener(load_opening_key(tmp_path / "theirs")).open(sealed)


@pytest.mark.parametrize("broken", [b"", b"\0" * 10, b"\0" * 200])
def test_what_was_never_sealed_is_refused(tmp_path: Path, broken: bytes) -> None:
    ensure_keys(tmp_path)
    with pytest.raises(SealedError):
        Opener(load_opening_key(tmp_path)).open(broken)


def test_the_public_half_follows_from_the_private_one(tmp_path: Path) -> None:
    ensure_keys(tmp_path)
    before = (tmp_path / "sealing.pub").read_bytes()
    (tmp_path / "sealing.pub").unlink()
    ensure_keys(tmp_path)
    assert (tmp_path / "sealing.pub").read_bytes() == before


def test_where_only_the_public_half_lies_no_other_private_one_is_made(tmp_path: Path) -> None:
    ensure_keys(tmp_path)
    (tmp_path / "sealing.key").unlink()
    ensure_keys(tmp_path)
    assert not (tmp_path / "sealing.key").exists()


@pytest.mark.parametrize("content", [b"", b"????", b"AAAA"])
def test_a_key_that_cannot_be_read_is_an_error_for_people(tmp_path: Path, content: bytes) -> None:
    for name, load in (("sealing.key", load_opening_key), ("sealing.pub", load_sealing_key)):
        with pytest.raises(KeysError, match=name):
            load(tmp_path / "missing")
        (tmp_path / name).write_bytes(content)
        with pytest.raises(KeysError, match=name):
            load(tmp_path)
