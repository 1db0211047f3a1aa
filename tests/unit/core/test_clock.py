"""The only form in which times travel."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from core.clock import now, rfc3339, rfc3339_or_none


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (datetime(2026, 11, 20, 10, 58, tzinfo=UTC), "2026-11-20T10:58:00.000Z"),
        (datetime(2026, 11, 20, 10, 58, 0, 123_000, tzinfo=UTC), "2026-11-20T10:58:00.123Z"),
        (datetime(2026, 11, 20, 10, 58, 0, 999_999, tzinfo=UTC), "2026-11-20T10:58:00.999Z"),
        (datetime(2026, 1, 1, 1, 0, tzinfo=timezone(timedelta(hours=2))), "2025-12-31T23:00:00.000Z"),
    ],
)
def test_a_time_is_told_in_utc_to_the_millisecond(moment: datetime, text: str) -> None:
    assert rfc3339(moment) == text
    assert rfc3339_or_none(moment) == text


def test_no_time_stays_none() -> None:
    assert rfc3339_or_none(None) is None


def test_the_present_holds_nothing_that_the_wire_cannot_carry() -> None:
    moment = now()
    assert moment.microsecond % 1_000 == 0
    assert moment.utcoffset() == timedelta(0)
    assert datetime.fromisoformat(rfc3339(moment)) == moment
