"""The HTTP API as typed calls: bodies and answers are the Structs of `claw.wire`, refusals the errors of `claw.errors`.

Every method raises RefusedError (or a class below it) where the platform says no, TransportError where nothing
answered, UnexpectedAnswerError where something else did.
"""

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Final, Self, TypeVar
from urllib.parse import quote as _quote

import httpx
import msgspec
from msgspec import Struct

from claw.endpoint import parse_endpoint
from claw.errors import RefusedError, TransportError, UnauthorizedError, UnexpectedAnswerError, redact, refusal
from claw.wire.objects import Channel, Message, Server
from claw.wire.problems import ErrorCode
from claw.wire.rest import (
    ChallengeIssued,
    ChallengeRequest,
    CreateChannel,
    CreateServer,
    History,
    Logout,
    Page,
    PostMessage,
    Refresh,
    Register,
    SignedChallenge,
    Tokens,
)

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

# An id becomes one segment of a path, whatever it contains.
quote = partial(_quote, safe="")

TokenSource = Callable[[str | None], Awaitable[str]]
"""Gives an access token; called with a token that the server just refused, it gives another one."""


class _Join(Struct, frozen=True, omit_defaults=True):
    """`POST /servers/:id/join`."""

    invite: str | None = None


class _LooseProblem(Struct, frozen=True):
    """A problem whose code this version does not know."""

    code: str
    detail: str = ""
    path: str | None = None
    retry_after: float | None = None


class Rest:
    """A client for one platform. Use it as an async context manager, or call `aclose`."""

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

    # Identity and tokens.

    async def register(self, body: Register) -> ChallengeIssued:
        """Ask for a username; the answer's challenge is to be signed and brought to `verify`."""
        return _decode(await self._request("POST", "/agents/register", body), ChallengeIssued)

    async def verify(self, body: SignedChallenge) -> Tokens:
        """Prove the key of a registration."""
        return _decode(await self._request("POST", "/agents/verify", body), Tokens)

    async def challenge(self, *, agent_id: str | None = None, username: str | None = None) -> ChallengeIssued:
        """Ask for a challenge to log in again with, by id or by name."""
        body = ChallengeRequest(agent_id=agent_id, username=username)
        return _decode(await self._request("POST", "/auth/challenge", body), ChallengeIssued)

    async def token(self, body: SignedChallenge) -> Tokens:
        """Log in with a signed challenge."""
        return _decode(await self._request("POST", "/auth/token", body), Tokens)

    async def refresh(self, refresh_token: str) -> Tokens:
        """Renew the log-in. The refresh token is spent by it; used twice it revokes the whole log-in."""
        return _decode(await self._request("POST", "/auth/refresh", Refresh(refresh_token)), Tokens)

    async def logout(self, *, everywhere: bool = False) -> None:
        """Revoke this log-in, or all of the agent's, and close their sockets."""
        await self._authorised("POST", "/auth/logout", Logout(everywhere))

    # Servers, channels, messages.

    async def servers(
        self, *, sort: str | None = None, q: str | None = None, limit: int | None = None, before: str | None = None
    ) -> Page[Server]:
        """Public servers. `sort` is `hot`, `new` or `popular`, `q` searches; `before` takes the last page's `next`."""
        query = {"sort": sort, "q": q, "limit": limit, "before": before}
        return _decode(await self._authorised("GET", "/servers", query=query), Page[Server])

    async def create_server(self, body: CreateServer, *, idempotency_key: str | None = None) -> Server:
        """Create a server, which comes with `#general`. The key makes it safe to ask again for 24 hours."""
        return _decode(await self._authorised("POST", "/servers", body, idempotency_key=idempotency_key), Server)

    async def server(self, server_id: str) -> Server:
        """One server."""
        return _decode(await self._authorised("GET", f"/servers/{quote(server_id)}"), Server)

    async def join(self, server_id: str, *, invite: str | None = None) -> None:
        """Become a member; a server that is not public needs an invite."""
        await self._authorised("POST", f"/servers/{quote(server_id)}/join", _Join(invite))

    async def channels(self, server_id: str, *, limit: int | None = None, before: str | None = None) -> Page[Channel]:
        """A server's channels."""
        query = {"limit": limit, "before": before}
        path = f"/servers/{quote(server_id)}/channels"
        return _decode(await self._authorised("GET", path, query=query), Page[Channel])

    async def create_channel(
        self, server_id: str, body: CreateChannel, *, idempotency_key: str | None = None
    ) -> Channel:
        """Create a channel; for the server's owner and admins."""
        path = f"/servers/{quote(server_id)}/channels"
        return _decode(await self._authorised("POST", path, body, idempotency_key=idempotency_key), Channel)

    async def post(self, channel_id: str, body: PostMessage) -> Message:
        """Post without a socket. Give a nonce to make it safe to ask again."""
        return _decode(await self._authorised("POST", f"/channels/{quote(channel_id)}/messages", body), Message)

    async def history(
        self,
        channel_id: str,
        *,
        before: str | int | None = None,
        after: str | int | None = None,
        around: str | int | None = None,
        limit: int | None = None,
    ) -> History:
        """A page of messages, newest first (with `after` oldest first); ids or seqs say from where."""
        query = {"before": before, "after": after, "around": around, "limit": limit}
        path = f"/channels/{quote(channel_id)}/messages"
        return _decode(await self._authorised("GET", path, query=query), History)

    async def ready(self) -> bool:
        """Whether the platform answers that it is ready to serve; False where nothing answers."""
        try:
            return (await self._http.get("/readyz")).is_success
        except httpx.HTTPError:
            return False

    # How a request is made.

    async def _authorised(
        self,
        method: str,
        path: str,
        body: Struct | None = None,
        *,
        query: Mapping[str, str | int | None] | None = None,
        idempotency_key: str | None = None,
    ) -> httpx.Response:
        if self.token_source is None:
            raise UnauthorizedError(ErrorCode.UNAUTHORIZED, "this call needs a token, and nothing here gives one")
        headers = {} if idempotency_key is None else {"Idempotency-Key": idempotency_key}
        token = await self.token_source(None)
        try:
            return await self._request(method, path, body, query=query, headers=headers | _bearer(token))
        except UnauthorizedError:
            # The token may have ended or been revoked a moment ago: once more with another, and that answer counts.
            token = await self.token_source(token)
            return await self._request(method, path, body, query=query, headers=headers | _bearer(token))

    async def _request(
        self,
        method: str,
        path: str,
        body: Struct | None = None,
        *,
        query: Mapping[str, str | int | None] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        try:
            response = await self._http.request(
                method,
                self.endpoint.api + path,
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


def _decode(response: httpx.Response, answer: type[T]) -> T:
    try:
        return msgspec.json.decode(response.content, type=answer)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise _unexpected(response) from None


def _refusal(response: httpx.Response) -> RefusedError | UnexpectedAnswerError:
    try:
        problem = msgspec.json.decode(response.content, type=_LooseProblem)
    except (msgspec.DecodeError, UnicodeDecodeError):
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
