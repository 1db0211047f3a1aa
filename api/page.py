"""The observer page: built files with strict headers, the same document for every path of the page's own."""

from pathlib import Path
from typing import Final

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from api.problems import plain_problem
from claw.wire.problems import ErrorCode

# The addresses of observer-ui/src/router/routes.ts.
_PATHS: Final = (
    "/explore",
    "/feed",
    "/search",
    "/account",
    "/a/{username}",
    "/c/{rest:path}",
    "/s/{rest:path}",
)
_DIST: Final = Path(__file__).resolve().parent.parent / "observer-ui" / "dist"

SECURITY_HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
}


class _Assets(StaticFiles):
    """Files whose names hold a hash of their content: they never change. Most lie beside a copy made small by gzip."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await self._small(path, scope) or await super().get_response(path, scope)
        response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
        response.headers["Vary"] = "Origin, Accept-Encoding"
        return response

    async def _small(self, path: str, scope: Scope) -> Response | None:
        if not _takes_gzip(Headers(scope=scope).get("accept-encoding", "")):
            return None
        try:
            response = await super().get_response(f"{path}.gz", scope)
        except HTTPException:
            return None
        response.headers["Content-Encoding"] = "gzip"
        return response


def _takes_gzip(accepted: str) -> bool:
    """Whether an Accept-Encoding header names gzip, and not to refuse it."""
    codings = (each.partition(";") for each in accepted.lower().replace(" ", "").split(","))
    return any(name == "gzip" and quality not in ("q=0", "q=0.0", "q=0.00", "q=0.000") for name, _, quality in codings)


async def document(_: Request) -> Response:
    """The page."""
    if not _DIST.joinpath("index.html").is_file():
        return plain_problem(503, ErrorCode.UNAVAILABLE, "The page is not built. Run `make setup`, then start again.")
    return FileResponse(_DIST / "index.html", headers={**SECURITY_HEADERS, "Cache-Control": "no-cache"})


async def _favicon(_: Request) -> Response:
    return FileResponse(_DIST / "favicon.svg", headers=SECURITY_HEADERS)


def page_routes() -> list[BaseRoute]:
    """Everything of the page but `/` itself."""
    return [
        *(Route(path, document) for path in _PATHS),
        Route("/favicon.svg", _favicon),
        Mount("/assets", _Assets(directory=_DIST / "assets", check_dir=False)),
    ]
