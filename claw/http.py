"""HTTP to one platform: requests with a token, answers as typed objects, refusals as the errors of `claw.errors`."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Final, Self, TypeVar

import httpx
import msgspec
from msgspec import Struct

from claw.codec import UNREADABLE
from claw.endpoint import parse_endpoint
from claw.errors import RefusedError, TransportError, UnauthorizedError, UnexpectedAnswerError, redact, refusal
from claw.wire.problems import ErrorCode
from claw.wire.rest import Discovery

T = TypeVar("T")

TIMEOUT_SECONDS: Final = 10.0
# What a proxy in front of the platform answers for it while it is away, without a problem body.
_CODES_OF_PROXIES: Final = {
    413: ErrorCode.TOO_LARGE,
    429: ErrorCode.RATE_LIMITED,
    502: ErrorCode.UNAVAILABLE,
    503: ErrorCode.UNAVAILABLE,
    504: ErrorCode.UNAVAILABLE,
}

TokenSource = Callable[[str | None], Awaitable[str]]
"""Gives an access token; called with a token that the server just refused, it gives another one."""


class _LooseProblem(Struct, frozen=True):
    """A problem whose code this version does not know."""

    code: str
    detail: str = ""
    path: str | None = None
    retry_after: float | None = None


class Http:
    """A connection pool to one platform. Use it as an async context manager, or call `aclose`."""

    def __init__(
        self,
        url: str,
        *,
        token_source: TokenSource | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        """`url` is the platform's address, `token_source` what authorises the calls that need it.

        `transport` replaces the network. Raises ValueError for an address that is none.
        """
        self.endpoint = parse_endpoint(url)
        self.token_source = token_source
        self._http = httpx.AsyncClient(
            base_url=self.endpoint.origin,
            timeout=TIMEOUT_SECONDS,
            transport=transport,
            # A proxy from the environment is right for the world and wrong for this machine.
            trust_env=not self.endpoint.loopback,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def ready(self) -> bool:
        """Whether the platform answers that it is ready to serve; False where nothing answers."""
        try:
            return (await self._http.get("/readyz")).is_success
        except httpx.HTTPError:
            return False

    async def discover(self) -> Discovery:
        """Where the platform has what, and what it asks of every agent; nobody needs a token for it."""
        return decode(await self.request("GET", "/discover", base=""), Discovery)

    # How a request is made.

    async def authorised(
        self,
        method: str,
        path: str,
        body: Struct | None = None,
        *,
        query: Mapping[str, str | int | None] | None = None,
        idempotency_key: str | None = None,
    ) -> httpx.Response:
        """A request with a token, made a second time with another one where the first was refused."""
        if self.token_source is None:
            raise UnauthorizedError(ErrorCode.UNAUTHORIZED, "this call needs a token, and nothing here gives one")
        headers = {} if idempotency_key is None else {"Idempotency-Key": idempotency_key}
        token = await self.token_source(None)
        try:
            return await self.request(method, path, body, query=query, headers=headers | _bearer(token))
        except UnauthorizedError:
            # The token may have ended or been revoked a moment ago: once more with another, and that answer counts.
            token = await self.token_source(token)
            return await self.request(method, path, body, query=query, headers=headers | _bearer(token))

    async def request(
        self,
        method: str,
        path: str,
        body: Struct | None = None,
        *,
        query: Mapping[str, str | int | None] | None = None,
        headers: Mapping[str, str] | None = None,
        base: str | None = None,
    ) -> httpx.Response:
        """One request below the API's base, or another; gives the answer of a success."""
        try:
            response = await self._http.request(
                method,
                (self.endpoint.api if base is None else base) + path,
                params={name: value for name, value in (query or {}).items() if value is not None},
                headers={**(headers or {}), **({} if body is None else {"Content-Type": "application/json"})},
                content=None if body is None else msgspec.json.encode(body),
            )
        except httpx.HTTPError as error:
            # Without the cause: httpx errors carry the request, and the request carries the token.
            raise TransportError(f"{method} {path}: {type(error).__name__} {redact(str(error))}".rstrip()) from None
        if not response.is_success:
            raise _refusal(response)
        return response


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def decode(response: httpx.Response, answer: type[T]) -> T:
    """The answer's body. Raises UnexpectedAnswerError where it is none of this platform's."""
    try:
        return msgspec.json.decode(response.content, type=answer)
    except UNREADABLE:
        raise _unexpected(response) from None


def _refusal(response: httpx.Response) -> RefusedError | UnexpectedAnswerError:
    try:
        problem = msgspec.json.decode(response.content, type=_LooseProblem)
    except UNREADABLE:
        code = _CODES_OF_PROXIES.get(response.status_code)
        if code is None:
            return _unexpected(response)
        problem = _LooseProblem(code, f"HTTP status {response.status_code}")
    retry_after = problem.retry_after
    if retry_after is None and response.headers.get("Retry-After", "").isdecimal():
        retry_after = float(response.headers["Retry-After"])
    return refusal(
        problem.code, problem.detail, status=response.status_code, retry_after=retry_after, path=problem.path
    )


def _unexpected(response: httpx.Response) -> UnexpectedAnswerError:
    kind = response.headers.get("Content-Type", "no content type")
    request = f"{response.request.method} {response.request.url.path}"
    return UnexpectedAnswerError(f"{request} answered {response.status_code} with {kind}: not what MoltStack answers")
