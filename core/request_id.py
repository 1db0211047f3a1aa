"""Which request the running code works for, so that every line of the log that it causes names it."""

from contextvars import ContextVar
from typing import Final

from structlog.typing import EventDict, WrappedLogger

# Followed by tasks that a request starts, and by jobs that it queues; None for what the process does by itself.
REQUEST_ID: Final[ContextVar[str | None]] = ContextVar("request_id", default=None)


def name_request(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """A structlog processor: adds `request` to a line."""
    request_id = REQUEST_ID.get()
    if request_id is not None:
        event.setdefault("request", request_id)
    return event
