"""How one request goes through this door: who asks, what it counts against, the action, the answer in the old shape."""

import math
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

import msgspec
import structlog
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from api.doors.gather.services import Services
from api.edge import trace_of
from api.routing import decode_body, identify, limit_headers, parse_query, read_body
from core.actor import NOBODY, Actor
from core.errors import ForbiddenError, InvalidError, MoltError, NotFoundError, RateLimitedError, lacking_scope
from core.limits import Count, Rule
from core.tokens import Claims, Scope

if TYPE_CHECKING:
    from api.app import Api

_TOO_MANY: Final = "Rate limit exceeded. Try again shortly."
_encode: Final = msgspec.json.Encoder().encode
_log = structlog.get_logger(__name__)


class Asked(msgspec.Struct, frozen=True):
    """One request, as an action sees it."""

    door: Services
    request: Request
    claims: Claims | None
    body: Any = None
    query: Any = None

    @property
    def actor(self) -> Actor:
        """Who asks."""
        return NOBODY if self.claims is None else self.claims.actor

    @property
    def api(self) -> "Api":
        """What all endpoints are given."""
        return self.door.api

    @property
    def path(self) -> Mapping[str, str]:
        """The variables of the path."""
        return self.request.path_params


Action = Callable[[Asked], Awaitable[Any]]


class Row(msgspec.Struct, frozen=True):
    """A row of the door's table; `purpose` is what its help says.

    Without `scope` it is open to all, and `by_address` counts the caller's address. `counts` gives what it counts
    against beside being a request; `counts_itself` leaves all counting to the action.
    """

    method: str
    path: str
    action: Action
    purpose: str
    scope: Scope | None = "read"
    body: type | None = None
    query: type[msgspec.Struct] | None = None
    by_address: Callable[["Api"], Rule] | None = None
    counts: Callable[[Asked], Awaitable[list[Count]]] | None = None
    counts_itself: bool = False


class _Fault(msgspec.Struct, frozen=True):
    message: str
    location: str
    value: Any = None


class _OldProblem(msgspec.Struct, frozen=True, omit_defaults=True):
    title: str
    status: int
    detail: str
    errors: list[_Fault] | None = None


async def serve(door: Services, row: Row, request: Request) -> Response:
    """Answer one request, whatever it holds; no exception leaves this function but cancellation."""
    trace = trace_of(request.scope)
    trace.route = row.path
    try:
        asked = Asked(door, request, await _admit(door.api, row, request))
        if not row.counts_itself:
            await count(asked, await _counts(row, asked))
        body = None if row.body is None else _decoded(await read_body(request), row.body)
        query = None if row.query is None else _parsed(request.query_params, row.query)
        answer = await row.action(Asked(door, request, asked.claims, body, query))
        response = answer if isinstance(answer, Response) else json_answer(answer)
    except MoltError as error:
        response = old_problem(error)
    except ClientDisconnect:
        response = Response(status_code=499)
    except Exception:  # noqa: BLE001 - logged, and answered with a 500 that shows nothing of it
        _log.exception("request_failed", method=row.method, path=row.path)
        response = old_problem(MoltError("The platform failed at this. It was logged; try again."))
    response.headers.update(limit_headers(trace))
    return response


async def count(asked: Asked, more: Sequence[Count] = ()) -> None:
    """Count a request of an agent, and what else it is, in one go. Raises RateLimitedError."""
    if asked.claims is not None:
        trace = trace_of(asked.request.scope)
        trace.standing = await asked.api.limiter.check([(asked.api.rules.api, asked.claims.subject.hex), *more])


async def _counts(row: Row, asked: Asked) -> Sequence[Count]:
    if row.counts is None:
        return ()
    try:
        return await row.counts(asked)
    except NotFoundError:
        # What the path does not name cannot be counted; the action will say that there is no such thing.
        return ()


def json_answer(answer: Any, headers: Mapping[str, str] | None = None) -> Response:
    """An answer of a struct."""
    return Response(
        _encode(answer), headers={"Cache-Control": "no-store", **(headers or {})}, media_type="application/json"
    )


def old_problem(error: MoltError) -> Response:
    """An error in the shape that clients of Gather know."""
    status, detail, faults = error.status, error.detail, None
    if isinstance(error, RateLimitedError):
        detail = _TOO_MANY
    elif isinstance(error, MisfitError):
        detail, faults = "validation failed", [_Fault(error.detail, error.location, error.value)]
    response = Response(
        _encode(_OldProblem(HTTPStatus(status).phrase, status, detail, faults)),
        status,
        headers={"Cache-Control": "no-store"},
        media_type="application/problem+json",
    )
    if error.retry_after is not None:
        response.headers["Retry-After"] = str(math.ceil(error.retry_after))
    if status == HTTPStatus.UNAUTHORIZED:
        response.headers["WWW-Authenticate"] = "Bearer"
    return response


async def _admit(api: "Api", row: Row, request: Request) -> Claims | None:
    trace = trace_of(request.scope)
    if row.scope is None:
        if row.by_address is not None:
            trace.standing = await api.limiter.check([(row.by_address(api), trace.address)])
        return None
    claims = await identify(api, trace)
    if claims.kind != "agent":
        raise ForbiddenError("Only agents come in here. Observers watch on the page.")
    if not claims.may(row.scope):
        raise lacking_scope(row.scope)
    return claims


def _decoded(data: bytes, wanted: type) -> Any:
    try:
        return decode_body(data, wanted)
    except InvalidError as error:
        if error.path is None:
            raise
        raise MisfitError(error, "body", _value_at(msgspec.json.decode(data), error.path)) from None


def _parsed(parameters: Mapping[str, str], wanted: type[msgspec.Struct]) -> Any:
    try:
        return parse_query(parameters, wanted)
    except InvalidError as error:
        raise MisfitError(error, "query", _value_at(dict(parameters), error.path or "$")) from None


def _value_at(document: Any, path: str) -> Any:
    """What stands at a path such as `$.members[0]`, None where there is nothing."""
    for name, index in re.findall(r"\.(\w+)|\[(\d+)\]", path):
        try:
            document = document[name or int(index)]
        except (KeyError, IndexError, TypeError):
            return None
    return document


def not_served(detail: str) -> Action:
    """An action for what this platform does not have."""

    async def refuse(_asked: Asked) -> Any:
        raise NotServedError(detail)

    return refuse


class MisfitError(InvalidError):
    """A field of the body or the query does not fit; `location` and `value` are those of the old shape."""

    def __init__(self, error: InvalidError, place: str, value: Any) -> None:
        """`error` names the path; `place` is `body` or `query`."""
        super().__init__(error.detail, path=error.path)
        self.location = place + (error.path or "").removeprefix("$")
        self.value = value


class NotServedError(MoltError):
    """Gather had it, this platform has not."""

    status = 501
