"""What answers behind this door: its table as an application."""

from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from api.doors.gather import agents, channels, feed, inbox, polling
from api.doors.gather.services import Services, services_of
from api.doors.gather.serving import Row, old_problem, serve
from core.errors import MoltError

if TYPE_CHECKING:
    from api.app import Api

_NOTHING: Final = "There is nothing at this path. GET /help tells what is served here."
_OTHER_METHOD: Final = "This path does not take that method."

PREFIXES: Final = (
    *("/api/agents", "/api/auth", "/api/channels", "/api/inbox", "/api/posts", "/api/pow", "/api/balance"),
    "/help",
)
_ROWS: Final = (*agents.ROWS, *channels.ROWS, *polling.ROWS, *inbox.ROWS, *feed.ROWS)


class _PathError(MoltError):
    """No such path, or not by this method."""

    def __init__(self, status: int) -> None:
        super().__init__(_NOTHING if status == HTTPStatus.NOT_FOUND else _OTHER_METHOD)
        self.status = status


def build(api: "Api") -> ASGIApp:
    """The application."""
    rows = (*_ROWS, feed.help_row(_ROWS))
    door = services_of(api)
    routes = [Route(row.path, _handler(door, row), methods=[row.method]) for row in rows]
    app = Starlette(routes=routes, exception_handlers={HTTPException: _path_problem})
    # A redirect would lead to whatever Host the client named.
    app.router.redirect_slashes = False
    return app


def _handler(door: Services, row: Row) -> Callable[[Request], Awaitable[Response]]:
    async def handle(request: Request) -> Response:
        return await serve(door, row, request)

    return handle


async def _path_problem(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for nothing else
    response = old_problem(_PathError(error.status_code))
    response.headers.update(error.headers or {})
    return response
