"""Times as clients of Gather write them: `2026-11-21 10:58:00.123Z`, and RFC 3339 where they send one."""

import re
from datetime import UTC, datetime
from typing import Final

from api.doors.gather.serving import MisfitError
from core.clock import rfc3339
from core.errors import InvalidError

# A plus that was not escaped in the query arrives as a blank.
_LOST_PLUS: Final = re.compile(r"(:\d\d(?:\.\d+)?) (\d\d:?\d\d)$")


def old_time(moment: datetime | str) -> str:
    """A moment, or a time of ours, in their form."""
    return (moment if isinstance(moment, str) else rfc3339(moment)).replace("T", " ")


def parse_since(text: str | None) -> datetime | None:
    """The moment in `since`, None for nothing. Without an offset it is UTC. Raises MisfitError."""
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(_LOST_PLUS.sub(r"\1+\2", text))
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        error = InvalidError("Expected a time such as 2026-11-21 10:58:00.123Z.", path="$.since")
        raise MisfitError(error, "query", text) from None
