"""The HTTP application: the table of endpoints, the probes and the page behind one ASGI callable."""

from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from api.documents.library import write_library
from api.doors import DOORS
from api.edge import Edge, trace_of
from api.endpoints import API_BASE, ROOT_TABLE, TABLE
from api.endpoints.platform import discovery
from api.page import document, page_routes
from api.paths import PathTree, Place
from api.probes import Check, probe_routes
from api.problems import plain_problem
from api.routing import serve
from claw.wire.problems import ErrorCode
from claw.wire.rest import Discovery
from core.bearers import Bearers
from core.container import Container, RestServices
from core.outbound import Outbound
from core.services.messages import Posting
from core.settings import Settings


class Api:
    """What endpoints are given: the services and what is known of the platform."""

    def __init__(
        self, container: Container, services: RestServices, bearers: Bearers, posting: Posting, outbound: Outbound
    ) -> None:
        self.container = container
        self.services = services
        self.bearers = bearers
        self.posting = posting
        self.outbound = outbound
        self.settings = container.settings
        self.limiter = container.limiter
        self.stream_waiter = container.stream_waiter
        self.rules = container.rules
        self.jwks: dict[str, Any] = container.jwks
        origin = self.settings.public_url
        self.library = write_library([(API_BASE, TABLE), ("", ROOT_TABLE)], self.discovery(), origin)

    def discovery(self) -> Discovery:
        """Where things are."""
        doors = {door.name: door.prefixes[0] for door in DOORS if door.name is not None}
        return discovery(self.settings, self.jwks["keys"], doors)


def build_app(api: Api | None, checks: Mapping[str, Check], settings: Settings) -> ASGIApp:
    """The application; without `api` the probes alone, for a process that only holds sockets."""
    routes: list[BaseRoute] = [*probe_routes(checks, settings.metrics_token)]
    if api is not None:
        routes += [Route("/", _home(api)), *page_routes()]
    others = Starlette(routes=routes, exception_handlers={HTTPException: _http_problem})
    # `/s/` is nothing, rather than a redirect to whatever Host the client named.
    others.router.redirect_slashes = False
    return Edge(others if api is None else _Application(api, others), settings)


class _Application:
    """Doors by their paths, then endpoints by theirs; every other path is the page's or the probes'."""

    def __init__(self, api: Api, others: ASGIApp) -> None:
        self._api = api
        self._others = others
        self._paths = PathTree()
        self._paths.add(API_BASE, TABLE)
        self._paths.add("", ROOT_TABLE)
        self._doors: dict[str, ASGIApp] = {}
        for door in DOORS:
            self._doors |= dict.fromkeys((f"{prefix}/" for prefix in door.prefixes), door.build(api))
        self._behind_doors = tuple(self._doors)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = f"{scope['path']}/"
        if path.startswith(self._behind_doors):
            prefix = next(each for each in self._behind_doors if path.startswith(each))
            trace_of(scope).route = prefix.rstrip("/")
            await self._doors[prefix](scope, receive, send)
            return
        found = self._paths.find(scope["raw_path"].decode("ascii", "replace"), scope["method"])
        if found is None:
            await self._others(scope, receive, send)
            return
        place, scope["path_params"] = found
        trace_of(scope).route = place.template
        response = await self._respond(place, Request(scope, receive))
        await response(scope, receive, send)

    async def _respond(self, place: Place, request: Request) -> Response:
        row = place.row(request.method)
        if row is not None:
            return await serve(self._api, row, request)
        headers = {"Allow": place.allowed()}
        if request.method == "OPTIONS":
            return Response(status_code=204, headers=headers)
        return plain_problem(405, ErrorCode.INVALID, "This path does not take that method.", headers)


def _home(api: Api) -> Callable[[Request], Awaitable[Response]]:
    discover = next(row for row in ROOT_TABLE if row.path == "/discover")

    async def home(request: Request) -> Response:
        if "application/json" in request.headers.get("accept", ""):
            return await serve(api, discover, request)
        return await document(request)

    return home


async def _http_problem(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for nothing else
    if error.status_code == HTTPStatus.NOT_FOUND:
        return plain_problem(error.status_code, ErrorCode.NOT_FOUND, "There is nothing at this path.")
    detail = "This path does not take that method."
    return plain_problem(error.status_code, ErrorCode.INVALID, detail, dict(error.headers or {}))
