"""Logging: structlog for everything, with the standard library's records flowing into it."""

import logging
import sys
from typing import Final

import structlog

from core.request_id import name_request
from core.settings import Settings

_QUIET: Final = ("uvicorn.access", "uvicorn.error", "asyncio", "websockets")


def configure_logging(settings: Settings) -> None:
    """One line an event on standard error: readable ones, or JSON with `MOLTSTACK_LOG_FORMAT=json`."""
    level = getattr(logging, settings.log_level.upper())
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        name_request,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    renderer: structlog.typing.Processor
    if settings.log_format == "json":
        # format_exc_info writes the traceback as text; locals, which may hold secrets, are never shown.
        renderer = structlog.processors.JSONRenderer()
        shared.append(structlog.processors.format_exc_info)
    else:
        renderer = structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.bind_contextvars(node=settings.node)
    logging.basicConfig(
        level=max(level, logging.WARNING), stream=sys.stderr, format="%(levelname)s %(name)s %(message)s"
    )
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
