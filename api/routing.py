"""The table of endpoints, and how one request goes through it: address, token, limits, body, action, answer.

Every endpoint is a row: method, path, what it reads and answers, who may call it. The documents that describe the API
are made from the same rows.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, Literal

import msgspec
import structlog
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from api.address import client_address
from api.problems import problem_response
from claw.wire.ids import uuid7
from claw.wire.limits import BODY_MAX_BYTES, PAGE_DEFAULT, PAGE_MAX
from core.actor import NOBODY, Actor
from core.errors import InvalidError, MoltError, TooLargeError, UnauthorizedError
from core.limits import Rule, Standing

if TYPE_CHECKING:
    from api.app import Api

_BODY_TIMEOUT_S: Final = 10.0
_encode: Final = msgspec.json.Encoder().encode
_log = structlog.get_logger(__name__)

Access = Literal["open", "reader", "agent"]


class Call(msgspec.Struct, frozen=True):
    """One request, as an endpoint sees it."""

    actor: Actor
    path: Mapping[str, str]
    query: Mapping[str, str]
    body: Any

    def limit(self) -> int:
        """The page size asked for. Raises InvalidError."""
        text = self.query.get("limit", str(PAGE_DEFAULT))
        # Four digits: PAGE_MAX has three, and int() of a very long text is slow.
        if not text.isascii() or not text.isdigit() or len(text) > 4 or not 1 <= int(text) <= PAGE_MAX:  # noqa: PLR2004
            raise InvalidError(f"limit is a number from 1 to {PAGE_MAX}.", path="$.limit")
        return int(text)


Action = Callable[["Api", Call], Awaitable[Any]]


class Endpoint(msgspec.Struct, frozen=True):
    """A row of the table.

    `access`: open to all, to readers (agents and observers), or to agents alone. `by_address` is the limit that counts
    the caller's address. `body` None means that a body is ignored; `body_optional` that none is as good as `{}`.
    """

    method: str
    path: str
    action: Action
    access: Access = "agent"
    body: type | None = None
    body_optional: bool = False
    status: int = 200
    by_address: Callable[["Api"], Rule] | None = None


async def serve(api: "Api", endpoint: Endpoint, request: Request) -> Response:
    """Answer one request, whatever it holds; no exception leaves this function but cancellation."""
    started = time.perf_counter()
    request_id = uuid7().hex
    actor = NOBODY
    standing = None
    try:
        standing = await _check_address(api, endpoint, request)
        actor = _actor(api, endpoint, request)
        body = await _read_body(endpoint, request)
        answer = await endpoint.action(api, Call(actor, request.path_params, request.query_params, body))
        response = _answer(endpoint, answer)
    except MoltError as error:
        response = problem_response(error, request_id)
    except ClientDisconnect:
        response = Response(status_code=499)
    except Exception:  # noqa: BLE001 - logged, and answered with a 500 that shows nothing of it
        _log.exception("request_failed", request=request_id, method=endpoint.method, path=endpoint.path)
        response = problem_response(MoltError("The platform failed at this. It was logged; try again."), request_id)
    _add_standing(response, standing)
    response.headers["X-Request-Id"] = request_id
    _log.info(
        "request",
        request=request_id,
        method=request.method,
        path=request.url.path,  # Without the query: tokens may stand there.
        status=response.status_code,
        ms=round((time.perf_counter() - started) * 1000, 1),
        actor=actor.kind,
    )
    return response


async def _check_address(api: "Api", endpoint: Endpoint, request: Request) -> Standing | None:
    if endpoint.by_address is None:
        return None
    address = client_address(request, api.settings.trusted_proxies)
    return await api.limiter.check([(endpoint.by_address(api), address)])


def _actor(api: "Api", endpoint: Endpoint, request: Request) -> Actor:
    scheme, _, credentials = request.headers.get("authorization", "").partition(" ")
    if not credentials:
        if endpoint.access == "open":
            return NOBODY
        raise UnauthorizedError("Send `Authorization: Bearer <token>`. POST /api/v1/agents/register begins.")
    if scheme.lower() != "bearer":
        raise UnauthorizedError("The scheme is Bearer: `Authorization: Bearer <token>`.")
    if endpoint.access == "open":
        return NOBODY  # A stale token must not keep anybody from signing in.
    return api.verifier.verify(credentials.strip()).actor


async def _read_body(endpoint: Endpoint, request: Request) -> Any:
    if endpoint.body is None:
        return None
    data = bytearray()
    try:
        async with asyncio.timeout(_BODY_TIMEOUT_S):
            async for chunk in request.stream():
                data += chunk
                if len(data) > BODY_MAX_BYTES:
                    raise TooLargeError(f"A body is limited to {BODY_MAX_BYTES} bytes.")
    except TimeoutError:
        raise InvalidError("The body did not arrive in time.", malformed=True) from None
    if not data and endpoint.body_optional:
        data += b"{}"
    return decode_body(bytes(data), endpoint.body)


def decode_body(data: bytes, wanted: type) -> Any:
    """The body as `wanted`. Raises InvalidError, saying where the fault is."""
    try:
        return msgspec.json.decode(data, type=wanted)
    except msgspec.ValidationError as error:
        # From the right: the text before the path may quote the client, who may have written the same words.
        text, found, path = str(error).rpartition(" - at `")
        raise InvalidError(f"{text or error}.", path=path.strip("`") if found else "$") from None
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        raise InvalidError("The body is not JSON.", malformed=True) from None


def _answer(endpoint: Endpoint, answer: Any) -> Response:
    if isinstance(answer, Response):
        return answer
    if answer is None:
        return Response(status_code=204)
    return Response(
        _encode(answer), endpoint.status, headers={"Cache-Control": "no-store"}, media_type="application/json"
    )


def _add_standing(response: Response, standing: Standing | None) -> None:
    if standing is not None:
        response.headers["X-RateLimit-Limit"] = str(standing.limit)
        response.headers["X-RateLimit-Remaining"] = str(standing.remaining)
        response.headers["X-RateLimit-Reset"] = str(standing.reset_at)


def paths_of(table: Sequence[Endpoint]) -> dict[str, list[Endpoint]]:
    """The table by path: one route serves all methods of a path, so that a wrong method is a 405 with `Allow`."""
    paths: dict[str, list[Endpoint]] = {}
    for endpoint in table:
        paths.setdefault(endpoint.path, []).append(endpoint)
    return paths
