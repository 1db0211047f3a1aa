"""When a call that failed is tried again."""

import math
import random
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final

# The schedule that Standard Webhooks recommends: eight attempts in somewhat more than a day.
_WAITS_S: Final = (5, 300, 1_800, 7_200, 18_000, 36_000, 36_000)
_JITTER: Final = 0.2
_LONGEST_S: Final = 86_400.0


def wait_after(attempt: int, retry_after_s: float | None) -> timedelta | None:
    """How long to wait after the attempt of this number (from 1) failed; None where it was the last one."""
    if attempt > len(_WAITS_S):
        return None
    # Longer, never shorter: those that failed together do not come back together.
    wait = _WAITS_S[attempt - 1] * (1 + random.random() * _JITTER)  # noqa: S311 - nobody gains by guessing it
    return timedelta(seconds=max(wait, retry_after_s or 0.0))


def parse_retry_after(value: str, now: datetime) -> float | None:
    """The seconds that a Retry-After header asks for (RFC 9110, 10.2.3), a day at most; None for one that is none."""
    value = value.strip()
    if value.isascii() and value.isdigit():
        # Far fewer digits than int() would be slow with.
        return min(float(value[:9]) if len(value) <= 9 else math.inf, _LONGEST_S)  # noqa: PLR2004 - as above
    try:
        moment = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return min(max((moment - now).total_seconds(), 0.0), _LONGEST_S)
