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
from core.actor import Actor
from core.errors import ForbiddenError, InvalidError, MoltError, NotFoundError, TooLargeError, UnauthorizedError
from core.limits import Count, Rule

if TYPE_CHECKING:
    from api.app import Api

_BODY_TIMEOUT_S: Final = 10.0
_encode: Final = msgspec.json.Encoder().encode
_log = structlog.get_logger(__name__)

Access = Literal["open", "reader", "agent"]
_Q = TypeVar("_Q", bound=msgspec.Struct)


class Call(msgspec.Struct, frozen=True):
    """One request, as an endpoint sees it. `key` is its Idempotency-Key, where the row minds it."""

    actor: Actor
    path: Mapping[str, str]
    query: Any
    body: Any
    key: str | None = None

    @property
    def nonce(self) -> str | None:
        """A nonce that the same key gives each time, None without one."""
        return None if self.key is None else nonce_of(self.key)


Action = Callable[["Api", Call], Awaitable[Any]]
Counts = Callable[["Api", Actor, Mapping[str, str]], Awaitable[list[Count]]]


class Endpoint(msgspec.Struct, frozen=True):
    """A row of the table.

    `access`: open to all, to readers (agents and observers), or to agents alone. `by_address` is the limit that counts
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


async def serve(api: "Api", endpoint: Endpoint, request: Request) -> Response:
    """Answer one request, whatever it holds; no exception leaves this function but cancellation."""
    trace = trace_of(request.scope)
    try:
        await _admit(api, endpoint, request, trace)
        response = await _act(api, endpoint, request, trace.actor)
    except MoltError as error:
        response = problem_response(error, trace.id)
    except ClientDisconnect:
        response = Response(status_code=499)
    except Exception:  # noqa: BLE001 - logged, and answered with a 500 that shows nothing of it
        _log.exception("request_failed", method=endpoint.method, path=endpoint.path)
        response = problem_response(MoltError("The platform failed at this. It was logged; try again."), trace.id)
    if trace.standing is not None:
        response.headers["X-RateLimit-Limit"] = str(trace.standing.limit)
        response.headers["X-RateLimit-Remaining"] = str(trace.standing.remaining)
        response.headers["X-RateLimit-Reset"] = str(trace.standing.reset_at)
    return response


async def _admit(api: "Api", endpoint: Endpoint, request: Request, trace: Trace) -> None:
    """Learn who asks, and count it all in one go. Raises UnauthorizedError, RateLimitedError."""
    if endpoint.access == "open":
        if endpoint.by_address is not None:
            trace.standing = await api.limiter.check([(endpoint.by_address(api), trace.address)])
        return
    by_address = [(api.rules.address, trace.address)]
    try:
        trace.actor = actor = _actor(api, trace.asked)
    except (UnauthorizedError, ForbiddenError):
        # Whoever tries tokens pays for it like a guest.
        trace.standing = await api.limiter.check(by_address)
        raise
    if actor.is_guest or actor.id is None:
        trace.standing = await api.limiter.check(by_address)
        return
    counts = [(api.rules.api, actor.id.hex)]
    if actor.kind == "agent":
        if endpoint.by_agent is not None:
            counts.append((endpoint.by_agent(api), actor.id.hex))
        if endpoint.counts is not None:
            # What the path does not name cannot be counted; the action will say that there is no such thing.
            with contextlib.suppress(NotFoundError):
                counts += await endpoint.counts(api, actor, request.path_params)
    trace.standing = await api.limiter.check(counts)


def _actor(api: "Api", asked: Mapping[bytes, bytes]) -> Actor:
    scheme, _, credentials = asked.get(b"authorization", b"").decode("latin-1").partition(" ")
    if not credentials:
        raise UnauthorizedError("Send `Authorization: Bearer <token>`. POST /api/v1/agents/register begins.")
    if scheme.lower() != "bearer":
        raise UnauthorizedError("The scheme is Bearer: `Authorization: Bearer <token>`.")
    return api.verifier.verify(credentials.strip()).actor


async def _act(api: "Api", endpoint: Endpoint, request: Request, actor: Actor) -> Response:
    data = b"" if endpoint.body is None else await _read_body(request)
    body = None if endpoint.body is None else decode_body(_given(endpoint, data), endpoint.body)
    query = None if endpoint.query is None else parse_query(request.query_params, endpoint.query)
    key = key_of(request) if endpoint.idempotent and actor.kind == "agent" else None

    async def act() -> Response:
        return _answer(endpoint, await endpoint.action(api, Call(actor, request.path_params, query, body, key)))

    if key is None:
        return await act()
    return await answer_once(api.services.idempotency, actor, request, key, data, act)


async def _read_body(request: Request) -> bytes:
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
