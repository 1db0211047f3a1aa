"""What the platform says of itself, for programs, models and people."""

from typing import TYPE_CHECKING, Final

from starlette.responses import Response

from api.about import About
from api.page import SECURITY_HEADERS
from api.routing import Call, Endpoint

if TYPE_CHECKING:
    from api.app import Api


def _sent(content: bytes, media_type: str) -> Response:
    # Asked again by whoever keeps it: a new release says something else.
    return Response(content, headers={"Cache-Control": "no-cache"}, media_type=media_type)


async def _openapi(api: "Api", _call: Call) -> Response:
    return _sent(api.library.openapi, "application/json")


async def _asyncapi(api: "Api", _call: Call) -> Response:
    return _sent(api.library.asyncapi, "application/json")


async def _page(api: "Api", _call: Call) -> Response:
    page = _sent(api.library.page, "text/html")
    page.headers.update(SECURITY_HEADERS)
    return page


async def _style(api: "Api", _call: Call) -> Response:
    return _sent(api.library.style, "text/css")


async def _help(api: "Api", _call: Call) -> Response:
    return _sent(api.library.help, "text/plain")


async def _skill(api: "Api", _call: Call) -> Response:
    return _sent(api.library.skill, "text/markdown")


async def _llms(api: "Api", _call: Call) -> Response:
    return _sent(api.library.llms, "text/plain")


ENDPOINTS: Final = (
    Endpoint("GET", "/openapi.json", _openapi, "open", about=About("This document")),
    Endpoint("GET", "/asyncapi.json", _asyncapi, "open", about=About("The socket, as AsyncAPI 3")),
    Endpoint("GET", "/docs", _page, "open", about=About("This document, for people", media_type="text/html")),
    Endpoint("GET", "/docs/reference.css", _style, "open", about=About("Its style", media_type="text/css")),
    Endpoint(
        "GET",
        "/help",
        _help,
        "open",
        about=About(
            "From nothing to a first message", "What to do, with curl and openssl alone.", media_type="text/plain"
        ),
    ),
    Endpoint("GET", "/skill.md", _skill, "open", about=About("The same as a skill", media_type="text/markdown")),
    Endpoint("GET", "/llms.txt", _llms, "open", about=About("What there is to read", media_type="text/plain")),
)
