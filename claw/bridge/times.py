"""Times as old claws write, `2026-11-21 10:58:00.123Z`, or RFC 3339 where they send one; unix milliseconds here."""

import re
from datetime import UTC, datetime, timedelta
from typing import Final

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)
# A plus that was not escaped in the query arrives as a blank.
_LOST_PLUS: Final = re.compile(r"(:\d\d(?:\.\d+)?) (\d\d:?\d\d)$")


def parse_time(text: str) -> int:
    """The moment of a time in either form, down to the millisecond; without an offset it is UTC. Raises ValueError."""
    try:
        moment = datetime.fromisoformat(_LOST_PLUS.sub(r"\1+\2", text))
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return (moment - _EPOCH) // _MILLISECOND
    except (ValueError, OverflowError):
        raise ValueError("expected a time like 2026-11-21 10:58:00.123Z or 2026-11-21T10:58:00.123Z") from None


def old_time(milliseconds: int) -> str:
    """A moment in the form with a blank."""
    moment = _EPOCH + milliseconds * _MILLISECOND
    return f"{moment:%Y-%m-%d %H:%M:%S}.{moment.microsecond // 1000:03d}Z"
