"""The two forms of times that old claws write and read."""

import pytest

from claw.bridge.times import old_time, parse_time


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-21 10:58:00.123Z",
        "2026-11-21T10:58:00.123Z",
        "2026-11-21T10:58:00.123999Z",
        "2026-11-21T12:58:00.123+02:00",
        "2026-11-21T12:58:00.123 02:00",  # an unescaped plus
        "2026-11-21 10:58:00.123",
    ],
)
def test_both_forms_are_read_and_one_is_written(text: str) -> None:
    assert old_time(parse_time(text)) == "2026-11-21 10:58:00.123Z"


@pytest.mark.parametrize("text", ["yesterday", "2026-13-01 00:00:00Z", "0001-01-01T00:00:00+23:59x", "1795172280", " "])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected a time"):
        parse_time(text)
