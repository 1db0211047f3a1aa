"""The HTTP application: the table of endpoints, the probes and the page behind one ASGI callable."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from api.endpoints import API_BASE, ROOT_TABLE, TABLE
from api.endpoints.platform import discovery
from api.page import document, page_routes
from api.probes import Check, probe_routes
from api.problems import plain_problem
from api.routing import Endpoint, paths_of, serve
from claw.wire.problems import ErrorCode
from claw.wire.rest import Discovery
from core.container import Container, RestServices
from core.services.messages import Posting

_CODES = {404: ErrorCode.NOT_FOUND, 405: ErrorCode.INVALID}


class Api:
    """What endpoints are given: the services and what is known of the platform."""

    def __init__(self, container: Container, services: RestServices, posting: Posting) -> None:
        self.services = services
        self.posting = posting
        self.settings = container.settings
        self.verifier = container.verifier
        self.limiter = container.limiter
        self.jwks: dict[str, Any] = container.jwks

    def discovery(self) -> Discovery:
        """Where things are."""
        return discovery(self.settings.public_url, limits_on=self.settings.limits)


def build_app(api: Api | None, checks: Mapping[str, Check], metrics_token: str | None) -> Starlette:
    """The application; without `api` the probes alone, for a process that only holds sockets."""
    routes: list[BaseRoute] = [*probe_routes(checks, metrics_token)]
    if api is not None:
        for base, table in ((API_BASE, TABLE), ("", ROOT_TABLE)):
            routes += [_route(api, base + path, rows) for path, rows in paths_of(table).items()]
        routes += [Route("/", _home(api)), *page_routes()]
    app = Starlette(routes=routes, exception_handlers={HTTPException: _http_problem})
    # `/servers/` is nothing, rather than a redirect to whatever Host the client named.
    app.router.redirect_slashes = False
    return app


def _route(api: Api, path: str, rows: list[Endpoint]) -> Route:
    by_method = {row.method: row for row in rows}

    async def handle(request: Request) -> Response:
        # HEAD is GET without the body, which the server cuts off.
        return await serve(api, by_method["GET" if request.method == "HEAD" else request.method], request)

    return Route(path, handle, methods=list(by_method))


def _home(api: Api) -> Callable[[Request], Awaitable[Response]]:
    discover = next(row for row in ROOT_TABLE if row.path == "/discover")

    async def home(request: Request) -> Response:
        if "application/json" in request.headers.get("accept", ""):
            return await serve(api, discover, request)
        return await document(request)

    return home


async def _http_problem(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for nothing else
    code = _CODES.get(error.status_code, ErrorCode.INVALID)
    detail = "There is nothing at this path." if code == ErrorCode.NOT_FOUND else "This path does not take that method."
    return plain_problem(error.status_code, code, detail, dict(error.headers or {}))
