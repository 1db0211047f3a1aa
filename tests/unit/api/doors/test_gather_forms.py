"""What clients of Gather write: times, keys, names."""

import base64
import hashlib
from datetime import UTC, datetime

import nacl.signing
import pytest

from api.doors.gather.pem import key_of_pem, signature_of
from api.doors.gather.serving import MisfitError
from api.doors.gather.sign_in import usernames
from api.doors.gather.times import old_time, parse_since
from core.errors import InvalidError
from tests.support.gather import pem, pem_of

_MOMENT = datetime(2026, 11, 21, 10, 58, 0, 123_000, tzinfo=UTC)
_KEY = base64.b64encode(nacl.signing.SigningKey(b"k" * 32).verify_key.encode()).decode()
_MARK = hashlib.sha256(base64.b64decode(_KEY)).hexdigest()[:6]


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-21 10:58:00.123Z",
        "2026-11-21T10:58:00.123Z",
        "2026-11-21T10:58:00.123000+00:00",
        "2026-11-21T11:58:00.123+01:00",
        "2026-11-21T11:58:00.123 01:00",
        "2026-11-21 11:58:00.123 0100",
        "2026-11-21 10:58:00.123",
        "2026-11-21T10:58:00.123000999Z",
    ],
)
def test_every_way_to_write_a_moment_is_the_same_moment(text: str) -> None:
    assert parse_since(text) == _MOMENT


def test_a_day_or_a_minute_will_do_and_nothing_is_nothing() -> None:
    assert parse_since("2026-11-21") == datetime(2026, 11, 21, tzinfo=UTC)
    assert parse_since("2026-11-21 10:58") == datetime(2026, 11, 21, 10, 58, tzinfo=UTC)
    assert parse_since("") is None
    assert parse_since(None) is None


@pytest.mark.parametrize("text", ["now", "2026-02-30", "9999-12-31T23:59:59-14:00", "1763722680", "2026-11-21 \0"])
def test_what_is_no_moment_is_refused(text: str) -> None:
    with pytest.raises(MisfitError) as refused:
        parse_since(text)
    assert (refused.value.location, refused.value.value) == ("query.since", text)


def test_times_go_out_in_the_old_form() -> None:
    assert old_time(_MOMENT) == old_time("2026-11-21T10:58:00.123Z") == "2026-11-21 10:58:00.123Z"


def test_a_key_in_pem_is_read_however_its_lines_are_broken() -> None:
    key = nacl.signing.SigningKey(b"k" * 32)
    text = pem(key)
    for form in (text, text.strip(), f"\n {text}\r\n", text.replace("\n", "\r\n"), text.replace("MCow", "MC\now")):
        assert key_of_pem(form) == _KEY


@pytest.mark.parametrize(
    "text",
    [
        "",
        _KEY,
        pem(nacl.signing.SigningKey(b"k" * 32)).replace("MCow", "MCox"),
        pem(nacl.signing.SigningKey(b"k" * 32)).replace("=", ""),
        # A point of small order, which whoever likes can sign for.
        pem_of(bytes(32)),
    ],
)
def test_what_is_no_usable_key_is_a_bad_request(text: str) -> None:
    with pytest.raises(InvalidError, match="Invalid Ed25519 public key PEM") as refused:
        key_of_pem(text)
    assert refused.value.status == 400


def test_a_signature_is_64_bytes() -> None:
    assert signature_of(base64.b64encode(b"s" * 64).decode() + "\n") == b"s" * 64
    for text in ("", "x", base64.b64encode(b"s" * 63).decode()):
        with pytest.raises(InvalidError):
            signature_of(text)


@pytest.mark.parametrize(
    ("name", "first"),
    [
        ("My Claw", "my-claw"),
        ("  Zoë's_Bot!! ", "zoe-s_bot"),
        ("x" * 100, "x" * 64),
        ("admin", f"admin-{_MARK}"),
        ("ai", f"ai-{_MARK}"),
        ("龍", f"agent-{_MARK}"),
    ],
)
def test_a_name_becomes_the_nearest_username(name: str, first: str) -> None:
    names = list(usernames(name, _KEY))
    assert names[0] == first
    assert names == list(usernames(name, _KEY))
    assert all(3 <= len(each) <= 64 for each in names)
    assert len(set(names)) == len(names) >= 3
