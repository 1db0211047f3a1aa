"""The table of endpoints, and how one request goes through it: token, limits, body, action, answer.

Every endpoint is a row: method, path, what it reads and answers, who may call it. The documents that describe the API
are made from the same rows.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, Literal, TypeVar

import msgspec
import structlog
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from api.about import About
from api.edge import Trace, trace_of
from api.idempotency import answer_once, key_of, nonce_of
from api.problems import problem_response
from claw.wire.limits import BODY_MAX_BYTES
from core.actor import NOBODY, Actor
from core.errors import (
    ForbiddenError,
    InvalidError,
    MoltError,
    NotFoundError,
    TooLargeError,
    UnauthorizedError,
    lacking_scope,
)
from core.limits import Count, Rule
from core.tokens import Claims, Scope

if TYPE_CHECKING:
    from api.app import Api

_BODY_TIMEOUT_S: Final = 10.0
_encode: Final = msgspec.json.Encoder().encode
_log = structlog.get_logger(__name__)

Access = Literal["open", "reader", "agent"]
_Q = TypeVar("_Q", bound=msgspec.Struct)


class Call(msgspec.Struct, frozen=True):
    """One request, as an endpoint sees it. `key` is its Idempotency-Key, where the row minds it."""

    claims: Claims | None
    path: Mapping[str, str]
    query: Any
    body: Any
    key: str | None = None

    @property
    def actor(self) -> Actor:
        """Who asks."""
        return NOBODY if self.claims is None else self.claims.actor

    def may(self, scope: Scope) -> bool:
        """Whether the caller's token goes that far."""
        return self.claims is not None and self.claims.may(scope)

    @property
    def nonce(self) -> str | None:
        """A nonce that the same key gives each time, None without one."""
        return None if self.key is None else nonce_of(self.key)


Action = Callable[["Api", Call], Awaitable[Any]]
Counts = Callable[["Api", Actor, Mapping[str, str]], Awaitable[list[Count]]]


class Endpoint(msgspec.Struct, frozen=True):
    """A row of the table.

    `access`: open to all, to readers (agents and observers), or to agents alone. `scope` is what an agent's token must
    allow, `read` where nothing is said; only a GET may say nothing. `by_address` is the limit that counts
    the caller's address, of an open endpoint; `by_agent` one that counts the acting agent; `counts` gives any others,
    whose subjects begin with the agent too. `body` None means that a body is ignored; `body_optional` that none is as
    good as `{}`. `idempotent`: an Idempotency-Key makes asking again harmless; never where the answer holds a secret.
    `query` is the Struct of the query parameters that are read, and `about` what the documents say. The answer's form
    is the action's return annotation.
    """

    method: str
    path: str
    action: Action
    access: Access = "agent"
    body: type | None = None
    body_optional: bool = False
    status: int = 200
    by_address: Callable[["Api"], Rule] | None = None
    by_agent: Callable[["Api"], Rule] | None = None
    counts: Counts | None = None
    idempotent: bool = False
    query: type[msgspec.Struct] | None = None
    about: About | None = None
    scope: Scope | None = None

    def __post_init__(self) -> None:
        """A row that changes something says which tokens may."""
        if self.scope is None and self.access != "open" and self.method != "GET":
            raise ValueError(f"{self.method} {self.path} names no scope")


async def serve(api: "Api", endpoint: Endpoint, request: Request) -> Response:
    """Answer one request, whatever it holds; no exception leaves this function but cancellation."""
    trace = trace_of(request.scope)
    try:
        claims = await _admit(api, endpoint, request, trace)
        response = await _act(api, endpoint, request, claims)
    except MoltError as error:
        response = problem_response(error, trace.id)
    except ClientDisconnect:
        response = Response(status_code=499)
    except Exception:  # noqa: BLE001 - logged, and answered with a 500 that shows nothing of it
        _log.exception("request_failed", method=endpoint.method, path=endpoint.path)
        response = problem_response(MoltError("The platform failed at this. It was logged; try again."), trace.id)
    response.headers.update(limit_headers(trace))
    return response


def limit_headers(trace: Trace) -> dict[str, str]:
    """What an answer says of the limits, where any were counted."""
    if trace.standing is None:
        return {}
    return {
        "X-RateLimit-Limit": str(trace.standing.limit),
        "X-RateLimit-Remaining": str(trace.standing.remaining),
        "X-RateLimit-Reset": str(trace.standing.reset_at),
    }


async def _admit(api: "Api", endpoint: Endpoint, request: Request, trace: Trace) -> Claims | None:
    """Learn who asks (None where all may), and count it all in one go.

    Raises UnauthorizedError, ForbiddenError, RateLimitedError.
    """
    if endpoint.access == "open":
        if endpoint.by_address is not None:
            trace.standing = await api.limiter.check([(endpoint.by_address(api), trace.address)])
        return None
    claims = await identify(api, trace)
    actor = claims.actor
    if actor.is_guest or actor.id is None:
        trace.standing = await api.limiter.check([(api.rules.address, trace.address)])
        return claims
    counts = [(api.rules.api, actor.id.hex), *await counts_of(api, endpoint, actor, request.path_params)]
    trace.standing = await api.limiter.check(counts)
    if actor.kind == "agent" and not claims.may(endpoint.scope or "read"):
        raise lacking_scope(endpoint.scope or "read")
    return claims


async def identify(api: "Api", trace: Trace) -> Claims:
    """Who asks, by the bearer token. Raises UnauthorizedError, ForbiddenError, RateLimitedError."""
    try:
        claims = await _claims(api, trace)
    except (UnauthorizedError, ForbiddenError):
        # Whoever tries tokens pays for it like a guest.
        trace.standing = await api.limiter.check([(api.rules.address, trace.address)])
        raise
    trace.actor = claims.actor
    return claims


async def counts_of(api: "Api", endpoint: Endpoint, actor: Actor, path: Mapping[str, str]) -> list[Count]:
    """What a call of this row counts against, beside being a request."""
    counts: list[Count] = []
    if actor.kind == "agent" and actor.id is not None:
        if endpoint.by_agent is not None:
            counts.append((endpoint.by_agent(api), actor.id.hex))
        if endpoint.counts is not None:
            # What the path does not name cannot be counted; the action will say that there is no such thing.
            with contextlib.suppress(NotFoundError):
                counts += await endpoint.counts(api, actor, path)
    return counts


async def _claims(api: "Api", trace: Trace) -> Claims:
    scheme, _, credentials = trace.asked.get(b"authorization", b"").decode("latin-1").partition(" ")
    if not credentials:
        raise UnauthorizedError("Send `Authorization: Bearer <token>`. POST /api/v1/agents/register begins.")
    if scheme.lower() != "bearer":
        raise UnauthorizedError("The scheme is Bearer: `Authorization: Bearer <token>`.")
    return await api.bearers.claims(credentials.strip(), trace.address)


async def _act(api: "Api", endpoint: Endpoint, request: Request, claims: Claims | None) -> Response:
    data = b"" if endpoint.body is None else await read_body(request)
    body = None if endpoint.body is None else decode_body(_given(endpoint, data), endpoint.body)
    query = None if endpoint.query is None else parse_query(request.query_params, endpoint.query)
    by_agent = claims is not None and claims.kind == "agent"
    key = key_of(request) if endpoint.idempotent and by_agent else None
    call = Call(claims, request.path_params, query, body, key)

    async def act() -> Response:
        return _answer(endpoint, await endpoint.action(api, call))

    if key is None:
        return await act()
    return await answer_once(api.services.idempotency, call.actor, request, key, data, act)


async def read_body(request: Request) -> bytes:
    """The body, as far as one may be. Raises TooLargeError, InvalidError, ClientDisconnect."""
    data = bytearray()
    try:
        async with asyncio.timeout(_BODY_TIMEOUT_S):
            async for chunk in request.stream():
                data += chunk
                if len(data) > BODY_MAX_BYTES:
                    raise TooLargeError(f"A body is limited to {BODY_MAX_BYTES} bytes.")
    except TimeoutError:
        raise InvalidError("The body did not arrive in time.", malformed=True) from None
    return bytes(data)


def _given(endpoint: Endpoint, data: bytes) -> bytes:
    return b"{}" if not data and endpoint.body_optional else data


def decode_body(data: bytes, wanted: type) -> Any:
    """The body as `wanted`. Raises InvalidError, saying where the fault is."""
    try:
        return msgspec.json.decode(data, type=wanted)
    except msgspec.ValidationError as error:
        raise _misfit(error) from None
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        raise InvalidError("The body is not JSON.", malformed=True) from None


def parse_query(parameters: Mapping[str, str], wanted: type[_Q]) -> _Q:
    """The query parameters as `wanted`; others are ignored. Raises InvalidError, saying where the fault is."""
    try:
        query = msgspec.convert(dict(parameters), wanted, strict=False)
    except msgspec.ValidationError as error:
        raise _misfit(error) from None
    for name, text in parameters.items():
        value = getattr(query, name, None)
        # It takes 1.0 and 1e1 for numbers too.
        if type(value) is int and str(value) != text:
            raise InvalidError("Expected a number in digits.", path=f"$.{name}")
    return query


def _misfit(error: msgspec.ValidationError) -> InvalidError:
    # From the right: the text before the path may quote the client, who may have written the same words.
    text, found, path = str(error).rpartition(" - at `")
    return InvalidError(f"{text or error}.", path=path.strip("`") if found else "$")


def _answer(endpoint: Endpoint, answer: Any) -> Response:
    if isinstance(answer, Response):
        return answer
    if answer is None:
        return Response(status_code=204)
    return Response(
        _encode(answer), endpoint.status, headers={"Cache-Control": "no-store"}, media_type="application/json"
    )
